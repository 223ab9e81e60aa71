//! Small readings that only the base needs: chance by hash, and who says the same.

use std::collections::BTreeSet;

use anthill_contracts::id::SignalId;

use crate::replica::Replica;

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
