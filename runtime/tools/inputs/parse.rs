//! Segments of documents as passages: paragraphs, items and cells with their places and headings.
//!
//! A segment is parsed by itself. What it inherits from the text before it is in its [`Context`], which the parser
//! of one segment hands to the next; so any segment can be read alone, in any order, with the same result.

use std::sync::Arc;

use super::format::Format;
use super::render::{Builder, Rendering};

pub(super) mod html;
mod markdown;
mod plain;
mod source;

/// What a segment inherits from the text before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// The nearest heading above.
    pub(super) heading: Option<Arc<str>>,
    /// Whether anything stands before it.
    pub(super) place: Position,
    /// What the last line before it left open; only in source files.
    inside: Option<source::Inside>,
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
    /// What the next segment inherits.
    pub(super) context: Context,
}

/// Parses one segment.
pub(super) fn parse(format: Format, text: &str, context: &Context) -> Parsed {
    let mut page = Page {
        renderings: Vec::new(),
        current: Builder::default(),
        heading: context.heading.clone(),
    };
    let mut inside = None;
    match format {
        Format::Markdown => markdown::parse(text, context.place, &mut page),
        Format::Html => html::parse(text, &mut page),
        Format::Source(comments) => inside = source::parse(comments, text, context.inside, &mut page),
        Format::Text => plain::parse(text, &mut page),
    }
    page.end_block();
    Parsed {
        renderings: page.renderings,
        context: Context {
            heading: page.heading,
            place: Position::Later,
            inside,
        },
    }
}

/// Longest heading that is kept, in bytes.
const HEADING_BYTES_MAX: usize = 300;

/// The passages of a segment while it is parsed.
struct Page {
    renderings: Vec<Rendering>,
    current: Builder,
    heading: Option<Arc<str>>,
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
        }
    }
}

#[cfg(test)]
mod tests;
