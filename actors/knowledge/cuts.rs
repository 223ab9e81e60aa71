//! What is held for jobs: the knowledge as it was when each of them began, so that all of a job reads the same.
//!
//! Jobs that began on the same knowledge share one frozen copy. It is kept compressed, beside the facts, by the hash of
//! its bytes, and which job reads which copy in a row of its own; so a job that is resumed after a crash reads on where
//! it was. A copy goes when its last job has ended. Their number, their bytes and their age are bounded, and the oldest
//! go first: a job whose copy is gone is told so, and goes on with what is known by then. Copies are made and opened
//! outside of the handler, for that takes as long as all facts are many. Rejected: one copy for each job, which a
//! thousand jobs of a large fleet would fill a disk with.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::JobId;
use anthill_contracts::knowledge::{Ask, Cut, KnowledgeError};
use anthill_signals::base::{Builtin, Frozen, KnowledgeBase};
use anthill_signals::params::Params;
use anthill_signals::retrieval::Vector;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::question::Question;
use super::{KnowledgeMessage, KnowledgeState, Reply, kept};
use crate::mailbox::{Mail, MailPermit};
use crate::metrics;

/// Most jobs for which something is held.
const JOBS_MAX: usize = 1024;

/// Most copies, and most bytes of all of them together, compressed.
const COPIES_MAX: usize = 64;
/// See [`COPIES_MAX`].
const COPIES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most bytes of a copy that is opened.
const COPY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How long something is held for a job that does not come back.
const AGE_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// How old a copy may be for a job that begins now, where nothing was learned since.
const SHARED_MS_MAX: u64 = 60 * 60 * 1000;

/// Most copies that are open at a time; the others are opened again when they are asked for.
const OPEN_MAX: usize = 4;

/// How hard copies are compressed: facts are many small numbers, and a job waits for it.
const COMPRESSION: i32 = 3;

/// What is held for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// As the job's journal names it.
    pub(super) cut: Cut,
    /// The copy that it reads.
    pub(super) copy: Digest,
}

/// A frozen copy that was made, and what it reads like.
pub(super) struct Copy {
    held: Held,
    bytes: Arc<[u8]>,
    base: Box<KnowledgeBase>,
    /// How often the knowledge had changed when it was made.
    changes: u64,
}

/// A copy that is open.
struct Open {
    base: Box<KnowledgeBase>,
    used: u64,
}

/// A job that waits for a copy.
type Waiter = (JobId, Reply<Cut>, MailPermit);

/// What is held for jobs.
#[derive(Default)]
pub(super) struct Cuts {
    jobs: BTreeMap<JobId, Held>,
    copies: BTreeMap<Digest, Arc<[u8]>>,
    open: BTreeMap<Digest, Open>,
    uses: u64,
    /// How often the knowledge has changed.
    changes: u64,
    /// The newest copy, and how often the knowledge had changed by then.
    newest: Option<(u64, Held)>,
    /// Jobs that wait for the copy that is being made, and how often the knowledge had changed when that began.
    waiting: Option<(u64, Vec<Waiter>)>,
    /// Jobs that began when that copy was out of date already; they wait for the next one.
    later: Vec<Waiter>,
}

impl Cuts {
    /// What an earlier process has kept. Copies that no job reads, and jobs whose copy is gone, are left out.
    pub(super) fn with(jobs: BTreeMap<JobId, Held>, copies: BTreeMap<Digest, Vec<u8>>) -> Self {
        let copies = copies.into_iter().map(|(id, bytes)| (id, Arc::from(bytes)));
        Self {
            jobs,
            copies: copies.collect(),
            ..Self::default()
        }
    }

    /// Notes that what is known is not what it was.
    pub(super) const fn changed(&mut self) {
        self.changes += 1;
    }

    /// What is held for the job of this question, if it is as of this moment.
    fn held(&self, job_id: JobId, cut: Cut) -> Option<Held> {
        let held = self.jobs.get(&job_id).filter(|held| held.cut == cut)?;
        self.copies.contains_key(&held.copy).then_some(*held)
    }

