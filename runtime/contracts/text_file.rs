//! What the bytes of a file that somebody wrote say: editors begin it with a byte order mark, or write UTF-16.
//!
//! Only files that people write for the program (jobs, configurations, scripts) are decoded so; documents are read by
//! the tools, which know older encodings too. Guessing was rejected here: a wrong guess would change a limit silently.

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// They are no UTF-8 and have no mark of another encoding.
    #[error("it is not UTF-8")]
    Utf8,
    /// They have the mark of UTF-16 and are none.
    #[error("it begins with the mark of UTF-16 and is not UTF-16")]
    Utf16,
}

/// The text of a file, without its byte order mark.
pub fn decode(bytes: Vec<u8>) -> Result<String, NotText> {
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).map_err(|_| NotText::Utf8),
        // Not the mark of UTF-32, which nothing writes: its first letter would be a zero.
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|_| NotText::Utf8),
    }
}

/// A text without the byte order mark that it may begin with: `$(cat FILE)` hands it on.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotText::Utf16);
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .map(|letter| letter.ok().filter(|letter| *letter != '\0'))
        .collect::<Option<String>>()
        .ok_or(NotText::Utf16)
}

#[cfg(test)]
mod tests;
