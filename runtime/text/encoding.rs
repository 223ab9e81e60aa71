//! Bytes as text and text as bytes, in every encoding that documents are read in, with the way back from a place in
//! the text to a place in the bytes.
//!
//! UTF-8 needs no table for the way back. Of the others, stretches of characters of the same width are kept: one entry
//! for a page of plain letters, however long it is.

use std::borrow::Cow;

use anthill_contracts::brief::Encoding;
use encoding_rs as whatwg;

/// The library's encoding of this name. UTF-8 and Latin-1 are done without it.
fn library(encoding: Encoding) -> &'static whatwg::Encoding {
    match encoding {
        Encoding::Utf8 => whatwg::UTF_8,
        Encoding::Latin1 | Encoding::Windows1252 => whatwg::WINDOWS_1252,
        Encoding::Utf16Le => whatwg::UTF_16LE,
        Encoding::Utf16Be => whatwg::UTF_16BE,
        Encoding::Windows1250 => whatwg::WINDOWS_1250,
        Encoding::Windows1251 => whatwg::WINDOWS_1251,
        Encoding::Windows1253 => whatwg::WINDOWS_1253,
        Encoding::Windows1254 => whatwg::WINDOWS_1254,
        Encoding::Windows1255 => whatwg::WINDOWS_1255,
        Encoding::Windows1256 => whatwg::WINDOWS_1256,
        Encoding::Windows1257 => whatwg::WINDOWS_1257,
        Encoding::Windows1258 => whatwg::WINDOWS_1258,
        Encoding::Windows874 => whatwg::WINDOWS_874,
        Encoding::Iso8859_2 => whatwg::ISO_8859_2,
        Encoding::Iso8859_4 => whatwg::ISO_8859_4,
        Encoding::Iso8859_5 => whatwg::ISO_8859_5,
        Encoding::Iso8859_6 => whatwg::ISO_8859_6,
        Encoding::Iso8859_7 => whatwg::ISO_8859_7,
        Encoding::Iso8859_8 => whatwg::ISO_8859_8,
        Encoding::Iso8859_13 => whatwg::ISO_8859_13,
        Encoding::Iso8859_15 => whatwg::ISO_8859_15,
        Encoding::Koi8R => whatwg::KOI8_R,
        Encoding::Koi8U => whatwg::KOI8_U,
        Encoding::Ibm866 => whatwg::IBM866,
        Encoding::Macintosh => whatwg::MACINTOSH,
        Encoding::ShiftJis => whatwg::SHIFT_JIS,
        Encoding::EucJp => whatwg::EUC_JP,
        Encoding::Gb18030 => whatwg::GB18030,
        Encoding::Big5 => whatwg::BIG5,
        Encoding::EucKr => whatwg::EUC_KR,
    }
}

/// The encoding that the web knows by this label, if documents are read in it.
pub fn by_label(label: &str) -> Option<Encoding> {
    let found = whatwg::Encoding::for_label_no_replacement(label.trim().as_bytes())?;
    by_library(found)
}

/// The name for an encoding of the library, if documents are read in it.
pub fn by_library(found: &'static whatwg::Encoding) -> Option<Encoding> {
    if found == whatwg::GBK {
        return Some(Encoding::Gb18030);
    }
    if found == whatwg::ISO_8859_8_I {
        return Some(Encoding::Iso8859_8);
    }
    Encoding::ALL
        .iter()
        .copied()
        .find(|encoding| *encoding != Encoding::Latin1 && library(*encoding) == found)
}

/// The text of these bytes; nothing where they are not text in this encoding. A byte order mark is a character here.
pub fn decode(bytes: &[u8], encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Encoding::Latin1 => Some(whatwg::mem::decode_latin1(bytes).into_owned()),
        _ => library(encoding)
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(Cow::into_owned),
    }
}

/// The bytes that this text has in this encoding, if it can stand there at all.
pub fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some(text.as_bytes().to_vec()),
        Encoding::Latin1 => {
            whatwg::mem::is_str_latin1(text).then(|| whatwg::mem::encode_latin1_lossy(text).into_owned())
        }
        Encoding::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Encoding::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => {
            let (bytes, _, unmappable) = library(encoding).encode(text);
            (!unmappable).then(|| bytes.into_owned())
        }
    }
}

