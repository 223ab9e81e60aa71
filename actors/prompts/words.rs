//! Words in common: a cheap measure of how much a text has to do with a question.

use std::collections::BTreeSet;

use anthill_text::script;
use anthill_text::word::{self, Language};

/// Words shorter than this carry no meaning worth counting.
const WORD_CHARS_MIN: usize = 3;

/// The distinct words of a text: lower case, letters and digits, three characters or more.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    let plain = word::normal(text);
    let is_joint = |letter: char| !letter.is_alphanumeric();
    let mut words: BTreeSet<String> = plain
        .split(is_joint)
        .filter(|word| !word.contains(script::is_unspaced) && word.chars().count() >= WORD_CHARS_MIN)
        .map(str::to_lowercase)
        .collect();
    // Scripts without spaces have no words to part; pairs of their characters stand for them.
    if plain.contains(script::is_unspaced) {
        let terms = Language::english().terms(&plain);
        words.extend(
            terms
                .into_iter()
                .filter(|term| term.starts_with(script::is_unspaced)),
        );
    }
    words
}

/// How many distinct words of the question occur in the text.
pub fn overlap(question: &str, text: &str) -> usize {
    overlap_with(&words(question), text)
}

/// The same for words that are already known.
pub(crate) fn overlap_with(question: &BTreeSet<String>, text: &str) -> usize {
    words(text).intersection(question).count()
}
