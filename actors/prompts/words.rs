//! Words in common: a cheap measure of how much a text has to do with a question.

use std::collections::BTreeSet;

/// Words shorter than this carry no meaning worth counting.
const WORD_CHARS_MIN: usize = 3;

/// The distinct words of a text: lower case, letters and digits, three characters or more.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() >= WORD_CHARS_MIN)
        .map(str::to_lowercase)
        .collect()
}

/// How many distinct words of the question occur in the text.
pub fn overlap(question: &str, text: &str) -> usize {
    overlap_with(&words(question), text)
}

/// The same for words that are already known.
pub(crate) fn overlap_with(question: &BTreeSet<String>, text: &str) -> usize {
    words(text).intersection(question).count()
}
