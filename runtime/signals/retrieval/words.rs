//! Cuts texts into what is indexed: hashed stems of words, pairs of them, and hashed runs of characters.
//!
//! Only hashes leave this file, so nothing that is kept of a task says in what words it was put. Names such as
//! `read_file` count as their parts and as a whole. English stems for all languages: a wrong stem is wrong on both sides,
//! and the runs of characters find what it hides.

use rust_stemmers::{Algorithm, Stemmer};

/// Longest word that is indexed, in bytes; longer ones are data.
const WORD_BYTES_MAX: usize = 40;

/// Bits of a hashed run of characters.
const GRAM_BITS: u32 = 20;

/// Marks a pair of words, so that it is never taken for a word.
const PAIR: u8 = 0xfe;

/// Words that stand in every text and tell none from another.
const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been", "but", "by",
    "can", "could", "did", "do", "does", "each", "for", "from", "had", "has", "have", "he", "her", "his",
    "how", "if", "in", "into", "is", "it", "its", "may", "more", "most", "must", "no", "not", "of", "on",
    "one", "only", "or", "other", "our", "over", "shall", "she", "should", "so", "some", "such", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "up",
    "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "why", "will", "with",
    "would", "you", "your",
];

/// The hash of one word, as it stands in [`anthill_contracts::signal::Trigger::terms`].
pub fn term(word: &str) -> u32 {
    hash(&[stem(&Stemmer::create(Algorithm::English), &word.to_lowercase()).as_bytes()])
}

/// The hashed words of a text in order, see [`named`].
pub(super) fn words(text: &str) -> Vec<u32> {
    named(&text.to_lowercase())
        .into_iter()
        .map(|(word, _)| word)
        .collect()
}

/// The hashed words of a text in lower case, in order and without stop words, each with what it was made of; a name in
/// parts comes as its parts and as a whole, which is made of nothing more.
pub(super) fn named(lower: &str) -> Vec<(u32, &str)> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut words = Vec::with_capacity(lower.len() / 8);
    let is_joint = |c: char| c == '_' || c == '-';
    for name in lower.split(|c: char| !c.is_alphanumeric() && !is_joint(c)) {
        let name = name.trim_matches(is_joint);
        let mut parts = 0;
        for part in name.split(is_joint).filter(|part| !part.is_empty()) {
            parts += 1;
            if part.len() <= WORD_BYTES_MAX && STOP_WORDS.binary_search(&part).is_err() {
                words.push((hash(&[stem(&stemmer, part).as_bytes()]), part));
            }
        }
        if parts > 1 && name.len() <= WORD_BYTES_MAX {
            words.push((hash(&[name.as_bytes()]), ""));
        }
    }
    words
}

/// The hashed pairs of neighbouring words.
pub(super) fn pairs(words: &[u32]) -> impl Iterator<Item = u32> {
    words
        .windows(2)
        .map(|pair| hash(&[&pair[0].to_le_bytes(), &[PAIR], &pair[1].to_le_bytes()]))
}

/// The hashed runs of 3 to 5 characters of a text, each word with a space before and after it.
pub(super) fn grams(text: &str) -> Vec<u32> {
    let mut grams = Vec::with_capacity(text.len() * 3);
    for part in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty() && part.len() <= WORD_BYTES_MAX)
    {
        grams_of(part, &mut grams);
    }
    grams
}

/// Adds the hashed runs of characters of one word.
pub(super) fn grams_of(part: &str, grams: &mut Vec<u32>) {
    let mut word: Vec<u32> = Vec::with_capacity(WORD_BYTES_MAX + 2);
    word.push(u32::from(' '));
    word.extend(part.chars().flat_map(char::to_lowercase).map(u32::from));
    word.push(u32::from(' '));
    for start in 0..word.len() {
        let mut hash = 0_u64;
        for (length, c) in (1..=5).zip(&word[start..]) {
            hash = (hash ^ u64::from(*c))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
            if length >= 3 {
                grams.push(fold(hash ^ length) >> (32 - GRAM_BITS));
            }
        }
    }
}

fn stem<'a>(stemmer: &Stemmer, word: &'a str) -> std::borrow::Cow<'a, str> {
    stemmer.stem(word)
}

/// FNV-1a over the parts.
fn hash(parts: &[&[u8]]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().copied().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    fold(hash)
}

/// The upper half of the product with a large odd number: every bit of the hash has a say in it.
const fn fold(hash: u64) -> u32 {
    let [.., a, b, c, d] = (hash ^ (hash >> 32))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
