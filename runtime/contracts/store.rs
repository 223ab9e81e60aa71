//! The store as a port: a journal per job, blobs by content, and projections to read.
//!
//! An append is acknowledged after it is durable and never before. An error of an append means *unknown*: the frame
//! may or may not stand after a restart, so the engine fails stop and whoever asked must read the journal again.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactVersion, Review};
use crate::budget::Amount;
use crate::clock::Timestamp;
use crate::codes::{self, Code};
use crate::digest::{Blob, Digest};
use crate::event::{Frame, JobEvent, Reuse};
use crate::fault::{Fault, Problem};
use crate::id::{JobId, NodeId, StepId, TaskId, TenantId};
use crate::model::ModelName;
use crate::signal::{Arm, EvidenceClass};
use crate::step::StepKind;
use crate::task::{ReasonCode, TaskStatus};

/// Some events to append, with the blobs that they name.
#[derive(Debug, Clone)]
pub struct Append {
    /// The job.
    pub job_id: JobId,
    /// The writer's fence: the epoch that [`Store::take_lease`] gave it.
    pub epoch: u64,
    /// Number that the new frame must get; the one after the last.
    pub seq: u64,
    /// When, for people.
    pub at: Timestamp,
    /// The events; at least one. Shared, so that an append that was refused can be tried again without a copy.
    pub events: Arc<[JobEvent]>,
    /// Bodies named by the events; durable with them or before them.
    pub blobs: Vec<Blob>,
}

/// A granted lease on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The fence; higher than every earlier one of this job.
    pub epoch: u64,
    /// Number of the last frame; 0 where there is none.
    pub last_seq: u64,
}

/// A fold of a job's journal, opaque to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Number of the last frame in it.
    pub seq: u64,
    /// The fold, as its writer encoded it.
    pub state: Vec<u8>,
}

/// Journal, blobs and projections.
pub trait Store: Send + Sync {
    /// Makes the holder the job's single writer: every later append with a lower epoch is refused.
    fn take_lease(&self, job_id: JobId, holder: NodeId) -> BoxFuture<'_, Result<Lease, StoreError>>;

