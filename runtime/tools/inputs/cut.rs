//! Where long documents are cut.
//!
//! A document is read in segments, each parsed by itself, so that a file of any length costs the memory of one
//! segment. Segments end between paragraphs where they can, else between lines, else between words. What holds no
//! passages and cannot be cut (a script, an image inside a tag) may lie between two segments.

use super::format::Format;
use super::parse::html::{Begins, Dialect, Outline};
use super::parse::{Inside, markdown};
use super::render::Range;

/// A segment of a text, and what the text before it has left open, where its own parser does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range,
    pub(super) inside: Option<Inside>,
}

/// A place where a document may be cut, in ascending order of their starts.
#[derive(Clone, Copy)]
enum Mark {
    /// Between two paragraphs.
    Block(usize),
    /// Between two lines.
    Line(usize),
    /// Never inside this range, and no passage is lost where it is left out.
    Opaque(Range),
}

/// Cuts a whole text into segments of about `chunk` bytes, a quarter more at most.
pub(super) fn segments(format: Format, text: &str, chunk: usize) -> Vec<Piece> {
    let mut cutter = Cutter::new(text, chunk);
    if text.len() <= cutter.max {
        return vec![Piece {
            range: (0, text.len()),
            inside: None,
        }];
    }
    match format {
        Format::Markdown => markdown_segments(text, cutter),
        Format::Html => page_segments(text, Dialect::Html, cutter),
        Format::Xml => page_segments(text, Dialect::Xml, cutter),
        Format::Json => {
            mark_values(text, &mut cutter);
            plain(cutter.finish())
        }
        Format::Table => {
            mark_rows(text, &mut cutter);
            plain(cutter.finish())
        }
        Format::Source(_)
        | Format::Settings(_)
        | Format::Subtitles
        | Format::Log
        | Format::Listing
        | Format::Text => {
            mark_lines(text, &mut cutter);
            plain(cutter.finish())
        }
    }
}

fn plain(ranges: Vec<Range>) -> Vec<Piece> {
    ranges
        .into_iter()
        .map(|range| Piece { range, inside: None })
        .collect()
}

struct Cutter<'a> {
    text: &'a str,
    chunk: usize,
    min: usize,
    max: usize,
    start: usize,
    block: Option<usize>,
    line: Option<usize>,
    /// End of the last opaque range: words are looked for only after it.
    clear: usize,
    done: Vec<Range>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str, chunk: usize) -> Self {
        Self {
            text,
            chunk,
            min: chunk - chunk / 4,
            max: chunk + chunk / 4,
            start: 0,
            block: None,
            line: None,
            clear: 0,
            done: Vec::new(),
        }
    }

    fn offer(&mut self, mark: Mark) {
        match mark {
            Mark::Block(at) => {
                self.reach(at);
                if at - self.start >= self.chunk {
                    self.cut(at, at);
                } else if at - self.start >= self.min {
                    self.block = Some(at);
                }
            }
            Mark::Line(at) => {
                self.reach(at);
                if at - self.start >= self.min {
                    self.line = Some(at);
                }
            }
            Mark::Opaque((from, until)) => {
                self.offer(Mark::Line(from));
                if until - self.start > self.max {
                    self.cut(from, until);
                } else {
                    self.clear = until;
                    self.offer(Mark::Line(until));
                }
            }
        }
    }

    /// Cuts until what lies before `at` fits into one segment.
    fn reach(&mut self, at: usize) {
        while at - self.start > self.max {
            let place = self.block.or(self.line).unwrap_or_else(|| self.word_end(at));
            self.cut(place, place);
        }
    }

    fn cut(&mut self, end: usize, next: usize) {
        if end > self.start {
            self.done.push((self.start, end));
        }
        self.start = next;
        self.block = None;
        self.line = None;
    }

    /// The last place between two words that keeps the segment below its bound, or between two characters.
    fn word_end(&self, limit: usize) -> usize {
        let from = (self.start + self.min).max(self.clear);
        let until = (self.start + self.max).min(limit);
        if from >= until {
            return limit;
        }
        let window = &self.text.as_bytes()[from..until];
        if let Some(space) = window.iter().rposition(u8::is_ascii_whitespace) {
            return from + space + 1;
        }
        let between = self.text.floor_char_boundary(until);
        if between > from {
            between
        } else {
            self.text.ceil_char_boundary(until)
        }
    }

    fn finish(mut self) -> Vec<Range> {
        let end = self.text.len();
        self.reach(end);
        self.cut(end, end);
        self.done
    }
}

