//! What must hold, seen from outside the machines: the journal as it becomes durable, and what was promised to others.
//!
//! The oracle reads every durable frame as bytes and keeps its own books. It knows nothing of what the lead believes,
//! so that a bug that the lead shares with its own self-check is still found.

use std::collections::BTreeMap;
use std::fmt;

use anthill_contracts::artifact::ArtifactVersion;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{ArtifactId, JobId, StepId, TaskId};
use anthill_contracts::step::StepRecord;
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::ReasonCode;
use anthill_store::decode_events;
use anthill_store::journal::{GENESIS, chain};
use anthill_supervisors::lead::job_state::JobState;

use crate::books::Books;
use crate::receipts::Receipts;
use crate::store::{SimStore, Stored, Write};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Its name, as the list of invariants has it.
    pub(crate) invariant: &'static str,
    /// What was seen.
    pub(crate) detail: String,
}

impl Violation {
    /// A violation.
    pub(crate) fn new(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self {
            invariant,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Fails with the name of the invariant unless the condition holds.
pub(crate) fn ensure(
    holds: bool,
    invariant: &'static str,
    detail: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation::new(invariant, detail()))
    }
}

/// Something that somebody outside was told, and may rely on for ever.
#[derive(Debug, Clone)]
pub(crate) enum Promise {
    /// A lease with this epoch was granted.
    Lease(u64),
    /// A frame was acknowledged.
    Frame { seq: u64, hash: Digest },
    /// An agent was told that its reservation is durable.
    Granted(StepId),
    /// An agent was told that its step with this answer is durable.
    Recorded(StepId, Digest),
    /// A call has reached the outside; its intent must be on record.
    Called(StepId),
    /// The job's end was shown.
    Ended(JobStatus, Option<Digest>),
}

/// The durable journal, and what it means.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The fold, made frame by frame with the production code.
    pub(crate) fold: JobState,
    /// Reservations and costs, in books of our own.
    pub(crate) books: Books,
    /// What agents were shown, and how that was credited.
    pub(crate) receipts: Receipts,
    hashes: Vec<Digest>,
    owner: u64,
    lead_epoch: u64,
    answers: BTreeMap<StepId, Digest>,
    steps: BTreeMap<TaskId, u32>,
    chains: BTreeMap<ArtifactId, (TaskId, u32, Digest)>,
    ended: BTreeMap<TaskId, Option<Digest>>,
    /// Whether the frame under way may try again what could not be read.
    may_retry: bool,
    promises: Vec<Promise>,
}

impl Truth {
    /// Nothing has happened.
    pub(crate) fn new(job_id: JobId) -> Self {
        Self {
            fold: JobState::new(job_id),
            books: Books::default(),
            receipts: Receipts::default(),
            hashes: Vec::new(),
            owner: 0,
            lead_epoch: 0,
            answers: BTreeMap::new(),
            steps: BTreeMap::new(),
            chains: BTreeMap::new(),
            ended: BTreeMap::new(),
            may_retry: false,
            promises: Vec::new(),
        }
    }

