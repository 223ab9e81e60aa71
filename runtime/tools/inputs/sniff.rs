//! Whether a file is text, and how its bytes become text.
//!
//! Two encodings are read: UTF-8 and Latin-1. Latin-1 fits any bytes, so it is believed only where nothing speaks
//! against it: no C1 control byte (0x80 to 0x9f; Windows-1252 puts its quotation marks there) and no valid
//! multi-byte UTF-8 sequence beside the invalid bytes, which would rather be UTF-8 that was damaged. A guess by
//! letter statistics was rejected: a wrong guess would put wrong quotations into a brief that claims to be checked.

use anthill_contracts::brief::{Encoding, SkipReason};

/// How much of a file is looked at for the signature of a binary format.
pub(super) const HEAD_BYTES: usize = 8 * 1024;

/// One stray control byte in this many is forgiven: old logs and manual pages have some.
const CONTROL_ONE_IN: usize = 512;

/// Decides how these bytes, a whole file, become text.
pub(super) fn sniff(bytes: &[u8]) -> Result<Encoding, SkipReason> {
    let text = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(SkipReason::Empty);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(SkipReason::UnknownEncoding);
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err(SkipReason::Binary);
    }
    let controls = bytes.iter().filter(|byte| is_control(**byte)).count();
    let encoding = encoding(bytes);
    match signature(bytes) {
        Signature::Binary if controls > 0 || encoding.is_none() => return Err(SkipReason::Binary),
        Signature::WrittenAsText => return Err(SkipReason::Binary),
        Signature::Binary | Signature::None => {}
    }
    if controls * CONTROL_ONE_IN > bytes.len() {
        return Err(SkipReason::Binary);
    }
    encoding.ok_or(SkipReason::UnknownEncoding)
}

/// The byte order mark that some programs put before UTF-8.
pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

enum Signature {
    None,
    /// A binary format. Some signatures are two letters (`BM`, `MZ`), so it takes a second sign to believe it.
    Binary,
    /// A format for machines that consists of letters: PDF, RTF, PostScript, PEM.
    WrittenAsText,
}

fn signature(bytes: &[u8]) -> Signature {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    match infer::get(head) {
        None => Signature::None,
        Some(kind) if kind.matcher_type() == infer::MatcherType::Text => Signature::None,
        Some(kind) if matches!(kind.extension(), "pdf" | "rtf" | "ps" | "pem") => Signature::WrittenAsText,
        Some(_) => Signature::Binary,
    }
}

/// Tab, line feed, vertical tab, form feed, carriage return, backspace and escape occur in text files.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0x01..=0x07 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

fn encoding(bytes: &[u8]) -> Option<Encoding> {
    if std::str::from_utf8(bytes).is_ok() {
        return Some(Encoding::Utf8);
    }
    let has_c1 = bytes.iter().any(|byte| (0x80..=0x9f).contains(byte));
    let has_utf8_letters = bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
    (!has_c1 && !has_utf8_letters).then_some(Encoding::Latin1)
}

#[cfg(test)]
mod tests;
