//! What a supervisor is told about itself and its children. Data only, so that specs can be shown and compared.
//!
//! The words are OTP's (`restart`, `shutdown`, `significant`, `intensity`), because twenty-five years of practice
//! hang on them. Three are ours: [`Backoff`], [`Quarantine`] and [`StopOrder`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names a child within its supervisor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChildId(String);

impl ChildId {
    /// Takes any text; uniqueness within the supervisor is checked when the child is added.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ChildId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// After an abnormal exit.
    Transient,
    /// Never, also not together with its siblings. Its spec is forgotten when it ends.
    Temporary,
}

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// Killed without being asked.
    Brutal,
    /// Asked, and killed when it is still there after this time.
    Within(Duration),
    /// Asked, and waited for as long as it takes. For supervisors, whose own children have their times.
    Infinity,
}

/// Whether a child supervises others: shown in reports, and decides the default [`Shutdown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildKind {
    /// A leaf.
    Worker,
    /// A node of the tree.
    Supervisor,
}

impl ChildKind {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
        }
    }
}

/// One child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildSpec {
    /// Unique within the supervisor.
    pub id: ChildId,
    /// Leaf or supervisor.
    pub kind: ChildKind,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end can end the supervisor, see [`AutoShutdown`].
    pub significant: bool,
    /// How long its start may take before it counts as failed.
    pub start_within: Duration,
}

impl ChildSpec {
    /// A permanent leaf, stopped within five seconds.
    pub fn worker(id: impl Into<ChildId>) -> Self {
        Self {
            id: id.into(),
            kind: ChildKind::Worker,
            restart: Restart::Permanent,
            shutdown: Shutdown::Within(Duration::from_secs(5)),
            significant: false,
            start_within: Duration::from_secs(30),
        }
    }

    /// A permanent supervisor, stopped in its own time.
    pub fn supervisor(id: impl Into<ChildId>) -> Self {
        Self {
            kind: ChildKind::Supervisor,
            shutdown: Shutdown::Infinity,
            start_within: Duration::from_mins(2),
            ..Self::worker(id)
        }
    }

    /// Sets when it is started again.
    #[must_use]
    pub fn restart(self, restart: Restart) -> Self {
        Self { restart, ..self }
    }

    /// Sets how it is stopped.
    #[must_use]
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self }
    }

    /// Makes its end count for [`AutoShutdown`].
    #[must_use]
    pub fn significant(self) -> Self {
        Self {
            significant: true,
            ..self
        }
    }

    /// Sets how long its start may take.
    #[must_use]
    pub fn start_within(self, start_within: Duration) -> Self {
        Self { start_within, ..self }
    }
}

impl From<String> for ChildId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// Who is restarted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The child that ended.
    OneForOne,
    /// All children.
    OneForAll,
    /// The child that ended, and those started after it.
    RestForOne,
}

impl Strategy {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::OneForOne => "one_for_one",
            Self::OneForAll => "one_for_all",
            Self::RestForOne => "rest_for_one",
        }
    }
}

/// Whether the end of significant children ends the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// It does not, and no child may be significant.
    Never,
    /// The first one does.
    AnySignificant,
    /// The last one does.
    AllSignificant,
}

/// In which order the children are stopped when the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOrder {
    /// One after the other, the youngest first.
    Reverse,
    /// All at once. For many independent dynamic children, whose shutdown times would add up.
    Together,
}

/// At most `restarts` restarts in any window of `period`; the next failure ends the supervisor.
///
/// Budgets multiply along a branch of the tree: with 3 at each of four levels a broken leaf starts 256 times before
/// the top gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intensity {
    /// The number tolerated.
    pub restarts: u32,
    /// The window.
    pub period: Duration,
}

/// How long to wait before the n-th restart in a row: a uniform draw from zero to `first * 2^(n-1)`, capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    /// The bound of the first draw.
    pub first: Duration,
    /// The bound of every draw.
    pub cap: Duration,
}

impl Backoff {
    /// Restarts at once, as OTP does.
    pub const NONE: Self = Self {
        first: Duration::ZERO,
        cap: Duration::ZERO,
    };
}

/// An input that kills `kills` times within `window` is poison: the child which it killed last is not restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quarantine {
    /// How often the same input may be the last one of a child.
    pub kills: u32,
    /// Within this time.
    pub window: Duration,
}

