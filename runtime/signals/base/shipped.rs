//! What a program knows of its own strategies before anybody has used them: measured on documents of its own.
//!
//! It is a prior and no fact. Every node ships the same, so it is neither kept, exported nor gossiped, for then it would
//! count once for each of them; it does not fade, for it is no older on another day; it is worth a bounded number of
//! runs, so what is seen at the user's documents outweighs it; and it moves no state, for a strategy that is poor in
//! general may be the best one here and has to be tried. A revoked signal takes its evidence along.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::ScopePath;
use serde::{Deserialize, Serialize};

use super::KnowledgeBase;

/// Most runs that what is shipped of a signal is worth in a scope.
pub const SHIPPED_RUNS_MAX: u16 = 24;

/// What was measured of a built-in signal for one kind of task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The kind of task.
    pub scope: ScopePath,
    /// Runs that it is worth, at most [`SHIPPED_RUNS_MAX`].
    pub runs: u16,
    /// What it added to the outcome, in thousandths, against the mean of the strategies.
    pub gain_milli: i16,
}

impl KnowledgeBase {
    /// What is shipped of a signal for a kind of task, or for the nearest kind above it.
    pub(super) fn shipped(&self, signal: SignalId, scope: &ScopePath) -> Option<&Shipped> {
        let measured = self.shipped.get(&signal)?;
        scope
            .lineage()
            .find_map(|scope| measured.iter().find(|one| one.scope == scope))
    }

    /// Everything that is shipped of a signal.
    pub fn shipped_of(&self, signal: SignalId) -> &[Shipped] {
        self.shipped.get(&signal).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
