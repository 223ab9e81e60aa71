//! Terms of texts as numbers, and the words of a question that are worth searching for.

use std::collections::{BTreeMap, HashMap};

use anthill_text::script;
pub(super) use anthill_text::word::Language;
use unicode_segmentation::UnicodeSegmentation as _;

/// Terms as numbers, for vectors.
#[derive(Default)]
pub(super) struct Vocabulary {
    numbers: HashMap<String, u32>,
}

impl Vocabulary {
    /// How often each term occurs, by its number.
    pub(super) fn bag(&mut self, terms: &[String]) -> BTreeMap<u32, u32> {
        let mut bag = BTreeMap::new();
        for term in terms {
            let fresh = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            let number = match self.numbers.get(term) {
                Some(number) => *number,
                None => *self.numbers.entry(term.clone()).or_insert(fresh),
            };
            *bag.entry(number).or_insert(0) += 1;
        }
        bag
    }
}

/// The words of a question that say what it is about, as they stand, each once.
pub(super) fn content_words(question: &str) -> Vec<String> {
    let language = Language::of(question);
    let mut seen = Vec::new();
    let mut words = Vec::new();
    let mut take = |term: String, word: &str| {
        if !seen.contains(&term) {
            seen.push(term);
            words.push(word.to_owned());
        }
    };
    for word in question
        .unicode_words()
        .filter(|word| !word.contains(script::is_unspaced))
    {
        if let Some(term) = language.terms(word).into_iter().next_back() {
            take(term, word);
        }
    }
    // Scripts without spaces have no words to part; their terms are what is searched for.
    for term in language.terms(question) {
        if term.contains(script::is_unspaced) {
            take(term.clone(), &term);
        }
    }
    words
}

/// The longest beginning of a text with at most this many bytes.
pub(super) fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests;
