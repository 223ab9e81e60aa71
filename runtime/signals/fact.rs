//! Facts: what is stored, merged and gossiped. Who observed what; never what anybody thinks of it.
//!
//! Every entry is written by its origin alone, and each write raises its stamp; so the values that an entry can take
//! form a chain, and the larger stamp wins. A maximum on chains is commutative, associative and idempotent, and a map
//! of such entries is merged key by key with the same laws.

use std::fmt;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin, ScopePath, Signal};
use serde::{Deserialize, Serialize};

use crate::fixed::{self, Decay};
use crate::params::Params;
use crate::replica::Stream;

mod other;

pub(crate) use other::is_other_kind;
pub use other::{OTHER_CONTENT_BYTES_MAX, OTHER_KEY_BYTES_MAX, Other, OtherId};

/// Marks the numbers of zones among those of nodes. Nodes' numbers are hashes or small, so none is met by chance.
const ZONE_TAG: u64 = 0xffff_ffff_0000_0000;

/// The origin of what a zone says of its members' evidence for one tenant. Its entries are written by whoever
/// publishes for the zone, each in a stream of its own.
pub const fn zone_origin(tenant: u32, zone: u32) -> Origin {
    Origin {
        tenant,
        node: ZONE_TAG | zone as u64,
    }
}

/// Whether an origin is a zone and no node.
pub const fn is_zone(origin: Origin) -> bool {
    origin.node & ZONE_TAG == ZONE_TAG
}

/// The zone that an origin stands for; `None` for a node.
pub fn zone_of(origin: Origin) -> Option<u32> {
    is_zone(origin).then(|| u32::try_from(origin.node & !ZONE_TAG).expect("the tag is cut off"))
}

/// The number of a scope: a hash of its path. The path itself travels once, as a fact of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScopeId(pub u64);

impl ScopeId {
    /// The number of this path.
    pub fn of(path: &ScopePath) -> Self {
        let hash = *blake3::hash(path.as_str().as_bytes()).as_bytes();
        let (head, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
        Self(u64::from_le_bytes(*head))
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where evidence belongs: one signal, used in one scope, by one class of bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// The signal.
    pub signal: SignalId,
    /// The scope of the runs.
    pub scope: ScopeId,
    /// With what they were made.
    pub bundle: BundleClass,
}

/// Which of two values of one entry is the newer: the incarnation of its origin, then the origin's own count of
/// writes. The count is the origin's version, too, by which others ask for what they miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Rises when the origin has lost its count; never used again.
    pub inc: u32,
    /// Rises with every write of the origin, over all its entries.
    pub seq: u64,
}

/// Sums of runs, Q16.16: how many, their outcomes, and what they did better than was expected without the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Runs.
    pub n: u32,
    /// Outcomes, 0 to 1 each.
    pub y: u32,
    /// Observed advantages.
    pub adv: i64,
}

impl Sums {
    /// No runs.
    pub const NONE: Self = Self { n: 0, y: 0, adv: 0 };

    /// The sums after some time.
    #[must_use]
    pub const fn after(self, decay: Decay) -> Self {
        Self {
            n: decay.of_u32(self.n),
            y: decay.of_u32(self.y),
            adv: decay.of(self.adv),
        }
    }

    /// One more run, all in Q16.16. A single outcome may lie outside of 0 to 1, where its reporter errs; the sum of
    /// outcomes stays between none and all.
    #[must_use]
    pub fn with(self, y: i64, adv: i64) -> Self {
        let n = self.n.saturating_add(1 << 16);
        let sum = (i64::from(self.y) + y).clamp(0, i64::from(n));
        Self {
            n,
            y: u32::try_from(sum).unwrap_or(u32::MAX),
            adv: self.adv.saturating_add(adv),
        }
    }
}

/// What one origin has seen of a signal: the pheromone. Decayed sums as of `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// Orders the values of this entry.
    pub stamp: Stamp,
    /// When the sums were right, in milliseconds since 1970.
    pub at: u64,
    /// The regime that the sums belong to, as the origin saw it.
    pub regime: u8,
    /// Incidents of harm.
    pub harm: u8,
    /// Runs with the signal since ever, without decay.
    pub total: u32,
    /// Sums with the slow half-life.
    pub slow: Sums,
    /// Sums with the fast half-life.
    pub fast: Sums,
    /// Runs for which the signal was chosen and withheld, and their outcomes; slow half-life, Q16.16.
    pub held_n: u32,
    /// See [`Cell::held_n`].
    pub held_y: u32,
    /// How often the scope around the signal had turned, as the origin saw it; like `regime`, but of all siblings.
    #[serde(default)]
    pub era: u8,
}

