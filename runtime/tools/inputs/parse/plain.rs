//! Plain text: paragraphs between blank lines, with list items apart and underlined titles as headings.
//!
//! The titles are those of reStructuredText and of old text files: one line, then a line that repeats one sign.

use super::Page;
use crate::inputs::render::Range;

/// Longest line that can be a title, in bytes.
const TITLE_BYTES_MAX: usize = 200;

/// Parses one segment.
pub(super) fn parse(text: &str, page: &mut Page) {
    let mut start = 0;
    let mut paragraph_lines = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let title_above = paragraph_lines == 1 && page.current.text().len() <= TITLE_BYTES_MAX;
        if content.is_empty() {
            page.end_block();
            paragraph_lines = 0;
        } else if is_underline(content) {
            if title_above {
                page.end_heading();
            } else {
                page.end_block();
            }
            paragraph_lines = 0;
        } else {
            if let Some(bullet) = bullet_length(content) {
                page.end_block();
                paragraph_lines = 0;
                push_line(page, line, (start, bullet));
            } else {
                push_line(page, line, (start, 0));
            }
            paragraph_lines += 1;
        }
        start += line.len();
    }
}

/// Adds a line that begins at `start`, without its first `skipped` bytes of content.
fn push_line(page: &mut Page, line: &str, (start, skipped): Range) {
    let indent = line.len() - line.trim_start().len();
    let from = indent + skipped;
    page.current.push_str(&line[from..], start + from);
    if !line.ends_with('\n') {
        let end = start + line.len();
        page.current.push(' ', (end, end));
    }
}

fn is_underline(content: &str) -> bool {
    let mut letters = content.chars();
    let Some(first) = letters.next() else {
        return false;
    };
    "=-~^\"'`#*+.:_".contains(first) && content.len() >= 3 && letters.all(|letter| letter == first)
}

/// The bytes of a bullet with its space at the start of a line.
fn bullet_length(content: &str) -> Option<usize> {
    ["- ", "* ", "+ ", "\u{2022} "]
        .into_iter()
        .find(|bullet| content.starts_with(bullet))
        .map(str::len)
}
