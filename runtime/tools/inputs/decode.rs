//! Bytes of a file as text, and the way back from places in the text to places in the file.
//!
//! UTF-8 needs no table. In Latin-1 every byte above 0x7f becomes two bytes of text, so the way back counts those
//! before the place; their positions are kept and searched.

use anthill_contracts::brief::Encoding;

use super::sniff::UTF8_MARK;

/// A stretch of a file, decoded.
pub(super) struct Decoded {
    text: String,
    base: u64,
    wide: Vec<usize>,
}

impl Decoded {
    /// Decodes bytes that begin at `base` in their file; `None` where they are not what `encoding` says.
    pub(super) fn new(bytes: Vec<u8>, base: u64, encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::Utf8 => Self::utf8(bytes, base),
            Encoding::Latin1 => Some(Self::latin1(&bytes, base)),
        }
    }

    fn utf8(mut bytes: Vec<u8>, mut base: u64) -> Option<Self> {
        if base == 0 && bytes.starts_with(UTF8_MARK) {
            bytes.drain(..UTF8_MARK.len());
            base = UTF8_MARK.len() as u64;
        }
        Some(Self {
            text: String::from_utf8(bytes).ok()?,
            base,
            wide: Vec::new(),
        })
    }

    fn latin1(bytes: &[u8], base: u64) -> Self {
        let text = encoding_rs::mem::decode_latin1(bytes).into_owned();
        let wide = text
            .char_indices()
            .filter(|(_, letter)| !letter.is_ascii())
            .map(|(at, _)| at)
            .collect();
        Self { text, base, wide }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the file the byte at this place of the text stands; `at` is a character boundary.
    pub(super) fn file_offset(&self, at: usize) -> u64 {
        let extra = self.wide.partition_point(|wide| *wide < at);
        self.base + (at - extra) as u64
    }
}

/// The bytes that this text has in a file of this encoding, if it can stand there at all.
pub(super) fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some(text.as_bytes().to_vec()),
        Encoding::Latin1 => encoding_rs::mem::is_str_latin1(text)
            .then(|| encoding_rs::mem::encode_latin1_lossy(text).into_owned()),
    }
}

#[cfg(test)]
mod tests;
