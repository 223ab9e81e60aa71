//! The decisions of a supervisor, as a pure machine: no I/O, no clock, no randomness of its own.
//!
//! A [`Machine`] takes an [`Input`] with the time and a random number in a [`Cx`], and appends [`Output`]s for the
//! shell in `tree` to perform. So the same code runs under a real runtime, in a simulation and against the
//! reference model in the tests. The semantics are those of OTP's `supervisor`, with three deviations, chosen:
//!
//! 1. Reaching the restart intensity is an *abnormal* exit with a structured reason. OTP exits with `shutdown`,
//!    which a transient parent slot takes for success.
//! 2. A child that was terminated by command stays down until it is restarted by command, also when its group
//!    restarts, and also while its group waits to restart. OTP would revive it with the group.
//! 3. A child that cannot be killed is given up after `kill_wait` as an orphan. OTP has no such child.
//!
//! Backoff and quarantine are additions; with [`Backoff::NONE`](crate::child_spec::Backoff::NONE) and no input keys
//! they do nothing. Starts are concurrent in a `OneForOne` supervisor after its init, and in order everywhere else.

mod child;
mod command;
mod exit;
mod machine;
mod sequence;
mod stopping;
mod window;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::child_spec::{ChildId, ChildKind, ChildSpec, Intensity, SpecError};
pub use machine::Machine;

/// The place of a child in its supervisor. Never used again for another child; places grow in start order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u64);

/// One life of a child. Never used again within the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// One timer. Never used again, so a timer that fires after its cancellation is recognised as stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerId(pub u64);

/// Who waits for the answer to a command; chosen by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallerId(pub u64);

/// What a step may know of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cx {
    /// Monotonic time.
    pub now: Duration,
    /// Fresh random bits; all draws of the step come from them.
    pub random: u64,
}

/// What happened. `P` is what the shell needs to start a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<P> {
    /// Start the static children, in order.
    Begin,
    /// A start has completed.
    ChildStarted {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
    },
    /// A start has failed; nothing is left of it.
    ChildStartFailed {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
        /// Why.
        error: String,
    },
    /// A child has ended, and its task is gone.
    ChildExited {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
        /// How.
        exit: Exit,
    },
    /// An armed timer has fired.
    TimerFired {
        /// Which.
        timer: TimerId,
    },
    /// Somebody wants something.
    Command {
        /// Who.
        caller: CallerId,
        /// What.
        command: Command<P>,
    },
    /// Stop all children and end.
    Stop {
        /// Why; becomes the reason of the supervisor's own exit.
        reason: String,
    },
}

/// What the public interface of a supervisor asks for. Answered exactly once with `Result<(), CommandError>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<P> {
    /// Adds a child behind the others and starts it. When the start fails, the child is forgotten.
    Add {
        /// The child.
        spec: ChildSpec,
        /// How to start it.
        payload: P,
    },
    /// Stops a child and keeps its spec, unless it is temporary.
    Terminate {
        /// The child.
        id: ChildId,
    },
    /// Starts a child that is down.
    Restart {
        /// The child.
        id: ChildId,
    },
    /// Forgets a child that is down.
    Delete {
        /// The child.
        id: ChildId,
    },
}

/// Why a command was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The id belongs to a child that is alive or about to be.
    #[error("the child is already started")]
    AlreadyStarted,
    /// The id belongs to a child that is down.
    #[error("the child is present but down")]
    AlreadyPresent,
    /// No such child.
    #[error("no such child")]
    NotFound,
    /// The child must be down for this.
    #[error("the child is running")]
    Running,
    /// The child waits for its restart.
    #[error("the child is restarting")]
    Restarting,
    /// `children_max` is reached.
    #[error("the supervisor has all the children it may have")]
    Full,
    /// Too many commands wait for a group restart to finish.
    #[error("the supervisor is busy with a restart")]
    Busy,
    /// The spec contradicts itself or the supervisor.
    #[error(transparent)]
    Invalid(#[from] SpecError),
    /// The start function failed, panicked or took too long.
    #[error("the child did not start: {0}")]
    StartFailed(String),
    /// The child was terminated while it was starting.
    #[error("the child was terminated while it was starting")]
    Terminated,
    /// The supervisor is stopping.
    #[error("the supervisor is stopping")]
    Stopping,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<P> {
    /// Start a child, within its `start_within`, without waiting for it; then say `ChildStarted` or
    /// `ChildStartFailed`.
    Start {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
        /// How.
        payload: P,
    },
    /// Ask a child to stop. A start that is still under way is cancelled instead.
    Stop {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
    },
    /// Kill a child, or cancel its start.
    Kill {
        /// Where.
        slot: Slot,
        /// Which life.
        incarnation: Incarnation,
    },
    /// Say `TimerFired` after a time.
    ArmTimer {
        /// Which.
        timer: TimerId,
        /// How long.
        after: Duration,
    },
    /// Forget a timer.
    CancelTimer {
        /// Which.
        timer: TimerId,
    },
    /// Answer a command.
    Reply {
        /// Whom.
        caller: CallerId,
        /// What.
        answer: Result<(), CommandError>,
    },
    /// All static children have started.
    Ready,
    /// Tell whoever listens.
    Event(SupervisorEvent),
    /// No child is left; the supervisor ends.
    Stopped {
        /// Why.
        outcome: Outcome,
    },
}

/// The input that an actor was working on when it ended, in the actor's own terms (for example a task id).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputKey(pub String);

impl fmt::Display for InputKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "class")]
pub enum Exit {
    /// By itself, its work done.
    Normal,
    /// Because it was asked to.
    Shutdown,
    /// By a kill or by the runtime; abnormal.
    Killed {
        /// What it was working on.
        input: Option<InputKey>,
    },
    /// By an error or a panic; abnormal.
    Failed {
        /// What kind of crash.
        kind: CrashKind,
        /// For people.
        message: String,
        /// What it was working on.
        input: Option<InputKey>,
    },
}

