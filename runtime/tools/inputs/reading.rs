//! The readers as pure functions: text in, passages with places out, and the work that it took.
//!
//! A folder of files is read through [`super::FolderSources`]; this is for those who have a text in hand, such as tests
//! that try millions of them.

use anthill_text::quotation::Quotation;

use super::format::Format;
use super::parse::{self, Context};
use super::quote::{Searched, find_in_raw};
use super::sniff::HEAD_BYTES;

/// A stretch of a text as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What people read.
    pub text: String,
    /// First byte in the text that was given.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// What came of a text, and the work that it took: characters, tokens and moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<T> {
    /// What came of it.
    pub value: T,
    /// The work.
    pub work: u64,
}

/// The passages of a whole text, read as a file of this name would be.
pub fn passages(name: &str, text: &str) -> Counted<Vec<Stretch>> {
    let parsed = parse::parse(format(name, text), text, &Context::default());
    let pieces = parsed
        .renderings
        .iter()
        .flat_map(super::render::Rendering::pieces);
    let stretches = pieces.map(|(words, (start, end))| Stretch {
        text: words.to_owned(),
        start,
        end,
    });
    Counted {
        value: stretches.collect(),
        work: parsed.work,
    }
}

/// Where a text, read as a file of this name would be, says a quotation; nothing where it does not, or where the
/// quotation is too short or too long to be looked for.
pub fn locate(name: &str, text: &str, quote: &str) -> Counted<Option<(usize, usize)>> {
    let Some(wanted) = Quotation::new(quote) else {
        return Counted { value: None, work: 0 };
    };
    let parsed = parse::parse(format(name, text), text, &Context::default());
    let (found, work) = Searched::new(&parsed.renderings).find(&wanted);
    if found.is_some() {
        return Counted {
            value: found,
            work: parsed.work + work,
        };
    }
    let (raw, more) = find_in_raw(text, &wanted);
    Counted {
        value: raw,
        work: parsed.work + work + more,
    }
}

fn format(name: &str, text: &str) -> Format {
    Format::of(name, &text.as_bytes()[..text.len().min(HEAD_BYTES)])
}

#[cfg(test)]
mod tests;
