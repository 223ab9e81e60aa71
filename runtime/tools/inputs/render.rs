//! Readable text that remembers where each of its characters stands.
//!
//! Markup is removed, entities are decoded and white space is collapsed, and yet every character keeps the range
//! of the decoded text that it came from. So a quotation of what people read can be traced back to the bytes.

use std::sync::Arc;

use anthill_text::fold::Folded;
use anthill_text::{script, sentence};

/// Longest text of one passage, in bytes; longer paragraphs become several passages.
pub(super) const PASSAGE_BYTES_MAX: usize = 4 * 1024;

/// A half-open range of bytes of the decoded text.
pub(super) type Range = (usize, usize);

/// One paragraph, list item or cell as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendering {
    /// The readable text; never empty, no white space at its ends.
    pub(super) text: String,
    /// The nearest heading above.
    pub(super) heading: Option<Arc<str>>,
    /// Where each character of `text` came from, in order.
    places: Vec<Range>,
    /// Ranges of inline markup, such as bold words and links, with their markers.
    inline: Vec<Range>,
    /// Numbers of the characters that stand for white space with a line end in it, in order.
    line_ends: Vec<u32>,
}

impl Rendering {
    /// The text as it is compared; the places are numbers of characters.
    pub(super) fn fold_into(&self, folded: &mut Folded, first: usize) {
        let mut line_ends = self.line_ends.iter().peekable();
        for (number, letter) in self.text.chars().enumerate() {
            if line_ends.next_if(|at| **at as usize == number).is_some() {
                folded.push_line_end(first + number);
            } else {
                folded.push(letter, first + number);
            }
        }
    }

    /// How many characters it has.
    pub(super) const fn chars(&self) -> usize {
        self.places.len()
    }

    /// The range from one character to another, widened so that it does not cut the markers of inline markup
    /// whose words it holds entirely: `**bold** word` and not `bold** word`.
    pub(super) fn range_of(&self, first: usize, last: usize) -> Range {
        let mut range = (self.places[first].0, self.places[last].1);
        for _ in 0..self.inline.len().min(8) {
            let widened = self
                .inline
                .iter()
                .fold(range, |found, markup| self.widen(found, *markup));
            if widened == range {
                break;
            }
            range = widened;
        }
        range
    }

    fn widen(&self, range: Range, markup: Range) -> Range {
        let overlaps = markup.0 < range.1 && range.0 < markup.1;
        let sticks_out_once = (markup.0 < range.0) != (markup.1 > range.1);
        if !overlaps || !sticks_out_once {
            return range;
        }
        let from = self.places.partition_point(|place| place.0 < markup.0);
        let until = self.places.partition_point(|place| place.0 < markup.1);
        let holds_all_words = self.places[from..until]
            .iter()
            .all(|place| range.0 <= place.0 && place.1 <= range.1);
        if holds_all_words {
            (range.0.min(markup.0), range.1.max(markup.1))
        } else {
            range
        }
    }

    /// Cuts the text into pieces that are no longer than a passage may be, at the ends of sentences where it can.
    pub(super) fn pieces(&self) -> Vec<(&str, Range)> {
        let mut pieces = Vec::new();
        let (mut rest, mut first) = (self.text.as_str(), 0);
        while !rest.is_empty() {
            let cut = piece_end(rest);
            let (piece, after) = rest.split_at(cut);
            let text = piece.trim_end();
            let last = first + text.chars().count() - 1;
            pieces.push((text, (self.places[first].0, self.places[last].1)));
            let gap = after.len() - after.trim_start().len();
            first += piece.chars().count() + after[..gap].chars().count();
            rest = &after[gap..];
        }
        pieces
    }
}