/// What one origin has seen of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScopeCell {
    /// Orders the values of this entry.
    pub stamp: Stamp,
    /// When the sums were right, in milliseconds since 1970.
    pub at: u64,
    /// Runs, outcomes, and outcomes minus what the shown signals were expected to add (in `adv`); slow.
    pub slow: Sums,
    /// The same, fast.
    pub fast: Sums,
    /// Runs of the control arm and their outcomes; slow half-life, Q16.16.
    pub control_n: u32,
    /// See [`ScopeCell::control_n`].
    pub control_y: u32,
    /// The origin's votes: signals of this scope that it saw break, and the regime that it wants for each.
    pub votes: Vec<(SignalId, u8)>,
}

/// Most votes of one origin in one scope.
pub const VOTES_MAX: usize = 8;

/// Whether an entry is older than anything it could hold: nothing is left after so many half-lives.
///
/// By age alone, because a later value of an entry must never fade before an earlier one: whoever missed the later one
/// would keep the earlier, and give it back to those who had dropped both. The runs that are left may well be fewer in
/// the later value, after a break or a crash, so they cannot decide.
const fn is_past(age_ms: u64, params: &Params) -> bool {
    fixed::is_past(age_ms, params.slow_half_life_ms)
}

impl Cell {
    /// Whether the evidence has faded: everybody drops it, and reads nothing of it before.
    pub const fn is_faded(&self, now: u64, params: &Params) -> bool {
        is_past(now.saturating_sub(self.at), params)
    }

    /// The slow sums at a time; never older than they are.
    pub const fn slow_at(&self, now: u64, params: &Params) -> Sums {
        if self.is_faded(now, params) {
            return Sums::NONE;
        }
        let age = now.saturating_sub(self.at);
        self.slow.after(Decay::after(age, params.slow_half_life_ms))
    }

    /// The fast sums at a time.
    pub const fn fast_at(&self, now: u64, params: &Params) -> Sums {
        if self.is_faded(now, params) {
            return Sums::NONE;
        }
        let age = now.saturating_sub(self.at);
        self.fast.after(Decay::after(age, params.fast_half_life_ms))
    }

    /// Runs for which the signal was withheld, and their outcomes, at a time.
    pub const fn held_at(&self, now: u64, params: &Params) -> (u32, u32) {
        if self.is_faded(now, params) {
            return (0, 0);
        }
        let age = now.saturating_sub(self.at);
        let decay = Decay::after(age, params.slow_half_life_ms);
        (decay.of_u32(self.held_n), decay.of_u32(self.held_y))
    }

    /// The same evidence with its decay up to `now` folded in; what an origin does before it writes.
    #[must_use]
    pub const fn brought_to(self, now: u64, params: &Params) -> Self {
        let (held_n, held_y) = self.held_at(now, params);
        Self {
            at: if now > self.at { now } else { self.at },
            slow: self.slow_at(now, params),
            fast: self.fast_at(now, params),
            held_n,
            held_y,
            ..self
        }
    }
}

impl ScopeCell {
    /// Whether the evidence has faded: everybody drops it, and reads nothing of it before.
    pub const fn is_faded(&self, now: u64, params: &Params) -> bool {
        is_past(now.saturating_sub(self.at), params)
    }

    /// The slow sums at a time.
    pub const fn slow_at(&self, now: u64, params: &Params) -> Sums {
        if self.is_faded(now, params) {
            return Sums::NONE;
        }
        let age = now.saturating_sub(self.at);
        self.slow.after(Decay::after(age, params.slow_half_life_ms))
    }

    /// The fast sums at a time.
    pub const fn fast_at(&self, now: u64, params: &Params) -> Sums {
        if self.is_faded(now, params) {
            return Sums::NONE;
        }
        let age = now.saturating_sub(self.at);
        self.fast.after(Decay::after(age, params.fast_half_life_ms))
    }

    /// Runs of the control arm and their outcomes at a time.
    pub const fn control_at(&self, now: u64, params: &Params) -> (u32, u32) {
        if self.is_faded(now, params) {
            return (0, 0);
        }
        let age = now.saturating_sub(self.at);
        let decay = Decay::after(age, params.slow_half_life_ms);
        (decay.of_u32(self.control_n), decay.of_u32(self.control_y))
    }

    /// The same evidence with its decay up to `now` folded in.
    #[must_use]
    pub fn brought_to(self, now: u64, params: &Params) -> Self {
        let (control_n, control_y) = self.control_at(now, params);
        Self {
            at: self.at.max(now),
            slow: self.slow_at(now, params),
            fast: self.fast_at(now, params),
            control_n,
            control_y,
            ..self
        }
    }

