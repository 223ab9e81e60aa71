//! HTML and XML: what people see in a browser becomes passages; programs, styles, menus and the head are left out.
//!
//! Tokens tell where tags, comments and text stand, a tree tells what a browser makes of them: tags that are never
//! closed or closed in the wrong order hide nothing. Text between `<pre>` keeps its lines. What is left out as
//! decoration (menus, controls, `<noscript>`, what `hidden` or `display:none` hides) is read where a page says little
//! else. XML knows no such names: all of its text is read.

use html5gum::{Token, Tokenizer};

use super::Page;
use super::lines::{Lines, Style};
use crate::inputs::render::Range;

mod element;
mod mask;
mod outline;
mod tree;

pub(super) use self::element::Element;
use self::outline::Kind;
pub(in crate::inputs) use self::outline::{Around, Begins, Dialect, Outline};
use self::tree::Place;

/// Most inline elements that are remembered as open at once.
const OPEN_MAX: usize = 64;

/// Parses a page, or a part of one.
pub(super) fn parse(text: &str, dialect: Dialect, around: Option<&Around>, page: &mut Page) {
    let outline = Outline::new(text, dialect, around);
    let mut reader = Reader {
        text: outline.text(),
        outline: &outline,
        page,
        open: Vec::new(),
        place: Place::default(),
        lines: Lines::new(Style::Listing),
    };
    for item in outline.items() {
        reader.take(&item.kind, item.range, outline.place(item));
    }
    reader.end_block();
    page.work += outline.work;
}

struct Reader<'a> {
    text: &'a str,
    outline: &'a Outline<'a>,
    page: &'a mut Page,
    open: Vec<(String, usize)>,
    /// Where the text stands that was read last.
    place: Place,
    lines: Lines,
}

impl Reader<'_> {
    fn take(&mut self, kind: &Kind, range: Range, place: Place) {
        match kind {
            Kind::Open(name) => self.open(name, range),
            Kind::Close(name) => self.close(name, range),
            Kind::White => self.text(range),
            Kind::Text if self.outline.is_shown(place) => {
                if place.block != self.place.block || place.keeps_lines != self.place.keeps_lines {
                    self.end_block();
                }
                self.place = place;
                self.text(range);
            }
            // A comment and a reading may stand inside of a sentence; other text that is not seen parts passages by
            // its tags.
            Kind::Text | Kind::Unseen => {}
        }
    }

    /// Where an element belongs to a sentence in a page of unknown names: where text stands right before it.
    fn is_inline_by_place(&self, start: usize) -> bool {
        let before = self.text[..start].chars().next_back();
        self.outline.dialect() == Dialect::Xml
            && before.is_some_and(|letter| letter != '>' && !letter.is_control())
            && self.page.current.has_text()
    }

    fn open(&mut self, name: &str, range: Range) {
        match Element::of(name) {
            Element::Inline => self.open_inline(name, range),
            Element::Break => self.line_break(range),
            Element::Reading => {}
            _ if self.is_inline_by_place(range.0) => self.open_inline(name, range),
            _ => self.end_block(),
        }
    }

    fn open_inline(&mut self, name: &str, range: Range) {
        if self.open.len() < OPEN_MAX {
            self.open.push((name.to_owned(), range.0));
        }
    }

    fn line_break(&mut self, range: Range) {
        if self.place.keeps_lines {
            self.lines.push('\n', range, self.page);
        } else {
            self.page.current.push_line_end(range);
        }
    }

    fn close(&mut self, name: &str, range: Range) {
        if let Some(at) = self.open.iter().rposition(|(open, _)| open == name) {
            let (_, start) = self.open[at];
            self.open.truncate(at);
            self.page.current.mark_inline((start, range.1));
        } else if Element::of(name).parts_passages() {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        self.open.clear();
        self.lines.finish(self.page);
        if self.place.is_heading {
            self.page.end_heading();
        } else {
            self.page.end_block();
        }
    }

    fn text(&mut self, range: Range) {
        let text = self.text;
        let mut done = range.0;
        while done < range.1 {
            let rest = &text[done..range.1];
            let plain = rest.find('&').unwrap_or(rest.len());
            for (at, letter) in rest[..plain].char_indices() {
                self.letter(letter, (done + at, done + at + letter.len_utf8()));
            }
            done += plain;
            if plain < rest.len() {
                done += self.reference(&rest[plain..], done);
            }
        }
    }

    fn letter(&mut self, letter: char, place: Range) {
        self.page.work += 1;
        if self.place.keeps_lines {
            self.lines.push(letter, place, self.page);
        } else {
            self.page.current.push(letter, place);
        }
    }

    /// Takes the character reference that begins `rest`, or the ampersand alone where it is none; its length.
    fn reference(&mut self, rest: &str, at: usize) -> usize {
        let length = reference_length(rest);
        if let Some(decoded) = decode(&rest[..length]) {
            for letter in decoded.chars() {
                self.letter(letter, (at, at + length));
            }
            return length;
        }
        self.letter('&', (at, at + 1));
        1
    }
}

/// Longest name of a character reference that is looked up, in bytes; the longest that HTML has is shorter.
const REFERENCE_BYTES_MAX: usize = 40;

fn reference_length(rest: &str) -> usize {
    let name = rest[1..]
        .bytes()
        .take(REFERENCE_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
        .count();
    let semicolon = usize::from(rest.as_bytes().get(1 + name) == Some(&b';'));
    1 + name + semicolon
}

fn decode(reference: &str) -> Option<String> {
    let mut decoded = String::new();
    for token in Tokenizer::new(reference) {
        let Ok(token) = token;
        if let Token::String(text) = token {
            decoded.push_str(&String::from_utf8_lossy(&text.value));
        }
    }
    (decoded != reference && !decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests;
