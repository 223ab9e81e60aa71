//! Decoded text leads back to the bytes that it came from.

use super::*;

#[test]
fn latin1_places_lead_back_to_single_bytes() {
    let decoded = Decoded::new(b"\xe4b\xf6d".to_vec(), 100, Encoding::Latin1).expect("any bytes are Latin-1");
    assert_eq!(decoded.text(), "\u{e4}b\u{f6}d");
    let places: Vec<u64> = [0, 2, 3, 5, 6]
        .into_iter()
        .map(|at| decoded.file_offset(at))
        .collect();
    assert_eq!(places, [100, 101, 102, 103, 104]);
}

#[test]
fn the_byte_order_mark_is_no_text_but_keeps_its_room() {
    let decoded = Decoded::new(b"\xef\xbb\xbfab".to_vec(), 0, Encoding::Utf8).expect("this is UTF-8");
    assert_eq!(decoded.text(), "ab");
    assert_eq!(decoded.file_offset(1), 4);
    let later = Decoded::new(b"\xef\xbb\xbfab".to_vec(), 9, Encoding::Utf8).expect("this is UTF-8");
    assert_eq!(
        later.text(),
        "\u{feff}ab",
        "only at the start of a file it is a mark"
    );
}

#[test]
fn only_text_that_latin1_has_is_encoded_in_it() {
    assert_eq!(encode("\u{e4}", Encoding::Latin1), Some(vec![0xe4]));
    assert_eq!(encode("\u{20ac}", Encoding::Latin1), None);
    assert_eq!(
        encode("\u{20ac}", Encoding::Utf8),
        Some("\u{20ac}".as_bytes().to_vec())
    );
}