    /// The regime that this origin wants for a signal; 0 where it never saw it break.
    pub fn vote_for(&self, signal: SignalId) -> u8 {
        self.votes
            .iter()
            .find(|(voted, _)| *voted == signal)
            .map_or(0, |(_, regime)| *regime)
    }
}

/// What a tombstone is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// One signal.
    Signal(SignalId),
    /// Everything that an origin has written.
    Origin(Origin),
    /// Everything of a tenant.
    Tenant(u32),
}

/// Why a tombstone was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// It did harm, or one that it was made of did: shown to nobody, kept for the record.
    Quarantine,
    /// Its origin has signed two values of one entry with one stamp.
    Equivocation,
    /// Somebody has a right to its disappearance: its content is dropped, too.
    Erasure,
}

/// A tombstone. Once set it stands until everything that it covers has faded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tomb {
    /// On what.
    pub target: Target,
    /// Why.
    pub why: Why,
    /// Who has set it.
    pub by: Origin,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// Two signals say the same. Grow-only; the smaller id stands for both, the evidence stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alias {
    /// The smaller id.
    pub stands: SignalId,
    /// The larger id.
    pub follows: SignalId,
}

/// One fact as it is written, kept and sent. `origin` and `stamp` say who wrote it and when in its own order; for
/// facts that never change they are the first writer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// A signal.
    Signal {
        /// The origin's version at which it was written.
        stamp: Stamp,
        /// The signal; its author is the origin.
        signal: Box<Signal>,
    },
    /// The path behind a scope's number.
    Scope {
        /// Who wrote it.
        origin: Origin,
        /// The origin's version at which it was written.
        stamp: Stamp,
        /// The path.
        path: ScopePath,
    },
    /// Evidence of a signal.
    Cell {
        /// Who wrote it.
        origin: Origin,
        /// Of what.
        key: CellKey,
        /// The evidence, stamped.
        cell: Cell,
    },
    /// Evidence of a scope.
    ScopeCell {
        /// Who wrote it.
        origin: Origin,
        /// Of what.
        scope: ScopeId,
        /// The evidence, stamped.
        cell: ScopeCell,
    },
    /// Two signals that say the same.
    Alias {
        /// Who wrote it.
        origin: Origin,
        /// The origin's version at which it was written.
        stamp: Stamp,
        /// Which.
        alias: Alias,
    },
    /// A tombstone; its `by` is the origin.
    Tomb {
        /// The origin's version at which it was written.
        stamp: Stamp,
        /// The tombstone.
        tomb: Tomb,
    },
    /// A fact of a kind that a later program has brought.
    Other {
        /// Who wrote it.
        origin: Origin,
        /// The origin's version at which it was written.
        stamp: Stamp,
        /// What can be known of it.
        other: Box<Other>,
    },
}

impl Fact {
    /// Who wrote it.
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Signal { signal, .. } => signal.author,
            Self::Scope { origin, .. }
            | Self::Cell { origin, .. }
            | Self::ScopeCell { origin, .. }
            | Self::Alias { origin, .. }
            | Self::Other { origin, .. } => *origin,
            Self::Tomb { tomb, .. } => tomb.by,
        }
    }

    /// In which stream it was written.
    pub const fn stream(&self) -> Stream {
        Stream {
            origin: self.origin(),
            inc: self.stamp().inc,
        }
    }

    /// Whether it is evidence, which stays in its zone, and not one of the facts that are needed everywhere.
    pub const fn is_evidence(&self) -> bool {
        match self {
            Self::Cell { .. } | Self::ScopeCell { .. } => true,
            Self::Other { other, .. } => other.is_evidence(),
            Self::Signal { .. } | Self::Scope { .. } | Self::Alias { .. } | Self::Tomb { .. } => false,
        }
    }

    /// The time that it speaks of, in milliseconds since 1970; 0 for facts that have none.
    pub const fn at(&self) -> u64 {
        match self {
            Self::Signal { signal, .. } => signal.created.0,
            Self::Cell { cell, .. } => cell.at,
            Self::ScopeCell { cell, .. } => cell.at,
            Self::Tomb { tomb, .. } => tomb.at,
            Self::Other { other, .. } => other.at,
            Self::Scope { .. } | Self::Alias { .. } => 0,
        }
    }

    /// When, in its origin's own order.
    pub const fn stamp(&self) -> Stamp {
        match self {
            Self::Signal { stamp, .. }
            | Self::Scope { stamp, .. }
            | Self::Alias { stamp, .. }
            | Self::Tomb { stamp, .. }
            | Self::Other { stamp, .. } => *stamp,
            Self::Cell { cell, .. } => cell.stamp,
            Self::ScopeCell { cell, .. } => cell.stamp,
        }
    }
}

#[cfg(test)]
mod tests;
