//! Whether a file is text, and how its bytes become text.
//!
//! What a file says of itself is asked first: a byte order mark, the declaration of a page, the mark that editors leave
//! in a source file. Then UTF-8, which hardly any other text happens to be. The rest is for a detector, which is
//! believed where it has seen enough of the text and the text that comes out holds no control character; what it
//! cannot tell is named and not read, because a wrong guess would put wrong quotations into a brief that claims to be
//! checked.

use anthill_contracts::brief::{Encoding, SkipReason};
use anthill_text::encoding::{self, by_label, by_library};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::decode::mark;

/// How much of a file is looked at for the signature of a binary format.
pub(super) const HEAD_BYTES: usize = 8 * 1024;

/// How much of a file is looked at for what it says of its encoding.
const DECLARATION_BYTES: usize = 2 * 1024;

/// One stray control byte in this many is forgiven: old logs and manual pages have some.
const CONTROL_ONE_IN: usize = 512;

/// Letters beyond ASCII that the detector must have seen to be believed.
const LETTERS_MIN: usize = 8;

/// How much of a file the detector is shown.
const DETECTED_BYTES: usize = 1024 * 1024;

/// Decides how these bytes, a whole file, become text.
pub(super) fn sniff(bytes: &[u8]) -> Result<Encoding, SkipReason> {
    let text = bytes.strip_prefix(mark(Encoding::Utf8)).unwrap_or(bytes);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(SkipReason::Empty);
    }
    if bytes.starts_with(b"\xff\xfe\0\0") || bytes.starts_with(b"\0\0\xfe\xff") {
        return Err(SkipReason::UnknownEncoding);
    }
    if let Some(wide) = wide(bytes) {
        return of_wide(bytes, wide);
    }
    if memchr::memchr(0, bytes).is_some() {
        return Err(SkipReason::Binary);
    }
    let controls = bytes.iter().filter(|byte| is_control(**byte)).count();
    let encoding = of_narrow(bytes);
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

/// UTF-16, by its mark or by the zeros that every other byte of plain letters is.
fn wide(bytes: &[u8]) -> Option<Encoding> {
    let by_mark = [Encoding::Utf16Le, Encoding::Utf16Be]
        .into_iter()
        .find(|encoding| bytes.starts_with(mark(*encoding)));
    if by_mark.is_some() {
        return by_mark;
    }
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let zeros = |parity: usize| {
        head.iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (high, low) = (zeros(0), zeros(1));
    let pairs = head.len() / 2;
    let is_mostly = |zeros: usize, others: usize| pairs >= 4 && zeros * 10 >= pairs * 7 && others == 0;
    if !bytes.len().is_multiple_of(2) {
        None
    } else if is_mostly(low, high) {
        Some(Encoding::Utf16Le)
    } else if is_mostly(high, low) {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

fn of_wide(bytes: &[u8], wide: Encoding) -> Result<Encoding, SkipReason> {
    let text = encoding::decode(bytes, wide).ok_or(SkipReason::UnknownEncoding)?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(SkipReason::Empty);
    }
    let controls = text
        .chars()
        .filter(|letter| letter.is_control() && !letter.is_whitespace())
        .count();
    if controls * CONTROL_ONE_IN > text.len() {
        return Err(SkipReason::Binary);
    }
    Ok(wide)
}

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

/// The encoding of text without zeros.
fn of_narrow(bytes: &[u8]) -> Option<Encoding> {
    if is_japanese_mail(bytes) {
        return None;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Some(Encoding::Utf8);
    }
    let declared = declared(bytes).filter(|declared| reads_well(bytes, *declared));
    if declared.is_some() {
        return declared.map(|declared| plainest(bytes, declared));
    }
    if is_damaged_utf8(bytes) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(DETECTED_BYTES)], true);
    let guess = by_library(detector.guess(None, Utf8Detection::Deny))?;
    let letters = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let is_western = guess == Encoding::Windows1252;
    if (is_western || letters >= LETTERS_MIN) && reads_well(bytes, guess) {
        return Some(plainest(bytes, guess));
    }
    (plainest(bytes, Encoding::Windows1252) == Encoding::Latin1).then_some(Encoding::Latin1)
}

/// Latin-1 where a text in the Western encoding of Windows uses none of what Windows has put between the letters.
fn plainest(bytes: &[u8], encoding: Encoding) -> Encoding {
    let has_c1 = bytes.iter().any(|byte| (0x80..=0x9f).contains(byte));
    if encoding == Encoding::Windows1252 && !has_c1 {
        Encoding::Latin1
    } else {
        encoding
    }
}

/// Whether the text that comes out is whole and holds no control character of the upper half.
fn reads_well(bytes: &[u8], encoding: Encoding) -> bool {
    encoding::decode(bytes, encoding)
        .is_some_and(|text| !text.contains(|letter: char| matches!(letter, '\u{80}'..='\u{9f}' | '\u{fffd}')))
}

/// Whether it is rather UTF-8 that was damaged: letters of several bytes stand in it, and hardly less than what is none.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut letters, mut strays) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        strays += usize::from(!chunk.invalid().is_empty());
    }
    letters > 0 && letters >= strays
}

/// Japanese mail switches its alphabet by escapes, and looks like ASCII.
fn is_japanese_mail(bytes: &[u8]) -> bool {
    [b"\x1b$B", b"\x1b$@", b"\x1b(J"]
        .iter()
        .any(|escape| memchr::memmem::find(bytes, *escape).is_some())
}

/// The encoding that a page, a document of XML or a source file names near its start.
fn declared(bytes: &[u8]) -> Option<Encoding> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES)];
    let head: String = head
        .iter()
        .map(|byte| char::from(*byte).to_ascii_lowercase())
        .collect();
    let is_markup = head.trim_start().starts_with('<');
    let (markers, head): (&[&str], &str) = if is_markup {
        (&["charset=", "encoding="], &head)
    } else {
        let end = head.match_indices('\n').nth(1).map_or(head.len(), |(at, _)| at);
        (&["coding:", "coding=", "fileencoding=", "charset="], &head[..end])
    };
    let label = markers
        .iter()
        .filter_map(|marker| head.find(marker).map(|at| &head[at + marker.len()..]))
        .map(|rest| rest.trim_start_matches([' ', '"', '\'']))
        .map(|rest| {
            rest.split(|sign: char| !sign.is_ascii_alphanumeric() && !"-_:.".contains(sign))
                .next()
        })
        .next()??;
    by_label(label)
}

#[cfg(test)]
mod tests;
