//! Each HTTP status has one meaning.

use std::time::Duration;

use anthill_contracts::fault::Fault;
use reqwest::StatusCode;
use serde_json::json;

use super::{DETAIL_CHARS_MAX, Failure, Said, shorten};

fn of(status: u16, body: &str) -> Failure {
    let status = StatusCode::from_u16(status).expect("a status");
    Failure::of_status(status, &Said::of_body(body), Some(Duration::from_secs(1)))
}

#[test]
fn each_status_has_one_meaning() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
        let failure = of(status, "");
        assert!(failure.may_pass(), "{status}");
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(1)), "{status}");
        assert_eq!(failure.into_error("p", 2).fault(), Fault::Transient);
    }
    for status in [301, 400, 402, 404, 405, 413, 422, 501] {
        let failure = of(status, "");
        assert!(
            !failure.may_pass() && matches!(failure, Failure::Refused { .. }),
            "{status}"
        );
    }
    assert_eq!(of(401, ""), Failure::Key { status: 401 });
    assert_eq!(of(403, ""), Failure::Key { status: 403 });
}

#[test]
fn providers_words_are_found_in_every_usual_shape() {
    let check = |body: &str, message: &str, kind: &str| {
        let said = Said::of_body(body);
        assert_eq!(
            (said.message.as_str(), said.kind.as_str()),
            (message, kind),
            "{body}"
        );
    };
    check(
        r#"{"error": {"message": "a\n b", "type": "t", "code": "c"}}"#,
        "a b",
        "c",
    );
    check(
        r#"{"error": {"message": "a", "type": "t", "code": "429"}}"#,
        "a",
        "t",
    );
    check(
        r#"{"type": "error", "error": {"type": "t", "message": "a"}}"#,
        "a",
        "t",
    );
    check(r#"{"error": "a"}"#, "a", "");
    check(r#"{"detail": "a"}"#, "a", "");
    check(r#"{"message": "a"}"#, "a", "");
    check("<html>\n a </html>", "<html> a </html>", "");
    check(r#"{"error": {"odd": 1}}"#, r#"{"odd":1}"#, "");
}

#[test]
fn an_error_in_a_stream_keeps_its_status() {
    assert_eq!(
        Failure::in_stream(&json!({"code": "403", "message": "m"})),
        Failure::Key { status: 403 }
    );
    assert!(Failure::in_stream(&json!({"code": 503, "message": "m"})).may_pass());
    assert!(Failure::in_stream(&json!({"type": "overloaded_error", "message": "m"})).may_pass());
    assert!(!Failure::in_stream(&json!({"code": 400, "message": "m"})).may_pass());
    assert!(
        Failure::in_stream(&json!(null)).may_pass(),
        "nothing said is nothing known"
    );
}

#[test]
fn words_are_shortened_between_characters() {
    assert_eq!(shorten("short"), "short");
    let short = shorten(&"漢".repeat(DETAIL_CHARS_MAX + 5));
    assert_eq!(short.chars().count(), DETAIL_CHARS_MAX + 1);
    assert!(short.ends_with('…'));
}

#[test]
fn an_outline_says_what_happened_and_repeats_no_words() {
    let said = r#"{"error": {"message": "cannot read: my secret plan"}}"#;
    assert_eq!(of(503, said).outline(), "HTTP 503");
    assert_eq!(of(401, said).outline(), "the key was refused (HTTP 401)");
    let within = Failure::in_stream(&json!({"type": "overloaded_error", "message": "my secret plan"}));
    assert_eq!(within.outline(), "an error within the stream");
    let refused =
        Failure::in_stream(&json!({"type": "overloaded_error", "code": 529, "message": "my secret plan"}));
    assert_eq!(refused.outline(), "HTTP 529");
}
