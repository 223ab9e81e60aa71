//! Finding a quotation in a document: first as the bytes it is, then as people would read it.
//!
//! Readers and models quote what they see: without markup, with one space where the file breaks a line, with
//! straight quotation marks where the file has curly ones. So both sides are folded alike, and the match is led back
//! to the range of the file it came from. What is returned is always the file's own text, never the asker's.

use super::render::{Range, Rendering};

/// Shorter quotations, in characters, would be found anywhere and prove nothing.
pub(super) const QUOTE_CHARS_MIN: usize = 8;

/// Longer quotations, in characters, are no quotations but copies.
pub(super) const QUOTE_CHARS_MAX: usize = 2000;

/// A quotation worth looking for, and its folded form.
pub(super) struct Wanted<'a> {
    /// The words as they were given, without white space at the ends.
    pub(super) text: &'a str,
    folded: String,
}

impl<'a> Wanted<'a> {
    /// Takes a quotation, unless it is too short or too long to be looked for.
    pub(super) fn new(quote: &'a str) -> Option<Self> {
        let text = quote.trim();
        let letters = text.chars().take(QUOTE_CHARS_MAX + 1).count();
        if !(QUOTE_CHARS_MIN..=QUOTE_CHARS_MAX).contains(&letters) {
            return None;
        }
        let mut folded = Folded::default();
        for letter in text.chars() {
            folded.push(letter, 0);
        }
        // White space before an invisible sign is at the end once the sign is dropped.
        let folded = folded.text.trim_end();
        folded.contains(char::is_alphanumeric).then(|| Self {
            text,
            folded: folded.to_owned(),
        })
    }

    /// The range of the decoded text in which this rendering says it.
    pub(super) fn find_in(&self, rendering: &Rendering) -> Option<Range> {
        if rendering.text.len() < self.folded.len() / 4 {
            return None;
        }
        let mut folded = Folded::default();
        for (position, letter) in rendering.text.chars().enumerate() {
            folded.push(letter, position);
        }
        let (first, last) = folded.find(&self.folded)?;
        Some(rendering.range_of(first, last))
    }

    /// The range of the decoded text that says it with markup and all.
    pub(super) fn find_in_raw(&self, text: &str) -> Option<Range> {
        let mut folded = Folded::default();
        for (at, letter) in text.char_indices() {
            folded.push(letter, at);
        }
        let (first, last) = folded.find(&self.folded)?;
        let length = text[last..].chars().next().map_or(0, char::len_utf8);
        Some((first, last + length))
    }
}

/// Text in which signs that look alike are alike, with the origin of each of its bytes.
#[derive(Default)]
struct Folded {
    text: String,
    origins: Vec<usize>,
}

impl Folded {
    fn push(&mut self, letter: char, origin: usize) {
        if letter.is_whitespace() {
            if !self.text.is_empty() && !self.text.ends_with(' ') {
                self.push_plain(" ", origin);
            }
            return;
        }
        match fold(letter) {
            Some(plain) => self.push_plain(plain, origin),
            None => self.push_plain(letter.encode_utf8(&mut [0; 4]), origin),
        }
    }

    fn push_plain(&mut self, text: &str, origin: usize) {
        self.text.push_str(text);
        self.origins.resize(self.text.len(), origin);
    }

    /// The origins of the first and the last character of `needle` in this text.
    fn find(&self, needle: &str) -> Option<Range> {
        let at = memchr::memmem::find(self.text.as_bytes(), needle.as_bytes())?;
        Some((self.origins[at], self.origins[at + needle.len() - 1]))
    }
}

/// What stands for a typographic sign; invisible signs are dropped.
fn fold(letter: char) -> Option<&'static str> {
    let plain = match letter {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{ab}' | '\u{bb}' => "\"",
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '\u{b4}' | '`' => "'",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '\u{2026}' => "...",
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "",
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests;
