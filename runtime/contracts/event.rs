//! What happened to a job, in the past tense: the journal's only content.
//!
//! Events are encoded with `MessagePack` as arrays. A variant or field is only ever added, fields at the end and with
//! a default; `tests/golden/` holds one encoded frame per version of the format, and every version must decode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactVersion, Review};
use crate::budget::{Amount, Dimension, Limits};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{JobId, NodeId, ReceiptId, StepId, TaskId};
use crate::knowledge::Cut;
use crate::plan::{Item, Plan};
use crate::signal::{Outcome, Proposal, Receipt};
use crate::spec::JobSpec;
use crate::step::StepRecord;
use crate::task::ReasonCode;

/// Version of the encoding of events.
pub const EVENT_FORMAT: u8 = 1;

/// One thing that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobEvent {
    /// The job was accepted and is durable.
    JobSubmitted {
        /// What was asked for.
        spec: Box<JobSpec>,
    },
    /// A lead took the job over.
    LeadChanged {
        /// The node it runs on.
        node_id: NodeId,
        /// Its fence; every later write of an older lead is refused.
        epoch: u64,
    },
    /// A plan did not pass validation and went back to its author.
    PlanRefused {
        /// Number of the proposal, from 1.
        proposal: u32,
        /// Why.
        reasons: Vec<String>,
    },
    /// A plan passed validation.
    PlanProposed {
        /// The plan.
        plan: Plan,
        /// Who wrote it: `template:NAME`, `spec` or a model's name.
        author: String,
    },
    /// The list of a map became known.
    NodeExpanded {
        /// The map's node.
        node: String,
        /// One task each, in this order.
        items: Vec<Item>,
    },
    /// An attempt of a task began.
    TaskStarted {
        /// The task.
        task_id: TaskId,
        /// Number of the attempt, from 1.
        attempt: u32,
    },
    /// The worst case of a step was set aside.
    BudgetReserved {
        /// The task.
        task_id: TaskId,
        /// The step; the reservation belongs to it over all attempts and leads.
        step_id: StepId,
        /// How much.
        amount: Amount,
    },
    /// A step was done; its reservation is settled at what it cost.
    StepRecorded {
        /// The task.
        task_id: TaskId,
        /// The step.
        step: StepRecord,
    },
    /// A reservation was given back unused.
    BudgetReleased {
        /// The task.
        task_id: TaskId,
        /// The step that did not happen.
        step_id: StepId,
    },
    /// A limit was reached.
    BudgetExhausted {
        /// The task whose wish was refused.
        task_id: Option<TaskId>,
        /// The dimension.
        dimension: Dimension,
    },
    /// Somebody raised limits of the budget.
    BudgetToppedUp {
        /// The new limits; a dimension without one keeps the old.
        limits: Limits,
    },
    /// A task posted a version of its artifact.
    ArtifactPosted {
        /// The task.
        task_id: TaskId,
        /// The version.
        version: ArtifactVersion,
    },
    /// A critic reviewed a version.
    ArtifactReviewed {
        /// The task.
        task_id: TaskId,
        /// The verdict.
        review: Review,
    },
    /// A task ended well.
    TaskSucceeded {
        /// The task.
        task_id: TaskId,
        /// What later tasks read: the body of its output, if it has one.
        output: Option<Digest>,
        /// The work of an earlier job that was taken instead of doing it again.
        reused: Option<Reuse>,
        /// Under which key a later job may find this work; `None` where it must not be reused.
        memo: Option<Digest>,
    },
    /// An attempt crashed; another follows.
    TaskRetried {
        /// The task.
        task_id: TaskId,
        /// Number of the attempt that crashed.
        attempt: u32,
        /// What was seen, shortened.
        detail: String,
    },
    /// A task ended badly.
    TaskFailed {
        /// The task.
        task_id: TaskId,
        /// Why.
        reason: ReasonCode,
        /// For people, shortened.
        detail: String,
    },
    /// A task was cancelled.
    TaskCancelled {
        /// The task.
        task_id: TaskId,
        /// Why.
        reason: ReasonCode,
    },
    /// The job stopped before its end and can be resumed.
    JobPaused {
        /// Why.
        reason: ReasonCode,
        /// What it had by then: the body of a partial result, if any.
        partial: Option<Digest>,
        /// Wall milliseconds of this run, to be counted against the budget.
        wall_ms: u64,
        /// For people, shortened.
        detail: String,
    },
    /// The job ended well.
    JobSucceeded {
        /// The body of the result.
        output: Option<Digest>,
        /// Wall milliseconds of this run.
        wall_ms: u64,
    },
    /// The job ended badly.
    JobFailed {
        /// Why.
        reason: ReasonCode,
        /// For people, shortened.
        detail: String,
        /// Wall milliseconds of this run.
        wall_ms: u64,
    },
    /// The job was cancelled.
    JobCancelled {
        /// Wall milliseconds of this run.
        wall_ms: u64,
    },
    /// An agent of a task is about to begin, and this is what it is shown of what others have learned.
    SignalExposed {
        /// The task.
        task_id: TaskId,
        /// What is shown, and to which of the task's agents.
        receipt: Box<Receipt>,
    },
    /// A task hands in what was learned on it: all of it with a version that its agent posts, and what fits how the
    /// work was judged when it ends. The last one counts.
    SignalsProposed {
        /// The task.
        task_id: TaskId,
        /// The lessons.
        proposals: Vec<Proposal>,
    },
    /// The knowledge has taken in how the run behind a receipt ended.
    SignalCredited {
        /// The task.
        task_id: TaskId,
        /// The receipt.
        receipt_id: ReceiptId,
        /// The outcome that counts; `None` where the end says nothing of the work, such as a used-up budget.
        outcome: Option<Outcome>,
    },
    /// The knowledge as of this moment is what the job's agents are shown a choice of. The last one counts: another
    /// one follows only where what was held for the job is gone when it is resumed.
    KnowledgeCut {
        /// What was known, and when.
        cut: Cut,
        /// The content of the job's inputs by then, whatever their names.
        inputs: Digest,
        /// How many documents these were.
        documents: u32,
    },
    /// A task begins anew, with fresh attempts: somebody wants it tried again, or what it builds on is not what it was.
    /// Its earlier steps, versions and reviews stay on record and are no part of the new work.
    TaskReopened {
        /// The task.
        task_id: TaskId,
        /// What it works on from now on, where its document was listed anew.
        item: Option<Box<Item>>,
    },
    /// The list of a map grew: a document that was listed anew has more parts.
    NodeGrown {
        /// The map's node.
        node: String,
        /// One task each, in this order, behind those that are known already.
        items: Vec<Item>,
    },
    /// Documents are set aside: they are not what they were when the job listed them.
    InputsChanged {
        /// Their paths.
        paths: Vec<String>,
    },
}

