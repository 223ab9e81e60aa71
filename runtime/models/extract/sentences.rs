//! Sentences of passages: where they begin and end, whether they are sentences at all, and how well they stand alone.
//!
//! Documentation is full of text that is no prose: headings, menus, tables, code, tables of contents. Such lines match
//! questions well and answer nothing, so they are left out here, before anything is scored.

use anthill_contracts::brief::Passage;
pub(super) use anthill_text::sentence::split;
use anthill_text::{fold, script, sentence, word};
use unicode_segmentation::UnicodeSegmentation as _;

use super::words::Language;

const CHARS_MIN: usize = 25;
/// What a character of a script without spaces counts against the least length: it says as much as several letters.
const UNSPACED_WEIGHT: usize = 3;
const CHARS_MAX: usize = 500;
const WORDS_MIN: usize = 5;
/// Words of a line without a full stop that still may be a sentence, such as an item of a list.
const WORDS_MIN_UNFINISHED: usize = 8;
/// Most sentences of one request.
const SENTENCES_MAX: usize = 20_000;

/// One sentence with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sentence {
    /// Path of its document.
    pub(super) path: String,
    /// The heading above it.
    pub(super) heading: Option<String>,
    /// The text as the passage has it; what is quoted.
    pub(super) quote: String,
    /// First byte and byte after the last in the file, where the passage shows the file's bytes as they are.
    pub(super) place: Option<(u64, u64)>,
    /// How well it stands alone, above 0 and up to 1.
    pub(super) shape: f64,
}

/// The sentences of these passages that can stand as claims.
pub(super) fn of_passages(passages: &[Passage], language: &Language) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for passage in passages {
        for (offset, text) in split(&passage.text) {
            let Some(shape) = shape(text, language) else {
                continue;
            };
            sentences.push(Sentence {
                path: passage.path.clone(),
                heading: passage.heading.clone(),
                quote: text.to_owned(),
                place: place(passage, offset, text.len()),
                shape,
            });
        }
        if sentences.len() >= SENTENCES_MAX {
            break;
        }
    }
    sentences.truncate(SENTENCES_MAX);
    sentences
}

/// A rendering of the same length as the file's bytes is taken for the bytes themselves; whoever uses the place checks
/// it. Of any other rendering no place is known here.
fn place(passage: &Passage, offset: usize, length: usize) -> Option<(u64, u64)> {
    let bytes = passage.end.checked_sub(passage.start)?;
    if bytes != u64::try_from(passage.text.len()).ok()? {
        return None;
    }
    let start = passage.start.checked_add(u64::try_from(offset).ok()?)?;
    Some((start, start.checked_add(u64::try_from(length).ok()?)?))
}

/// How well a text stands alone as a claim, or nothing if it is no sentence.
pub(super) fn shape(text: &str, language: &Language) -> Option<f64> {
    let chars = text.chars().count();
    let unspaced = text.chars().filter(|letter| script::is_unspaced(*letter)).count();
    let weight = chars + unspaced * (UNSPACED_WEIGHT - 1);
    if weight < CHARS_MIN || chars > CHARS_MAX || !is_prose(text, chars) {
        return None;
    }
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let count = word::count(text);
    let finished = sentence::is_ended(text);
    let words_min = if finished { WORDS_MIN } else { WORDS_MIN_UNFINISHED };
    if count < words_min || is_title(text, words.len()) {
        return None;
    }
    let joined = format!(" {} ", words.join(" "));
    let mut function_words = words.iter().filter(|word| language.is_stop(word)).count();
    if unspaced * 2 > chars {
        // Their particles are no words of their own.
        function_words += 1;
    }
    let mut shape = 1.0;
    shape *= if finished { 1.0 } else { 0.7 };
    shape *= if function_words == 0 { 0.6 } else { 1.0 };
    shape *= beginning(text, &words);
    shape *= if text.ends_with(['?', '\u{ff1f}', '\u{61f}']) {
        0.4
    } else {
        1.0
    };
    shape *= if text.ends_with([':', '\u{ff1a}']) {
        0.6
    } else {
        1.0
    };
    shape *= if count > 45 { 0.8 } else { 1.0 };
    shape *= if has_any(&joined, &BOILERPLATE) { 0.3 } else { 1.0 };
    shape *= if has_any(&joined, &SIGNPOSTS) { 0.5 } else { 1.0 };
    Some(shape)
}