impl Exit {
    /// Whether a transient child is restarted after it.
    pub fn is_abnormal(&self) -> bool {
        matches!(self, Self::Killed { .. } | Self::Failed { .. })
    }

    /// What the child was working on when it died.
    pub fn input(&self) -> Option<&InputKey> {
        match self {
            Self::Normal | Self::Shutdown => None,
            Self::Killed { input } | Self::Failed { input, .. } => input.as_ref(),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Killed { .. } => f.write_str("killed"),
            Self::Failed { message, .. } => write!(f, "failed: {message}"),
        }
    }
}

/// What a crash says about its cause; the remedies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashKind {
    /// A panic or a kill that may well not repeat: try again.
    Transient,
    /// The same input has killed too often: quarantine it.
    Poison,
    /// The actor itself said `Err`, or its start failed: the program or its configuration is wrong.
    Logic,
    /// A child supervisor gave up.
    Escalated,
}

/// What made a restart necessary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The child ended.
    Exited(Exit),
    /// The attempt to restart it failed.
    StartFailed(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(exit) => write!(f, "it ended ({exit})"),
            Self::StartFailed(error) => write!(f, "it did not start ({error})"),
        }
    }
}

/// A supervisor has restarted too often, and fails upward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("supervisor {supervisor} gave up on {child}: {cause}, with more than {} restarts in {:?}",
    intensity.restarts, intensity.period)]
pub struct Escalation {
    /// The supervisor.
    pub supervisor: String,
    /// The child whose restart was one too many.
    pub child: ChildId,
    /// What happened to it.
    pub cause: Cause,
    /// The bound.
    pub intensity: Intensity,
}

/// How a supervisor ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was told to.
    Stopped {
        /// By these words.
        reason: String,
    },
    /// Its significant children have ended.
    AutoShutdown {
        /// The last of them.
        child: ChildId,
    },
    /// It restarted too often.
    Escalated(Escalation),
    /// A static child did not start.
    InitFailed {
        /// Which.
        child: ChildId,
        /// Why.
        error: String,
    },
}

/// What a supervisor tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupervisorEvent {
    /// A child is about to be restarted, and its group with it.
    ChildRestarting {
        /// Which.
        id: ChildId,
        /// Leaf or supervisor.
        kind: ChildKind,
        /// Why.
        cause: Cause,
        /// After this wait.
        delay: Duration,
    },
    /// A child ended for good.
    ChildEnded {
        /// Which.
        id: ChildId,
        /// Leaf or supervisor.
        kind: ChildKind,
        /// How.
        exit: Exit,
    },
    /// A child ended for good because its input is poison.
    ChildQuarantined {
        /// Which.
        id: ChildId,
        /// Leaf or supervisor.
        kind: ChildKind,
        /// The poison.
        input: InputKey,
        /// How it died this time.
        exit: Exit,
    },
    /// A child could not be killed. It may still run.
    ChildOrphaned {
        /// Which.
        id: ChildId,
        /// Leaf or supervisor.
        kind: ChildKind,
    },
    /// The supervisor itself has ended.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// A line of `which_children`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildReport {
    /// The child.
    pub id: ChildId,
    /// Its place.
    pub slot: Slot,
    /// Leaf or supervisor.
    pub kind: ChildKind,
    /// What it does.
    pub status: ChildStatus,
}

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildStatus {
    /// Its start is under way or queued.
    Starting,
    /// It is up.
    Running,
    /// It waits for its restart.
    Restarting,
    /// It has been asked to stop.
    Stopping,
    /// It is down, and its spec is kept.
    Down,
    /// It is down because of a poisonous input.
    Quarantined,
}

/// The sums of `count_children`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChildCounts {
    /// Known children.
    pub specs: usize,
    /// Running children.
    pub active: usize,
    /// Known supervisors.
    pub supervisors: usize,
    /// Known leaves.
    pub workers: usize,
}

#[cfg(test)]
mod tests;