/// Whether equal bytes at any offset are equal characters: no character is a part of another one.
pub const fn is_self_synchronous(encoding: Encoding) -> bool {
    !matches!(
        encoding,
        Encoding::Utf16Le
            | Encoding::Utf16Be
            | Encoding::ShiftJis
            | Encoding::EucJp
            | Encoding::Gb18030
            | Encoding::Big5
            | Encoding::EucKr
    )
}

/// Whether these bytes say this text in one of these encodings; what a checker asks who reads the file again.
pub fn says(bytes: &[u8], text: &str, encodings: &[Encoding]) -> bool {
    encodings
        .iter()
        .any(|encoding| decode(bytes, *encoding).as_deref() == Some(text))
}

/// Characters in a row that are alike wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// Where it begins in the text.
    text: usize,
    /// Where it begins in the bytes.
    bytes: usize,
    /// The width of one unit in the text.
    text_width: usize,
    /// The width of one unit in the bytes.
    bytes_width: usize,
}

/// Text with the way back to its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    text: String,
    /// Nothing for UTF-8, where both are the same.
    stretches: Vec<Stretch>,
}

impl Decoded {
    /// Decodes; nothing where the bytes are not text in this encoding.
    pub fn new(bytes: Vec<u8>, encoding: Encoding) -> Option<Self> {
        if encoding == Encoding::Utf8 {
            return Some(Self {
                text: String::from_utf8(bytes).ok()?,
                stretches: Vec::new(),
            });
        }
        let text = decode(&bytes, encoding)?;
        let mut table = Table::default();
        match encoding {
            Encoding::Utf16Le | Encoding::Utf16Be => {
                text.chars()
                    .for_each(|letter| table.add(letter.len_utf8(), 2 * letter.len_utf16()));
            }
            _ if is_self_synchronous(encoding) => {
                text.chars().for_each(|letter| table.add(letter.len_utf8(), 1));
            }
            _ => table.add_by_byte(&bytes, encoding),
        }
        Some(Self {
            text,
            stretches: table.stretches,
        })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the character that begins at this place of the text begins in the bytes.
    pub fn start(&self, at: usize) -> usize {
        self.stretch(at).map_or(at, |stretch| {
            stretch.bytes + (at - stretch.text) / stretch.text_width * stretch.bytes_width
        })
    }

    /// Where the character that ends at this place of the text ends in the bytes.
    pub fn end(&self, at: usize) -> usize {
        let before = at.saturating_sub(1);
        self.stretch(before).map_or(at, |stretch| {
            let units = (at - stretch.text).div_ceil(stretch.text_width);
            stretch.bytes + units * stretch.bytes_width
        })
    }

    fn stretch(&self, at: usize) -> Option<&Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.text <= at);
        self.stretches.get(after.checked_sub(1)?)
    }
}

#[derive(Default)]
struct Table {
    stretches: Vec<Stretch>,
    text: usize,
    bytes: usize,
}

impl Table {
    fn add(&mut self, text_width: usize, bytes_width: usize) {
        let goes_on = self
            .stretches
            .last()
            .is_some_and(|last| last.text_width == text_width && last.bytes_width == bytes_width);
        if !goes_on {
            self.stretches.push(Stretch {
                text: self.text,
                bytes: self.bytes,
                text_width,
                bytes_width,
            });
        }
        self.text += text_width;
        self.bytes += bytes_width;
    }

    /// The widths of characters of several bytes are what the decoder takes before it gives one.
    fn add_by_byte(&mut self, bytes: &[u8], encoding: Encoding) {
        let mut decoder = library(encoding).new_decoder_without_bom_handling();
        let mut given = [0; 16];
        let mut taken = 0;
        for (position, byte) in bytes.iter().enumerate() {
            let is_last = position + 1 == bytes.len();
            let (_, _, written) = decoder.decode_to_utf8_without_replacement(&[*byte], &mut given, is_last);
            taken += 1;
            if written > 0 {
                self.add(written, taken);
                taken = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