/// Phrases of licences, pages and forms.
const BOILERPLATE: [&str; 9] = [
    " copyright ",
    " all rights reserved ",
    " click here ",
    " table of contents ",
    " your browser ",
    " cookies ",
    " subscribe ",
    " sign in ",
    " edit this page ",
];

/// Phrases that point to some other place of the text, or to the reader's way through it.
const SIGNPOSTS: [&str; 24] = [
    " chapter ",
    " chapters ",
    " section ",
    " sections ",
    " tutorial ",
    " listing ",
    " figure ",
    " we'll ",
    " we\u{2019}ll ",
    " let's ",
    " let\u{2019}s ",
    " we're ",
    " we\u{2019}re ",
    " we've ",
    " we\u{2019}ve ",
    " we saw ",
    " for now ",
    " so far ",
    " shown below ",
    " as follows ",
    " following example ",
    " this example ",
    " our code ",
    " our program ",
];

fn has_any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// A beginning that leans on the sentence before makes a claim hard to understand.
fn beginning(text: &str, words: &[String]) -> f64 {
    let first = words.first().map_or("", String::as_str);
    let leans = match first {
        "it" | "they" | "these" | "those" | "this" | "that" | "he" | "she" | "such" | "here" | "there" => 0.7,
        "but" | "and" | "or" | "so" | "however" | "also" | "instead" | "therefore" | "then" | "otherwise"
        | "thus" | "hence" | "moreover" | "furthermore" | "nevertheless" | "similarly" | "finally"
        | "yes" | "no" => 0.75,
        _ => 1.0,
    };
    let first_char = text.chars().next().unwrap_or(' ');
    let odd = first_char.is_lowercase() || matches!(first_char, ')' | ']' | ',' | ';' | ':' | '.');
    leans * if odd { 0.75 } else { 1.0 }
}

/// Mostly letters and spaces, and few of the characters that code and tables are made of.
fn is_prose(text: &str, chars: usize) -> bool {
    // Signs of vowels and tones are parts of letters.
    let letters = text
        .chars()
        .filter(|c| c.is_alphabetic() || script::is_unspaced(*c) || fold::is_part_of_letter(*c))
        .count();
    let spaces = text.chars().filter(|c| c.is_whitespace()).count();
    let code = text
        .chars()
        .filter(|c| {
            matches!(
                c,
                '{' | '}' | ';' | '=' | '<' | '>' | '|' | '\\' | '$' | '@' | '~' | '^' | '%'
            )
        })
        .count();
    let bars = text.chars().filter(|c| *c == '|').count();
    let code_like = text.contains("::<") || text.contains("=> ") || text.contains("();");
    (letters + spaces) * 10 >= chars * 8
        && code * 25 <= chars
        && bars < 2
        && !code_like
        && !text.contains("...  ")
}

/// Titles and menus begin nearly every word with a capital.
fn is_title(text: &str, words: usize) -> bool {
    let capitals = text
        .unicode_words()
        .filter(|word| word.chars().next().is_some_and(char::is_uppercase))
        .count();
    capitals * 10 >= words * 6
}

/// A sentence as a claim: without the marks of lists and footnotes around it, and ended.
pub(super) fn as_claim(quote: &str) -> String {
    let joined = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text =
        joined.trim_start_matches(['-', '*', '+', '\u{2022}', '\u{2013}', '\u{2014}', '#', '>', ' ']);
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let after = &text[digits..];
    let numbered = after.strip_prefix(". ").or_else(|| after.strip_prefix(") "));
    if let (1..=2, Some(rest)) = (digits, numbered) {
        text = rest;
    }
    let text = text.trim_end_matches([
        ':', ';', ',', ' ', '\u{b6}', '\u{ff1a}', '\u{ff1b}', '\u{ff0c}', '\u{3001}',
    ]);
    if sentence::is_ended(text) {
        text.to_owned()
    } else {
        format!("{text}{}", sentence::full_stop(text))
    }
}

#[cfg(test)]
mod tests;