    /// The copy that a job may share that begins now.
    fn shared(&self, now: u64) -> Option<Held> {
        let (changes, held) = self.newest.filter(|(changes, _)| *changes == self.changes)?;
        let is_young = now.saturating_sub(held.cut.at.0) < SHARED_MS_MAX;
        (is_young && changes == self.changes && self.copies.contains_key(&held.copy)).then_some(held)
    }

    fn use_open(&mut self, copy: Digest) -> Option<&mut KnowledgeBase> {
        self.uses += 1;
        let open = self.open.get_mut(&copy)?;
        open.used = self.uses;
        Some(&mut open.base)
    }

    fn keep_open(&mut self, copy: Digest, base: Box<KnowledgeBase>) {
        self.uses += 1;
        let used = self.uses;
        self.open.insert(copy, Open { base, used });
        while self.open.len() > OPEN_MAX {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.used);
            let Some(oldest) = oldest.map(|(copy, _)| *copy) else {
                return;
            };
            self.open.remove(&oldest);
        }
    }

    /// The jobs for which nothing is held any more from now on: the too old, and of too many or too large the oldest.
    fn overdue(&self, now: u64) -> Vec<JobId> {
        let mut newest_first: Vec<(Timestamp, JobId, Digest)> = self
            .jobs
            .iter()
            .map(|(job_id, held)| (held.cut.at, *job_id, held.copy))
            .collect();
        newest_first.sort_unstable_by(|left, right| right.cmp(left));
        let (mut copies, mut bytes) = (BTreeSet::new(), 0_usize);
        let mut overdue = Vec::new();
        for (place, (at, job_id, copy)) in newest_first.into_iter().enumerate() {
            let size = self.copies.get(&copy).map(|bytes| bytes.len());
            let more = size.filter(|_| !copies.contains(&copy)).unwrap_or_default();
            let is_over = place >= JOBS_MAX
                || size.is_none()
                || now.saturating_sub(at.0) > AGE_MAX_MS
                || (more > 0 && (copies.len() >= COPIES_MAX || bytes + more > COPIES_BYTES_MAX) && place > 0);
            if is_over {
                overdue.push(job_id);
            } else {
                copies.insert(copy);
                bytes += more;
            }
        }
        overdue
    }
}

impl KnowledgeState {
    /// Holds the knowledge for a job.
    pub(super) fn on_cut(&mut self, job_id: JobId, reply: Reply<Cut>, permit: MailPermit) {
        if let Some(error) = &self.failed {
            let _ = reply.send(Err(error.clone()));
            return;
        }
        let held = self.cuts.jobs.get(&job_id).copied();
        if let Some(held) = held.filter(|held| self.cuts.copies.contains_key(&held.copy)) {
            self.answer_when_durable(held.cut, reply, permit);
            return;
        }
        if let Some(held) = self.cuts.shared(self.now()) {
            self.hold(job_id, held);
            self.answer_when_durable(held.cut, reply, permit);
            return;
        }
        match &mut self.cuts.waiting {
            Some((changes, waiting)) if *changes == self.cuts.changes => {
                waiting.push((job_id, reply, permit));
            }
            // What is being made is older than what is known by now; the next one begins when it is done.
            Some(_) => self.cuts.later.push((job_id, reply, permit)),
            None => self.freeze(vec![(job_id, reply, permit)]),
        }
    }

    /// Makes a copy of what is known now, for these jobs.
    fn freeze(&mut self, jobs: Vec<Waiter>) {
        self.cuts.waiting = Some((self.cuts.changes, jobs));
        let (frozen, changes) = (self.base.freeze(self.now()), self.cuts.changes);
        let (builtins, params) = (self.arguments.builtins.to_vec(), self.arguments.params.clone());
        let myself = self.myself.clone();
        drop(spawn_blocking(move || {
            let made = copy_of(&frozen, builtins, params, changes);
            // An actor that is gone drops the jobs that wait, and they hear that.
            let _ = myself.send_message(Mail::own(KnowledgeMessage::CopyMade { made }));
        }));
    }

