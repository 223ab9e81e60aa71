//! One child as its machine sees it.

use std::time::Duration;

use crate::child_spec::ChildSpec;

use super::{CallerId, ChildStatus, Incarnation, TimerId};

/// A child with its spec, and what it is doing.
#[derive(Debug, Clone)]
pub(super) struct Child<P> {
    pub(super) spec: ChildSpec,
    pub(super) payload: P,
    pub(super) state: State,
    /// Restarts in a row; a life as long as the intensity's period ends the row.
    pub(super) attempts: u32,
}

/// What a child does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Down(Rest),
    /// Waits until fewer siblings are starting.
    Queued(Origin),
    Starting {
        incarnation: Incarnation,
        origin: Origin,
    },
    Running {
        incarnation: Incarnation,
        since: Duration,
    },
    /// Waits for its own restart, not for that of its group.
    Backoff {
        timer: TimerId,
    },
    Stopping(Stopping),
}

/// Why a child is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Never started, or ended by itself. A restart of its group starts it.
    Ended,
    /// Terminated by command, or its start by command failed. Only a command starts it.
    Held,
    /// Its input is poison. Only a command starts it.
    Quarantined,
    /// The sequence or retry under way will start it.
    Waiting,
    /// It ended while the machine was busy with a sequence, which comes first.
    Fallen,
}

/// Who wanted a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Init, or a group restart.
    Sequence,
    /// A restart of this child alone.
    Retry,
    /// A command that brought the child.
    Added(CallerId),
    /// A command for a child that was down.
    Asked(CallerId),
}

impl Origin {
    pub(super) fn caller(self) -> Option<CallerId> {
        match self {
            Self::Sequence | Self::Retry => None,
            Self::Added(caller) | Self::Asked(caller) => Some(caller),
        }
    }
}

/// A stop under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopping {
    pub(super) incarnation: Incarnation,
    pub(super) stage: Stage,
    pub(super) timer: Option<TimerId>,
    pub(super) then: Then,
    /// Who waits for the end of the child.
    pub(super) callers: Vec<CallerId>,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Asked,
    Killed,
}

/// What becomes of a child after its stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Then {
    /// It waits for the sequence that stopped it.
    Wait,
    /// It stays down.
    Hold,
    /// It never came to life, and is forgotten.
    Forget,
}

impl State {
    /// The life under way, when there is one.
    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        match self {
            Self::Down(_) | Self::Queued(_) | Self::Backoff { .. } => None,
            Self::Starting { incarnation, .. } | Self::Running { incarnation, .. } => Some(*incarnation),
            Self::Stopping(stopping) => Some(stopping.incarnation),
        }
    }

    pub(super) fn status(&self) -> ChildStatus {
        match self {
            Self::Down(Rest::Ended | Rest::Held) => ChildStatus::Down,
            Self::Down(Rest::Quarantined) => ChildStatus::Quarantined,
            Self::Down(Rest::Waiting | Rest::Fallen) | Self::Backoff { .. } => ChildStatus::Restarting,
            Self::Queued(_) | Self::Starting { .. } => ChildStatus::Starting,
            Self::Running { .. } => ChildStatus::Running,
            Self::Stopping(_) => ChildStatus::Stopping,
        }
    }
}
