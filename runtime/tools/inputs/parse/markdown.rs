//! Markdown: paragraphs, list items, quotes, table cells, listings and blocks of HTML become passages; images are left
//! out.
//!
//! People write it loosely, and programs wrap what they write: a report that stands whole between fences is read
//! without them, a fence that is never closed fences nothing, and a fence that says it holds Markdown is believed.

use std::borrow::Cow;
use std::ops;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use super::html::{self, Dialect};
use super::lines::{Lines, Style};
use super::settings;
use super::{Page, Position};

/// How often Markdown is read inside of Markdown.
const NESTED_MAX: usize = 2;

/// Parses one segment that begins in a listing if `fence` is open.
pub(super) fn parse(text: &str, (place, fence): (Position, Option<&str>), page: &mut Page) {
    let listing = fence.map_or(0, |fence| listing_end(text, fence));
    if listing > 0 {
        super::plain::parse(without_fence(&text[..listing]), Style::Listing, page);
        page.end_block();
    }
    parse_at((text, listing), place, page, 0);
}

/// Parses what stands from a place on.
fn parse_at((text, from): (&str, usize), place: Position, page: &mut Page, nested: usize) {
    page.current.shift_by(from);
    let bare = unwrapped(&text[from..]);
    let mut reader = Reader {
        text: &bare,
        page,
        images: 0,
        block: None,
        nested,
    };
    for (event, range) in Parser::new_ext(&bare, options(place)).into_offset_iter() {
        reader.page.work += 1;
        reader.take(event, range);
    }
    page.end_block();
    page.current.shift_back(from);
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

/// The run of back-ticks or tildes that a line consists of or begins with, and what stands behind it.
pub(in crate::inputs) fn fence_of(line: &str) -> Option<(&str, &str)> {
    let content = line.trim();
    let sign = content.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let behind = content.trim_start_matches(sign);
    let marker = &content[..content.len() - behind.len()];
    let is_code_span = sign == '`' && behind.contains('`');
    (marker.len() >= 3 && !is_code_span).then_some((marker, behind.trim()))
}

/// Whether a line closes a listing that this marker has opened.
pub(in crate::inputs) fn closes(line: &str, opened: &str) -> bool {
    fence_of(line).is_some_and(|(marker, behind)| behind.is_empty() && marker.starts_with(opened))
}

/// Whether a fence says that it holds Markdown.
pub(in crate::inputs) fn is_markdown(info: &str) -> bool {
    let language = info.split([' ', ',', '{', '\t']).next().unwrap_or_default();
    ["markdown", "md", "mdx", "gfm", "commonmark", "rmd", "qmd"]
        .iter()
        .any(|known| language.eq_ignore_ascii_case(known))
}

/// Where the listing ends that is open at the start: behind its closing fence, or at the end.
fn listing_end(text: &str, fence: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if closes(line, fence) {
            break;
        }
    }
    end
}

fn without_fence(listing: &str) -> &str {
    let last = listing.trim_end().rfind('\n').map_or(0, |at| at + 1);
    if fence_of(&listing[last..]).is_some() {
        &listing[..last]
    } else {
        listing
    }
}

/// The text without the fences around all of it, which are turned into spaces.
fn unwrapped(text: &str) -> Cow<'_, str> {
    let first = text.len() - text.trim_start().len();
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at);
    let first_end = line_end(first);
    let Some((marker, info)) = fence_of(&text[first..first_end]) else {
        return Cow::Borrowed(text);
    };
    let last = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let is_closed = last >= first_end && closes(&text[last..], marker);
    let bare_fences = text[first_end..]
        .lines()
        .filter(|line| closes(line, marker))
        .count();
    let is_report = is_markdown(info) && (is_closed || bare_fences == 0);
    let is_bare = info.is_empty() && is_closed && bare_fences == 1;
    if !is_report && !is_bare {
        return Cow::Borrowed(text);
    }
    let mut bare = String::with_capacity(text.len());
    bare.push_str(&text[..first]);
    bare.extend(std::iter::repeat_n(' ', first_end - first));
    if is_closed {
        bare.push_str(&text[first_end..last]);
        bare.extend(std::iter::repeat_n(' ', text.len() - last));
    } else {
        bare.push_str(&text[first_end..]);
    }
    Cow::Owned(bare)
}

/// A block whose lines are gathered before it is read.
struct Gathered {
    kind: BlockKind,
    range: ops::Range<usize>,
    pieces: Vec<ops::Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Html,
    Listing,
    Markdown,
    Yaml,
    Toml,
}

