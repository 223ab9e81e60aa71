//! Decoded text leads back to the bytes that it came from.

use super::*;

fn check(bytes: &[u8], base: u64, encoding: Encoding, text: &str, places: &[u64]) {
    let decoded = Decoded::new(bytes.to_vec(), base, encoding).expect("the bytes are in this encoding");
    assert_eq!(decoded.text(), text);
    let borders = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let found: Vec<u64> = borders.map(|at| decoded.start(at)).collect();
    assert_eq!(found, places, "{encoding:?}");
    let ends = text
        .char_indices()
        .map(|(at, letter)| decoded.end(at + letter.len_utf8()));
    assert_eq!(ends.collect::<Vec<_>>(), places[1..], "{encoding:?}");
}

#[test]
fn places_lead_back_to_bytes_in_every_kind_of_encoding() {
    check(
        b"\xe4b\xf6d",
        100,
        Encoding::Latin1,
        "\u{e4}b\u{f6}d",
        &[100, 101, 102, 103, 104],
    );
    check(
        b"\xcd\xe5t",
        7,
        Encoding::Windows1251,
        "\u{41d}\u{435}t",
        &[7, 8, 9, 10],
    );
    check(b"a\x88\xc0b", 0, Encoding::ShiftJis, "a\u{5b89}b", &[0, 1, 3, 4]);
    check(
        b"\xcd\xb7a\xbb\xb3",
        10,
        Encoding::Gb18030,
        "\u{5934}a\u{6000}",
        &[10, 12, 13, 15],
    );
    check(
        b"a\0\x3d\xd8\x1c\xdcb\0",
        4,
        Encoding::Utf16Le,
        "a\u{1f41c}b",
        &[4, 6, 10, 12],
    );
}

#[test]
fn the_byte_order_mark_is_no_text_but_keeps_its_room() {
    check(b"\xef\xbb\xbfab", 0, Encoding::Utf8, "ab", &[3, 4, 5]);
    check(b"\xfe\xff\0a\0b", 0, Encoding::Utf16Be, "ab", &[2, 4, 6]);
    let later = Decoded::new(b"\xef\xbb\xbfab".to_vec(), 9, Encoding::Utf8).expect("this is UTF-8");
    assert_eq!(
        later.text(),
        "\u{feff}ab",
        "only at the start of a file it is a mark"
    );
}
