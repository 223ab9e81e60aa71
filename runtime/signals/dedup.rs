//! What makes two signals the same: a canonical form that is hashed into the id, and a search for near-duplicates.
//!
//! Evidence pools by itself where two agents say the same in the same words, so the canonical form forgives what carries
//! no meaning: case, spaces, sentence punctuation, the order of JSON keys. It keeps what does: numbers, operators, flags,
//! dots and slashes inside names, and the `not` in `don't`. Rejected: stemming and dropping stop words here, which would
//! give `use no cache` and `use caches` one id, and an id cannot be taken back. What is merely alike becomes an
//! [`crate::fact::Alias`], which can be ignored again; see [`near`].

pub mod near;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Polarity, ScopePath, SignalBody};
use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::Value;

/// Symbols that stand for an operation or a unit, and so are words of their own.
const OPERATORS: &str = "<>=+*%&|/\\~^$@#°€£±×÷≤≥≠";

/// The id of a signal: the hash of its scope, its polarity and its canonical body.
pub fn signal_id(scope: &ScopePath, polarity: Polarity, body: &SignalBody) -> SignalId {
    let kind: &[u8] = match body {
        SignalBody::Text { .. } => b"text",
        SignalBody::Action { .. } => b"action",
    };
    let (schema, rest) = match body {
        SignalBody::Text { text } => ("", canonical_text(text)),
        SignalBody::Action { schema, args } => (schema.as_str(), canonical_args(args)),
    };
    SignalId::of_parts(&[
        scope.as_str().as_bytes(),
        polarity.as_str().as_bytes(),
        kind,
        schema.as_bytes(),
        rest.as_bytes(),
    ])
}

/// Words in their canonical form: NFC, lower case, one space between words, no sentence punctuation.
///
/// Applying it twice changes nothing.
pub fn canonical_text(text: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let lower = nfc.normalize(&seen).to_lowercase();
    let chars: Vec<char> = nfc.normalize(&lower).chars().collect();
    let mut canonical = String::with_capacity(text.len());
    let mut gap = false;
    for (place, &c) in chars.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| chars[place]);
        let after = chars.get(place + 1).copied();
        match role(c, before, after) {
            Role::Kept => {
                if gap && !canonical.is_empty() {
                    canonical.push(' ');
                }
                gap = false;
                canonical.push(c);
            }
            Role::Gap => gap = true,
            Role::Dropped => {}
        }
    }
    // Letters that an apostrophe held apart may compose now.
    nfc.normalize(&canonical).into_owned()
}

/// What becomes of one character.
enum Role {
    Kept,
    Gap,
    Dropped,
}

fn role(c: char, before: Option<char>, after: Option<char>) -> Role {
    let is = |side: Option<char>, test: fn(char) -> bool| side.is_some_and(test);
    let in_word = is(before, is_word) && is(after, is_word);
    match c {
        c if is_word(c) || OPERATORS.contains(c) => Role::Kept,
        // `don't` and `dont` say the same.
        '\'' | '\u{2019}' if in_word => Role::Dropped,
        // `1.5`, `main.rs`, `10:30`.
        '.' if in_word => Role::Kept,
        ':' | ',' if is(before, char::is_numeric) && is(after, char::is_numeric) => Role::Kept,
        // `-5` and `-v`, but neither `- item` nor `well-known`.
        '-' | '\u{2212}' if !is(before, is_word) && is(after, is_word) => Role::Kept,
        // `!=`
        '!' if after == Some('=') => Role::Kept,
        _ => Role::Gap,
    }
}

/// Characters of which nothing is seen, so that they must make no difference.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}')
}

fn is_word(c: char) -> bool {
    // Marks follow the letter that they change, where NFC has no single character for both.
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{0300}'..='\u{036F}')
}

/// Arguments in their canonical form: JSON with sorted keys and no spaces. Values stay as they are, for a program will
/// act on them. What is no JSON comes back trimmed.
pub fn canonical_args(args: &str) -> String {
    match serde_json::from_str::<Value>(args) {
        Ok(value) => sorted(value).to_string(),
        Err(_) => args.trim().to_owned(),
    }
}

/// Sorts keys also where another crate of the program has switched on `serde_json/preserve_order`.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        value => value,
    }
}

#[cfg(test)]
mod tests;