    /// A copy was made.
    pub(super) fn on_copy_made(&mut self, made: Result<Box<Copy>, KnowledgeError>) {
        let waiting = self.cuts.waiting.take().map(|(_, waiting)| waiting);
        let waiting = waiting.unwrap_or_default();
        let later = std::mem::take(&mut self.cuts.later);
        if !later.is_empty() {
            self.freeze(later);
        }
        let copy = match made {
            Ok(copy) => *copy,
            Err(error) => {
                tracing::warn!(%error, "the knowledge could not be frozen for a job");
                for (_, reply, _) in waiting {
                    let _ = reply.send(Err(error.clone()));
                }
                return;
            }
        };
        let Copy {
            held,
            bytes,
            base,
            changes,
        } = copy;
        self.ledger.put(kept::copy_key(held.copy), Some(bytes.to_vec()));
        self.cuts.copies.insert(held.copy, bytes);
        self.cuts.keep_open(held.copy, base);
        self.cuts.newest = Some((changes, held));
        for (job_id, reply, permit) in waiting {
            self.hold(job_id, held);
            self.answer_when_durable(held.cut, reply, permit);
        }
        self.drop_overdue();
    }

    fn hold(&mut self, job_id: JobId, held: Held) {
        let (key, value) = kept::held_row(job_id, &held);
        self.ledger.put(key, Some(value));
        self.cuts.jobs.insert(job_id, held);
    }

    /// Lets go of what is held for a job.
    pub(super) fn on_release(&mut self, job_id: JobId) {
        if self.cuts.jobs.remove(&job_id).is_some() {
            self.ledger.put(kept::held_key(job_id), None);
            self.drop_unread();
        }
    }

    /// Lets go of what is held for too long, or is too much.
    pub(super) fn drop_overdue(&mut self) {
        for job_id in self.cuts.overdue(self.now()) {
            tracing::warn!(%job_id, "what was known when the job began is not held any more");
            self.cuts.jobs.remove(&job_id);
            self.ledger.put(kept::held_key(job_id), None);
        }
        self.drop_unread();
    }

    /// Drops copies that no job reads; the newest stays open for the next job that begins.
    fn drop_unread(&mut self) {
        let newest = self.cuts.newest.map(|(_, held)| held.copy);
        let is_read =
            |copy: &Digest| Some(*copy) == newest || self.cuts.jobs.values().any(|held| held.copy == *copy);
        let unread: Vec<Digest> = self
            .cuts
            .copies
            .keys()
            .filter(|copy| !is_read(copy))
            .copied()
            .collect();
        for copy in unread {
            self.cuts.copies.remove(&copy);
            self.cuts.open.remove(&copy);
            self.ledger.put(kept::copy_key(copy), None);
        }
    }

    /// Chooses what a run is shown by the knowledge as of its job's beginning; opens the copy first where it is closed.
    pub(super) fn recall_at_cut(
        &mut self,
        (ask, cut): (Box<Ask>, Cut),
        vector: Option<Vector>,
        reply: Reply<anthill_contracts::signal::Receipt>,
        permit: MailPermit,
    ) {
        let Some(held) = self.cuts.held(ask.job_id, cut) else {
            let _ = reply.send(Err(KnowledgeError::CutGone));
            return;
        };
        let now = self.now();
        if let Some(then) = self.cuts.use_open(held.copy) {
            let receipt = self.base.recall_at((then, cut), &ask, vector.as_ref(), now);
            self.issue(&receipt);
            self.answer_when_durable(receipt, reply, permit);
            return;
        }
        let Some(bytes) = self.cuts.copies.get(&held.copy).cloned() else {
            let _ = reply.send(Err(KnowledgeError::CutGone));
            return;
        };
        let (builtins, params) = (self.arguments.builtins.to_vec(), self.arguments.params.clone());
        let myself = self.myself.clone();
        drop(spawn_blocking(move || {
            let opened = open_copy(&bytes, cut, builtins, params);
            let question = Question::Recall { ask, vector, reply };
            let _ = myself.send_message(Mail::own(KnowledgeMessage::CopyOpened {
                copy: held.copy,
                opened,
                question,
                permit,
            }));
        }));
    }

