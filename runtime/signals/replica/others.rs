//! Facts of kinds that this program does not know, merged and kept like all others.
//!
//! They are counted in bytes, because nobody can tell what they are worth: an unknown kind must not fill a node, and one
//! origin must not fill what all of them share. Beside the facts stands whom they are about, so that erasing a signal
//! costs what was said of it and not a look at everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::Origin;

use super::claims::{Claims, Order, Stamped};
use super::{Entry, Replica};
use crate::fact::{Other, OtherId, Stamp};
use crate::params::Params;

/// Most bytes that facts of unknown kinds take in one replica, all together.
pub const OTHER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most of them by one origin: it takes four that mean harm to keep everybody else's out.
pub const OTHER_BYTES_PER_ORIGIN_MAX: usize = OTHER_BYTES_MAX / 4;

/// What a fact counts beside its key and its content: its name, its writer and its place in the stream.
const ENTRY_BYTES: usize = 128;

const fn bytes_of(other: &Other) -> usize {
    ENTRY_BYTES + other.key.len() + other.content.len()
}

/// A value with its place in the order of its origin.
pub(super) type Carried = (Stamp, Arc<Other>);

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Others {
    claims: BTreeMap<OtherId, Claims<Carried>>,
    by_signal: BTreeSet<(SignalId, OtherId, Origin)>,
    by_origin: BTreeMap<Origin, usize>,
    bytes: usize,
}

impl Others {
    /// One origin's value of a name.
    pub(super) fn get(&self, id: OtherId, origin: Origin) -> Option<&Carried> {
        self.claims.get(&id)?.get(origin)
    }

    /// All names and who wrote them, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.all().map(|(id, origin, _)| Entry::Other(id, origin))
    }

    fn all(&self) -> impl Iterator<Item = (OtherId, Origin, &Carried)> {
        self.claims.iter().flat_map(|(id, claims)| {
            let claims = claims.all().iter();
            claims.map(|(origin, carried)| (*id, *origin, carried))
        })
    }

    /// What was said of a signal.
    pub(super) fn about(&self, signal: SignalId) -> impl Iterator<Item = Entry> + '_ {
        let least = OtherId {
            kind: 0,
            hash: [0; 16],
        };
        let from = (signal, least, Origin::default());
        let about = self.by_signal.range(from..);
        about
            .take_while(move |(of, _, _)| *of == signal)
            .map(|(_, id, origin)| Entry::Other(*id, *origin))
    }

    /// What has faded.
    pub(super) fn faded<'a>(&'a self, now: u64, params: &'a Params) -> impl Iterator<Item = Entry> + 'a {
        let faded = self
            .all()
            .filter(move |(_, _, (_, other))| other.is_faded(now, params));
        faded.map(|(id, origin, _)| Entry::Other(id, origin))
    }

    /// Whether a value fits beside all others, in place of the one that it replaces.
    pub(super) fn has_room(&self, origin: Origin, other: &Other) -> bool {
        let held = self.held_bytes(other.id(), origin);
        let more = bytes_of(other).saturating_sub(held);
        let by_origin = self.by_origin.get(&origin).copied().unwrap_or(0);
        self.bytes + more <= OTHER_BYTES_MAX && by_origin + more <= OTHER_BYTES_PER_ORIGIN_MAX
    }

    fn held_bytes(&self, id: OtherId, origin: Origin) -> usize {
        self.get(id, origin).map_or(0, |(_, held)| bytes_of(held))
    }

    /// Puts a value in place of its origin's where it is the newer.
    pub(super) fn settle(&mut self, origin: Origin, stamp: Stamp, other: &Other) -> Order {
        let id = other.id();
        let before = self.held_bytes(id, origin);
        let claims = self.claims.entry(id).or_default();
        let order = claims.settle(origin, (stamp, Arc::new(other.clone())));
        self.count(origin, before, self.held_bytes(id, origin));
        if let Some(signal) = other.about {
            self.by_signal.insert((signal, id, origin));
        }
        order
    }

    fn count(&mut self, origin: Origin, before: usize, after: usize) {
        self.bytes = self.bytes - before + after;
        let by_origin = self.by_origin.entry(origin).or_default();
        *by_origin = *by_origin - before + after;
        if *by_origin == 0 {
            self.by_origin.remove(&origin);
        }
    }

    /// Drops one origin's value. Answers the stamp that it had.
    pub(super) fn remove(&mut self, id: OtherId, origin: Origin) -> Option<Stamp> {
        let claims = self.claims.get_mut(&id)?;
        let (stamp, other) = claims.get(origin)?.clone();
        claims.remove(origin);
        if claims.all().is_empty() {
            self.claims.remove(&id);
        }
        if let Some(signal) = other.about {
            self.by_signal.remove(&(signal, id, origin));
        }
        self.count(origin, bytes_of(&other), 0);
        Some(stamp)
    }
}

impl Stamped for Carried {
    fn stamp(&self) -> Stamp {
        self.0
    }

    fn hash(&self) -> [u8; 32] {
        super::claims::content_hash(&*self.1)
    }

    fn knows(&self) -> (u64, u32) {
        (self.1.at, 0)
    }
}

impl Replica {
    /// The facts of a kind of its own that count here, in order of their names and origins; for those who know the kind.
    pub fn others(&self, kind: u8) -> impl Iterator<Item = (Origin, &Other)> + '_ {
        let of_kind = self.others.all().filter(move |(id, _, _)| id.kind == kind);
        of_kind
            .filter(|(id, origin, _)| !id.is_evidence() || self.vantage.counts(*origin))
            .map(|(_, origin, (_, other))| (origin, &**other))
    }

    /// One origin's value of a name.
    pub fn other(&self, id: OtherId, origin: Origin) -> Option<&Other> {
        self.others.get(id, origin).map(|(_, other)| &**other)
    }

    /// How many facts of kinds of their own it holds: those of newer programs.
    pub fn other_count(&self) -> usize {
        self.others.all().count()
    }
}

#[cfg(test)]
mod tests;
