//! What every agent of a job says to its lead, and hears from it.
//!
//! Worker, critic and planner differ in what they ask and in what they make of the answer; the protocol with the
//! lead is one. Reports carry task and attempt, so that a late word of an attempt that is gone changes nothing.

use anthill_contracts::artifact::{ArtifactVersion, Review};
use anthill_contracts::budget::{Amount, Dimension};
use anthill_contracts::digest::Blob;
use anthill_contracts::id::{StepId, TaskId};
use anthill_contracts::plan::Plan;
use anthill_contracts::signal::Proposal;
use anthill_contracts::signal::WORKER;
use anthill_contracts::step::StepRecord;
use anthill_contracts::task::ReasonCode;

/// Which agent of a task speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentKind {
    /// Turns the task into an artifact.
    Worker,
    /// Reviews the newest version of the artifact.
    Critic,
    /// Writes the job's plan.
    Planner,
}

impl AgentKind {
    /// The word used in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => WORKER,
            Self::Critic => "critic",
            Self::Planner => "planner",
        }
    }
}

/// One agent of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentKey {
    /// The task.
    pub task_id: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// Which of the task's agents.
    pub kind: AgentKind,
}

/// What the lead hears.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentReport {
    /// Who speaks.
    pub from: AgentKey,
    /// What it says.
    pub news: AgentNews,
}

/// What an agent has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentNews {
    /// It wants to take a step that costs at most this much.
    Reserve {
        /// The step.
        step_id: StepId,
        /// The worst case.
        amount: Amount,
    },
    /// It has taken a step.
    StepTaken {
        /// The step with what it cost.
        step: Box<StepRecord>,
        /// The bodies that the record names.
        bodies: Vec<Blob>,
    },
    /// It has posted a version to the blackboard, and is done.
    Posted {
        /// The version.
        version: Box<ArtifactVersion>,
        /// Its body.
        body: Blob,
        /// What it has learned.
        lessons: Vec<Proposal>,
    },
    /// It has reviewed the newest version, and is done.
    Reviewed {
        /// The verdict.
        review: Review,
    },
    /// It proposes a plan, and is done.
    Planned {
        /// The plan, or why there is none.
        proposal: Result<Plan, Vec<String>>,
        /// Who wrote it.
        author: String,
    },
    /// It is done and has nothing to show.
    Finished,
    /// Documents that it builds on are not what they were when the job listed them.
    InputsChanged {
        /// Their paths.
        paths: Vec<String>,
    },
    /// It could not do it.
    Failed {
        /// Why.
        trouble: Trouble,
    },
}

impl AgentNews {
    /// Whether the agent says nothing after this, and stops.
    pub const fn is_last_word(&self) -> bool {
        match self {
            Self::Reserve { .. } | Self::StepTaken { .. } => false,
            Self::Posted { .. }
            | Self::Reviewed { .. }
            | Self::Planned { .. }
            | Self::Finished
            | Self::InputsChanged { .. }
            | Self::Failed { .. } => true,
        }
    }
}

/// Why an agent could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The reason code.
    pub reason: ReasonCode,
    /// For people, shortened.
    pub detail: String,
    /// Whether every other task would meet the same: the job pauses instead of failing task by task.
    pub concerns_job: bool,
}

/// What an agent hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentOrder {
    /// The reservation of the step is durable.
    Granted(StepId),
    /// The reservation of the step was refused.
    Refused(StepId, Dimension),
    /// The step is durable.
    Durable(StepId),
}
