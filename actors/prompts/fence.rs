//! Fences around text from files, so that a model can tell data from what it is told.
//!
//! The name of a fence is a hash of the text inside. Whoever writes a document cannot close the fence from within:
//! the closing line would have to hold the hash of the text that contains it. Should it ever do so by chance, the
//! name is drawn again.

use anthill_contracts::digest::Digest;

/// Digits of a fence's name.
const NAME_DIGITS: usize = 16;

/// Most draws of a name. One is enough unless a text holds 64 bits of its own hash.
const DRAWS_MAX: u64 = 64;

/// A name for the fence around this text, which does not occur in it.
pub(super) fn name(text: &str) -> String {
    (0..DRAWS_MAX)
        .map(|draw| candidate(text, draw))
        .find(|name| !text.contains(name.as_str()))
        .unwrap_or_default()
}

fn candidate(text: &str, draw: u64) -> String {
    let digest = Digest::of_parts([text.as_bytes(), draw.to_le_bytes().as_slice()]);
    digest
        .to_string()
        .chars()
        .skip("b3:".len())
        .take(NAME_DIGITS)
        .collect()
}

/// The text between its fences.
pub(super) fn wrap(text: &str) -> String {
    let name = name(text);
    format!("<<<data {name}>>>\n{text}\n<<<end {name}>>>")
}

/// A path as it stands in a prompt: quoted, with line breaks and control characters escaped, so that a file's name
/// cannot pose as a line of the prompt.
pub(super) fn quoted_path(path: &str) -> String {
    serde_json::Value::from(path).to_string()
}
