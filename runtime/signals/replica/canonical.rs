//! One form of bytes for equal facts, and sums over ranges of them by which two replicas find where they differ.
//!
//! Both are made when they are asked for. Sums kept up to date with every write were rejected: a check happens once a
//! minute, a write thousands of times a second.

use super::{Entry, Replica};
use crate::fact::Fact;

/// Ranges of each kind of entry.
pub const BUCKETS: usize = 256;

/// A kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Signals.
    Signal,
    /// Paths of scopes.
    Scope,
    /// Evidence of signals.
    Cell,
    /// Evidence of scopes.
    ScopeCell,
    /// Pairs that say the same.
    Alias,
    /// Tombstones.
    Tomb,
    /// Facts of kinds of their own.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Signal,
        Self::Scope,
        Self::Cell,
        Self::ScopeCell,
        Self::Alias,
        Self::Tomb,
        Self::Other,
    ];
}

impl Entry {
    /// Its kind.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Signal(..) => Kind::Signal,
            Self::Scope(..) => Kind::Scope,
            Self::Cell(..) => Kind::Cell,
            Self::ScopeCell(..) => Kind::ScopeCell,
            Self::Alias(..) => Kind::Alias,
            Self::Tomb(..) => Kind::Tomb,
            Self::Other(..) => Kind::Other,
        }
    }

    /// Whether it names evidence, which stays in its zone.
    pub const fn is_evidence(self) -> bool {
        match self {
            Self::Cell(..) | Self::ScopeCell(..) => true,
            Self::Other(id, _) => id.is_evidence(),
            Self::Signal(..) | Self::Scope(..) | Self::Alias(..) | Self::Tomb(..) => false,
        }
    }

    /// The name as bytes, the same on every machine: the key of a row.
    pub fn to_bytes(self) -> Vec<u8> {
        encode(&self)
    }

    /// In which of the [`BUCKETS`] ranges of its kind it lies.
    pub fn bucket(self) -> u8 {
        blake3::hash(&self.to_bytes()).as_bytes()[0]
    }
}

impl Replica {
    /// Facts that count at a time, in order of entries: without those that have faded and were not dropped yet.
    pub fn living(&self, now: u64) -> impl Iterator<Item = Fact> + '_ {
        self.facts().filter(move |fact| match fact {
            Fact::Signal { signal, .. } => !self.is_retired(signal.id, now),
            _ => !self.is_faded(fact, now),
        })
    }

    /// The facts that count at a time as bytes: equal facts, equal bytes.
    pub fn canonical_bytes(&self, now: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for fact in self.living(now) {
            let fact = encode(&fact);
            bytes.extend_from_slice(&(fact.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&fact);
        }
        bytes
    }

    /// The hash of [`Replica::canonical_bytes`].
    pub fn canonical_digest(&self, now: u64) -> [u8; 32] {
        *blake3::hash(&self.canonical_bytes(now)).as_bytes()
    }

    /// One sum for each range of a kind: equal where the facts of the range are equal.
    pub fn buckets(&self, kind: Kind, now: u64) -> Vec<u128> {
        let mut sums = vec![0; BUCKETS];
        for fact in self.living(now).filter(|fact| fact.entry().kind() == kind) {
            let hash = *blake3::hash(&encode(&fact)).as_bytes();
            let (head, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
            let sum = &mut sums[usize::from(fact.entry().bucket())];
            // A sum, not an exclusive or: with that, two equal errors would hide each other.
            *sum = u128::wrapping_add(*sum, u128::from_le_bytes(*head));
        }
        sums
    }

    /// The facts of one range.
    pub fn bucket_facts(&self, kind: Kind, bucket: u8, now: u64) -> Vec<Fact> {
        let facts = self.living(now);
        facts
            .filter(|fact| fact.entry().kind() == kind && fact.entry().bucket() == bucket)
            .collect()
    }
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("facts are plain data")
}
