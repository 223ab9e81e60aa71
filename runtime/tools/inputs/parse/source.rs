//! Source files: comments and documentation strings become passages; code is left out.
//!
//! A comment counts where a line begins with it. A marker further on in a line may stand inside a string, and
//! telling strings apart would take a lexer per language; what is lost are remarks behind code.

use super::Page;
use crate::inputs::format::Comments;

/// What a line left open for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Inside {
    /// A comment or documentation string that ends with this marker.
    Comment(&'static str),
    /// A string that is no documentation and ends with this marker.
    Literal(&'static str),
}

/// Parses one segment whose text before left `inside` open; returns what it leaves open itself.
pub(super) fn parse(
    comments: &'static Comments,
    text: &str,
    inside: Option<Inside>,
    page: &mut Page,
) -> Option<Inside> {
    let mut reader = Reader {
        comments,
        page,
        inside,
        listing: Listing::Outside,
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        reader.line(line, start);
        start += line.len();
    }
    reader.inside
}

/// Whether a line stands in a code listing inside a comment.
#[derive(PartialEq, Eq)]
enum Listing {
    Inside,
    Outside,
}

struct Reader<'a> {
    comments: &'static Comments,
    page: &'a mut Page,
    inside: Option<Inside>,
    listing: Listing,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, start: usize) {
        match self.inside {
            Some(Inside::Comment(close)) => self.comment_goes_on(line, start, close),
            Some(Inside::Literal(close)) => {
                if line.contains(close) {
                    self.inside = None;
                }
            }
            None => self.code(line, start),
        }
    }

    fn comment_goes_on(&mut self, line: &str, start: usize, close: &'static str) {
        if let Some(end) = line.find(close) {
            self.comment_line(&line[..end], start);
            self.end_comment();
            self.inside = None;
        } else {
            self.comment_line(line, start);
        }
    }

    fn code(&mut self, line: &str, start: usize) {
        let content = line.trim_start();
        let at = start + line.len() - content.len();
        if let Some((open, close)) = self.block_opening(content) {
            self.end_comment();
            self.inside = Some(Inside::Comment(close));
            self.comment_goes_on(&content[open..], at + open, close);
        } else if let Some(marker) = self
            .comments
            .line
            .iter()
            .find(|marker| content.starts_with(**marker))
        {
            let shebang = start == 0 && content.starts_with("#!");
            if !shebang {
                self.comment_line(&content[marker.len()..], at + marker.len());
            }
        } else {
            self.end_comment();
            self.open_literal(content);
        }
    }

    /// The length of the marker that opens a block here, and the marker that closes it.
    fn block_opening(&self, content: &str) -> Option<(usize, &'static str)> {
        let block = self
            .comments
            .block
            .iter()
            .find(|(open, _)| content.starts_with(open));
        if let Some((open, close)) = block {
            return Some((open.len(), close));
        }
        let prefix = content
            .bytes()
            .take(2)
            .take_while(|byte| matches!(byte, b'r' | b'R' | b'u' | b'U' | b'b' | b'B'))
            .count();
        let quote = self
            .comments
            .docstrings
            .iter()
            .find(|quote| content[prefix..].starts_with(**quote))?;
        Some((prefix + quote.len(), quote))
    }

    /// Notes a string that begins on a line of code and goes on over the next ones.
    fn open_literal(&mut self, content: &str) {
        for quote in self.comments.docstrings {
            if content.matches(quote).count() % 2 == 1 {
                self.inside = Some(Inside::Literal(quote));
                return;
            }
        }
    }

    fn comment_line(&mut self, line: &str, start: usize) {
        let remark = Remark::of(line);
        let at = start + line.len() - remark.text.len();
        if remark.text.starts_with("```") {
            self.page.end_block();
            self.listing = match self.listing {
                Listing::Inside => Listing::Outside,
                Listing::Outside => Listing::Inside,
            };
        } else if self.listing == Listing::Inside {
            // A listing is code.
        } else if !remark.text.contains(char::is_alphanumeric) {
            self.page.end_block();
        } else if remark.kind == RemarkKind::Title && self.comments.line.contains(&"//") {
            self.page.end_block();
            self.page.current.push_str(remark.text, at);
            self.page.end_heading();
        } else {
            if remark.kind == RemarkKind::Item {
                self.page.end_block();
            }
            self.page.current.push_str(remark.text, at);
            self.page
                .current
                .push(' ', (start + line.len(), start + line.len()));
        }
    }

    fn end_comment(&mut self) {
        self.listing = Listing::Outside;
        self.page.end_block();
    }
}

#[derive(PartialEq, Eq)]
enum RemarkKind {
    Text,
    Item,
    Title,
}

/// One line of a comment without its markers.
struct Remark<'a> {
    kind: RemarkKind,
    text: &'a str,
}

impl<'a> Remark<'a> {
    fn of(line: &'a str) -> Self {
        // The rest of markers such as `///`, `//!`, `/**`, `#:` and `-- |`.
        let unmarked = line.trim_start_matches(['/', '!', '*', '#', '-', ';', '%', '|', '^', ':']);
        let mut text = unmarked.trim_start();
        if unmarked.len() == line.len() {
            text = continuation(text);
        }
        let untitled = text.trim_start_matches('#');
        if untitled.len() < text.len() && untitled.starts_with(' ') {
            return Self {
                kind: RemarkKind::Title,
                text: untitled.trim_start(),
            };
        }
        match ["- ", "* ", "+ "]
            .iter()
            .find_map(|bullet| text.strip_prefix(bullet))
        {
            Some(item) => Self {
                kind: RemarkKind::Item,
                text: item.trim_start(),
            },
            None => Self {
                kind: RemarkKind::Text,
                text,
            },
        }
    }
}

/// The text behind the star that many styles put before the lines of a block.
fn continuation(text: &str) -> &str {
    match text.strip_prefix('*') {
        Some(rest) if rest.starts_with(char::is_whitespace) || rest.is_empty() => rest.trim_start(),
        _ => text,
    }
}
