//! Where sentences begin and end, by what their language does.
//!
//! Boundaries are Unicode's, which know the full stops of all scripts, but not after abbreviations and not before a
//! small letter. Thai and its neighbours end sentences with a space at most, so there a space ends one that is long
//! enough.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::script;

/// A sentence of a script without full stops is ended at a space from here on, in characters.
const SPACED_CHARS_MIN: usize = 60;

/// Sentences with their offsets, without white space at their ends.
pub fn split(text: &str) -> Vec<(usize, &str)> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (offset, piece) in text.split_sentence_bound_indices() {
        let end = offset + piece.len();
        let so_far = &text[start..end];
        let goes_on = ends_in_abbreviation(so_far) || begins_small(&text[end..]);
        if end < text.len() && goes_on && !piece.ends_with('\n') {
            continue;
        }
        push_spaced(&mut sentences, text, start..end);
        start = end;
    }
    push_spaced(&mut sentences, text, start..text.len());
    sentences
}

/// Adds a sentence, in parts where only spaces end sentences in its script.
fn push_spaced<'a>(out: &mut Vec<(usize, &'a str)>, text: &'a str, range: std::ops::Range<usize>) {
    let mut start = range.start;
    let (mut chars, mut syllabic) = (0_usize, 0_usize);
    for (at, letter) in text[range.clone()].char_indices() {
        if letter == ' ' && chars >= SPACED_CHARS_MIN && syllabic * 2 > chars {
            let end = range.start + at;
            push_trimmed(out, text, start..end);
            (start, chars, syllabic) = (end, 0, 0);
        }
        chars += 1;
        syllabic += usize::from(script::is_syllabic(letter));
    }
    push_trimmed(out, text, start..range.end);
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
    const ABBREVIATIONS: &[&str] = &[
        "e.g.", "i.e.", "etc.", "vs.", "cf.", "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "fig.", "figs.",
        "no.", "nos.", "sec.", "ch.", "approx.", "ca.", "al.", "ed.", "eds.", "vol.", "pp.", "z.b.", "d.h.",
        "u.a.", "bzw.", "usw.", "vgl.", "abb.", "nr.", "bspw.", "sog.", "evtl.", "inkl.", "mme.", "mlle.",
        "p.ex.", "ej.", "sr.", "sra.", "dra.", "p.ej.", "pág.", "núm.", "sig.", "ecc.", "pag.", "art.",
        "bijv.", "blz.", "т.е.", "т.д.", "т.п.", "др.", "см.", "рис.", "гл.", "стр.",
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

/// Whether a text ends as sentences end, in any script.
pub fn is_ended(text: &str) -> bool {
    let end = text.trim_end_matches([
        '"', '\'', ')', ']', '*', '_', '`', '\u{201d}', '\u{2019}', '\u{bb}', '\u{203a}', '\u{300d}',
        '\u{300f}', '\u{300b}', '\u{3009}', '\u{3011}', '\u{ff09}', '\u{fe42}', '\u{fe44}',
    ]);
    end.chars().next_back().is_some_and(ends_sentence)
}

/// The full stops, question marks and exclamation marks of the scripts.
const fn ends_sentence(letter: char) -> bool {
    matches!(
        letter,
        '.' | '!'
            | '?'
            | '\u{2026}'
            | '\u{3002}'
            | '\u{ff61}'
            | '\u{ff01}'
            | '\u{ff0e}'
            | '\u{ff1f}'
            | '\u{589}'
            | '\u{61f}'
            | '\u{6d4}'
            | '\u{964}'
            | '\u{965}'
            | '\u{104a}'
            | '\u{104b}'
            | '\u{1362}'
            | '\u{1367}'
            | '\u{17d4}'
            | '\u{17d5}'
            | '\u{203c}'
            | '\u{203d}'
            | '\u{2047}'..='\u{2049}' | '\u{fe12}' | '\u{fe52}'
    )
}

/// The full stop of a text's script, to end a text that has none.
pub fn full_stop(text: &str) -> char {
    match text.chars().rev().find(|letter| letter.is_alphabetic()) {
        Some(letter) if script::is_ideographic(letter) => '\u{3002}',
        Some('\u{900}'..='\u{9ff}') => '\u{964}',
        Some('\u{600}'..='\u{6ff}') if text.contains('\u{6d4}') => '\u{6d4}',
        _ => '.',
    }
}

#[cfg(test)]
mod tests;
