//! One look at a whole file: is it a document, what does it hold, and where is it cut.
//!
//! A scan keeps the hash of every segment. A later read of one segment checks that hash, so it can neither show
//! other text than was listed nor does it need to hash the rest of a long file again.

use std::borrow::Cow;
use std::fs::Metadata;
use std::sync::Arc;

use anthill_contracts::brief::{Encoding, SkipReason};
use anthill_contracts::digest::Digest;
use anthill_contracts::sources::Document;

use super::cut;
use super::decode::Decoded;
use super::format::Format;
use super::parse::{self, Context};
use super::sniff::{self, HEAD_BYTES};

/// What was found out about one file.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// It is a document.
    Document(Arc<Scan>),
    /// It is none.
    Skipped(SkipReason),
}

/// A document as it was when it was scanned.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) encoding: Encoding,
    pub(super) format: Format,
    pub(super) segments: Vec<Segment>,
}

/// A stretch of a document that is parsed by itself.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) digest: Digest,
    pub(super) context: Context,
    pub(super) found: Found,
}

impl Scan {
    /// The document as others know it.
    pub(super) fn document(&self, path: String) -> Document {
        Document {
            path,
            digest: self.digest,
            bytes: self.bytes,
            encoding: self.encoding,
            kind: self.format.kind(),
            // No reader is given a part in which there is nothing to read.
            cuts: self
                .segments
                .iter()
                .filter(|segment| segment.found == Found::Text)
                .skip(1)
                .map(|segment| segment.start)
                .collect(),
        }
    }
}

/// Judges a whole file.
pub(super) fn scan(path: &str, bytes: &[u8], chunk: usize) -> Verdict {
    let encoding = match sniff::sniff(bytes) {
        Ok(encoding) => encoding,
        Err(reason) => return Verdict::Skipped(reason),
    };
    let Some(decoded) = Decoded::new(bytes.to_vec(), 0, encoding) else {
        return Verdict::Skipped(SkipReason::UnknownEncoding);
    };
    let head = &decoded.text()[..decoded.text().floor_char_boundary(HEAD_BYTES)];
    let whole = Whole {
        bytes,
        text: parse::with_line_feeds(decoded.text()),
        decoded: &decoded,
        chunk,
    };
    for format in Format::of(path, head.as_bytes()).attempts() {
        let (segments, found) = whole.segments(format);
        if found == Found::Text {
            return Verdict::Document(Arc::new(Scan {
                digest: Digest::of(bytes),
                bytes: bytes.len() as u64,
                encoding,
                format,
                segments,
            }));
        }
    }
    Verdict::Skipped(SkipReason::Empty)
}

/// A whole file as bytes and as text.
struct Whole<'a> {
    bytes: &'a [u8],
    text: Cow<'a, str>,
    decoded: &'a Decoded,
    chunk: usize,
}

/// Whether there is anything to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    Nothing,
    Text,
}

impl Whole<'_> {
    fn segments(&self, format: Format) -> (Vec<Segment>, Found) {
        let mut context = Context::default();
        let mut found = Found::Nothing;
        let mut segments = Vec::new();
        for piece in cut::segments(format, &self.text, self.chunk) {
            if piece.inside.is_some() || !format.hands_on() {
                context.inside = piece.inside;
            }
            let (from, until) = piece.range;
            let parsed = parse::parse(format, &self.text[from..until], &context);
            let here = if parsed.renderings.is_empty() {
                Found::Nothing
            } else {
                Found::Text
            };
            found = found.max(here);
            // The byte order mark is part of the first segment.
            let start = if from == 0 { 0 } else { self.decoded.start(from) };
            let end = self.decoded.end(until);
            let bytes = |offset: u64| usize::try_from(offset).unwrap_or(self.bytes.len());
            segments.push(Segment {
                start,
                end,
                digest: Digest::of(&self.bytes[bytes(start)..bytes(end)]),
                context: std::mem::replace(&mut context, parsed.context),
                found: here,
            });
        }
        (segments, found)
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    length: u64,
    modified: Option<std::time::SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Fingerprint {
    /// The fingerprint of an open file.
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
