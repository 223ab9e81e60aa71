//! Finding a quotation in a segment: first in what people read, then in the text with its markup.
//!
//! Passages are searched as one text, so that a quotation may go on from one item of a list to the next, as long as
//! little else stands between them. What is returned is a range of the segment: the file's own text, never the
//! asker's.

use anthill_text::fold::Folded;
use anthill_text::quotation::{Haystack, Quotation};

use super::render::{Range, Rendering};

/// What may stand between the parts of a quotation that goes over several passages, in bytes; and how many times its
/// own length.
const BETWEEN_BYTES: usize = 512;
const BETWEEN_TIMES: usize = 4;

/// A segment's passages, ready to be searched.
pub(super) struct Searched<'a> {
    renderings: &'a [Rendering],
    /// The number of the first character of each rendering.
    starts: Vec<usize>,
    haystack: Haystack,
}

impl<'a> Searched<'a> {
    /// Prepares passages.
    pub(super) fn new(renderings: &'a [Rendering]) -> Self {
        let mut folded = Folded::default();
        let mut starts = Vec::with_capacity(renderings.len());
        let mut next = 0;
        for rendering in renderings {
            starts.push(next);
            rendering.fold_into(&mut folded, next);
            next += rendering.chars();
            // The end of a passage is white space with a number of its own.
            folded.push(' ', next);
            next += 1;
        }
        Self {
            renderings,
            starts,
            haystack: Haystack::new(&folded),
        }
    }

    /// The range of the text in which the passages say it, and the work that it took.
    pub(super) fn find(&self, wanted: &Quotation<'_>) -> (Option<Range>, u64) {
        let (found, work) = self.haystack.find_counted(wanted);
        let range = found.and_then(|found| {
            let (first, from) = self.rendering_of(found.first)?;
            let (last, until) = self.rendering_of(found.last)?;
            if first == last {
                return Some(self.renderings[first].range_of(from, until));
            }
            let range = (
                self.renderings[first]
                    .range_of(from, self.renderings[first].chars() - 1)
                    .0,
                self.renderings[last].range_of(0, until).1,
            );
            let bytes_max = wanted.text().len() * BETWEEN_TIMES + BETWEEN_BYTES;
            (range.0 < range.1 && range.1 - range.0 <= bytes_max).then_some(range)
        });
        (range, work)
    }

    /// The rendering that holds a character, and the character's number in it.
    fn rendering_of(&self, number: usize) -> Option<(usize, usize)> {
        let at = self
            .starts
            .partition_point(|start| *start <= number)
            .checked_sub(1)?;
        let within = number - self.starts[at];
        (within < self.renderings[at].chars()).then_some((at, within))
    }
}

/// The range of a text that says it with markup and all, and the work that it took.
pub(super) fn find_in_raw(text: &str, wanted: &Quotation<'_>) -> (Option<Range>, u64) {
    let (found, work) = Haystack::new(&Folded::of(text)).find_counted(wanted);
    let range = found.map(|found| {
        let length = text[found.last..].chars().next().map_or(0, char::len_utf8);
        (found.first, found.last + length)
    });
    (range, work)
}

#[cfg(test)]
mod tests;
