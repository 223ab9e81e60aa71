//! Values with names, of data and settings, as passages.
//!
//! A value of several words is what somebody wrote for people: a passage under its name. Short values say nothing
//! without their names, so those of one record stand together, each with its name before it.

use std::sync::Arc;

use anthill_text::word;

use super::Page;
use super::lines::{Lines, Style};
use crate::inputs::render::Range;

/// A value with this many words is read by itself.
const PROSE_WORDS: usize = 4;

/// Data without white space from this length on is no text: pictures and keys in letters.
const BLOB_CHARS: usize = 256;

/// Most characters of a name that is kept.
const NAME_CHARS_MAX: usize = 80;

/// Characters with their places.
pub(super) type Letters = Vec<(char, Range)>;

/// Text that stands at `start` as characters with their places.
pub(super) fn letters(text: &str, start: usize) -> Letters {
    text.char_indices()
        .map(|(at, letter)| (letter, (start + at, start + at + letter.len_utf8())))
        .collect()
}

fn text_of(letters: &[(char, Range)]) -> String {
    letters.iter().map(|(letter, _)| *letter).collect()
}

/// Writes values to a page.
#[derive(Default)]
pub(super) struct Fields {
    name: Option<Letters>,
}

impl Fields {
    /// The name of the value that comes next.
    pub(super) fn name(&mut self, name: Letters) {
        self.name = Some(name);
    }

    /// Forgets a name that has got no value.
    pub(super) fn forget_name(&mut self) {
        self.name = None;
    }

    /// The name as a heading.
    pub(super) fn heading(&self) -> Option<Arc<str>> {
        let name = self.name.as_ref()?;
        let text: String = name
            .iter()
            .take(NAME_CHARS_MAX)
            .map(|(letter, _)| *letter)
            .collect();
        let text = text.trim();
        text.contains(char::is_alphanumeric).then(|| Arc::from(text))
    }

    /// A value of any length.
    pub(super) fn value(&mut self, value: &[(char, Range)], page: &mut Page) {
        page.work += value.len() as u64;
        let text = text_of(value);
        if is_blob(&text) {
            self.name = None;
        } else if is_prose(&text) {
            self.prose(value, page);
        } else {
            self.short(value, page);
        }
    }

    /// A value of several words: a passage of its own.
    pub(super) fn prose(&mut self, value: &[(char, Range)], page: &mut Page) {
        page.end_block();
        let heading = self.heading();
        self.name = None;
        let above = page.heading.clone();
        if heading.is_some() {
            page.heading = heading;
        }
        let mut lines = Lines::new(Style::Prose);
        for (letter, place) in value {
            lines.push(*letter, *place, page);
        }
        lines.finish(page);
        page.end_block();
        page.heading = above;
    }

    fn short(&mut self, value: &[(char, Range)], page: &mut Page) {
        let name = self.name.take();
        let first = name.as_deref().unwrap_or(value).first().copied();
        let Some((_, (start, _))) = first else {
            return;
        };
        if page.current.has_text() && name.is_some() {
            page.current.push_break((start, start));
        }
        for (letter, place) in name.iter().flatten() {
            page.current.push(*letter, *place);
        }
        if let Some((_, (_, end))) = name.as_ref().and_then(|name| name.last()) {
            page.current.push(':', (*end, *end));
            page.current.push(' ', (*end, *end));
        }
        for (letter, place) in value {
            page.current
                .push(if *letter == '\n' { ' ' } else { *letter }, *place);
        }
    }
}

fn is_prose(text: &str) -> bool {
    word::count(text) >= PROSE_WORDS
}

fn is_blob(text: &str) -> bool {
    text.len() >= BLOB_CHARS && text.is_ascii() && !text.contains(char::is_whitespace)
}

/// The character that an escape stands for, as JSON, YAML and TOML write it, and how many bytes the escape has.
pub(super) fn unescaped(escape: &str) -> Option<(char, usize)> {
    let kind = escape.chars().nth(1)?;
    let plain = match kind {
        'n' | 'N' => '\n',
        't' | 'r' | 'b' | 'f' => ' ',
        '"' | '\\' | '/' | '\'' => kind,
        'u' => return unicode(escape, 4),
        'U' => return unicode(escape, 8),
        'x' => return unicode(escape, 2),
        _ => return None,
    };
    Some((plain, 1 + kind.len_utf8()))
}

fn unicode(escape: &str, digits: usize) -> Option<(char, usize)> {
    let unit = |text: &str| u32::from_str_radix(text.get(2..2 + digits)?, 16).ok();
    let first = unit(escape)?;
    if let Some(letter) = char::from_u32(first) {
        return Some((letter, 2 + digits));
    }
    // Two halves of a character that UTF-16 takes apart.
    let second = escape
        .get(6..)
        .filter(|rest| rest.starts_with("\\u"))
        .and_then(unit)?;
    let letter = char::decode_utf16([first, second].map(|unit| u16::try_from(unit).unwrap_or(0))).next()?;
    letter.ok().map(|letter| (letter, 12))
}
