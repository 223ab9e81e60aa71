//! Quorums: how many origins have to say the same before a reader acts on it.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::signal::Origin;

use crate::regime;

/// Whether the voters among the active origins of a scope are enough for a reader of tenant `own`: more than a third.
///
/// Where the reader's own tenant works, its nodes are the measure, and all the nodes of another tenant together add at
/// most a third of the quorum, however many it claims to have. Where it does not, each tenant has one voice, which it
/// raises when more than a third of its nodes do.
pub fn carries(own: u32, voters: &BTreeSet<Origin>, active: &BTreeSet<Origin>) -> bool {
    // By tenant: how many vote, and how many might.
    let mut seats: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for origin in active {
        let seat = seats.entry(origin.tenant).or_default();
        seat.0 += usize::from(voters.contains(origin));
        seat.1 += 1;
    }
    let Some((own_votes, own_nodes)) = seats.remove(&own) else {
        let raised = seats
            .values()
            .filter(|(votes, nodes)| *votes >= regime::quorum(*nodes));
        return !seats.is_empty() && raised.count() >= regime::quorum(seats.len());
    };
    let quorum = regime::quorum(own_nodes);
    let others: usize = seats.values().map(|(votes, _)| (*votes).min(quorum / 3)).sum();
    own_votes + others >= quorum
}
