//! Facts of kinds that this program does not know, in the one form that all later kinds have.
//!
//! A program carries what it cannot read: it merges such facts by stamp like all others, keeps them, passes them on, lets
//! them fade, and drops them with what they are about. For that it needs of each no more than stands here, so the form
//! is for good, and a later program that knows a kind reads its content and nothing else anew. Rejected: passing over what
//! is unknown, with which a newer node behind an older one misses it, and new fields in known kinds, which an older node
//! would pass on without them, under a stamp that then stands for two values.

use std::fmt;

use anthill_contracts::id::SignalId;
use serde::{Deserialize, Serialize};

use super::is_past;
use crate::params::Params;

/// Most bytes of a key.
pub const OTHER_KEY_BYTES_MAX: usize = 64;

/// Most bytes of a content.
pub const OTHER_CONTENT_BYTES_MAX: usize = 4_096;

/// The least of the kinds that have this form.
const KIND_FIRST: u8 = 7;

/// The largest of them: rows that are no facts begin with the number after it.
const KIND_LAST: u8 = 254;

/// Kinds with this bit are evidence.
const EVIDENCE_BIT: u8 = 0x80;

/// A fact of a kind of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Its kind, from 7 to 254. From 128 on it is evidence, which stays in its zone; below it goes everywhere.
    pub kind: u8,
    /// The time that it speaks of and fades by, in milliseconds since 1970. A later value never has an earlier one.
    pub at: u64,
    /// The signal that it is about, where it is about one: it goes where that may go, and with its erasure.
    pub about: Option<SignalId>,
    /// Names it among facts of its kind about that signal; at most [`OTHER_KEY_BYTES_MAX`].
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// What it says to those who know its kind; at most [`OTHER_CONTENT_BYTES_MAX`].
    #[serde(with = "serde_bytes")]
    pub content: Vec<u8>,
}

/// The name of a fact of a kind of its own: the kind, and a hash of what it is about and of its key.
///
/// The signal is a part of the name, as it is of a cell's: what an erasure covers of an entry must not change with its
/// values, or who missed the last one would give back one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OtherId {
    /// The kind.
    pub kind: u8,
    /// The first half of a BLAKE3 hash.
    pub hash: [u8; 16],
}

impl fmt::Debug for OtherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.kind, u128::from_be_bytes(self.hash))
    }
}

/// Whether a kind has this form.
pub(crate) const fn is_other_kind(kind: u8) -> bool {
    KIND_FIRST <= kind && kind <= KIND_LAST
}

impl Other {
    /// Its name.
    pub fn id(&self) -> OtherId {
        let mut hasher = blake3::Hasher::new();
        match &self.about {
            None => hasher.update(&[0]),
            Some(signal) => hasher.update(&[1]).update(signal.as_bytes()),
        };
        hasher.update(&self.key);
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        OtherId {
            kind: self.kind,
            hash,
        }
    }

    /// Whether it is evidence, which stays in its zone.
    pub const fn is_evidence(&self) -> bool {
        self.kind & EVIDENCE_BIT != 0
    }

    /// Whether it has this form and is no larger than anybody may write.
    pub const fn is_sound(&self) -> bool {
        is_other_kind(self.kind)
            && self.key.len() <= OTHER_KEY_BYTES_MAX
            && self.content.len() <= OTHER_CONTENT_BYTES_MAX
    }

    /// Whether it has faded: everybody drops it, by age alone and as evidence is dropped.
    pub const fn is_faded(&self, now: u64, params: &Params) -> bool {
        is_past(now.saturating_sub(self.at), params)
    }
}

impl OtherId {
    /// Whether what has this name is evidence.
    pub const fn is_evidence(self) -> bool {
        self.kind & EVIDENCE_BIT != 0
    }
}
