//! Sentences of passages: where they begin and end, whether they are sentences at all, and how well they stand alone.
//!
//! Documentation is full of text that is no prose: headings, menus, tables, code, tables of contents. Such lines match
//! questions well and answer nothing, so they are left out here, before anything is scored.

use anthill_contracts::brief::Passage;
use unicode_segmentation::UnicodeSegmentation as _;

use super::words::Language;

const CHARS_MIN: usize = 25;
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

/// Sentences with their offsets, trimmed. Boundaries as Unicode has them, but not after abbreviations and not before a
/// small letter.
pub(super) fn split(text: &str) -> Vec<(usize, &str)> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (offset, piece) in text.split_sentence_bound_indices() {
        let end = offset + piece.len();
        let so_far = &text[start..end];
        let goes_on = ends_in_abbreviation(so_far) || begins_small(&text[end..]);
        if end < text.len() && goes_on && !piece.ends_with('\n') {
            continue;
        }
        push_trimmed(&mut sentences, text, start..end);
        start = end;
    }
    push_trimmed(&mut sentences, text, start..text.len());
    sentences
}

fn push_trimmed<'a>(out: &mut Vec<(usize, &'a str)>, text: &'a str, range: std::ops::Range<usize>) {
    let piece = &text[range.clone()];
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        let lead = piece.len() - piece.trim_start().len();
        out.push((range.start + lead, trimmed));
    }
}

fn begins_small(rest: &str) -> bool {
    rest.chars().next().is_some_and(char::is_lowercase)
}

fn ends_in_abbreviation(text: &str) -> bool {
    const ABBREVIATIONS: [&str; 24] = [
        "e.g.", "i.e.", "etc.", "vs.", "cf.", "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "fig.", "figs.",
        "no.", "nos.", "sec.", "ch.", "approx.", "ca.", "al.", "ed.", "eds.", "vol.", "pp.",
    ];
    let Some(last) = text.split_whitespace().next_back() else {
        return false;
    };
    let last = last
        .trim_start_matches(['(', '[', '"', '\u{201c}'])
        .to_lowercase();
    let initial = {
        let mut chars = last.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some('.') && chars.next().is_none()
    };
    initial || ABBREVIATIONS.contains(&last.as_str())
}

/// How well a text stands alone as a claim, or nothing if it is no sentence.
pub(super) fn shape(text: &str, language: &Language) -> Option<f64> {
    let chars = text.chars().count();
    if !(CHARS_MIN..=CHARS_MAX).contains(&chars) || !is_prose(text, chars) {
        return None;
    }
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let finished = ends_like_sentence(text);
    let words_min = if finished { WORDS_MIN } else { WORDS_MIN_UNFINISHED };
    if words.len() < words_min || is_title(text, words.len()) {
        return None;
    }
    let joined = format!(" {} ", words.join(" "));
    let function_words = words.iter().filter(|word| language.is_stop(word)).count();
    let mut shape = 1.0;
    shape *= if finished { 1.0 } else { 0.7 };
    shape *= if function_words == 0 { 0.6 } else { 1.0 };
    shape *= beginning(text, &words);
    shape *= if text.ends_with('?') { 0.4 } else { 1.0 };
    shape *= if text.ends_with(':') { 0.6 } else { 1.0 };
    shape *= if words.len() > 45 { 0.8 } else { 1.0 };
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

fn ends_like_sentence(text: &str) -> bool {
    let end = text.trim_end_matches(['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '*', '_', '`']);
    end.ends_with(['.', '!', '?', '\u{3002}', '\u{2026}', '\u{ff01}', '\u{ff1f}'])
}

/// Mostly letters and spaces, and few of the characters that code and tables are made of.
fn is_prose(text: &str, chars: usize) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
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
    let text = text.trim_end_matches([':', ';', ',', ' ', '\u{b6}']);
    if ends_like_sentence(text) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests;
