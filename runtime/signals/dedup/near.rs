//! Near-duplicates: signals that say the same in other words, found by `MinHash` and locality-sensitive hashing.
//!
//! 64 hashes of the words and word pairs without stop words, in 16 bands of 4 (Broder 1997, Indyk and Motwani 1998).
//! Two signals that share a band are compared exactly, and proposed as aliases from a Jaccard similarity of 0.5 on. Since
//! one small word can turn a text around, texts are never proposed whose scope, polarity, negations, numbers, names or
//! words of direction differ. Actions are never near: other arguments are another action. Rejected: comparing embeddings,
//! in which `always` and `never` are neighbours.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Signal, SignalBody};

use super::canonical_text;
use crate::fact::Alias;

/// Hashes of a sketch.
pub const HASHES: usize = 64;
/// Bands that the hashes are cut into.
const BANDS: usize = 16;
/// Hashes of one band.
const ROWS: usize = HASHES / BANDS;
/// Least Jaccard similarity of two signals that say the same.
pub const JACCARD_MIN: f64 = 0.5;
/// Most signals of one band that a new one is compared with; a band that is fuller says nothing.
const BAND_MAX: usize = 256;

/// Words that every text has.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "do", "does", "for", "from",
    "had", "has", "have", "if", "in", "into", "is", "it", "its", "of", "on", "or", "should", "so", "such",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "was", "were",
    "when", "which", "will", "with", "you", "your",
];

/// Words that deny.
const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "nothing", "nobody", "nor", "neither", "without", "avoid", "cannot",
    "cant", "dont", "doesnt", "didnt", "isnt", "arent", "wasnt", "wont", "shouldnt", "mustnt", "couldnt",
    "wouldnt", "unless", "except", "skip", "stop", "refuse", "forbid", "lacks", "nicht", "kein", "keine",
    "nie", "ohne",
];

/// Words that say in which direction; two texts that differ in one of them say different things.
const DIRECTIONS: &[&str] = &[
    "before",
    "after",
    "first",
    "last",
    "more",
    "less",
    "most",
    "least",
    "fewer",
    "increase",
    "decrease",
    "raise",
    "lower",
    "higher",
    "high",
    "low",
    "always",
    "only",
    "up",
    "down",
    "above",
    "below",
    "over",
    "under",
    "include",
    "exclude",
    "enable",
    "disable",
    "on",
    "off",
    "start",
    "begin",
    "end",
    "top",
    "bottom",
    "left",
    "right",
    "min",
    "max",
    "minimum",
    "maximum",
    "ascending",
    "descending",
    "allow",
    "deny",
    "add",
    "remove",
    "keep",
    "drop",
    "all",
    "any",
    "some",
    "short",
    "long",
    "shorter",
    "longer",
    "small",
    "large",
    "smaller",
    "larger",
    "faster",
    "slower",
    "true",
    "false",
    "success",
    "failure",
    "open",
    "close",
    "read",
    "write",
    "input",
    "output",
];

/// The sketch of a text, by which near ones are found.
pub type Sketch = [u32; HASHES];

/// What must be equal in two texts that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sense {
    negations: usize,
    directions: BTreeSet<String>,
    numbers: Vec<String>,
    names: BTreeSet<String>,
}

impl Sense {
    fn of(text: &str, canonical: &str) -> Self {
        let mut sense = Self::default();
        for word in canonical.split(' ') {
            if NEGATIONS.contains(&word) {
                sense.negations += 1;
            } else if word.contains(char::is_numeric) {
                sense.numbers.push(word.to_owned());
            } else if DIRECTIONS.contains(&word) {
                sense.directions.insert(word.to_owned());
            } else if word.contains(|c: char| !c.is_alphanumeric()) {
                // Whatever has an underscore, a dot, a slash or an operator in it is a name or a formula.
                sense.names.insert(word.to_owned());
            }
        }
        sense.numbers.sort_unstable();
        for quoted in text.split('`').skip(1).step_by(2) {
            sense.names.insert(canonical_text(quoted));
        }
        sense
    }
}

