//! Marks and encodings of files that people write.

use super::*;

fn check(bytes: &[u8], expected: Result<&str, NotText>) {
    assert_eq!(decode(bytes.to_vec()), expected.map(str::to_owned), "{bytes:?}");
}

#[test]
fn a_mark_is_no_part_of_the_text() {
    check(b"a = 1", Ok("a = 1"));
    check(b"\xef\xbb\xbfa = 1", Ok("a = 1"));
    check(b"\xff\xfea\0\xe9\0", Ok("a\u{e9}"));
    check(b"\xfe\xff\0a\xd8\x3d\xdc\x1c", Ok("a\u{1f41c}"));
    check(b"", Ok(""));
    check(b"\xef\xbb\xbf", Ok(""));
    // Only the first one is a mark.
    check(b"\xef\xbb\xbf\xef\xbb\xbfa", Ok("\u{feff}a"));
    assert_eq!(without_mark("\u{feff}{}"), "{}");
    assert_eq!(without_mark("{}\u{feff}"), "{}\u{feff}");
}

#[test]
fn what_is_no_text_is_refused() {
    check(b"\xe9t\xe9", Err(NotText::Utf8));
    check(b"\xef\xbb\xbf\xe9", Err(NotText::Utf8));
    check(b"\xff\xfea", Err(NotText::Utf16));
    check(b"\xff\xfe\0\xd8", Err(NotText::Utf16));
    // UTF-32 with its mark.
    check(b"\xff\xfe\0\0a\0\0\0", Err(NotText::Utf16));
}
