//! Where long documents are cut.
//!
//! A document is read in segments, each parsed by itself, so that a file of any length costs the memory of one
//! segment. Segments end between paragraphs where they can, else between lines, else between words. What holds no
//! passages and cannot be cut (a script, a long code block, an image inside a tag) may lie between two segments.

use super::format::Format;
use super::parse::html::{self, Element, Piece};
use super::render::Range;

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

/// Cuts a whole file into segments of about `chunk` bytes, a quarter more at most.
pub(super) fn segments(format: Format, bytes: &[u8], chunk: usize) -> Vec<Range> {
    let mut cutter = Cutter::new(bytes, chunk);
    if bytes.len() <= cutter.max {
        return vec![(0, bytes.len())];
    }
    match format {
        Format::Markdown => mark_markdown(bytes, &mut cutter),
        Format::Html => mark_html(bytes, &mut cutter),
        Format::Source(_) | Format::Text => mark_lines(bytes, &mut cutter),
    }
    cutter.finish()
}

struct Cutter<'a> {
    bytes: &'a [u8],
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
    fn new(bytes: &'a [u8], chunk: usize) -> Self {
        Self {
            bytes,
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
        let window = &self.bytes[from..until];
        if let Some(space) = window.iter().rposition(u8::is_ascii_whitespace) {
            return from + space + 1;
        }
        let inside_letter = |at: &usize| self.bytes[*at] & 0xc0 == 0x80;
        // A UTF-8 character is at most four bytes long; a longer run of such bytes is Latin-1.
        (until.saturating_sub(3).max(from + 1)..=until)
            .rev()
            .find(|at| *at < self.bytes.len() && !inside_letter(at))
            .unwrap_or(until)
    }

    fn finish(mut self) -> Vec<Range> {
        let end = self.bytes.len();
        self.reach(end);
        self.cut(end, end);
        self.done
    }
}

/// Starts of lines with the lines themselves, without their line feeds.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    })
}

fn mark_lines(bytes: &[u8], cutter: &mut Cutter<'_>) {
    let mut after_blank = false;
    for (at, line) in lines(bytes) {
        let blank = line.trim_ascii().is_empty();
        cutter.offer(if after_blank && !blank {
            Mark::Block(at)
        } else {
            Mark::Line(at)
        });
        after_blank = blank;
    }
}

/// Blocks of Markdown begin after a blank line at the left margin; fenced code is left whole or left out.
fn mark_markdown(bytes: &[u8], cutter: &mut Cutter<'_>) {
    let mut after_blank = false;
    let mut fence: Option<(usize, &[u8])> = None;
    for (at, line) in lines(bytes) {
        let content = line.trim_ascii();
        if let Some((from, marker)) = fence {
            let closes = content.starts_with(marker) && content.iter().all(|byte| *byte == marker[0]);
            if closes {
                cutter.offer(Mark::Opaque((from, at + line.len())));
                fence = None;
            }
            continue;
        }
        let at_margin = line.first().is_some_and(|byte| !byte.is_ascii_whitespace());
        let heading = content.starts_with(b"#");
        if at_margin && (after_blank || heading) {
            cutter.offer(Mark::Block(at));
        } else {
            cutter.offer(Mark::Line(at));
        }
        fence = fence_marker(content).map(|marker| (at, marker));
        after_blank = content.is_empty();
    }
    if let Some((from, _)) = fence {
        cutter.offer(Mark::Opaque((from, bytes.len())));
    }
}

/// The run of back-ticks or tildes that opens a fence, if this line does.
fn fence_marker(content: &[u8]) -> Option<&[u8]> {
    let byte = *content.first().filter(|byte| matches!(byte, b'`' | b'~'))?;
    let length = content.iter().take_while(|other| **other == byte).count();
    let closes_at_once = byte == b'`' && content[length..].contains(&b'`');
    (length >= 3 && !closes_at_once).then(|| &content[..length])
}

/// Blocks of HTML begin and end with tags; tags themselves and what is left out are never cut.
fn mark_html(bytes: &[u8], cutter: &mut Cutter<'_>) {
    html::walk(bytes, &mut |piece| match piece {
        Piece::Open(name, tag) => {
            if Element::of(name) != Element::Inline {
                cutter.offer(Mark::Block(tag.0));
            }
            cutter.offer(Mark::Opaque(tag));
        }
        Piece::Close(_, range) | Piece::LeftOut(range) => cutter.offer(Mark::Opaque(range)),
    });
}

#[cfg(test)]
mod tests;
