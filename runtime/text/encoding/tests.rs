//! Text goes into every encoding and comes back, and leads back to its bytes.

use super::*;

#[test]
fn every_encoding_has_one_name_and_keeps_plain_letters() {
    let mut names: Vec<&str> = Encoding::ALL.iter().map(|encoding| encoding.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Encoding::ALL.len());
    for encoding in Encoding::ALL {
        let bytes = encode("Ants.", *encoding).expect("plain letters stand in any encoding");
        assert_eq!(
            decode(&bytes, *encoding).as_deref(),
            Some("Ants."),
            "{encoding:?}"
        );
        let decoded = Decoded::new(bytes.clone(), *encoding).expect("it is text");
        assert_eq!((decoded.start(1), decoded.end(5)), (bytes.len() / 5, bytes.len()));
        assert_eq!(
            serde_name(*encoding),
            encoding.name(),
            "a brief and its label use one name"
        );
    }
}

fn serde_name(encoding: Encoding) -> String {
    serde_json::to_value(encoding)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .expect("an encoding is written as its name")
}

#[test]
fn labels_of_the_web_are_known() {
    assert_eq!(by_label("GBK"), Some(Encoding::Gb18030));
    assert_eq!(by_label("sjis"), Some(Encoding::ShiftJis));
    assert_eq!(by_label("iso-8859-1"), Some(Encoding::Windows1252));
    assert_eq!(by_label("utf8"), Some(Encoding::Utf8));
    assert_eq!(by_label("klingon"), None);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(decode(b"\xff", Encoding::Utf8), None);
    assert_eq!(decode(b"\x81", Encoding::ShiftJis), None);
    assert_eq!(decode(b"\x00\xd8", Encoding::Utf16Le), None);
    assert_eq!(encode("\u{20ac}", Encoding::Latin1), None);
    assert!(says(b"\xe4", "\u{e4}", &[Encoding::Utf8, Encoding::Latin1]));
    assert!(!says(b"\xe4", "\u{e5}", Encoding::ALL));
}
