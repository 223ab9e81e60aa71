//! The single writer of an origin's facts.
//!
//! Every fact of an origin gets the next count, whatever it is about; so others ask for what they miss with one number,
//! and nothing can be written twice under one stamp. Chosen: the count lives here and is durable with the facts.
//! Rejected: a count per entry, which needs a digest as long as the replica.

use anthill_contracts::signal::{Origin, ScopePath, Signal};

use crate::fact::{Alias, Cell, CellKey, Fact, Other, ScopeCell, ScopeId, Stamp, Target, Tomb, Why};
use crate::replica::Replica;

/// Stamps the facts of one origin and lays them into its replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// Who writes.
    pub origin: Origin,
    /// The stamp of the last fact that was written.
    pub stamp: Stamp,
}

impl Writer {
    /// A writer that goes on where the replica's own facts end. `inc` must be larger than any that the origin has used
    /// before where its count may have been lost, and may be the same where it is durable.
    pub fn resume(replica: &Replica, origin: Origin, inc: u32) -> Self {
        let head = replica.head(origin);
        let stamp = if head.inc >= inc {
            head
        } else {
            Stamp { inc, seq: 0 }
        };
        Self { origin, stamp }
    }

    /// A writer that goes on after this stamp.
    pub const fn new(origin: Origin, stamp: Stamp) -> Self {
        Self { origin, stamp }
    }

    /// The stamp of the next fact.
    fn next(&mut self) -> Stamp {
        self.stamp.seq += 1;
        self.stamp
    }

    /// Changes this origin's evidence at a key, after its decay up to `now` is folded in. Answers the fact to keep and
    /// to send.
    pub fn cell(
        &mut self,
        replica: &mut Replica,
        key: CellKey,
        now: u64,
        change: impl FnOnce(&mut Cell),
    ) -> Fact {
        let held = replica.cell(&key, self.origin).unwrap_or_default();
        let mut cell = held.brought_to(now, replica.params());
        change(&mut cell);
        cell.stamp = self.next();
        let fact = Fact::Cell {
            origin: self.origin,
            key,
            cell,
        };
        replica.write(&fact, now);
        fact
    }

    /// Changes this origin's evidence of a scope, after its decay up to `now` is folded in.
    pub fn scope_cell(
        &mut self,
        replica: &mut Replica,
        scope: ScopeId,
        now: u64,
        change: impl FnOnce(&mut ScopeCell),
    ) -> Fact {
        let held = replica
            .scope_cell(scope, self.origin)
            .cloned()
            .unwrap_or_default();
        let mut cell = held.brought_to(now, replica.params());
        change(&mut cell);
        cell.stamp = self.next();
        let fact = Fact::ScopeCell {
            origin: self.origin,
            scope,
            cell,
        };
        replica.write(&fact, now);
        fact
    }

    /// Proposes a signal in this origin's name; `None` where the replica holds it already.
    pub fn signal(&mut self, replica: &mut Replica, mut signal: Signal) -> Option<Fact> {
        if replica.signal(signal.id).is_some() {
            return None;
        }
        signal.author = self.origin;
        let now = signal.created.0;
        let fact = Fact::Signal {
            stamp: self.next(),
            signal: Box::new(signal),
        };
        replica.write(&fact, now);
        Some(fact)
    }

    /// Tells the path behind a scope's number; `None` where the replica knows it.
    pub fn scope(&mut self, replica: &mut Replica, path: &ScopePath) -> Option<Fact> {
        if replica.scope(ScopeId::of(path)).is_some() {
            return None;
        }
        let fact = Fact::Scope {
            origin: self.origin,
            stamp: self.next(),
            path: path.clone(),
        };
        replica.write(&fact, 0);
        Some(fact)
    }

    /// Says that two signals mean the same; `None` where the replica knows it.
    pub fn alias(&mut self, replica: &mut Replica, alias: Alias) -> Option<Fact> {
        if replica.aliases().any(|known| known == alias) {
            return None;
        }
        let fact = Fact::Alias {
            origin: self.origin,
            stamp: self.next(),
            alias,
        };
        replica.write(&fact, 0);
        Some(fact)
    }

    /// Writes a fact of a kind of its own; `None` where it is larger than anybody may write. Its time becomes `now`, or
    /// that of the value that it replaces where that is the later: no value fades before one that it has replaced.
    pub fn other(&mut self, replica: &mut Replica, mut other: Other, now: u64) -> Option<Fact> {
        if !other.is_sound() {
            return None;
        }
        let held = replica.other(other.id(), self.origin);
        other.at = held.map_or(now, |held| held.at.max(now));
        let fact = Fact::Other {
            origin: self.origin,
            stamp: self.next(),
            other: Box::new(other),
        };
        replica.write(&fact, now);
        Some(fact)
    }

    /// Sets a tombstone. Setting it again makes it stand longer; a stronger reason stays.
    pub fn tomb(&mut self, replica: &mut Replica, target: Target, why: Why, now: u64) -> Fact {
        // Nobody takes back a reason, not even who gave it.
        let held = replica.tomb_by(target, self.origin);
        let why = held.map_or(why, |held| held.why.max(why));
        let fact = Fact::Tomb {
            stamp: self.next(),
            tomb: Tomb {
                target,
                why,
                by: self.origin,
                at: now,
            },
        };
        replica.write(&fact, now);
        fact
    }
}