struct Reader<'a> {
    text: &'a str,
    page: &'a mut Page,
    /// How many images are open.
    images: usize,
    block: Option<Gathered>,
    nested: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: ops::Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, &range),
            Event::End(tag) => self.end(tag),
            Event::Rule => self.page.end_block(),
            Event::Text(_) | Event::Html(_) if self.block.is_some() => {
                if let Some(block) = &mut self.block {
                    block.pieces.push(range);
                }
            }
            _ if self.images > 0 => {}
            Event::Text(words) => self.words(&words, range.start, &range),
            Event::Code(words) => {
                let raw = &self.text[range.clone()];
                let inside = raw.find(words.as_ref()).unwrap_or(0);
                self.page.current.mark_inline((range.start, range.end));
                self.words(&words, range.start + inside, &range);
            }
            Event::SoftBreak | Event::HardBreak => self.page.current.push_line_end((range.start, range.end)),
            Event::InlineHtml(tag) if tag.starts_with("<br") => {
                self.page.current.push_line_end((range.start, range.end));
            }
            _ => {}
        }
    }

    /// Adds words that stand at `start` if they stand there as they are, else as something decoded from `range`.
    fn words(&mut self, words: &CowStr<'_>, start: usize, range: &ops::Range<usize>) {
        self.page.work += words.len() as u64;
        if self.text[start..].starts_with(words.as_ref()) {
            self.page.current.push_str(words, start);
        } else {
            self.page.current.push_decoded(words, (range.start, range.end));
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: &ops::Range<usize>) {
        match tag {
            Tag::CodeBlock(kind) => {
                let kind = self.listing_kind(kind, range);
                self.gather(kind, range);
            }
            Tag::HtmlBlock => self.gather(BlockKind::Html, range),
            Tag::MetadataBlock(MetadataBlockKind::YamlStyle) => self.gather(BlockKind::Yaml, range),
            Tag::MetadataBlock(MetadataBlockKind::PlusesStyle) => self.gather(BlockKind::Toml, range),
            Tag::Image { .. } => self.images += 1,
            Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. } => self.page.current.mark_inline((range.start, range.end)),
            _ => self.page.end_block(),
        }
    }

    fn gather(&mut self, kind: BlockKind, range: &ops::Range<usize>) {
        self.page.end_block();
        self.block = Some(Gathered {
            kind,
            range: range.clone(),
            pieces: Vec::new(),
        });
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {
                if let Some(block) = self.block.take() {
                    self.read(&block);
                    self.page.end_block();
                }
            }
            TagEnd::Image => self.images = self.images.saturating_sub(1),
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

    /// How the content of a code block is read.
    fn listing_kind(&self, kind: &CodeBlockKind<'_>, range: &ops::Range<usize>) -> BlockKind {
        let CodeBlockKind::Fenced(info) = kind else {
            return BlockKind::Listing;
        };
        let block = self.text[range.clone()].trim_end();
        let opened = block.lines().next().and_then(fence_of).map(|(marker, _)| marker);
        let is_closed = block.rsplit_once('\n').is_some_and(|(_, last)| {
            opened.is_some_and(|opened| closes(last.trim_start_matches(['>', ' ']), opened))
        });
        let is_markdown = is_markdown(info) || !is_closed;
        if is_markdown && self.nested < NESTED_MAX {
            BlockKind::Markdown
        } else {
            BlockKind::Listing
        }
    }

    fn read(&mut self, block: &Gathered) {
        let (Some(first), Some(last)) = (block.pieces.first(), block.pieces.last()) else {
            return;
        };
        let (start, end) = (first.start, last.end.min(block.range.end).max(first.start));
        let text = self.text;
        // Marks of quotes and lists between the lines of a block are no part of it.
        let source = if block.pieces.windows(2).all(|pair| pair[0].end == pair[1].start) {
            Cow::Borrowed(&text[start..end])
        } else {
            Cow::Owned(pieces_alone(text, &block.pieces, start..end))
        };
        if block.kind == BlockKind::Markdown {
            return parse_at((&text[..end], start), Position::Later, self.page, self.nested + 1);
        }
        self.page.current.shift_by(start);
        match block.kind {
            BlockKind::Html => html::parse(&source, Dialect::Html, None, self.page),
            BlockKind::Yaml => drop(settings::parse(settings::Dialect::Yaml, &source, None, self.page)),
            BlockKind::Toml => drop(settings::parse(settings::Dialect::Toml, &source, None, self.page)),
            BlockKind::Listing | BlockKind::Markdown => {
                let mut lines = Lines::new(Style::Listing);
                lines.push_str(&source, 0, self.page);
                lines.finish(self.page);
            }
        }
        self.page.end_block();
        self.page.current.shift_back(start);
    }
}

/// A stretch of text in which all but these pieces is white space of the same length.
fn pieces_alone(text: &str, pieces: &[ops::Range<usize>], range: ops::Range<usize>) -> String {
    let mut alone = String::with_capacity(range.len());
    let mut at = range.start;
    for piece in pieces {
        let (start, end) = (
            piece.start.max(at),
            piece.end.clamp(piece.start.max(at), range.end),
        );
        alone.extend(std::iter::repeat_n(' ', start - at));
        alone.push_str(&text[start..end]);
        at = end;
    }
    alone
}
