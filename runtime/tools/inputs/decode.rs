//! A stretch of a file as text, and the way back from places in the text to places in the file.

use anthill_contracts::brief::Encoding;
use anthill_text::encoding;

/// A stretch of a file, decoded.
pub(super) struct Decoded {
    inner: encoding::Decoded,
    base: u64,
}

impl Decoded {
    /// Decodes bytes that begin at `base` in their file; `None` where they are not what `encoding` says. A byte order
    /// mark at the start of a file is no text, and keeps its room.
    pub(super) fn new(mut bytes: Vec<u8>, mut base: u64, encoding: Encoding) -> Option<Self> {
        let mark = mark(encoding);
        if base == 0 && !mark.is_empty() && bytes.starts_with(mark) {
            bytes.drain(..mark.len());
            base = mark.len() as u64;
        }
        Some(Self {
            inner: encoding::Decoded::new(bytes, encoding)?,
            base,
        })
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        self.inner.text()
    }

    /// Where in the file the character stands that begins at this place of the text.
    pub(super) fn start(&self, at: usize) -> u64 {
        self.base + self.inner.start(at) as u64
    }

    /// Where in the file the character ends that ends at this place of the text.
    pub(super) fn end(&self, at: usize) -> u64 {
        self.base + self.inner.end(at) as u64
    }
}

/// The byte order mark of an encoding, if it has one.
pub(super) const fn mark(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Utf8 => b"\xef\xbb\xbf",
        Encoding::Utf16Le => b"\xff\xfe",
        Encoding::Utf16Be => b"\xfe\xff",
        Encoding::Gb18030 => b"\x84\x31\x95\x33",
        _ => b"",
    }
}

#[cfg(test)]
mod tests;