    /// Appends one frame. When this returns well, the frame and its blobs are durable.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Frames of a job from number `from_seq` on, in order, at most `frames_max`. The chain is checked as it is read.
    fn frames(
        &self,
        job_id: JobId,
        from_seq: u64,
        frames_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Frame>, StoreError>>;

    /// Keeps a fold of the journal; replaces an older one.
    fn put_snapshot(&self, job_id: JobId, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The newest snapshot of a job.
    fn snapshot(&self, job_id: JobId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;

    /// A blob's bytes. Checked against the address.
    fn blob(&self, digest: Digest) -> BoxFuture<'_, Result<Blob, StoreError>>;

    /// A finished task under this memo key, newest first, of this tenant only.
    fn memo(&self, tenant: TenantId, key: Digest) -> BoxFuture<'_, Result<Option<Memo>, StoreError>>;

    /// Jobs, newest first.
    fn jobs(&self, filter: JobFilter) -> BoxFuture<'_, Result<Vec<JobRow>, StoreError>>;

    /// One job.
    fn job(&self, job_id: JobId) -> BoxFuture<'_, Result<Option<JobRow>, StoreError>>;

    /// Tasks of a job in the order in which they became known.
    fn tasks(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<TaskRow>, StoreError>>;

    /// Steps of a job in the order in which they were recorded.
    fn steps(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<StepRow>, StoreError>>;

    /// Versions of artifacts of a job in the order in which they were posted, with their reviews.
    fn artifacts(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<ArtifactRow>, StoreError>>;

    /// Walks the chain of one job, or of all, and every blob that it names.
    fn verify(&self, job_id: Option<JobId>) -> BoxFuture<'_, Result<AuditReport, StoreError>>;
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// Only in this state.
    pub state: Option<JobStatus>,
    /// Only jobs older than this one, for paging.
    pub before: Option<JobId>,
    /// At most so many; 0 means 100.
    pub rows_max: usize,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Submitted or running; also a job whose process died, until somebody resumes it.
    Running,
    /// Stopped before its end; can be resumed.
    Paused,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl JobStatus {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Paused,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word used in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job can never go on.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl std::fmt::Display for JobStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A job as a projection shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobRow {
    /// The job.
    pub job_id: JobId,
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its goal.
    pub goal: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Why it stands there, where it ended badly or paused.
    pub reason: Option<ReasonCode>,
    /// For people, where it failed.
    pub detail: Option<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When its last frame was appended.
    pub updated_at: Timestamp,
    /// Number of its last frame.
    pub seq: u64,
    /// Epoch of its last lead.
    pub epoch: u64,
    /// Tasks known so far.
    pub tasks: u64,
    /// Of these, tasks that ended well.
    pub tasks_succeeded: u64,
    /// Of these, tasks whose work was taken from an earlier job.
    pub tasks_reused: u64,
    /// What it cost.
    pub spent: Amount,
    /// What reuse saved.
    pub saved: Amount,
    /// The body of its result, or of a partial one while it is paused.
    pub output: Option<Digest>,
    /// How good its work was found, where anything of it was.
    #[serde(default)]
    pub score: Option<JobScore>,
}

/// How good the work of a job was found: by answers that are known beforehand where any of its documents has them, else
/// by what the checks measured. Tasks of which nothing was known or shown are apart, so that the two can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct JobScore {
    /// Whether answers were known beforehand.
    pub by_answers: bool,
    /// Tasks whose workers were given what the knowledge holds.
    pub with: ScoreSum,
    /// Tasks whose workers were shown nothing, to know what would have happened without.
    pub control: ScoreSum,
    /// Tasks of a job that uses no knowledge.
    pub unaided: ScoreSum,
}

/// Scores of some tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScoreSum {
    /// How many.
    pub tasks: u64,
    /// Their sum, in thousandths.
    pub sum_milli: u64,
}

/// How good the work of a task was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskScore {
    /// In thousandths.
    pub score_milli: u16,
    /// Who says so.
    pub class: EvidenceClass,
    /// Whether its worker was given what the knowledge holds; `None` where the job uses none.
    pub arm: Option<Arm>,
}

impl JobScore {
    /// How many tasks it is made of.
    pub const fn tasks(&self) -> u64 {
        self.with.tasks + self.control.tasks + self.unaided.tasks
    }

    /// Takes in the score of a task.
    pub fn add(&mut self, score: &TaskScore) {
        self.by_answers = score.class == EvidenceClass::Test;
        let sum = self.sum_of(score.arm);
        (sum.tasks, sum.sum_milli) = (sum.tasks + 1, sum.sum_milli + u64::from(score.score_milli));
    }

    /// Takes the score of a task out again.
    pub fn remove(&mut self, score: &TaskScore) {
        let sum = self.sum_of(score.arm);
        (sum.tasks, sum.sum_milli) = (sum.tasks - 1, sum.sum_milli - u64::from(score.score_milli));
    }

    const fn sum_of(&mut self, arm: Option<Arm>) -> &mut ScoreSum {
        match arm {
            Some(Arm::Treated) => &mut self.with,
            Some(Arm::Control) => &mut self.control,
            None => &mut self.unaided,
        }
    }
}

/// A task as a projection shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRow {
    /// The task.
    pub task_id: TaskId,
    /// Its node in the plan.
    pub node: String,
    /// What it works on, where its node maps over a list.
    pub label: Option<String>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// Why it ended badly.
    pub reason: Option<ReasonCode>,
    /// For people, where it failed.
    pub detail: Option<String>,
    /// What it cost.
    pub spent: Amount,
    /// The work that was taken instead of doing it again.
    pub reused: Option<Reuse>,
    /// The body of its output.
    pub output: Option<Digest>,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The model that was chosen for its worker, where the job routes between several.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// How good its work was found, where a check or a known answer says so.
    #[serde(default)]
    pub score: Option<TaskScore>,
    /// Whether `spent` holds tokens that no provider counted, so that the bound which was reserved for them is charged.
    #[serde(default)]
    pub estimated: bool,
}

/// A step as a projection shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRow {
    /// The task.
    pub task_id: TaskId,
    /// The step.
    pub step_id: StepId,
    /// Its number within the task.
    pub seq: u32,
    /// What it did.
    pub kind: StepKind,
    /// What it cost.
    pub cost: Amount,
    /// The blob of the request.
    pub request: Digest,
    /// The blob of the answer.
    pub answer: Digest,
    /// When it was recorded.
    pub at: Timestamp,
}

/// A version of an artifact as a projection shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactRow {
    /// The version.
    pub version: ArtifactVersion,
    /// The reviews of this version, in order.
    pub reviews: Vec<Review>,
    /// When it was posted.
    pub at: Timestamp,
}

/// Finished work that may be taken instead of doing it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// The job that did it.
    pub job_id: JobId,
    /// The task that did it.
    pub task_id: TaskId,
    /// Its output.
    pub output: Digest,
    /// What it cost.
    pub cost: Amount,
}

/// What a walk over the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuditReport {
    /// Jobs walked.
    pub jobs: u64,
    /// Frames checked.
    pub frames: u64,
    /// Events in them.
    pub events: u64,
    /// Blobs checked.
    pub blobs: u64,
    /// What is wrong; the first flaw of each job, with the number of the frame.
    pub flaws: Vec<AuditFlaw>,
}

