//! Tables of separated values: a cell of several words is a passage, the short cells of a row between two of those are
//! one.

use super::Page;
use super::fields::{Fields, Letters};

/// Parses one segment.
pub(super) fn parse(text: &str, page: &mut Page) {
    let separator = separator(text);
    let mut row = Row {
        fields: Fields::default(),
        cell: Letters::new(),
    };
    let mut quoted = false;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let place = (at, at + letter.len_utf8());
        if letter == '"' && quoted {
            if let Some((next, _)) = letters.next_if(|(_, next)| *next == '"') {
                row.cell.push(('"', (at, next + 1)));
            } else {
                quoted = false;
            }
        } else if letter == '"' && row.cell.iter().all(|(before, _)| before.is_whitespace()) {
            quoted = true;
        } else if quoted {
            row.cell.push((letter, place));
        } else if letter == separator {
            row.end_cell(page);
            if page.current.has_text() {
                page.current.push(',', place);
                page.current.push(' ', (place.1, place.1));
            }
        } else if letter == '\n' {
            row.end_cell(page);
            page.end_block();
        } else {
            row.cell.push((letter, place));
        }
    }
    row.end_cell(page);
}

struct Row {
    fields: Fields,
    cell: Letters,
}

impl Row {
    fn end_cell(&mut self, page: &mut Page) {
        let cell = std::mem::take(&mut self.cell);
        if !cell.is_empty() {
            self.fields.value(&cell, page);
        }
    }
}

/// The sign that parts cells: the one that the first line has most of.
fn separator(text: &str) -> char {
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    [',', ';', '\t', '|']
        .into_iter()
        .map(|sign| (line.matches(sign).count(), sign))
        // Of equal ones the first.
        .min_by_key(|(count, _)| std::cmp::Reverse(*count))
        .map_or(',', |(_, sign)| sign)
}
