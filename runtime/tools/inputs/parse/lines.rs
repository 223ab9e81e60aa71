//! Text in lines: paragraphs between blank lines, with list items apart and underlined titles as headings.
//!
//! It takes characters with their places one by one, so that it reads a plain file, text between `<pre>`, a listing in
//! Markdown and a string with escapes alike. The titles are those of reStructuredText and of old text files: one
//! line, then a line that repeats one sign.

use super::Page;
use crate::inputs::render::Range;

/// Longest line that can be a title, in bytes.
const TITLE_BYTES_MAX: usize = 200;

/// A line of a listing from this many characters on may have been broken to fit, and goes on in the next one.
const FULL_LINE_CHARS: usize = 45;

/// What a line end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// White space: lines of a paragraph belong together.
    Prose,
    /// As in prose behind long lines of words, else it is kept.
    Listing,
    /// The end of a passage: each line says something of its own, lines that are set in go on with it.
    Records,
}

/// A reader of lines.
pub(super) struct Lines {
    style: Style,
    line: Vec<(char, Range)>,
    /// Lines of the paragraph so far.
    paragraph: usize,
    /// Where the line before ended, and whether it goes on.
    end: Option<(Range, Goes)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    NotOn,
}

impl Lines {
    pub(super) const fn new(style: Style) -> Self {
        Self {
            style,
            line: Vec::new(),
            paragraph: 0,
            end: None,
        }
    }

    /// Takes the next character.
    pub(super) fn push(&mut self, letter: char, place: Range, page: &mut Page) {
        if letter == '\n' {
            self.end_line(place, page);
        } else {
            self.line.push((letter, place));
        }
    }

    /// Takes the text that stands at `start`.
    pub(super) fn push_str(&mut self, text: &str, start: usize, page: &mut Page) {
        for (at, letter) in text.char_indices() {
            self.push(letter, (start + at, start + at + letter.len_utf8()), page);
        }
    }

    /// Ends the last line; the passage is left open.
    pub(super) fn finish(&mut self, page: &mut Page) {
        if let Some((_, place)) = self.line.last().copied() {
            self.end_line((place.1, place.1), page);
        }
        self.paragraph = 0;
        self.end = None;
    }

    fn end_line(&mut self, end: Range, page: &mut Page) {
        let line = std::mem::take(&mut self.line);
        page.work += line.len() as u64 + 1;
        let is_white = |(letter, _): &&(char, Range)| letter.is_whitespace();
        let indent = line.iter().take_while(is_white).count();
        let trailing = line[indent..].iter().rev().take_while(is_white).count();
        let content = &line[indent..line.len() - trailing];
        if content.is_empty() {
            page.end_block();
            self.paragraph = 0;
            self.end = None;
        } else if is_underline(content) {
            let is_title = self.paragraph == 1 && page.current.text().len() <= TITLE_BYTES_MAX;
            if is_title {
                page.end_heading();
            } else {
                page.end_block();
            }
            self.paragraph = 0;
            self.end = None;
        } else {
            self.content(content, indent, page);
            self.end = Some((end, goes_on(content)));
        }
        // The room is used again.
        self.line = line;
        self.line.clear();
    }

    fn content(&mut self, content: &[(char, Range)], indent: usize, page: &mut Page) {
        let bullet = bullet_length(content);
        let is_record = self.style == Style::Records && indent == 0;
        if bullet > 0 || is_record {
            page.end_block();
            self.paragraph = 0;
        } else if let Some((end, goes)) = self.end.filter(|_| self.paragraph > 0) {
            if self.style == Style::Listing && goes == Goes::NotOn {
                page.current.push_break(end);
            } else {
                page.current.push_line_end(end);
            }
        }
        for (letter, place) in &content[bullet..] {
            page.current.push(*letter, *place);
        }
        self.paragraph += 1;
    }
}

/// Whether a line looks broken to fit: long, of words, and with nothing that ends a line of a program.
fn goes_on(content: &[(char, Range)]) -> Goes {
    let words = content
        .iter()
        .filter(|(letter, _)| letter.is_alphabetic() || *letter == ' ')
        .count();
    let is_code_end = content
        .last()
        .is_some_and(|(letter, _)| matches!(letter, '{' | '}' | ';' | '(' | '[' | '\\' | '|' | '='));
    if content.len() >= FULL_LINE_CHARS && words * 10 >= content.len() * 8 && !is_code_end {
        Goes::On
    } else {
        Goes::NotOn
    }
}

fn is_underline(content: &[(char, Range)]) -> bool {
    let first = content[0].0;
    "=-~^\"'`#*+.:_".contains(first)
        && content.len() >= 3
        && content.iter().all(|(letter, _)| *letter == first)
}

/// The characters of a bullet with its space at the start of a line.
fn bullet_length(content: &[(char, Range)]) -> usize {
    match content {
        [('-' | '*' | '+' | '\u{2022}', _), (' ', _), ..] => 2,
        _ => 0,
    }
}
