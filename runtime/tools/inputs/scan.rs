//! One look at a whole file: is it a document, what does it hold, and where is it cut.
//!
//! A scan keeps the hash of every segment. A later read of one segment checks that hash, so it can neither show
//! other text than was listed nor does it need to hash the rest of a long file again.

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
            cuts: self
                .segments
                .iter()
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
    let format = Format::of(path, &bytes[..bytes.len().min(HEAD_BYTES)]);
    Verdict::Document(Arc::new(Scan {
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
        encoding,
        format,
        segments: segments(format, encoding, bytes, chunk),
    }))
}

fn segments(format: Format, encoding: Encoding, bytes: &[u8], chunk: usize) -> Vec<Segment> {
    let ranges = cut::segments(format, bytes, chunk);
    let mut context = Context::default();
    let count = ranges.len();
    let mut segments = Vec::with_capacity(count);
    for (position, (start, end)) in ranges.into_iter().enumerate() {
        let part = &bytes[start..end];
        let next = if position + 1 == count {
            Context::default()
        } else {
            context_after(format, encoding, (part, start as u64), &context)
        };
        segments.push(Segment {
            start: start as u64,
            end: end as u64,
            digest: Digest::of(part),
            context: std::mem::replace(&mut context, next),
        });
    }
    segments
}

fn context_after(
    format: Format,
    encoding: Encoding,
    (part, base): (&[u8], u64),
    before: &Context,
) -> Context {
    match Decoded::new(part.to_vec(), base, encoding) {
        Some(decoded) => parse::parse(format, decoded.text(), before).context,
        None => before.clone(),
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
