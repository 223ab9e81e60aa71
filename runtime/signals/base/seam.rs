//! Where the base meets the rest of the layer: one name for each reading and each write that it calls.
//!
//! The base says what it needs in its own words; what stands behind a word may change without touching the base.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::Ask;
use anthill_contracts::signal::{ScopePath, Signal, SignalBody, SignalState};

use crate::params::Params;
use crate::replica::Replica;
use crate::view::View;

/// What a run is about, for the index.
pub(super) struct Index {
    signals: BTreeMap<SignalId, Arc<Signal>>,
    relevance_min: f64,
}

impl Index {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            signals: BTreeMap::new(),
            relevance_min: params.relevance_min,
        }
    }

    pub(super) fn insert(&mut self, signal: &Arc<Signal>) {
        self.signals.insert(signal.id, Arc::clone(signal));
    }

    pub(super) fn remove(&mut self, signal: SignalId) {
        self.signals.remove(&signal);
    }

    /// Signals of the scope and of those that it refines whose requirements the task meets, with their relevance.
    pub(super) fn candidates(&self, ask: &Ask) -> Vec<(SignalId, f64)> {
        let lineage: Vec<ScopePath> = ask.scope.lineage().collect();
        let fits = |signal: &&Arc<Signal>| {
            lineage.contains(&signal.scope)
                && signal
                    .trigger
                    .require
                    .iter()
                    .all(|(key, value)| ask.state.get(key) == Some(value))
        };
        let relevant = |signal: &Arc<Signal>| {
            let relevance = 1.0;
            (relevance >= self.relevance_min).then_some((signal.id, relevance))
        };
        self.signals.values().filter(fits).filter_map(relevant).collect()
    }
}

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

/// One signal that may be packed.
pub(super) struct Candidate {
    pub(super) score: f64,
    pub(super) tokens: u32,
}

pub(super) fn candidate(signal: &Signal, score: f64) -> Candidate {
    Candidate {
        score,
        tokens: u32::from(signal.tokens),
    }
}

pub(super) fn pack(candidates: &[Candidate], tokens_max: u32, slots_max: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|left, right| candidates[*right].score.total_cmp(&candidates[*left].score));
    let mut left = tokens_max;
    order.retain(|place| {
        let tokens = candidates[*place].tokens;
        let fits = tokens <= left;
        left -= if fits { tokens } else { 0 };
        fits
    });
    order.truncate(slots_max as usize);
    order
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

/// Why a text is not taken; `None` where it may be.
pub(super) fn unclean(body: &SignalBody) -> Option<String> {
    let SignalBody::Text { text } = body else {
        return None;
    };
    let bytes = text.len();
    let bytes_max = anthill_contracts::signal::SIGNAL_TEXT_BYTES_MAX;
    if text.trim().is_empty() {
        return Some("a text without words".to_owned());
    }
    (bytes > bytes_max).then(|| format!("a text of {bytes} bytes; at most {bytes_max} fit"))
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
