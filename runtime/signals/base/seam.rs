//! Where the base meets the rest of the layer: one name for each reading and each write that it calls.
//!
//! The base says what it needs in its own words; what stands behind a word may change without touching the base.

use std::collections::BTreeSet;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::SignalState;

use crate::params::Params;
use crate::replica::Replica;
use crate::view::View;

/// A number between 0 and 1 that depends on these parts alone.
pub(super) fn chance(parts: &[&[u8]]) -> f64 {
    let mut hasher = blake3::Hasher::new_derive_key("anthill 2026 chance");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Where a signal stands, and why.
pub(super) fn state(
    replica: &Replica,
    _: &View,
    signal: SignalId,
    _now: u64,
    _: &Params,
) -> (SignalState, Vec<String>) {
    if replica.is_dead(signal) {
        return (SignalState::Quarantined, vec!["it was revoked".to_owned()]);
    }
    (SignalState::Probation, vec!["it is new".to_owned()])
}

/// Everything that was made of these signals, they included.
pub(super) fn descendants(replica: &Replica, from: &[SignalId]) -> Vec<SignalId> {
    let mut found: BTreeSet<SignalId> = from.iter().copied().collect();
    loop {
        let before = found.len();
        for signal in replica.signals() {
            if signal.parents.iter().any(|parent| found.contains(parent)) {
                found.insert(signal.id);
            }
        }
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// Signals that say the same as this one.
pub(super) fn aliases(replica: &Replica, signal: SignalId) -> Vec<SignalId> {
    let mut same = BTreeSet::from([signal]);
    loop {
        let before = same.len();
        for alias in replica.aliases() {
            if same.contains(&alias.stands) || same.contains(&alias.follows) {
                same.extend([alias.stands, alias.follows]);
            }
        }
        if same.len() == before {
            same.remove(&signal);
            return same.into_iter().collect();
        }
    }
}

/// The signal that stands for all that say the same.
pub(super) fn stands_for(replica: &Replica, signal: SignalId) -> SignalId {
    let others = aliases(replica, signal).into_iter().min();
    others.map_or(signal, |other| other.min(signal))
}
