//! Zones: what a group of nodes says together of its members' evidence, as a pure function of their facts.
//!
//! Beyond some dozens of nodes not everybody can hold what everybody has seen. So raw evidence stays among the up to 64
//! nodes of a zone, and the others get one entry per key and zone: the members' sums, brought to the time of the latest
//! of them. Sums are whole numbers and no order plays a part, so whoever holds the same facts publishes the same entry;
//! one that knows more replaces one that knows less, and nothing is ever added to an entry, so no change of publishers
//! counts anything twice. Rejected: a tree of nodes that add up, which loses or doubles a branch with a node.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;

use crate::fact::{Cell, CellKey, ScopeCell, ScopeId, Stamp, Sums, VOTES_MAX, is_zone};
use crate::fixed;
use crate::regime::{Regime, quorum};
use crate::replica::Replica;

/// The sums of one tenant's nodes at a key, as of `at` or of the latest of them; without a stamp. `None` where the
/// replica holds nothing of theirs.
///
/// The regime is the one that more than a third of them have come to, so that no single member can make the zone
/// forget; members behind it count as they would to a reader of that regime.
pub fn cell(replica: &Replica, key: &CellKey, tenant: u32, at: u64) -> Option<Cell> {
    let params = replica.params();
    let members = || {
        let cells = replica.cells(key);
        cells.filter(move |(origin, _)| origin.tenant == tenant && !is_zone(*origin))
    };
    let at = members().map(|(_, cell)| cell.at).max()?.max(at);
    let regime = Regime {
        own: ranked(members().map(|(_, cell)| cell.regime)),
        era: ranked(members().map(|(_, cell)| cell.era)),
    };
    let (mut slow, mut fast, mut held) = (Total::default(), Total::default(), Total::default());
    let (mut total, mut harm) = (0_u32, 0_u8);
    for (_, cell) in members().filter(|(_, cell)| !cell.is_faded(at, params)) {
        let keep = regime.keep(&cell, params);
        slow.add(cell.slow_at(at, params), keep);
        fast.add(cell.fast_at(at, params), keep);
        let (n, y) = cell.held_at(at, params);
        held.add(Sums { n, y, adv: 0 }, fixed::ONE);
        total = total.saturating_add(cell.total);
        harm = harm.saturating_add(cell.harm);
    }
    let held = held.sums();
    Some(Cell {
        stamp: Stamp::default(),
        at,
        regime: regime.own,
        harm,
        total,
        slow: slow.sums(),
        fast: fast.sums(),
        held_n: held.n,
        held_y: held.y,
        era: regime.era,
    })
}

/// The sums of one tenant's nodes in a scope, like [`cell`]. The zone votes for what more than a third of its active
/// members vote for.
pub fn scope_cell(replica: &Replica, scope: ScopeId, tenant: u32, at: u64) -> Option<ScopeCell> {
    let params = replica.params();
    let members = || {
        let cells = replica.scope_cells(scope);
        cells.filter(move |(origin, _)| origin.tenant == tenant && !is_zone(*origin))
    };
    let at = members().map(|(_, cell)| cell.at).max()?.max(at);
    let (mut slow, mut fast, mut control) = (Total::default(), Total::default(), Total::default());
    let mut active = 0;
    let mut votes: BTreeMap<SignalId, Vec<u8>> = BTreeMap::new();
    for (_, cell) in members() {
        let now = cell.slow_at(at, params);
        slow.add(now, fixed::ONE);
        fast.add(cell.fast_at(at, params), fixed::ONE);
        let (n, y) = cell.control_at(at, params);
        control.add(Sums { n, y, adv: 0 }, fixed::ONE);
        if i64::from(now.n) * 2 >= fixed::ONE {
            active += 1;
            for (signal, regime) in &cell.votes {
                votes.entry(*signal).or_default().push(*regime);
            }
        }
    }
    let control = control.sums();
    Some(ScopeCell {
        stamp: Stamp::default(),
        at,
        slow: slow.sums(),
        fast: fast.sums(),
        control_n: control.n,
        control_y: control.y,
        votes: agreed(votes, quorum(active)),
    })
}

/// For each signal the largest regime that enough vote for; of too many signals those with the largest.
fn agreed(votes: BTreeMap<SignalId, Vec<u8>>, quorum: usize) -> Vec<(SignalId, u8)> {
    let mut agreed: Vec<(SignalId, u8)> = votes
        .into_iter()
        .map(|(signal, mut regimes)| {
            regimes.sort_unstable_by(|left, right| right.cmp(left));
            (signal, regimes.get(quorum - 1).copied().unwrap_or(0))
        })
        .filter(|(_, regime)| *regime > 0)
        .collect();
    agreed.sort_unstable_by_key(|(signal, regime)| (std::cmp::Reverse(*regime), *signal));
    agreed.truncate(VOTES_MAX);
    agreed.sort_unstable();
    agreed
}

/// The largest number that more than a third reach.
fn ranked(numbers: impl Iterator<Item = u8>) -> u8 {
    let mut falling: Vec<u8> = numbers.collect();
    falling.sort_unstable_by(|left, right| right.cmp(left));
    falling.get(quorum(falling.len()) - 1).copied().unwrap_or(0)
}

/// Sums wider than those of one origin.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    n: i64,
    y: i64,
    adv: i128,
}

impl Total {
    fn add(&mut self, sums: Sums, keep: i64) {
        self.n += i64::from(sums.n) * keep / fixed::ONE;
        self.y += i64::from(sums.y) * keep / fixed::ONE;
        self.adv += i128::from(sums.adv) * i128::from(keep) / i128::from(fixed::ONE);
    }

    /// The same as an origin's; more runs than one can tell are told as fewer, with the same means.
    fn sums(self) -> Sums {
        let most = i64::from(u32::MAX);
        let (of, part) = (i128::from(self.n.max(most)), i128::from(most));
        let fit = |value: i128| value * part / of;
        Sums {
            n: u32::try_from(fit(self.n.into())).unwrap_or(u32::MAX),
            y: u32::try_from(fit(self.y.into())).unwrap_or(u32::MAX),
            adv: i64::try_from(fit(self.adv)).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests;
