//! Plain text, as an editor shows it.

use super::Page;
use super::lines::{Lines, Style};

/// Parses one segment.
pub(super) fn parse(text: &str, style: Style, page: &mut Page) {
    let mut lines = Lines::new(style);
    lines.push_str(text, 0, page);
    lines.finish(page);
}