/// Work that was taken from an earlier job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reuse {
    /// The job that did it.
    pub job_id: JobId,
    /// The task that did it.
    pub task_id: TaskId,
    /// What it cost then and did not cost now.
    pub saved: Amount,
}

impl JobEvent {
    /// The word used in lists, filters and metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::JobSubmitted { .. } => "job_submitted",
            Self::LeadChanged { .. } => "lead_changed",
            Self::PlanRefused { .. } => "plan_refused",
            Self::PlanProposed { .. } => "plan_proposed",
            Self::NodeExpanded { .. } => "node_expanded",
            Self::TaskStarted { .. } => "task_started",
            Self::BudgetReserved { .. } => "budget_reserved",
            Self::StepRecorded { .. } => "step_recorded",
            Self::BudgetReleased { .. } => "budget_released",
            Self::BudgetExhausted { .. } => "budget_exhausted",
            Self::BudgetToppedUp { .. } => "budget_topped_up",
            Self::ArtifactPosted { .. } => "artifact_posted",
            Self::ArtifactReviewed { .. } => "artifact_reviewed",
            Self::TaskSucceeded { .. } => "task_succeeded",
            Self::TaskRetried { .. } => "task_retried",
            Self::TaskFailed { .. } => "task_failed",
            Self::TaskCancelled { .. } => "task_cancelled",
            Self::JobPaused { .. } => "job_paused",
            Self::JobSucceeded { .. } => "job_succeeded",
            Self::JobFailed { .. } => "job_failed",
            Self::JobCancelled { .. } => "job_cancelled",
            Self::SignalExposed { .. } => "signal_exposed",
            Self::SignalsProposed { .. } => "signals_proposed",
            Self::SignalCredited { .. } => "signal_credited",
            Self::KnowledgeCut { .. } => "knowledge_cut",
            Self::TaskReopened { .. } => "task_reopened",
            Self::NodeGrown { .. } => "node_grown",
            Self::InputsChanged { .. } => "inputs_changed",
        }
    }

    /// Whether the job has ended and nothing may follow. A pause is no end.
    pub const fn ends_job(&self) -> bool {
        matches!(
            self,
            Self::JobSucceeded { .. } | Self::JobFailed { .. } | Self::JobCancelled { .. }
        )
    }
}

/// One append to a job's journal: some events that became durable together, chained to the frame before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The job.
    pub job_id: JobId,
    /// Number of the frame within the job, from 1, without gaps.
    pub seq: u64,
    /// The lead's fence.
    pub epoch: u64,
    /// When it was appended, for people.
    pub at: Timestamp,
    /// What happened, in order.
    pub events: Vec<JobEvent>,
    /// The chain: a hash over the previous frame's and everything above as encoded.
    pub hash: Digest,
}