/// A supervisor without its children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorSpec {
    /// For logs; not registered anywhere.
    pub name: String,
    /// Who is restarted together.
    pub strategy: Strategy,
    /// How many restarts it tolerates.
    pub intensity: Intensity,
    /// Whether significant children end it.
    pub auto_shutdown: AutoShutdown,
    /// How long it waits between restarts.
    pub backoff: Backoff,
    /// When it stops feeding an input to its children.
    pub quarantine: Quarantine,
    /// In which order it stops its children at its own end.
    pub stop_order: StopOrder,
    /// How many children it may have, ended ones with a kept spec included.
    pub children_max: usize,
    /// How many children of a `OneForOne` supervisor may be starting at the same time.
    pub starts_max: usize,
    /// How long a killed child may take to disappear before it is given up as an orphan.
    pub kill_wait: Duration,
}

impl SupervisorSpec {
    /// One for one, three restarts in a minute, no backoff, no automatic shutdown.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::OneForOne,
            intensity: Intensity {
                restarts: 3,
                period: Duration::from_mins(1),
            },
            auto_shutdown: AutoShutdown::Never,
            backoff: Backoff::NONE,
            quarantine: Quarantine {
                kills: 3,
                window: Duration::from_mins(10),
            },
            stop_order: StopOrder::Reverse,
            children_max: 1024,
            starts_max: 16,
            kill_wait: Duration::from_secs(5),
        }
    }

    /// Sets who is restarted together.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        Self { strategy, ..self }
    }

    /// Sets how many restarts are tolerated in a window.
    #[must_use]
    pub fn intensity(self, restarts: u32, period: Duration) -> Self {
        Self {
            intensity: Intensity { restarts, period },
            ..self
        }
    }

    /// Sets whether significant children end the supervisor.
    #[must_use]
    pub fn auto_shutdown(self, auto_shutdown: AutoShutdown) -> Self {
        Self {
            auto_shutdown,
            ..self
        }
    }

    /// Sets the wait between restarts.
    #[must_use]
    pub fn backoff(self, first: Duration, cap: Duration) -> Self {
        Self {
            backoff: Backoff { first, cap },
            ..self
        }
    }

    /// Sets when an input counts as poison.
    #[must_use]
    pub fn quarantine(self, kills: u32, window: Duration) -> Self {
        Self {
            quarantine: Quarantine { kills, window },
            ..self
        }
    }

    /// Sets the order of stops at the supervisor's own end.
    #[must_use]
    pub fn stop_order(self, stop_order: StopOrder) -> Self {
        Self { stop_order, ..self }
    }

    /// Sets how many children it may have.
    #[must_use]
    pub fn children_max(self, children_max: usize) -> Self {
        Self { children_max, ..self }
    }

    /// Sets how many children may be starting at the same time.
    #[must_use]
    pub fn starts_max(self, starts_max: usize) -> Self {
        Self { starts_max, ..self }
    }

    /// Sets how long a killed child may take to disappear.
    #[must_use]
    pub fn kill_wait(self, kill_wait: Duration) -> Self {
        Self { kill_wait, ..self }
    }

    /// Whether a child fits this supervisor; OTP's `check_childspecs`.
    pub fn check(&self, child: &ChildSpec) -> Result<(), SpecError> {
        if child.significant && child.restart == Restart::Permanent {
            return Err(SpecError::PermanentSignificant { id: child.id.clone() });
        }
        if child.significant && self.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantWithoutAutoShutdown { id: child.id.clone() });
        }
        Ok(())
    }
}

/// A spec that contradicts itself or its supervisor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A permanent child never ends for good, so its end cannot be significant.
    #[error("child {id} is permanent and significant")]
    PermanentSignificant {
        /// The child.
        id: ChildId,
    },
    /// Significance without automatic shutdown would be ignored in silence.
    #[error("child {id} is significant, but its supervisor has no automatic shutdown")]
    SignificantWithoutAutoShutdown {
        /// The child.
        id: ChildId,
    },
    /// Two children of one supervisor have the same id.
    #[error("child id {id} is used twice")]
    Duplicate {
        /// The id.
        id: ChildId,
    },
    /// More static children than `children_max`.
    #[error("more than {max} children")]
    TooMany {
        /// The bound.
        max: usize,
    },
}
