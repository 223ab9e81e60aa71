//! The projector: takes committed frames into the tables that people read, on a thread of its own.
//!
//! It reads the journal like everybody else and keeps one cursor per job beside the rows, in one transaction with them.
//! So it can stop at any moment, lag, or lose its file, and only has to go on from the cursor. A read of this process
//! waits for a round that began after the read did, which is what lets people read what they wrote. Where the
//! projector cannot (its file is broken, a chain is damaged), reads fold the journal themselves.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anthill_contracts::id::JobId;
use anthill_contracts::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::directory::VIEWS_FILE;
use crate::failure::read_failure;
use crate::fold::{Delta, JobFold};
use crate::frames;
use crate::leases::{self, LeaseRow};
use crate::metrics;
use crate::schema;
use crate::views;

/// Frames that one transaction takes in at most.
const ROUND_FRAMES_MAX: u64 = 20_000;

/// Frames after which the projector does not linger any more.
const EAGER_FRAMES: u64 = 10_000;

/// Tasks of all jobs whose folds are kept between rounds. A job beyond that is folded again from its first frame.
const KEPT_TASKS_MAX: usize = 100_000;

/// Jobs whose folds are kept between rounds.
const KEPT_JOBS_MAX: usize = 1_024;

/// What the projector has to do; shared with the writer and with readers.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
    changed: Condvar,
    linger: Duration,
}

#[derive(Debug, Default)]
struct InboxState {
    pending: BTreeSet<JobId>,
    frames: u64,
    working: bool,
    /// Jobs that a round has given up on; their readers fold for themselves.
    given_up: BTreeSet<JobId>,
    waiters: Vec<oneshot::Sender<()>>,
    closing: bool,
    dead: bool,
}

impl InboxState {
    fn is_caught_up(&self) -> bool {
        self.pending.is_empty() && !self.working
    }
}

impl Inbox {
    pub(crate) fn new(linger: Duration) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            linger,
        }
    }

    /// Tells that frames of these jobs are durable. Called before anybody hears of them.
    pub(crate) fn announce(&self, jobs: impl IntoIterator<Item = JobId>, frames: u64) {
        let mut state = self.lock();
        let was_idle = state.pending.is_empty();
        state.pending.extend(jobs);
        state.frames += frames;
        if was_idle || state.frames >= EAGER_FRAMES {
            self.changed.notify_all();
        }
    }

    /// Waits until everything announced so far stands in the tables. `false` where the tables cannot be trusted for
    /// this job (or, without one, for some job), and the journal must be asked.
    pub(crate) async fn caught_up(&self, job_id: Option<JobId>) -> bool {
        let Some(waiting) = self.wait() else {
            return self.is_sound(job_id);
        };
        waiting.await.is_ok() && self.is_sound(job_id)
    }

    /// Ends the thread once everything announced is projected.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    fn wait(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        if state.is_caught_up() || state.dead {
            return None;
        }
        let (tx, rx) = oneshot::channel();
        state.waiters.push(tx);
        self.changed.notify_all();
        Some(rx)
    }

    fn is_sound(&self, job_id: Option<JobId>) -> bool {
        let state = self.lock();
        let sound = job_id.map_or(state.given_up.is_empty(), |job_id| {
            !state.given_up.contains(&job_id)
        });
        sound && !state.dead
    }

    /// The next round's jobs and waiters; `None` when it is time to end.
    fn next_round(&self) -> Option<(Vec<JobId>, Vec<oneshot::Sender<()>>)> {
        let mut state = self.lock();
        while state.pending.is_empty() && state.waiters.is_empty() && !state.closing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let in_no_hurry = |state: &mut InboxState| {
            state.waiters.is_empty() && !state.closing && state.frames < EAGER_FRAMES
        };
        let lingered = self.changed.wait_timeout_while(state, self.linger, in_no_hurry);
        let (mut state, _) = lingered.unwrap_or_else(PoisonError::into_inner);
        if state.closing && state.pending.is_empty() && state.waiters.is_empty() {
            return None;
        }
        (state.working, state.frames) = (true, 0);
        let jobs = std::mem::take(&mut state.pending).into_iter().collect();
        Some((jobs, std::mem::take(&mut state.waiters)))
    }

    fn end_round(&self, given_up: &[JobId], waiters: Vec<oneshot::Sender<()>>) {
        let mut state = self.lock();
        state.working = false;
        state.given_up.extend(given_up);
        drop(state);
        for waiter in waiters {
            // A reader that went away needs no answer.
            let _ = waiter.send(());
        }
    }

    fn die(&self) {
        let mut state = self.lock();
        state.dead = true;
        state.waiters.clear();
    }

    fn lock(&self) -> MutexGuard<'_, InboxState> {
        // Every change of the state is one assignment; a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own state.
pub(crate) struct Projector {
    inbox: Arc<Inbox>,
    journal: Connection,
    views: Connection,
    kept: HashMap<JobId, JobFold>,
}

impl Projector {
    /// Opens both files and announces what the tables lack. Tables that cannot be read are made anew.
    pub(crate) fn open(dir: &Path, inbox: Arc<Inbox>) -> Result<Self, StoreError> {
        let journal = schema::open_journal_to_read(dir)?;
        let views = match open_tables(dir) {
            Ok(views) => views,
            Err(error) => {
                tracing::warn!(%error, "the projections cannot be read and are made anew");
                remove_tables(dir);
                open_tables(dir).map_err(|error| crate::failure::open_failure(dir, &error))?
            }
        };
        let projector = Self {
            inbox,
            journal,
            views,
            kept: HashMap::new(),
        };
        projector.announce_backlog()?;
        Ok(projector)
    }