/// The first flaw of a job's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditFlaw {
    /// The job.
    pub job_id: JobId,
    /// The frame.
    pub seq: u64,
    /// What is wrong with it.
    pub detail: String,
}

/// Failed to read or write the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data directory.
    #[error("the data directory `{path}` is in use by {holder}")]
    InUse {
        /// The directory.
        path: String,
        /// Who holds it, as far as it could be read.
        holder: String,
    },
    /// The data directory cannot be written.
    #[error("the data directory `{path}` cannot be written: {detail}")]
    NotWritable {
        /// The directory.
        path: String,
        /// What the operating system said.
        detail: String,
    },
    /// There is no data directory, and nothing may be made.
    #[error("there is no data directory at `{path}`")]
    NoData {
        /// The directory.
        path: String,
    },
    /// The disk is full.
    #[error("the disk is full: {detail}")]
    DiskFull {
        /// What the engine said.
        detail: String,
    },
    /// A newer program wrote this data.
    #[error("the data directory has format {found}, this program knows up to {known}")]
    TooNew {
        /// Format on disk.
        found: u32,
        /// Newest known format.
        known: u32,
    },
    /// What was read is not what was written.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// What is wrong, and where.
        detail: String,
    },
    /// A newer lead owns the job.
    #[error("epoch {epoch} of job {job_id} is fenced off by epoch {current}")]
    Fenced {
        /// The job.
        job_id: JobId,
        /// The epoch that was refused.
        epoch: u64,
        /// The epoch that owns the job.
        current: u64,
    },
    /// The frame's number is not the next one.
    #[error("frame {seq} of job {job_id} does not follow frame {last}")]
    OutOfOrder {
        /// The job.
        job_id: JobId,
        /// The number that was refused.
        seq: u64,
        /// The last frame's.
        last: u64,
    },
    /// The caller asked for what can never be stored, such as a frame without an event or above the size limit.
    #[error("this cannot be stored: {detail}")]
    Invalid {
        /// What is wrong with it.
        detail: String,
    },
    /// There is no such job.
    #[error("there is no job {job_id}")]
    NoJob {
        /// The job.
        job_id: JobId,
    },
    /// There is no such blob.
    #[error("there is no blob {digest}")]
    NoBlob {
        /// The address.
        digest: Digest,
    },
    /// The writer's queue is full.
    #[error("the store is busy: its queue of {queue_max} appends is full")]
    Busy {
        /// The bound.
        queue_max: usize,
    },
    /// A write or sync failed, now or earlier; nothing is acknowledged any more until the process restarts.
    #[error("the store has stopped after a failed write: {detail}")]
    Stopped {
        /// The first failure.
        detail: String,
    },
}

impl StoreError {
    /// What the runtime does about it.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Busy { .. } => Fault::Transient,
            Self::InUse { .. }
            | Self::NotWritable { .. }
            | Self::NoData { .. }
            | Self::TooNew { .. }
            | Self::NoJob { .. }
            | Self::NoBlob { .. } => Fault::Refused,
            Self::Fenced { .. } | Self::OutOfOrder { .. } | Self::Invalid { .. } => Fault::Defect,
            Self::DiskFull { .. } | Self::Corrupt { .. } | Self::Stopped { .. } => Fault::Fatal,
        }
    }

    /// The stable code.
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::InUse { .. } => &codes::DATA_IN_USE,
            Self::NotWritable { .. } => &codes::DATA_NOT_WRITABLE,
            Self::NoData { .. } => &codes::DATA_MISSING,
            Self::DiskFull { .. } => &codes::DISK_FULL,
            Self::TooNew { .. } => &codes::DATA_TOO_NEW,
            Self::Corrupt { .. } => &codes::DATA_CORRUPT,
            Self::Fenced { .. } => &codes::FENCED,
            Self::OutOfOrder { .. } | Self::Invalid { .. } => &codes::DEFECT,
            Self::NoJob { .. } => &codes::JOB_NOT_FOUND,
            Self::NoBlob { .. } => &codes::BLOB_NOT_FOUND,
            Self::Busy { .. } => &codes::STORE_BUSY,
            Self::Stopped { .. } => &codes::STORE_STOPPED,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), &error)
    }
}
