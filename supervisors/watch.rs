//! Watching a job: every durable frame in order, and pieces of answers as they are written.
//!
//! A lead publishes only how far its journal is durable; a watcher reads the frames themselves from the store. So a
//! slow watcher slows nobody, misses nothing, and can begin at any frame. Pieces of answers are for live views: they
//! are dropped for whoever does not keep up.

use std::collections::VecDeque;
use std::sync::Arc;

use anthill_contracts::codes;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::Frame;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, TaskId};
use anthill_contracts::model::ModelDelta;
use anthill_contracts::store::{JobStatus, Store, StoreError};
use anthill_contracts::task::ReasonCode;
use tokio::sync::{broadcast, watch};

use crate::lead::job_state::JobState;

/// Pieces of answers that may wait for a slow watcher.
const LIVE_MAX: usize = 256;

/// Frames that a watcher reads at once.
const FRAMES_MAX: usize = 64;

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEnd {
    /// Where the job stands now.
    pub status: JobStatus,
    /// Why, where it paused or failed.
    pub reason: Option<ReasonCode>,
    /// For people, where it paused or failed.
    pub detail: String,
    /// The body of its result, or of a partial one.
    pub output: Option<Digest>,
    /// What stopped the lead itself, where something did: the journal then says nothing of it.
    pub problem: Option<Problem>,
}

impl JobEnd {
    /// The end that the journal tells.
    pub(crate) fn told_by(job: &JobState) -> Self {
        Self {
            status: job.status,
            reason: job.reason,
            detail: job.detail.clone(),
            output: job.output,
            problem: None,
        }
    }

    /// The end of a run that the journal does not tell: the job stays open.
    pub(crate) fn broken(problem: Problem) -> Self {
        Self {
            status: JobStatus::Running,
            reason: None,
            detail: problem.message.clone(),
            output: None,
            problem: Some(problem),
        }
    }
}

/// What a watcher hears.
#[derive(Debug, Clone)]
pub enum JobUpdate {
    /// A frame is durable.
    Events(Arc<Frame>),
    /// A piece of an answer.
    Live {
        /// The task.
        task_id: TaskId,
        /// The piece.
        delta: ModelDelta,
    },
    /// The run has ended; nothing follows.
    Ended(JobEnd),
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
struct Progress {
    seq: u64,
    end: Option<JobEnd>,
    gone: bool,
}

/// The publishing side of one job.
#[derive(Debug, Clone)]
pub(crate) struct Beacon {
    progress: watch::Sender<Progress>,
    live: broadcast::Sender<(TaskId, ModelDelta)>,
}

impl Default for Beacon {
    fn default() -> Self {
        let (progress, _) = watch::channel(Progress::default());
        let (live, _) = broadcast::channel(LIVE_MAX);
        Self { progress, live }
    }
}

impl Beacon {
    /// Says that everything up to this frame is durable.
    pub(crate) fn durable(&self, seq: u64) {
        self.progress
            .send_modify(|progress| progress.seq = progress.seq.max(seq));
    }

    /// Says that the run has ended. The first end stands.
    pub(crate) fn ended(&self, end: JobEnd) {
        self.progress.send_modify(|progress| {
            progress.end.get_or_insert(end);
        });
    }

    /// Says that nothing of the run lives any more, so that another one may begin.
    pub(crate) fn gone(&self) {
        self.progress.send_modify(|progress| progress.gone = true);
    }

    /// Passes a piece of an answer on to whoever watches.
    pub(crate) fn live(&self, task_id: TaskId, delta: ModelDelta) {
        // Nobody watching is the usual case.
        let _ = self.live.send((task_id, delta));
    }

    /// How the run has ended, if it has.
    pub(crate) fn end_now(&self) -> Option<JobEnd> {
        self.progress.borrow().end.clone()
    }

    /// Waits until a frame is durable, or the run has ended.
    pub(crate) async fn wait_durable(&self, seq: u64) {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`.
        let _ = progress
            .wait_for(|progress| progress.seq >= seq || progress.end.is_some())
            .await;
    }

    /// Waits until nothing of the run lives any more.
    pub(crate) async fn wait_gone(&self) {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`.
        let _ = progress.wait_for(|progress| progress.gone).await;
    }

    /// Waits for the end of the run.
    pub(crate) async fn wait_end(&self) -> JobEnd {
        let mut progress = self.progress.subscribe();
        loop {
            if let Some(end) = progress.borrow_and_update().end.clone() {
                return end;
            }
            // The sender lives in `self`.
            let _ = progress.changed().await;
        }
    }
}

/// Watches one run of a job.
pub struct JobWatch {
    job_id: JobId,
    store: Arc<dyn Store>,
    progress: watch::Receiver<Progress>,
    live: broadcast::Receiver<(TaskId, ModelDelta)>,
    next_seq: u64,
    read: VecDeque<Frame>,
    over: bool,
}

impl JobWatch {
    pub(crate) fn new(job_id: JobId, store: Arc<dyn Store>, beacon: &Beacon, from_seq: u64) -> Self {
        Self {
            job_id,
            store,
            progress: beacon.progress.subscribe(),
            live: beacon.live.subscribe(),
            next_seq: from_seq.max(1),
            read: VecDeque::new(),
            over: false,
        }
    }

    /// Leaves out every frame before this one.
    pub(crate) fn skip_to(&mut self, seq: u64) {
        self.next_seq = self.next_seq.max(seq);
    }

    /// The next thing that happened; `None` after the end.
    pub async fn next(&mut self) -> Result<Option<JobUpdate>, StoreError> {
        loop {
            if let Some(frame) = self.read.pop_front() {
                self.next_seq = frame.seq + 1;
                return Ok(Some(JobUpdate::Events(Arc::new(frame))));
            }
            if self.over {
                return Ok(None);
            }
            let progress = self.progress.borrow_and_update().clone();
            if self.next_seq <= progress.seq {
                self.read = self
                    .store
                    .frames(self.job_id, self.next_seq, FRAMES_MAX)
                    .await?
                    .into();
                continue;
            }
            if let Some(end) = progress.end {
                self.over = true;
                return Ok(Some(JobUpdate::Ended(end)));
            }
            if let Some((task_id, delta)) = self.wait().await {
                return Ok(Some(JobUpdate::Live { task_id, delta }));
            }
        }
    }

    /// Waits for the end of the run, whatever happens until then.
    pub async fn end(&mut self) -> JobEnd {
        let ended = self.progress.wait_for(|progress| progress.end.is_some()).await;
        let end = ended.ok().and_then(|progress| progress.end.clone());
        end.unwrap_or_else(|| {
            JobEnd::broken(Problem::new(&codes::DEFECT, "the lead went away without a word"))
        })
    }

    /// Waits until there is more to read, or for a piece of an answer.
    async fn wait(&mut self) -> Option<(TaskId, ModelDelta)> {
        tokio::select! {
            biased;
            changed = self.progress.changed() => {
                // Without a sender nothing can follow, and the lead did not say why.
                self.over = changed.is_err();
                None
            }
            piece = self.live.recv() => piece.ok(),
        }
    }
}
