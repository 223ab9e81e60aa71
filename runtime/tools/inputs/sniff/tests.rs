//! Text is told from other bytes, and one encoding from the other.

use super::*;

fn check(bytes: &[u8], expected: Result<Encoding, SkipReason>) {
    assert_eq!(sniff(bytes), expected, "{}", bytes.escape_ascii());
}

#[test]
fn text_in_both_encodings_is_told_apart() {
    check(b"plain ASCII", Ok(Encoding::Utf8));
    check("Fu\u{df}g\u{e4}nger".as_bytes(), Ok(Encoding::Utf8));
    check(b"\xef\xbb\xbfwith a mark", Ok(Encoding::Utf8));
    check(b"Fu\xdfg\xe4nger", Ok(Encoding::Latin1));
}

#[test]
fn what_fits_neither_encoding_is_refused() {
    check(b"Windows \x93quotes\x94", Err(SkipReason::UnknownEncoding));
    check(
        "\u{e4} and "
            .as_bytes()
            .iter()
            .chain(b"\xe4!")
            .copied()
            .collect::<Vec<_>>()
            .as_slice(),
        Err(SkipReason::UnknownEncoding),
    );
    check(b"\xff\xfea\0b\0", Err(SkipReason::UnknownEncoding));
}

#[test]
fn binary_files_are_refused() {
    check(b"text\0text", Err(SkipReason::Binary));
    check(b"\x89PNG\r\n\x1a\n....", Err(SkipReason::Binary));
    check(b"%PDF-1.4 all letters", Err(SkipReason::Binary));
    check(b"a\x01b\x02c\x03", Err(SkipReason::Binary));
    let mut late = vec![b'a'; 100_000];
    late.push(0);
    check(&late, Err(SkipReason::Binary));
}

#[test]
fn a_text_that_begins_like_a_bitmap_is_still_text() {
    check(b"BM25 is a ranking function.", Ok(Encoding::Utf8));
    check(b"MZ is how programs of DOS begin.", Ok(Encoding::Utf8));
    check(b"BM25 f\xfcr alle", Ok(Encoding::Latin1));
}

#[test]
fn one_stray_control_byte_is_forgiven_in_a_long_text() {
    let mut log = vec![b'a'; 2_000];
    log[1_000] = 0x02;
    check(&log, Ok(Encoding::Utf8));
}

#[test]
fn files_without_text_are_empty() {
    check(b"", Err(SkipReason::Empty));
    check(b" \r\n\t\n", Err(SkipReason::Empty));
    check(b"\xef\xbb\xbf\n", Err(SkipReason::Empty));
}