    /// A copy was opened for a question that waits.
    pub(super) fn on_copy_opened(
        &mut self,
        copy: Digest,
        opened: Result<Box<KnowledgeBase>, KnowledgeError>,
        question: Question,
        permit: MailPermit,
    ) {
        match opened {
            Ok(base) => {
                if !self.cuts.open.contains_key(&copy) {
                    self.cuts.keep_open(copy, base);
                }
                self.decide(question, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "what was known when a job began cannot be read any more");
                metrics::knowledge_damaged(1);
                let lost: Vec<JobId> = self
                    .cuts
                    .jobs
                    .iter()
                    .filter(|(_, held)| held.copy == copy)
                    .map(|(job_id, _)| *job_id)
                    .collect();
                for job_id in lost {
                    self.on_release(job_id);
                }
                question.fail(KnowledgeError::CutGone);
            }
        }
    }
}

/// A copy of what is frozen, read back from its own bytes: what is read now is what a later process would read.
fn copy_of(
    frozen: &Frozen,
    builtins: Vec<Builtin>,
    params: Params,
    changes: u64,
) -> Result<Box<Copy>, KnowledgeError> {
    let at = frozen.at();
    let damaged = |detail: String| KnowledgeError::Damaged { detail };
    let bytes = zstd::encode_all(frozen.encode().as_slice(), COMPRESSION)
        .map_err(|error| damaged(error.to_string()))?;
    if bytes.len() > COPIES_BYTES_MAX {
        return Err(KnowledgeError::Refused {
            detail: format!(
                "a copy of {} bytes: expected at most {COPIES_BYTES_MAX}",
                bytes.len()
            ),
        });
    }
    let base = open(&bytes, builtins, params)?;
    let cut = Cut {
        digest: base.known(),
        at,
    };
    let copy = Digest::of(&bytes);
    Ok(Box::new(Copy {
        held: Held { cut, copy },
        bytes: Arc::from(bytes),
        base: Box::new(base),
        changes,
    }))
}

/// Opens a copy, and makes sure that it is what the job's journal names: another program may know other things from the
/// start.
fn open_copy(
    bytes: &[u8],
    cut: Cut,
    builtins: Vec<Builtin>,
    params: Params,
) -> Result<Box<KnowledgeBase>, KnowledgeError> {
    let base = open(bytes, builtins, params)?;
    if base.known() != cut.digest {
        return Err(KnowledgeError::Damaged {
            detail: "this program knows other things from the start".to_owned(),
        });
    }
    Ok(Box::new(base))
}

fn open(bytes: &[u8], builtins: Vec<Builtin>, params: Params) -> Result<KnowledgeBase, KnowledgeError> {
    let damaged = |detail: String| KnowledgeError::Damaged { detail };
    let mut plain = Vec::new();
    let unpacked = zstd::Decoder::new(bytes)
        .and_then(|unpacker| unpacker.take(COPY_BYTES_MAX + 1).read_to_end(&mut plain))
        .map_err(|error| damaged(error.to_string()))?;
    if unpacked as u64 > COPY_BYTES_MAX {
        return Err(damaged(format!("a copy is larger than {COPY_BYTES_MAX} bytes")));
    }
    let frozen = Frozen::decode(&plain).map_err(|error| damaged(error.to_string()))?;
    Ok(frozen.open(builtins, params))
}

#[cfg(test)]
mod tests;