/// Starts of lines with the lines themselves.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    })
}

fn mark_lines(text: &str, cutter: &mut Cutter<'_>) {
    let mut after_blank = false;
    for (at, line) in lines(text) {
        let blank = line.trim_ascii().is_empty();
        cutter.offer(if after_blank && !blank {
            Mark::Block(at)
        } else {
            Mark::Line(at)
        });
        after_blank = blank;
    }
}

/// Rows end where a line ends outside of quotes.
fn mark_rows(text: &str, cutter: &mut Cutter<'_>) {
    let mut quotes = 0_usize;
    for (at, line) in lines(text) {
        if quotes.is_multiple_of(2) {
            cutter.offer(Mark::Line(at));
        }
        quotes += line.matches('"').count();
    }
}

/// Values of JSON end with a comma or a line outside of strings.
fn mark_values(text: &str, cutter: &mut Cutter<'_>) {
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'\n' if !in_string => cutter.offer(Mark::Line(at + 1)),
            _ => {}
        }
    }
}

/// Blocks of Markdown begin after a blank line at the left margin. A listing is cut between its lines, and what comes
/// after the cut knows its fence; a fence that says it holds Markdown fences nothing.
fn markdown_segments(text: &str, mut cutter: Cutter<'_>) -> Vec<Piece> {
    let mut after_blank = false;
    let mut fence: Option<(usize, &str)> = None;
    let mut listings: Vec<(Range, &str)> = Vec::new();
    for (at, line) in lines(text) {
        let is_closing = fence.is_some_and(|(_, marker)| markdown::closes(line, marker));
        if let Some((from, marker)) = fence.filter(|_| is_closing) {
            listings.push(((from, at + line.len()), marker));
            fence = None;
            cutter.offer(Mark::Line(at));
            after_blank = false;
            continue;
        }
        let content = line.trim_ascii();
        let at_margin = line.starts_with(|letter: char| !letter.is_ascii_whitespace());
        if fence.is_none() && at_margin && (after_blank || content.starts_with('#')) {
            cutter.offer(Mark::Block(at));
        } else {
            cutter.offer(Mark::Line(at));
        }
        if fence.is_none()
            && let Some((marker, info)) = markdown::fence_of(line)
            && !markdown::is_markdown(info)
        {
            fence = Some((at + line.len(), marker));
        }
        after_blank = content.is_empty();
    }
    // A fence that is never closed fences nothing.
    let listing_at = |at: usize| {
        let next = listings.partition_point(|(range, _)| range.1 <= at);
        listings.get(next).filter(|(range, _)| range.0 <= at)
    };
    let with_fence = |range: Range| Piece {
        range,
        inside: listing_at(range.0).map(|(_, marker)| Inside::Listing((*marker).into())),
    };
    cutter.finish().into_iter().map(with_fence).collect()
}

/// Passages of a page begin and end with tags; tags themselves and what is left out are never cut.
fn page_segments(text: &str, dialect: Dialect, mut cutter: Cutter<'_>) -> Vec<Piece> {
    let outline = Outline::new(text, dialect, None);
    let mut done = 0;
    outline.for_each_markup(&mut |range, begins| {
        mark_text(&text[done..range.0], done, &mut cutter);
        if begins == Begins::Passage {
            cutter.offer(Mark::Block(range.0));
        }
        cutter.offer(Mark::Opaque(range));
        done = range.1;
    });
    mark_text(&text[done..], done, &mut cutter);
    let with_elements = |range: Range| Piece {
        range,
        inside: Some(Inside::Page(outline.around(range.0))),
    };
    cutter.finish().into_iter().map(with_elements).collect()
}

/// Long text between two tags may be cut where its lines end.
fn mark_text(text: &str, start: usize, cutter: &mut Cutter<'_>) {
    for at in memchr::memchr_iter(b'\n', text.as_bytes()) {
        cutter.offer(Mark::Line(start + at + 1));
    }
}

#[cfg(test)]
mod tests;
