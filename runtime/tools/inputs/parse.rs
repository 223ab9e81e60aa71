//! Segments of documents as passages: paragraphs, items and cells with their places and headings.
//!
//! A segment is parsed by itself. What it inherits from the text before it is in its [`Context`], which the parser
//! of one segment hands to the next; so any segment can be read alone, in any order, with the same result.

use std::borrow::Cow;
use std::sync::Arc;

use anthill_text::script;

use super::format::Format;
use super::render::{Builder, Rendering};

mod fields;
pub(super) mod html;
mod json;
mod lines;
pub(super) mod markdown;
mod plain;
pub(super) mod settings;
mod source;
mod subtitles;
mod table;

/// What a segment inherits from the text before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// The nearest heading above.
    pub(super) heading: Option<Arc<str>>,
    /// Whether anything stands before it.
    pub(super) place: Position,
    /// What the text before it left open.
    pub(super) inside: Option<Inside>,
}

/// What one segment leaves open for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inside {
    /// A comment or string of a program.
    Source(source::Inside),
    /// Elements of a page.
    Page(html::Around),
    /// A listing in Markdown that this marker has opened.
    Listing(Box<str>),
    /// A string of JSON.
    String(json::OpenString),
    /// A text of several lines in settings.
    Text(settings::OpenText),
}

/// Where in its document a segment stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Position {
    /// At its start, where front matter may stand.
    #[default]
    First,
    /// Further on.
    Later,
}

/// A parsed segment.
pub(super) struct Parsed {
    /// Its paragraphs in reading order.
    pub(super) renderings: Vec<Rendering>,
    /// What the next segment inherits, as far as this one can tell.
    pub(super) context: Context,
    /// What it took: characters, tokens and moves.
    pub(super) work: u64,
}

/// Parses one segment.
pub(super) fn parse(format: Format, text: &str, context: &Context) -> Parsed {
    let text = with_line_feeds(text);
    let mut page = Page {
        renderings: Vec::new(),
        current: Builder::default(),
        heading: context.heading.clone(),
        headings: Vec::new(),
        work: text.len() as u64,
    };
    let inside = parse_as(format, &text, context, &mut page);
    page.end_block();
    if page.renderings.is_empty() {
        // A text of nothing but headings says what they say.
        page.renderings = std::mem::take(&mut page.headings);
    }
    Parsed {
        renderings: page.renderings,
        context: Context {
            heading: page.heading,
            place: Position::Later,
            inside,
        },
        work: page.work,
    }
}

fn parse_as(format: Format, text: &str, context: &Context, page: &mut Page) -> Option<Inside> {
    let inside = context.inside.as_ref();
    match format {
        Format::Markdown => {
            let fence = match inside {
                Some(Inside::Listing(fence)) => Some(&**fence),
                _ => None,
            };
            markdown::parse(text, (context.place, fence), page);
        }
        Format::Html | Format::Xml => {
            let dialect = if format == Format::Xml {
                html::Dialect::Xml
            } else {
                html::Dialect::Html
            };
            let around = match inside {
                Some(Inside::Page(around)) => Some(around),
                _ => None,
            };
            html::parse(text, dialect, around, page);
        }
        Format::Source(comments) => {
            let open = match inside {
                Some(Inside::Source(open)) => Some(*open),
                _ => None,
            };
            return source::parse(comments, text, open, page).map(Inside::Source);
        }
        Format::Json => {
            let open = match inside {
                Some(Inside::String(open)) => Some(open),
                _ => None,
            };
            return json::parse(text, open, page).map(Inside::String);
        }
        Format::Settings(dialect) => {
            let open = match inside {
                Some(Inside::Text(open)) => Some(open.clone()),
                _ => None,
            };
            return settings::parse(dialect, text, open, page).map(Inside::Text);
        }
        Format::Table => table::parse(text, page),
        Format::Subtitles => subtitles::parse(text, page),
        Format::Log => plain::parse(text, lines::Style::Records, page),
        Format::Listing => plain::parse(text, lines::Style::Listing, page),
        Format::Text => plain::parse(text, lines::Style::Prose, page),
    }
    None
}

/// The text with a line feed for every line end, of the same length: carriage returns alone, NEL, and the separators
/// of lines and paragraphs. A pair of carriage return and line feed stays, because all parsers know it.
pub(super) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let is_other_end = |letter: char| script::is_line_end(letter) && letter != '\n';
    if !text.contains(is_other_end) {
        return Cow::Borrowed(text);
    }
    let mut fed = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // Some programs write two carriage returns before a line feed; all of that is one line end.
            '\r' if matches!(letters.peek(), Some('\n')) => fed.push('\r'),
            '\r' if is_doubled(&letters) => fed.push(' '),
            '\r' => fed.push('\n'),
            '\u{85}' => fed.push_str(" \n"),
            '\u{2028}' => fed.push_str("  \n"),
            '\u{2029}' => fed.push_str(" \n\n"),
            _ => fed.push(letter),
        }
    }
    Cow::Owned(fed)
}

/// Whether a carriage return and a line feed follow.
fn is_doubled(letters: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let mut ahead = letters.clone();
    ahead.next() == Some('\r') && ahead.next() == Some('\n')
}

/// Longest heading that is kept, in bytes.
const HEADING_BYTES_MAX: usize = 300;

/// The passages of a segment while it is parsed.
struct Page {
    renderings: Vec<Rendering>,
    current: Builder,
    heading: Option<Arc<str>>,
    /// Headings with their places, in case there is nothing else.
    headings: Vec<Rendering>,
    work: u64,
}

impl Page {
    /// Ends the current passage.
    fn end_block(&mut self) {
        if let Some(rendering) = self.current.take(self.heading.as_ref()) {
            self.renderings.push(rendering);
        }
    }

    /// Ends the current text as a heading instead of a passage.
    fn end_heading(&mut self) {
        if let Some(rendering) = self.current.take(None) {
            let text = &rendering.text;
            self.heading = Some(Arc::from(&text[..text.floor_char_boundary(HEADING_BYTES_MAX)]));
            if self.renderings.is_empty() {
                self.headings.push(rendering);
            }
        }
    }
}

#[cfg(test)]
mod tests;
