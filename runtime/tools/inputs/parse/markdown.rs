//! Markdown: paragraphs, list items, quotes and table cells become passages; code blocks, raw HTML, images and
//! front matter are left out.

use std::ops;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::{Page, Position};

/// Parses one segment.
pub(super) fn parse(text: &str, place: Position, page: &mut Page) {
    let mut reader = Reader {
        text,
        page,
        hidden: 0,
    };
    for (event, range) in Parser::new_ext(text, options(place)).into_offset_iter() {
        reader.take(event, range);
    }
}

fn options(place: Position) -> Options {
    let body = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_DEFINITION_LIST;
    match place {
        Position::First => {
            body | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
                | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        }
        // Further on, two rules around a paragraph must not hide it as front matter.
        Position::Later => body,
    }
}

struct Reader<'a> {
    text: &'a str,
    page: &'a mut Page,
    /// How many elements that are left out are open.
    hidden: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: ops::Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, &range),
            Event::End(tag) => self.end(tag),
            Event::Rule => self.page.end_block(),
            _ if self.hidden > 0 => {}
            Event::Text(words) => self.words(&words, range.start, &range),
            Event::Code(words) => {
                let raw = &self.text[range.clone()];
                let inside = raw.find(words.as_ref()).unwrap_or(0);
                self.page.current.mark_inline((range.start, range.end));
                self.words(&words, range.start + inside, &range);
            }
            Event::SoftBreak | Event::HardBreak => self.page.current.push(' ', (range.start, range.end)),
            _ => {}
        }
    }

    /// Adds words that stand at `start` if they stand there as they are, else as something decoded from `range`.
    fn words(&mut self, words: &CowStr<'_>, start: usize, range: &ops::Range<usize>) {
        if self.text[start..].starts_with(words.as_ref()) {
            self.page.current.push_str(words, start);
        } else {
            self.page.current.push_decoded(words, (range.start, range.end));
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: &ops::Range<usize>) {
        match tag {
            Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::MetadataBlock(_) => {
                self.page.end_block();
                self.hidden += 1;
            }
            Tag::Image { .. } => self.hidden += 1,
            Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. } => self.page.current.mark_inline((range.start, range.end)),
            _ => self.page.end_block(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) | TagEnd::Image => {
                self.hidden = self.hidden.saturating_sub(1);
            }
            TagEnd::Heading(_) => self.page.end_heading(),
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link => {}
            _ => self.page.end_block(),
        }
    }
}
