//! Markup that is opened and never closed, and hides all that follows it from a browser: in an editor people see the
//! text, so what opened it is taken for white space of the same length.

use std::borrow::Cow;

/// Elements whose content is no markup: without their end tag they last to the end of the page. Programs and styles
/// are not among them, because what follows them would be read as text.
const OPAQUE: &[&str] = &["title", "textarea", "iframe", "noembed", "noframes", "xmp"];

/// What the text is looked at as: with what would hide its end masked, and of the same length.
pub(super) fn masked(text: &str) -> Cow<'_, [u8]> {
    let mut bytes = Cow::Borrowed(text.as_bytes());
    // The tokenizer counts a carriage return in its own way; a space of the same length reads the same.
    if memchr::memchr(b'\r', &bytes).is_some() {
        for byte in bytes.to_mut() {
            if *byte == b'\r' {
                *byte = b' ';
            }
        }
    }
    mask_comments(&mut bytes);
    for name in OPAQUE {
        mask_element(&mut bytes, name);
    }
    mask_sections(&mut bytes);
    bytes
}

/// Comments without an end: those that begin behind the last end of a comment.
fn mask_comments(bytes: &mut Cow<'_, [u8]>) {
    let last_end = ["-->", "--!>"]
        .iter()
        .filter_map(|end| memchr::memmem::rfind(bytes, end.as_bytes()))
        .max();
    blank_from(bytes, last_end.unwrap_or(0), b"<!--", 4);
}

/// Turns each `opening` from `from` on into spaces, `length` bytes of it.
fn blank_from(bytes: &mut Cow<'_, [u8]>, from: usize, opening: &[u8], length: usize) {
    let found: Vec<usize> = memchr::memmem::find_iter(&bytes[from..], opening)
        .map(|at| from + at)
        .collect();
    for at in found {
        bytes.to_mut()[at..at + length].fill(b' ');
    }
}

/// Start tags of an element behind its last end tag.
fn mask_element(bytes: &mut Cow<'_, [u8]>, name: &str) {
    let is_tag = |at: usize, opening: &str| {
        let after = at + opening.len() + name.len();
        bytes
            .get(at + opening.len()..after)
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && bytes
                .get(after)
                .is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'-')
    };
    let last_end = memchr::memmem::rfind_iter(bytes, b"</").find(|at| is_tag(*at, "</"));
    let from = last_end.unwrap_or(0);
    let starts: Vec<usize> = memchr::memchr_iter(b'<', &bytes[from..])
        .map(|at| from + at)
        .filter(|at| is_tag(*at, "<"))
        .collect();
    for at in starts {
        let end = memchr::memchr(b'>', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
        bytes.to_mut()[at..end].fill(b' ');
    }
}

/// A tag that lasts to the end of the page because a quotation mark in it is never closed, as far as it was meant.
pub(super) fn blank_tag(bytes: &mut Cow<'_, [u8]>, start: usize) {
    let end = memchr::memchr(b'>', &bytes[start..]).map_or(bytes.len(), |end| start + end + 1);
    bytes.to_mut()[start..end].fill(b' ');
}

/// The marks around sections of XML: what stands in them is read like all the rest.
fn mask_sections(bytes: &mut Cow<'_, [u8]>) {
    if memchr::memmem::find(bytes, b"<![CDATA[").is_some() {
        blank_from(bytes, 0, b"<![CDATA[", 9);
        blank_from(bytes, 0, b"]]>", 3);
    }
}
