//! The writer: the only one that writes the facts of an origin.
//!
//! Every write takes the next stamp of the origin, is merged into the node's own replica and answered as the fact that
//! has to be kept and sent. Before an entry changes, its decay up to now is folded in.

use anthill_contracts::signal::Origin;

use crate::fact::{Cell, CellKey, Fact, ScopeCell, ScopeId, Stamp};
use crate::params::Params;
use crate::replica::Replica;

/// Who writes, and the stamp of its last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// The origin.
    pub origin: Origin,
    /// The stamp of the last write.
    pub stamp: Stamp,
}

impl Writer {
    /// A writer that goes on after this stamp.
    pub const fn new(origin: Origin, stamp: Stamp) -> Self {
        Self { origin, stamp }
    }

    /// The stamp of the next write, taken.
    #[must_use]
    pub const fn next(&mut self) -> Stamp {
        self.stamp.seq += 1;
        self.stamp
    }

    /// Changes the origin's evidence at a key.
    #[expect(
        clippy::too_many_arguments,
        reason = "an entry is named by its key and brought to a time before it changes"
    )]
    pub fn cell(
        &mut self,
        replica: &mut Replica,
        key: CellKey,
        now: u64,
        params: &Params,
        change: impl FnOnce(&mut Cell),
    ) -> Fact {
        let held = replica.cell(&key, self.origin).copied().unwrap_or_default();
        let mut cell = held.brought_to(now, params);
        change(&mut cell);
        cell.stamp = self.next();
        let fact = Fact::Cell {
            origin: self.origin,
            key,
            cell,
        };
        replica.merge(fact.clone());
        fact
    }

    /// Changes the origin's evidence of a scope.
    #[expect(
        clippy::too_many_arguments,
        reason = "an entry is named by its key and brought to a time before it changes"
    )]
    pub fn scope_cell(
        &mut self,
        replica: &mut Replica,
        scope: ScopeId,
        now: u64,
        params: &Params,
        change: impl FnOnce(&mut ScopeCell),
    ) -> Fact {
        let held = replica
            .scope_cells(scope)
            .iter()
            .find(|(origin, _)| *origin == self.origin)
            .map(|(_, cell)| cell.clone())
            .unwrap_or_default();
        let mut cell = held.brought_to(now, params);
        change(&mut cell);
        cell.stamp = self.next();
        let fact = Fact::ScopeCell {
            origin: self.origin,
            scope,
            cell,
        };
        replica.merge(fact.clone());
        fact
    }
}
