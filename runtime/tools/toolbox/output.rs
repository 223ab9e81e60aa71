//! Text for a model, cut at a bound, with a marker that says so.

use std::fmt::Write as _;

use anthill_contracts::brief::Passage;
use anthill_contracts::tool::ToolOutput;

/// Longest text of one output, in bytes, without its marker.
pub const OUTPUT_BYTES_MAX: usize = 24 * 1024;

/// Whether a part of an output found room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It is shown.
    Shown,
    /// It is not, and nothing after it will be.
    Full,
}

/// An output in the making. Parts are shown whole or not at all; after the first that has no room none is shown,
/// so that what is missing is always the end.
#[derive(Default)]
pub(super) struct Capped {
    text: String,
    passages: Vec<Passage>,
    bytes_left_out: usize,
}

impl Capped {
    /// Adds a part.
    pub(super) fn push(&mut self, part: &str) -> Room {
        if self.bytes_left_out > 0 || self.text.len() + part.len() > OUTPUT_BYTES_MAX {
            self.bytes_left_out += part.len();
            return Room::Full;
        }
        self.text.push_str(part);
        Room::Shown
    }

    /// Adds a passage as data, where its text was shown.
    pub(super) fn push_passage(&mut self, passage: Passage) {
        self.passages.push(passage);
    }

    /// Ends the output; `hint` says how to see the rest.
    pub(super) fn finish(mut self, hint: &str) -> ToolOutput {
        let truncated = self.bytes_left_out > 0;
        if truncated {
            let shown = self.text.len();
            let all = shown + self.bytes_left_out;
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "[cut: {shown} of {all} bytes shown; {hint}]");
        }
        ToolOutput {
            ok: true,
            text: self.text,
            truncated,
            passages: self.passages,
        }
    }
}

#[cfg(test)]
mod tests;
