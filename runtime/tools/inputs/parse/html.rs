//! HTML: block elements become passages; scripts, styles, navigation, code listings and the head are left out.
//!
//! The tokenizer tells where tags and comments stand, and the text is what lies between them. No tree is built:
//! tags that are never closed cost nothing, and a passage ends wherever a block begins or ends. Elements that
//! are not known to be inline count as blocks, so XML and custom elements fall into paragraphs too.

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Span, Token, Tokenizer};

use super::Page;
use crate::inputs::render::Range;

/// What an element means for the text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Element {
    /// Part of a sentence.
    Inline,
    /// A line break inside a passage.
    Break,
    /// Begins and ends passages.
    Block,
    /// A heading.
    Heading,
    /// Not for readers, or no prose.
    LeftOut,
}

impl Element {
    /// The meaning of the element with this name, in lower case.
    pub(in crate::inputs) fn of(name: &str) -> Self {
        match name {
            "a" | "abbr" | "acronym" | "b" | "bdi" | "bdo" | "big" | "cite" | "code" | "data" | "del"
            | "dfn" | "em" | "font" | "i" | "img" | "ins" | "kbd" | "label" | "mark" | "nobr" | "q" | "s"
            | "samp" | "small" | "span" | "strike" | "strong" | "sub" | "sup" | "time" | "tt" | "u"
            | "var" => Self::Inline,
            "br" | "wbr" => Self::Break,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "head" | "script" | "style" | "nav" | "noscript" | "template" | "svg" | "math" | "pre"
            | "textarea" | "button" | "select" | "iframe" | "object" | "canvas" | "title" => Self::LeftOut,
            _ => Self::Block,
        }
    }
}

/// A piece of markup; what lies between two pieces is text.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::inputs) enum Piece<'a> {
    /// A start tag.
    Open(&'a str, Range),
    /// An end tag.
    Close(&'a str, Range),
    /// An element that is left out with all that it holds, or a comment or declaration.
    LeftOut(Range),
}

/// Calls `each` for every piece of markup, in order and without overlaps.
pub(in crate::inputs) fn walk(bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
    let mut walker = Walker {
        each,
        length: bytes.len(),
        finished_at: 0,
        tag: None,
        left_out: None,
    };
    let mut emitter = CallbackEmitter::<_, (), usize>::new(&mut walker);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(bytes, emitter).try_for_each(|token| token.map(drop));
    walker.finish();
}

struct Walker<'a> {
    each: &'a mut dyn FnMut(Piece<'_>),
    length: usize,
    finished_at: usize,
    tag: Option<(String, usize)>,
    left_out: Option<LeftOut>,
}

struct LeftOut {
    name: String,
    start: usize,
    depth: usize,
}

impl Callback<(), usize> for &mut Walker<'_> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, span: Span<usize>) -> Option<()> {
        match event {
            CallbackEvent::OpenStartTag { name } => self.tag = Some((lower(name), span.start)),
            CallbackEvent::CloseStartTag { self_closing } => {
                if let Some((name, start)) = self.tag.take() {
                    let range = self.range(start, span.end);
                    if self_closing && Element::of(&name) == Element::LeftOut {
                        self.piece(Piece::LeftOut(range));
                    } else {
                        self.open(&name, range);
                    }
                }
            }
            CallbackEvent::EndTag { name } => {
                let range = self.range(span.start, span.end);
                self.close(&lower(name), range);
            }
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } => {
                let range = self.range(span.start, span.end);
                self.piece(Piece::LeftOut(range));
            }
            _ => {}
        }
        None
    }
}

impl Walker<'_> {
    /// A range that begins after the last one and ends inside the text, whatever the tokenizer says.
    fn range(&self, start: usize, end: usize) -> Range {
        let start = start.clamp(self.finished_at, self.length);
        (start, end.clamp(start, self.length))
    }

    fn piece(&mut self, piece: Piece<'_>) {
        if self.left_out.is_none() {
            let (Piece::Open(_, range) | Piece::Close(_, range) | Piece::LeftOut(range)) = &piece;
            self.finished_at = range.1;
            (self.each)(piece);
        }
    }

    fn open(&mut self, name: &str, range: Range) {
        match &mut self.left_out {
            Some(outer) if outer.name == name => outer.depth += 1,
            // A head that was never closed ends where the body begins.
            Some(outer) if outer.name == "head" && name == "body" => {
                let start = outer.start;
                self.left_out = None;
                self.piece(Piece::LeftOut((start, range.1)));
            }
            Some(_) => {}
            None if Element::of(name) == Element::LeftOut => {
                self.left_out = Some(LeftOut {
                    name: name.to_owned(),
                    start: range.0,
                    depth: 1,
                });
            }
            None => self.piece(Piece::Open(name, range)),
        }
    }

    fn close(&mut self, name: &str, range: Range) {
        match &mut self.left_out {
            None => self.piece(Piece::Close(name, range)),
            Some(outer) if outer.name != name => {}
            Some(outer) if outer.depth > 1 => outer.depth -= 1,
            Some(outer) => {
                let start = outer.start;
                self.left_out = None;
                self.piece(Piece::LeftOut((start, range.1)));
            }
        }
    }

    fn finish(&mut self) {
        let unfinished = self.tag.take().map(|(_, start)| start);
        let left_out = self.left_out.take().map(|outer| outer.start);
        if let Some(start) = left_out.or(unfinished) {
            let range = self.range(start, self.length);
            self.piece(Piece::LeftOut(range));
        }
    }
}