    /// Number of the last durable frame.
    pub(crate) fn last_seq(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Hash of the last durable frame.
    pub(crate) fn head(&self) -> Digest {
        self.hashes.last().copied().unwrap_or(GENESIS)
    }

    fn hash_of(&self, seq: u64) -> Option<Digest> {
        let position = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.hashes.get(position).copied()
    }

    /// Remembers a promise.
    pub(crate) fn promise(&mut self, promise: Promise) {
        self.promises.push(promise);
    }

    /// Whether a promise is kept by what is durable.
    pub(crate) fn keeps(&self, promise: &Promise) -> Result<(), Violation> {
        let kept = match promise {
            Promise::Lease(epoch) => self.owner >= *epoch,
            Promise::Frame { seq, hash } => self.hash_of(*seq) == Some(*hash),
            Promise::Granted(step_id) => self.books.was_reserved(*step_id),
            Promise::Recorded(step_id, answer) => self.answers.get(step_id) == Some(answer),
            Promise::Called(step_id) => {
                return ensure(self.books.was_reserved(*step_id), "I3 intent first", || {
                    format!("{step_id} reached the outside and is not on record")
                });
            }
            Promise::Ended(status, output) => self.fold.status == *status && self.fold.output == *output,
        };
        ensure(kept, "I2 durable ack", || {
            format!("{promise:?} was acknowledged and is not in the journal")
        })
    }

    /// Checks every promise that was made since the last time. What is durable stays, so once is enough.
    pub(crate) fn keeps_all(&mut self) -> Result<(), Violation> {
        let promises = std::mem::take(&mut self.promises);
        promises.iter().try_for_each(|promise| self.keeps(promise))
    }

    /// Takes in what became durable.
    pub(crate) fn take(&mut self, writes: &[Write], store: &SimStore) -> Result<(), Violation> {
        for write in writes {
            match write {
                Write::Grant { epoch } => {
                    ensure(*epoch > self.owner, "I6 one owner per epoch", || {
                        format!("{epoch} was granted twice")
                    })?;
                    self.owner = *epoch;
                }
                Write::Frame(frame, _) => self.take_frame(frame, store)?,
            }
        }
        Ok(())
    }

    fn take_frame(&mut self, frame: &Stored, store: &SimStore) -> Result<(), Violation> {
        let (header, owner) = (&frame.header, self.owner);
        ensure(header.epoch == owner, "I7 fence", || {
            format!(
                "frame {} of epoch {} was written under epoch {owner}",
                header.seq, header.epoch
            )
        })?;
        ensure(header.seq == self.last_seq() + 1, "I11 audit", || {
            format!("frame {} leaves a gap", header.seq)
        })?;
        ensure(
            chain(self.head(), header, &frame.body) == frame.hash,
            "I11 audit",
            || format!("the chain breaks at frame {}", header.seq),
        )?;
        self.hashes.push(frame.hash);
        let events =
            decode_events(&frame.body).map_err(|error| Violation::new("I11 audit", error.to_string()))?;
        self.may_retry = self.fold.retry_due;
        for event in &events {
            self.before(event, header.epoch, store)?;
            self.receipts.before(event, &self.fold)?;
            self.books.take(event, &self.fold)?;
            self.fold.apply(event);
        }
        self.fold
            .check()
            .map_err(|flaw| Violation::new("I11 audit", format!("the fold is unsound: {flaw}")))
    }

    /// Whether an event may happen in the state before it.
    fn before(&mut self, event: &JobEvent, epoch: u64, store: &SimStore) -> Result<(), Violation> {
        ensure(!self.fold.status.is_terminal(), "I10 one end", || {
            format!("{} follows the end of the job", event.kind())
        })?;
        match event {
            JobEvent::LeadChanged { epoch: named, .. } => {
                ensure(
                    *named == epoch && epoch > self.lead_epoch,
                    "I6 one owner per epoch",
                    || format!("lead {named} follows lead {} in epoch {epoch}", self.lead_epoch),
                )?;
                self.lead_epoch = *named;
            }
            JobEvent::TaskStarted { task_id, .. } => self.may_begin(*task_id)?,
            JobEvent::StepRecorded { task_id, step } => self.on_step(*task_id, step, store)?,
            JobEvent::ArtifactPosted { task_id, version } => self.on_version(*task_id, version, store)?,
            JobEvent::ArtifactReviewed { task_id, .. } => self.is_open(*task_id)?,
            JobEvent::TaskSucceeded { task_id, output, .. } => {
                // A part that a document no longer has ends without having begun.
                if output.is_some() {
                    self.may_begin(*task_id)?;
                }
                self.end(*task_id, *output)?;
                ensure(!self.books.holds_for(*task_id), "I8 budget", || {
                    format!("{task_id} succeeded and still has money set aside")
                })?;
            }
            JobEvent::TaskFailed { task_id, .. } | JobEvent::TaskCancelled { task_id, .. } => {
                self.end(*task_id, None)?;
            }
            JobEvent::TaskReopened { task_id, .. } => self.reopen(*task_id)?,
            JobEvent::JobPaused {
                reason: ReasonCode::DocumentsUnread,
                partial,
                ..
            } => {
                ensure(
                    (0..self.fold.nodes.len()).all(|node| self.is_sound(node)),
                    "I10 DAG",
                    || "the job ended in part over a node that did not end well".to_owned(),
                )?;
                self.all_ended()?;
                self.stands_on_what_is_there()?;
                ensure(
                    !self.fold.unread().is_empty() && partial.is_some(),
                    "I15 nothing lost",
                    || "the job ended in part and misses nothing, or has nothing to show".to_owned(),
                )?;
            }
            JobEvent::JobSucceeded { .. } => {
                let unread = self.fold.unread();
                ensure(unread.is_empty(), "I15 nothing lost", || {
                    format!("the job succeeded without {unread:?}")
                })?;
                self.stands_on_what_is_there()?;
                ensure(
                    (0..self.fold.nodes.len()).all(|node| self.is_sound(node)),
                    "I10 DAG",
                    || "the job succeeded over a node that did not".to_owned(),
                )?;
                self.all_ended()?;
            }
            JobEvent::JobFailed { .. } | JobEvent::JobCancelled { .. } => self.all_ended()?,
            _ => {}
        }
        Ok(())
    }

    fn is_open(&self, task_id: TaskId) -> Result<(), Violation> {
        ensure(!self.ended.contains_key(&task_id), "I1 single outcome", || {
            format!("{task_id} goes on after its end")
        })
    }

    fn end(&mut self, task_id: TaskId, output: Option<Digest>) -> Result<(), Violation> {
        self.is_open(task_id)?;
        self.ended.insert(task_id, output);
        Ok(())
    }

    /// A task begins anew only where somebody wants it tried again, where what it builds on has changed, or where its
    /// document has.
    fn reopen(&mut self, task_id: TaskId) -> Result<(), Violation> {
        let task = self.fold.tasks.get(&task_id);
        let is_outdated = task
            .and_then(|task| task.node)
            .is_some_and(|node| self.fold.nodes[node].stale);
        let is_aside = task
            .and_then(|task| task.path())
            .is_some_and(|path| self.fold.set_aside.contains(path));
        ensure(
            self.may_retry || is_outdated || is_aside,
            "I1 single outcome",
            || format!("{task_id} begins anew for no reason"),
        )?;
        ensure(!self.books.holds_for(task_id), "I8 budget", || {
            format!("{task_id} begins anew and still has money set aside")
        })?;
        self.ended.remove(&task_id);
        Ok(())
    }

    /// No result is built on work that no longer counts.
    fn stands_on_what_is_there(&self) -> Result<(), Violation> {
        let outdated = self.fold.nodes.iter().position(|node| node.stale);
        ensure(outdated.is_none(), "I15 nothing lost", || {
            format!("the result is built on what node {outdated:?} no longer stands on")
        })
    }

    fn all_ended(&self) -> Result<(), Violation> {
        let open = self
            .fold
            .tasks
            .iter()
            .find(|(_, task)| !task.status.is_terminal());
        ensure(open.is_none(), "I10 DAG", || {
            format!("the job ended and {open:?} did not")
        })
    }

    /// A task begins only on ground that stands.
    fn may_begin(&self, task_id: TaskId) -> Result<(), Violation> {
        self.is_open(task_id)?;
        let Some((node, _)) = self.fold.node_of(task_id) else {
            return Ok(());
        };
        ensure(
            self.deps(node).iter().all(|dep| self.is_sound(*dep)),
            "I10 DAG",
            || format!("{task_id} began before what it needs had succeeded"),
        )
    }

    fn deps(&self, node: usize) -> Vec<usize> {
        let node = self.fold.plan.as_ref().and_then(|plan| plan.nodes.get(node));
        let deps = node.map(|node| node.deps.as_slice()).unwrap_or_default();
        deps.iter().filter_map(|dep| self.fold.node_index(dep)).collect()
    }

    fn is_sound(&self, index: usize) -> bool {
        let node = self.fold.plan.as_ref().and_then(|plan| plan.nodes.get(index));
        let (Some(node), Some(state)) = (node, self.fold.nodes.get(index)) else {
            return false;
        };
        let own = state.failed == 0 || (node.optional && state.succeeded > 0);
        own && state.is_complete() && self.deps(index).iter().all(|dep| self.is_sound(*dep))
    }

    fn on_step(&mut self, task_id: TaskId, step: &StepRecord, store: &SimStore) -> Result<(), Violation> {
        self.is_open(task_id)?;
        let next = self.steps.entry(task_id).or_default();
        let fits = step.seq == *next && step.step_id == StepId::derive(task_id, step.seq);
        *next += 1;
        ensure(fits, "I11 audit", || {
            format!("step {} of {task_id} is out of order", step.seq)
        })?;
        for body in [step.request, step.answer] {
            ensure(store.blob(body).is_some(), "I2 durable ack", || {
                format!("{body} of {} is gone", step.step_id)
            })?;
        }
        let earlier = self.answers.insert(step.step_id, step.answer);
        ensure(earlier.is_none(), "I11 audit", || {
            format!("{} is recorded twice", step.step_id)
        })
    }

    fn on_version(
        &mut self,
        task_id: TaskId,
        version: &ArtifactVersion,
        store: &SimStore,
    ) -> Result<(), Violation> {
        self.is_open(task_id)?;
        let before = self.chains.get(&version.artifact_id);
        let (owner, number, parent) = match before {
            None => (task_id, 0, None),
            Some((owner, number, body)) => (*owner, *number, Some(*body)),
        };
        let fits = version.owner == owner
            && owner == task_id
            && version.version == number + 1
            && version.parent == parent
            && store.blob(version.body).is_some();
        ensure(fits, "I9 artifacts", || {
            format!("version {} does not follow {before:?}", version.version)
        })?;
        self.chains
            .insert(version.artifact_id, (owner, version.version, version.body));
        Ok(())
    }

    /// Whether a job that cannot fail for want of anything did so.
    pub(crate) fn failure(&self) -> Option<ReasonCode> {
        self.fold.reason.filter(|_| self.fold.status == JobStatus::Failed)
    }
}