/// Finds near-duplicates among the texts that it has been given.
#[derive(Debug, Default)]
pub struct NearDuplicates {
    held: HashMap<SignalId, (Arc<Signal>, Sketch)>,
    bands: HashMap<(u8, u64), Vec<SignalId>>,
}

impl NearDuplicates {
    /// Takes a signal in and answers the aliases that it gives rise to, in order of ids. A signal that is held already
    /// and an action give none.
    pub fn insert(&mut self, signal: &Arc<Signal>) -> Vec<Alias> {
        let SignalBody::Text { text } = &signal.body else {
            return Vec::new();
        };
        if self.held.contains_key(&signal.id) {
            return Vec::new();
        }
        let shingles = shingles(&canonical_text(text));
        let sketch = sketch(&shingles);
        let mut near: BTreeSet<SignalId> = BTreeSet::new();
        for band in bands(&sketch) {
            let members = self.bands.entry(band).or_default();
            if members.len() < BAND_MAX {
                near.extend(members.iter());
                members.push(signal.id);
            }
        }
        let aliases = near
            .into_iter()
            .filter(|other| says_the_same(signal, &self.held[other].0))
            .map(|other| Alias {
                stands: signal.id.min(other),
                follows: signal.id.max(other),
            })
            .collect();
        self.held.insert(signal.id, (Arc::clone(signal), sketch));
        aliases
    }

    /// Forgets a signal.
    pub fn remove(&mut self, id: SignalId) {
        let Some((_, sketch)) = self.held.remove(&id) else {
            return;
        };
        for band in bands(&sketch) {
            if let Some(members) = self.bands.get_mut(&band) {
                members.retain(|member| *member != id);
                if members.is_empty() {
                    self.bands.remove(&band);
                }
            }
        }
    }

    /// How many signals are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// Whether two signals say the same by the rule above, compared exactly.
pub fn says_the_same(a: &Signal, b: &Signal) -> bool {
    let (SignalBody::Text { text: text_a }, SignalBody::Text { text: text_b }) = (&a.body, &b.body) else {
        return false;
    };
    if a.scope != b.scope || a.polarity != b.polarity || a.trigger.require != b.trigger.require {
        return false;
    }
    let (canonical_a, canonical_b) = (canonical_text(text_a), canonical_text(text_b));
    Sense::of(text_a, &canonical_a) == Sense::of(text_b, &canonical_b)
        && jaccard(&shingles(&canonical_a), &shingles(&canonical_b)) >= JACCARD_MIN
}

/// Share of elements that two sorted sets have in common; 0 for two empty ones.
pub fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut at_a, mut at_b, mut common) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(at_a), b.get(at_b)) {
        common += usize::from(x == y);
        at_a += usize::from(x <= y);
        at_b += usize::from(y <= x);
    }
    match a.len() + b.len() - common {
        0 => 0.0,
        all => common as f64 / all as f64,
    }
}

/// Hashes of the words and the pairs of words of a canonical text, without stop words, sorted.
fn shingles(canonical: &str) -> Vec<u32> {
    let words: Vec<&str> = canonical
        .split(' ')
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
        .collect();
    let singles = words.iter().map(|word| hash(&[word]));
    let mut all: Vec<u32> = singles.chain(words.windows(2).map(hash)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// FNV-1a over the words with a mark between them.
fn hash(words: &[&str]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for word in words {
        for byte in word.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fold(mix(hash))
}

fn sketch(shingles: &[u32]) -> Sketch {
    let mut sketch = [u32::MAX; HASHES];
    for shingle in shingles {
        for (seed, least) in (1_u64..).zip(sketch.iter_mut()) {
            *least = (*least).min(fold(mix(u64::from(*shingle) | (seed << 32))));
        }
    }
    sketch
}

fn bands(sketch: &Sketch) -> impl Iterator<Item = (u8, u64)> {
    (0_u8..).zip(sketch.chunks_exact(ROWS)).map(|(band, rows)| {
        let key = rows.iter().fold(0, |key, row| mix(key ^ u64::from(*row)));
        (band, key)
    })
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood 2014).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const fn fold(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
