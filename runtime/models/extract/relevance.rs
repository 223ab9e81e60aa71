//! How much of a question a text covers.
//!
//! Terms of the question weigh by how rare they are among the texts compared, within bounds: a folder about one subject
//! repeats its name everywhere, and the name must still count. Weak words of the question count little, and a text that
//! has nothing but those is not relevant.

use super::words::Language;

const WEAK: f64 = 0.3;
const RARITY_MIN: f64 = 1.0;
const RARITY_MAX: f64 = 3.0;
/// A term that stands only in the heading above counts this much.
const HEADING: f64 = 0.5;
/// Two neighbours of the question that are neighbours in the text as well.
const PAIR_BONUS: f64 = 0.1;
const PAIRS_MAX: usize = 2;
/// How much must be covered of a question of one, two, and more terms.
const COVERED_MIN: [f64; 3] = [0.9, 0.4, 0.33];
/// Questions of at least this many strong terms need two of them.
const LONG_QUESTION: usize = 3;

/// A question as terms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    terms: Vec<String>,
    weights: Vec<f64>,
    strong: usize,
    asks: Asks,
}

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    What,
    Why,
    How,
    Other,
}

impl Question {
    /// The terms of a question, each once.
    pub(super) fn new(text: &str, language: &Language) -> Self {
        let mut terms: Vec<String> = Vec::new();
        for term in language.terms(text) {
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        let weights: Vec<f64> = terms
            .iter()
            .map(|term| if language.is_weak(term) { WEAK } else { 1.0 })
            .collect();
        let strong = terms.iter().filter(|term| !language.is_weak(term)).count();
        Self {
            asks: asks(text),
            terms,
            weights,
            strong,
        }
    }

    /// Whether it names no subject ("summarize these documents"), so that anything answers it.
    pub(super) const fn is_open(&self) -> bool {
        self.strong == 0
    }

    /// The same question with its terms weighed by how rare they are among these texts.
    pub(super) fn weighed(mut self, texts: &[Vec<String>]) -> Self {
        let count = texts.len().max(1) as f64;
        for (term, weight) in self.terms.iter().zip(&mut self.weights) {
            let with = texts.iter().filter(|text| text.contains(term)).count() as f64;
            let rarity = (1.0 + count / with.max(0.5)).ln();
            *weight *= rarity.clamp(RARITY_MIN, RARITY_MAX);
        }
        self
    }

    /// How much of the question a text covers, 0 to 1; 0 where it is too little to be an answer.
    pub(super) fn covered_by(&self, text: &[String], heading: &[String]) -> f64 {
        let all: f64 = self.weights.iter().sum();
        if self.is_open() || all <= 0.0 {
            return 0.0;
        }
        let (mut covered, mut strong_in_text, mut strong_at_all) = (0.0, 0_usize, 0_usize);
        for (term, weight) in self.terms.iter().zip(&self.weights) {
            let strong = usize::from(*weight >= RARITY_MIN);
            if text.contains(term) {
                covered += weight;
                strong_in_text += strong;
                strong_at_all += strong;
            } else if heading.contains(term) {
                covered += weight * HEADING;
                strong_at_all += strong;
            }
        }
        let share = covered / all;
        let share_min = COVERED_MIN[self.strong.clamp(1, COVERED_MIN.len()) - 1];
        let enough_terms = strong_at_all >= if self.strong >= LONG_QUESTION { 2 } else { 1 };
        if strong_in_text == 0 || !enough_terms || share < share_min.min(self.strong_share()) {
            return 0.0;
        }
        let pairs = self.pairs_in(text).min(PAIRS_MAX);
        (share + PAIR_BONUS * pairs as f64).min(1.0)
    }

    /// A text with the lightest strong term alone must be able to answer a question of one strong term.
    fn strong_share(&self) -> f64 {
        let all: f64 = self.weights.iter().sum();
        let strong: f64 = self.weights.iter().filter(|weight| **weight >= RARITY_MIN).sum();
        COVERED_MIN[0] * strong / all.max(f64::MIN_POSITIVE)
    }

    fn pairs_in(&self, text: &[String]) -> usize {
        self.terms
            .windows(2)
            .filter(|pair| text.windows(2).any(|two| two == *pair))
            .count()
    }

    /// A factor for the form that an answer to such a question usually has.
    pub(super) fn form(&self, text: &str) -> f64 {
        let lower = format!(" {} ", text.to_lowercase());
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
        let fits = match self.asks {
            Asks::What => has(&[
                " is a",
                " is the ",
                " are ",
                " means ",
                " refers to ",
                " consists of ",
                " is an",
            ]),
            Asks::Why => has(&[
                " because ",
                " so that ",
                " therefore ",
                " in order to ",
                " reason",
                " to avoid ",
                " prevent",
            ]),
            Asks::How => has(&[
                " by ",
                " using ",
                " with ",
                " when ",
                " must ",
                " ensures ",
                " can ",
            ]),
            Asks::Other => false,
        };
        if fits { 1.1 } else { 1.0 }
    }
}

fn asks(question: &str) -> Asks {
    let first = question
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    match first.trim_matches(|c: char| !c.is_alphabetic()) {
        "what" | "which" | "who" | "define" => Asks::What,
        "why" => Asks::Why,
        "how" => Asks::How,
        _ => Asks::Other,
    }
}

#[cfg(test)]
mod tests;
