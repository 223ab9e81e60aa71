//! Readable text that remembers where each of its characters stands.
//!
//! Markup is removed, entities are decoded and white space is collapsed, and yet every character keeps the range
//! of the decoded text that it came from. So a quotation of what people read can be traced back to the bytes.

use std::sync::Arc;

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
}

impl Rendering {
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
    let sentence = window
        .rmatch_indices(". ")
        .chain(window.rmatch_indices("? "))
        .chain(window.rmatch_indices("! "))
        .map(|(at, _)| at + 1)
        .filter(|at| *at > PASSAGE_BYTES_MAX / 2)
        .max();
    sentence
        .or_else(|| window.rfind(' ').filter(|at| *at > 0))
        .unwrap_or(window.len())
}

/// Builds a rendering from characters in reading order.
#[derive(Debug, Default)]
pub(super) struct Builder {
    text: String,
    places: Vec<Range>,
    inline: Vec<Range>,
    space: Option<Range>,
}

impl Builder {
    /// Adds one character that stands at `place`. White space is collapsed, control characters are dropped.
    pub(super) fn push(&mut self, letter: char, place: Range) {
        if letter.is_whitespace() {
            if !self.text.is_empty() && self.space.is_none() {
                self.space = Some(place);
            }
            return;
        }
        if letter.is_control() {
            return;
        }
        if let Some(space) = self.space.take() {
            self.text.push(' ');
            self.places.push(space);
        }
        self.text.push(letter);
        self.places.push(place);
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
        self.inline.push(range);
    }

    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Ends the rendering and starts the next one. Nothing comes of text without a letter or digit: rules,
    /// bullets and table borders are no passages.
    pub(super) fn take(&mut self, heading: Option<&Arc<str>>) -> Option<Rendering> {
        let built = std::mem::take(self);
        built.text.contains(char::is_alphanumeric).then(|| Rendering {
            text: built.text,
            heading: heading.cloned(),
            places: built.places,
            inline: built.inline,
        })
    }
}

#[cfg(test)]
mod tests;