/// Where a piece that begins `text` ends: after at least one character that is no space.
fn piece_end(text: &str) -> usize {
    if text.len() <= PASSAGE_BYTES_MAX {
        return text.len();
    }
    let window = &text[..text.floor_char_boundary(PASSAGE_BYTES_MAX)];
    let sentences = sentence::split(window);
    let last = sentences
        .iter()
        .rev()
        .map(|(at, _)| *at)
        .find(|at| *at < window.len());
    last.filter(|at| *at > PASSAGE_BYTES_MAX / 2)
        .or_else(|| window.rfind([' ', '\n']).filter(|at| *at > 0))
        .unwrap_or(window.len())
}

/// What stands between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum White {
    /// Shown as a space.
    Space,
    /// Shown as a space, and a line ends there.
    LineEnd,
    /// Shown as a line end.
    Break,
}

/// Builds a rendering from characters in reading order.
#[derive(Debug, Default)]
pub(super) struct Builder {
    text: String,
    places: Vec<Range>,
    inline: Vec<Range>,
    line_ends: Vec<u32>,
    white: Option<(Range, White)>,
    /// Where the text begins to which the places belong, in the whole.
    shift: usize,
}

impl Builder {
    /// Adds one character that stands at `place`. White space is collapsed, control characters are dropped.
    pub(super) fn push(&mut self, letter: char, place: Range) {
        let place = self.shifted(place);
        if letter.is_whitespace() {
            let is_line_end = script::is_line_end(letter);
            return self.add_white(place, if is_line_end { White::LineEnd } else { White::Space });
        }
        if letter.is_control() {
            return;
        }
        if let Some((range, white)) = self.white.take() {
            if white != White::Space {
                self.line_ends
                    .push(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
            }
            self.text.push(if white == White::Break { '\n' } else { ' ' });
            self.places.push(range);
        }
        self.text.push(letter);
        self.places.push(place);
    }

    /// Adds white space in which a line ends.
    pub(super) fn push_line_end(&mut self, place: Range) {
        self.add_white(self.shifted(place), White::LineEnd);
    }

    /// Adds a line end that is shown.
    pub(super) fn push_break(&mut self, place: Range) {
        self.add_white(self.shifted(place), White::Break);
    }

    fn add_white(&mut self, place: Range, white: White) {
        if !self.text.is_empty() {
            let (range, kind) = self.white.get_or_insert((place, white));
            range.1 = range.1.max(place.1);
            *kind = white.max(*kind);
        }
    }

    const fn shifted(&self, place: Range) -> Range {
        (place.0 + self.shift, place.1 + self.shift)
    }

    /// Adds text that stands as it is at `start`.
    pub(super) fn push_str(&mut self, text: &str, start: usize) {
        for (at, letter) in text.char_indices() {
            self.push(letter, (start + at, start + at + letter.len_utf8()));
        }
    }

    /// Adds text that differs from what stands at `place`; each of its characters gets the whole place.
    pub(super) fn push_decoded(&mut self, text: &str, place: Range) {
        for letter in text.chars() {
            self.push(letter, place);
        }
    }

    /// Remembers a range of inline markup.
    pub(super) fn mark_inline(&mut self, range: Range) {
        self.inline.push(self.shifted(range));
    }

    /// Moves the text to which places belong on by so many bytes.
    pub(super) const fn shift_by(&mut self, bytes: usize) {
        self.shift += bytes;
    }

    /// Moves it back.
    pub(super) const fn shift_back(&mut self, bytes: usize) {
        self.shift -= bytes;
    }

    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is any.
    pub(super) const fn has_text(&self) -> bool {
        !self.text.is_empty()
    }

    /// Ends the rendering and starts the next one. Nothing comes of text without a letter or digit: rules,
    /// bullets and table borders are no passages.
    pub(super) fn take(&mut self, heading: Option<&Arc<str>>) -> Option<Rendering> {
        let shift = self.shift;
        let built = std::mem::take(self);
        self.shift = shift;
        built.text.contains(char::is_alphanumeric).then(|| Rendering {
            text: built.text,
            heading: heading.cloned(),
            places: built.places,
            inline: built.inline,
            line_ends: built.line_ends,
        })
    }
}

#[cfg(test)]
mod tests;
