//! Words of a text as terms that can be compared: lower case, without function words, reduced to their stem.
//!
//! English first: its function words and suffixes are known. Words of other languages are compared as they stand, which
//! finds less and never fails.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation as _;

/// Longest word that is taken as one; what is longer is data.
const WORD_BYTES_MAX: usize = 64;

/// Words that hold sentences together and say nothing about their subject.
const STOP_WORDS: &str = "a about above after again against all almost alone along already also although always am \
    among an and another any anything are around as at away back be because been before being below between both but \
    by came can cannot come could did do does doesn doing don done down during each either else enough etc even ever \
    every everything few first for from further gave give given go goes going gone got had has have having he hence \
    her here hers him his how however i if in indeed into is isn it its itself just keep last least less let like ll \
    made many may me might more moreover most much must my near neither never next no nor not nothing now of off often \
    on once one only onto or other others our ours out over own per perhaps quite rather re really said same say says \
    see seem seems seen several shall she should shouldn since so some something sometimes still such than that the \
    their theirs them then there therefore these they thing things this those though through thus to together too \
    toward towards under unless until up upon us ve very via was wasn way we well were what whatever when whenever \
    where whereas wherever whether which while who whoever whole whom whose why will with within without won would \
    wouldn yet you your yours";

/// Words of questions that are weak evidence for what is asked.
const WEAK_WORDS: &str = "use used uses using usage work works working make makes making get gets need needs want \
    wants different difference mean means meaning happen happens good better best main important purpose explain \
    describe tell list summarize summarise summary document documents documentation text book guide read know \
    understand chapter file files folder question answer find kind kinds example examples provide provides help \
    helps say support supports allow allows take takes become becomes exist exists do possible two three main new \
    old handle handles become give gives various part parts";

/// What is needed to turn words into terms.
pub(super) struct Language {
    stemmer: Stemmer,
    stop: HashSet<&'static str>,
    weak: HashSet<String>,
}

impl Language {
    /// English.
    pub(super) fn new() -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let weak = WEAK_WORDS
            .split_whitespace()
            .map(|word| stemmer.stem(word).into_owned())
            .collect();
        Self {
            stop: STOP_WORDS.split_whitespace().collect(),
            weak,
            stemmer,
        }
    }

    /// Whether a word, in lower case, only holds sentences together.
    pub(super) fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    /// Whether a term is weak evidence for what is asked.
    pub(super) fn is_weak(&self, term: &str) -> bool {
        self.weak.contains(term)
    }

    /// The terms of a text, in order, repetitions included. A name such as `read_file` counts as itself and as its
    /// parts.
    pub(super) fn terms(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        for word in text.unicode_words().filter(|word| word.len() <= WORD_BYTES_MAX) {
            let word = word.to_lowercase();
            if word.contains('_') {
                terms.extend(word.split('_').filter_map(|part| self.term(part)));
            }
            terms.extend(self.term(&word));
        }
        terms
    }

    fn term(&self, word: &str) -> Option<String> {
        let word = word
            .strip_suffix("'s")
            .or_else(|| word.strip_suffix("\u{2019}s"))
            .unwrap_or(word)
            .trim_matches('_');
        let single_letter = word.len() == 1 && !word.starts_with(|c: char| c.is_ascii_digit());
        // "don't" and its kind are one word of letters and an apostrophe.
        let contraction = word.contains('\'') || word.contains('\u{2019}');
        if word.is_empty() || single_letter || contraction || self.is_stop(word) {
            return None;
        }
        let plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
        Some(if plain {
            self.stemmer.stem(word).into_owned()
        } else {
            word.to_owned()
        })
    }
}

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
    let language = Language::new();
    let mut seen = Vec::new();
    let mut words = Vec::new();
    for word in question.unicode_words() {
        let Some(term) = language.terms(word).into_iter().next_back() else {
            continue;
        };
        if !seen.contains(&term) {
            seen.push(term);
            words.push(word.to_owned());
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
