//! No key leaves in an error.

use super::Redactor;

#[test]
fn the_own_key_goes_wherever_it_stands() {
    let redactor = Redactor::new(Some("s3cret/+=key"));
    assert_eq!(redactor.clean("x=s3cret/+=key&y"), "x=[redacted]&y");
}

#[test]
fn what_looks_like_a_key_goes_too() {
    let redactor = Redactor::new(None);
    assert_eq!(
        redactor.clean("bad key 'sk-proj-0123456789' (AIzaSyA1234567890), sk-abc****wxyz."),
        "bad key '[redacted]' ([redacted]), [redacted]"
    );
}

#[test]
fn ordinary_words_stay() {
    for text in [
        "the key-value store of sk-learn, naïvely",
        "",
        "漢字 sk-",
        "key-value",
    ] {
        assert_eq!(
            Redactor::new(Some("abc")).clean(text),
            text,
            "too short a key would hit words"
        );
    }
}