fn lower(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// Parses one segment.
pub(super) fn parse(text: &str, page: &mut Page) {
    // The tokenizer counts a carriage return in its own way; a space of the same length reads the same.
    let plain: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'\r' { b' ' } else { byte })
        .collect();
    let mut reader = Reader {
        text,
        page,
        done: 0,
        open: Vec::new(),
    };
    walk(&plain, &mut |piece| reader.take(&piece));
    reader.text_until(text.len());
}

/// Most inline elements that are remembered as open at once.
const OPEN_MAX: usize = 64;

struct Reader<'a> {
    text: &'a str,
    page: &'a mut Page,
    done: usize,
    open: Vec<(String, usize)>,
}

impl Reader<'_> {
    fn take(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Open(name, range) => {
                self.text_until(range.0);
                self.open(name, *range);
                self.done = range.1;
            }
            Piece::Close(name, range) => {
                self.text_until(range.0);
                self.close(name, *range);
                self.done = range.1;
            }
            Piece::LeftOut(range) => {
                self.text_until(range.0);
                // A comment may stand inside a sentence, an element that is left out may not.
                if !self.text[range.0..range.1].starts_with("<!") {
                    self.end_block();
                }
                self.done = range.1;
            }
        }
    }

    fn open(&mut self, name: &str, range: Range) {
        match Element::of(name) {
            Element::Inline if self.open.len() < OPEN_MAX => self.open.push((name.to_owned(), range.0)),
            Element::Inline => {}
            Element::Break => self.page.current.push(' ', range),
            Element::Block | Element::Heading | Element::LeftOut => self.end_block(),
        }
    }

    fn close(&mut self, name: &str, range: Range) {
        match Element::of(name) {
            Element::Inline => {
                if let Some(at) = self.open.iter().rposition(|(open, _)| open == name) {
                    let (_, start) = self.open[at];
                    self.open.truncate(at);
                    self.page.current.mark_inline((start, range.1));
                }
            }
            Element::Break => {}
            Element::Heading => {
                self.open.clear();
                self.page.end_heading();
            }
            Element::Block | Element::LeftOut => self.end_block(),
        }
    }

    fn end_block(&mut self) {
        self.open.clear();
        self.page.end_block();
    }

    fn text_until(&mut self, end: usize) {
        let text = self.text;
        while self.done < end {
            let rest = &text[self.done..end];
            let plain = rest.find('&').unwrap_or(rest.len());
            self.page.current.push_str(&rest[..plain], self.done);
            self.done += plain;
            if plain < rest.len() {
                self.reference(&rest[plain..]);
            }
        }
    }

    /// Takes the character reference that begins `rest`, or the ampersand alone where it is none.
    fn reference(&mut self, rest: &str) {
        let length = reference_length(rest);
        if let Some(decoded) = decode(&rest[..length]) {
            let place = (self.done, self.done + length);
            self.page.current.push_decoded(&decoded, place);
            self.done += length;
        } else {
            self.page.current.push_str("&", self.done);
            self.done += 1;
        }
    }
}

/// Longest name of a character reference that is looked up, in bytes; the longest that HTML has is shorter.
const REFERENCE_BYTES_MAX: usize = 40;

fn reference_length(rest: &str) -> usize {
    let name = rest[1..]
        .bytes()
        .take(REFERENCE_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
        .count();
    let semicolon = usize::from(rest.as_bytes().get(1 + name) == Some(&b';'));
    1 + name + semicolon
}

fn decode(reference: &str) -> Option<String> {
    let mut decoded = String::new();
    for token in Tokenizer::new(reference) {
        let Ok(token) = token;
        if let Token::String(text) = token {
            decoded.push_str(&String::from_utf8_lossy(&text.value));
        }
    }
    (decoded != reference && !decoded.is_empty()).then_some(decoded)
}