    /// Works until the inbox is closed.
    pub(crate) fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.inbox));
        while let Some((jobs, waiters)) = self.inbox.next_round() {
            match self.project(&jobs) {
                Ok(given_up) => self.inbox.end_round(&given_up, waiters),
                Err(error) => {
                    tracing::warn!(%error, "the projector has stopped; reads fold the journal instead");
                    return;
                }
            }
        }
        if let Err(error) = schema::checkpoint(&self.views, "TRUNCATE") {
            tracing::warn!(%error, "the projections could not be tidied up");
        }
    }

    /// Compares all cursors with all heads once, so that the tables also follow a journal that came from elsewhere.
    fn announce_backlog(&self) -> Result<(), StoreError> {
        let mut cursors: HashMap<_, _> = views::cursors(&self.views)
            .map_err(read_failure)?
            .into_iter()
            .collect();
        let mut lagging = Vec::new();
        for lease in leases::load_all(&self.journal)? {
            // A damaged row is named by whoever reads that job.
            let Ok(lease) = lease else { continue };
            let cursor = cursors.remove(&lease.job_id);
            let is_even = cursor.map_or(lease.head.last_seq == 0, |cursor| {
                (cursor.seq, cursor.head) == (lease.head.last_seq, lease.head.head)
            });
            if !is_even {
                lagging.push(lease.job_id);
            }
        }
        for unknown in cursors.into_keys() {
            views::forget(&self.views, unknown).map_err(read_failure)?;
        }
        self.inbox.announce(lagging, 0);
        Ok(())
    }

    /// Takes the new frames of these jobs in. Answers the jobs whose journals it could not read.
    fn project(&mut self, jobs: &[JobId]) -> rusqlite::Result<Vec<JobId>> {
        let mut given_up = Vec::new();
        for job_id in jobs {
            let job_id = *job_id;
            loop {
                match self.project_job(job_id)? {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(%job_id, %error, "a journal cannot be projected");
                        self.kept.remove(&job_id);
                        given_up.push(job_id);
                        break;
                    }
                }
            }
        }
        self.forget_surplus();
        Ok(given_up)
    }

    /// Takes one transaction's worth of frames in; the answer says whether there are more.
    fn project_job(&mut self, job_id: JobId) -> rusqlite::Result<Result<bool, StoreError>> {
        let kept = self.kept.remove(&job_id);
        let tx = self.journal.unchecked_transaction()?;
        let lease = match leases::load(&tx, job_id) {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(Ok(false)),
            Err(error) => return Ok(Err(error)),
        };
        let cursor = views::cursor(&self.views, job_id)?;
        let mut round = Round::new(kept, cursor, &lease);
        let walked = frames::walk(&tx, &lease, round.fold.seq() + 1, |frame| Ok(round.take(frame)));
        if let Err(error) = walked {
            return Ok(Err(error.of(job_id)));
        }
        drop(tx);
        if round.diverged {
            views::forget(&self.views, job_id)?;
            return Ok(Ok(true));
        }
        let has_more = round.fold.seq() < lease.head.last_seq;
        if round.frames > 0 {
            let tx = self.views.transaction()?;
            views::write(&tx, job_id, &round.fold, &round.delta)?;
            tx.commit()?;
            ::metrics::counter!(metrics::PROJECTED).increment(round.frames);
        }
        self.keep(job_id, round.fold);
        Ok(Ok(has_more))
    }

    fn keep(&mut self, job_id: JobId, fold: JobFold) {
        if fold.job().is_some_and(|job| job.status.is_terminal()) {
            return;
        }
        self.kept.insert(job_id, fold);
    }

    fn forget_surplus(&mut self) {
        let tasks: usize = self.kept.values().map(|fold| fold.tasks().len()).sum();
        if self.kept.len() > KEPT_JOBS_MAX || (self.kept.len() > 1 && tasks > KEPT_TASKS_MAX) {
            self.kept.clear();
        }
    }
}

/// However the thread ends, by a panic too, nobody waits for it any more.
struct Ending(Arc<Inbox>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.die();
    }
}

/// What one transaction takes in.
struct Round {
    fold: JobFold,
    delta: Delta,
    /// Where the tables stand; frames up to here only bring the fold back.
    cursor: Option<views::Cursor>,
    frames: u64,
    diverged: bool,
}

impl Round {
    fn new(kept: Option<JobFold>, cursor: Option<views::Cursor>, lease: &LeaseRow) -> Self {
        let seq = cursor.map_or(0, |cursor| cursor.seq);
        let fold = kept
            .filter(|fold| fold.seq() == seq)
            .unwrap_or_else(|| JobFold::new(lease.job_id));
        Self {
            fold,
            delta: Delta::default(),
            cursor,
            frames: 0,
            diverged: seq > lease.head.last_seq,
        }
    }

    fn take(&mut self, frame: anthill_contracts::event::Frame) -> ControlFlow<()> {
        let (seq, hash) = (frame.seq, frame.hash);
        self.fold.apply(frame, &mut self.delta);
        match self.cursor {
            Some(cursor) if seq < cursor.seq => self.delta = Delta::default(),
            Some(cursor) if seq == cursor.seq => {
                self.delta = Delta::default();
                self.diverged |= hash != cursor.head;
            }
            _ => self.frames += 1,
        }
        let enough = self.diverged || self.frames >= ROUND_FRAMES_MAX;
        if enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn open_tables(dir: &Path) -> rusqlite::Result<Connection> {
    let mut views = schema::open_views(dir)?;
    views::set_up(&mut views)?;
    views::cursors(&views)?;
    Ok(views)
}

fn remove_tables(dir: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let path: PathBuf = dir.join(format!("{VIEWS_FILE}{suffix}"));
        // What is not there need not be removed; what cannot be is told by the next attempt to open it.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;
