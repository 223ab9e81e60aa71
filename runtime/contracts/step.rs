//! Recorded steps: what a task has paid for and must never pay for again.
//!
//! A step is one model answer or one tool outcome. Its record names request and answer by content; a resumed task
//! reads them back and goes on from there, without asking anybody twice.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::Amount;
use crate::digest::Digest;
use crate::id::{StepId, ToolCallId};
use crate::model::Counted;

/// Which half of a task's life a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The worker's.
    Work,
    /// The critic's.
    Review,
}

/// One recorded step of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// The step's id, derived from the task and `seq`.
    pub step_id: StepId,
    /// Its number within the task, from 0, without gaps.
    pub seq: u32,
    /// Whether worker or critic made it.
    pub phase: Phase,
    /// The round of work and review, from 0.
    pub round: u32,
    /// What was done.
    pub kind: StepKind,
    /// The blob of the request (a `ModelRequest` or a `ToolCall`, as JSON).
    pub request: Digest,
    /// The blob of the answer (a `ModelReply` or a `ToolOutput`, as JSON).
    pub answer: Digest,
    /// What it cost.
    pub cost: Amount,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Asked a model.
    Model {
        /// Provider and model that answered, such as `builtin/extract`.
        model: String,
        /// Where the tokens of `cost` come from.
        #[serde(default)]
        counted: Counted,
    },
    /// Ran a tool.
    Tool {
        /// The call, which is also the idempotency key of its effect.
        call_id: ToolCallId,
        /// The tool's name.
        tool: String,
        /// Whether it ended well.
        ok: bool,
    },
}

impl StepKind {
    /// Whether its cost holds tokens that no provider counted.
    pub const fn is_estimated(&self) -> bool {
        matches!(self, Self::Model { counted, .. } if !counted.is_whole())
    }
}
