//! Words of a text as terms that can be compared: in one normal form, in lower case, without function words, reduced
//! to their stem.
//!
//! A language is told by its function words. Scripts without spaces are taken as pairs of characters between particles,
//! which needs no dictionary and finds every word of two characters; Thai and its neighbours as groups of three. Of Korean
//! words the first two syllables count, which are what their particles and endings leave alone.

use std::borrow::Cow;
use std::collections::HashSet;

use icu_normalizer::ComposingNormalizerBorrowed;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::fold::Folded;
use crate::script;

mod stop;

/// Longest word that is taken as one; what is longer is data.
const WORD_BYTES_MAX: usize = 64;

/// How much of a text is looked at to tell its language, in words.
const SAMPLE_WORDS: usize = 2000;

/// Share of function words that tells a language, one in so many words.
const FUNCTION_WORD_ONE_IN: usize = 12;

/// Characters of a group in scripts of syllables.
const GROUP: usize = 3;

/// A text in the form in which its words are compared, case kept.
pub fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let folded = Folded::of(text).text();
    Cow::Owned(
        ComposingNormalizerBorrowed::new_nfc()
            .normalize(&folded)
            .into_owned(),
    )
}

/// What is needed to turn words into terms.
pub struct Language {
    stemmer: Stemmer,
    is_english: bool,
    stop: HashSet<&'static str>,
    weak: HashSet<String>,
}

impl Language {
    /// English, which is taken where nothing speaks for another language.
    pub fn english() -> Self {
        Self::known(&stop::LANGUAGES[0])
    }

    /// The language of a text.
    pub fn of(text: &str) -> Self {
        let plain = normal(text);
        let words: Vec<String> = plain
            .unicode_words()
            .take(SAMPLE_WORDS)
            .map(str::to_lowercase)
            .collect();
        let shares = stop::LANGUAGES.iter().map(|known| {
            let function_words: HashSet<&str> = known.stop.split_whitespace().collect();
            words
                .iter()
                .filter(|word| function_words.contains(word.as_str()))
                .count()
        });
        let best = shares
            .zip(stop::LANGUAGES)
            .filter(|(count, _)| count * FUNCTION_WORD_ONE_IN >= words.len())
            // Of equal ones the first.
            .min_by_key(|(count, _)| std::cmp::Reverse(*count));
        Self::known(best.map_or(&stop::LANGUAGES[0], |(_, known)| known))
    }

    fn known(known: &stop::Known) -> Self {
        let stemmer = Stemmer::create(known.algorithm);
        let weak = known
            .weak
            .split_whitespace()
            .map(|word| stemmer.stem(word).into_owned())
            .collect();
        Self {
            stop: known.stop.split_whitespace().collect(),
            is_english: known.algorithm == Algorithm::English,
            weak,
            stemmer,
        }
    }

    /// Whether a word, in lower case, only holds sentences together.
    pub fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    /// Whether a term is weak evidence for what is asked.
    pub fn is_weak(&self, term: &str) -> bool {
        self.weak.contains(term)
    }

    /// The terms of a text, in order, repetitions included. A name such as `read_file` counts as itself and as its
    /// parts, a word that a line's end parts as a whole and as its parts.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let plain = normal(text);
        let mut terms = Terms {
            language: self,
            found: Vec::new(),
        };
        let mut run: Option<(usize, usize)> = None;
        let mut before: Option<(usize, &str)> = None;
        for (at, word) in plain.unicode_word_indices() {
            if word.starts_with(script::is_unspaced) {
                run = match run {
                    Some((start, end)) if end == at => Some((start, at + word.len())),
                    open => {
                        terms.unspaced(open.map(|(start, end)| &plain[start..end]));
                        Some((at, at + word.len()))
                    }
                };
                continue;
            }
            terms.unspaced(run.take().map(|(start, end)| &plain[start..end]));
            if let Some((start, first)) = before
                && is_parted(&plain[start + first.len()..at], word)
            {
                terms.word(&format!("{first}{word}"));
            }
            terms.word(word);
            before = Some((at, word));
        }
        terms.unspaced(run.map(|(start, end)| &plain[start..end]));
        if terms.found.is_empty() {
            terms.kana(&plain);
        }
        terms.found
    }

    fn term(&self, word: &str) -> Option<String> {
        let word = word.strip_suffix("'s").unwrap_or(word).trim_matches('_');
        let single_letter = word.len() == 1 && !word.starts_with(|c: char| c.is_ascii_digit());
        // "don't" and its kind are one word of letters and an apostrophe.
        let contraction = self.is_english && word.contains('\'');
        if word.is_empty() || single_letter || contraction || self.is_stop(word) {
            return None;
        }
        let has_stem = !self.is_english || word.bytes().all(|byte| byte.is_ascii_lowercase());
        Some(if has_stem {
            self.stemmer.stem(word).into_owned()
        } else {
            word.to_owned()
        })
    }
}

