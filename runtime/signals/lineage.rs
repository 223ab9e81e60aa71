//! Lineage: what was made of what, and what to bury when something turns out to be bad.
//!
//! Signals name the signals that they were made of. Whoever revokes a source, a tenant or a signal wants everything that
//! grew from it gone, too; the tombstones for that are computed here and written by the caller. Revocation only ever
//! adds tombstones, so it commutes with everything else: a descendant that arrives later is found by the next look.
//! Rejected: tombstones on sources, which every replica would have to resolve in the same way before it could merge.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, Signal};

use crate::fact::{Target, Tomb, Why};
use crate::replica::Replica;

/// What is to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// One signal.
    Signal(SignalId),
    /// Everything that came from a source.
    Source(String),
    /// Everything of a tenant.
    Tenant(u32),
    /// Everything of an origin.
    Origin(Origin),
}

/// These signals and everything that was made of them, at any remove, by id. Circles of parents end by themselves.
pub fn descendants(replica: &Replica, from: &[SignalId]) -> BTreeSet<SignalId> {
    let mut children: BTreeMap<SignalId, Vec<SignalId>> = BTreeMap::new();
    for signal in replica.signals() {
        for parent in &signal.parents {
            children.entry(*parent).or_default().push(signal.id);
        }
    }
    let mut found: BTreeSet<SignalId> = from.iter().copied().collect();
    let mut open: Vec<SignalId> = from.to_vec();
    while let Some(signal) = open.pop() {
        let grown = children.get(&signal).into_iter().flatten();
        open.extend(grown.filter(|child| found.insert(**child)));
    }
    found
}

/// The signals that a revocation names itself, without their descendants.
pub fn roots(replica: &Replica, what: &Revocation) -> Vec<SignalId> {
    let chosen = |pick: &dyn Fn(&Signal) -> bool| {
        let signals = replica.signals().filter(|signal| pick(signal));
        signals.map(|signal| signal.id).collect()
    };
    match what {
        Revocation::Signal(signal) => vec![*signal],
        Revocation::Source(source) => chosen(&|signal| signal.source == *source),
        Revocation::Tenant(tenant) => chosen(&|signal| signal.author.tenant == *tenant),
        Revocation::Origin(origin) => chosen(&|signal| signal.author == *origin),
    }
}

/// Everything that a revocation takes with it, by id.
pub fn reach(replica: &Replica, what: &Revocation) -> BTreeSet<SignalId> {
    descendants(replica, &roots(replica, what))
}

/// The tombstones to write for a revocation, those that stand already left out. Never fewer signals are dead after it.
pub fn revoke(replica: &Replica, what: &Revocation, why: Why, by: Origin, at: u64) -> Vec<Tomb> {
    let named = match what {
        Revocation::Tenant(tenant) => Some(Target::Tenant(*tenant)),
        Revocation::Origin(origin) => Some(Target::Origin(*origin)),
        Revocation::Signal(_) | Revocation::Source(_) => None,
    };
    let signals = reach(replica, what).into_iter().map(Target::Signal);
    named
        .into_iter()
        .chain(signals)
        .filter(|target| replica.tomb(*target).is_none())
        .map(|target| Tomb { target, why, by, at })
        .collect()
}

/// The tombstones that are due because a signal was made of one that is dead and arrived after its burial.
pub fn overdue(replica: &Replica, by: Origin, at: u64) -> Vec<Tomb> {
    let mut due = Vec::new();
    let mut seen: BTreeSet<SignalId> = BTreeSet::new();
    for tomb in replica.tombs() {
        let from: Vec<SignalId> = match tomb.target {
            Target::Signal(signal) => vec![signal],
            Target::Origin(origin) => roots(replica, &Revocation::Origin(origin)),
            Target::Tenant(tenant) => roots(replica, &Revocation::Tenant(tenant)),
        };
        for signal in descendants(replica, &from) {
            let target = Target::Signal(signal);
            if !replica.is_dead(signal) && seen.insert(signal) {
                due.push(Tomb {
                    target,
                    why: tomb.why,
                    by,
                    at,
                });
            }
        }
    }
    due
}

#[cfg(test)]
mod tests;