/// Whether white space after a hyphen parts one word: `phero- mone`.
fn is_parted(between: &str, next: &str) -> bool {
    let white = between.strip_prefix('-');
    white.is_some_and(|white| !white.is_empty() && white.trim().is_empty())
        && next.starts_with(char::is_lowercase)
}

/// The first two syllables of a Korean word, because its particles and endings are written behind them.
fn korean_stem(word: &str) -> Option<String> {
    let is_korean = word
        .chars()
        .all(|letter| matches!(letter, '\u{ac00}'..='\u{d7a3}'));
    (is_korean && word.chars().count() > 1).then(|| word.chars().take(2).collect())
}

struct Terms<'a> {
    language: &'a Language,
    found: Vec<String>,
}

impl Terms<'_> {
    fn word(&mut self, word: &str) {
        if word.len() > WORD_BYTES_MAX {
            return;
        }
        let word = word.to_lowercase();
        if let Some(stem) = korean_stem(&word) {
            return self.found.push(stem);
        }
        if word.contains('_') {
            let parts = word.split('_').filter_map(|part| self.language.term(part));
            self.found.extend(parts.collect::<Vec<_>>());
        }
        self.found.extend(self.language.term(&word));
    }

    /// Adds a run of a script without spaces.
    fn unspaced(&mut self, run: Option<&str>) {
        let mut rest = run.unwrap_or_default();
        let mut start = 0;
        let mut at = 0;
        while let Some(letter) = rest[at..].chars().next() {
            let particle = stop::UNSPACED
                .iter()
                .find(|particle| rest[at..].starts_with(**particle));
            let skipped = match particle {
                Some(particle) => particle.len(),
                None if script::is_hiragana(letter) => letter.len_utf8(),
                None => {
                    at += letter.len_utf8();
                    continue;
                }
            };
            self.groups(&rest[start..at]);
            rest = &rest[at + skipped..];
            (start, at) = (0, 0);
        }
        self.groups(&rest[start..]);
    }

    /// Japanese that is written in kana alone.
    fn kana(&mut self, text: &str) {
        let letters: Vec<char> = text
            .chars()
            .filter(|letter| script::is_hiragana(*letter))
            .collect();
        self.found
            .extend(letters.windows(2).map(|pair| pair.iter().collect()));
    }

    fn groups(&mut self, run: &str) {
        let letters: Vec<char> = run.chars().collect();
        let Some(first) = letters.first() else {
            return;
        };
        let size = if script::is_syllabic(*first) { GROUP } else { 2 };
        if letters.len() < size {
            self.found.push(run.to_owned());
        } else {
            let groups = letters.windows(size).map(|group| group.iter().collect());
            self.found.extend(groups);
        }
    }
}

/// How many words a text has, where scripts without spaces count two characters as a word.
pub fn count(text: &str) -> usize {
    let (mut words, mut letters) = (0, 0);
    for word in text.unicode_words() {
        if word.starts_with(script::is_unspaced) {
            letters += word.chars().count();
        } else {
            words += 1;
        }
    }
    words + letters.div_ceil(2)
}

#[cfg(test)]
mod tests;
