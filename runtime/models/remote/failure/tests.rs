//! Each HTTP status has one meaning.

use std::time::Duration;

use anthill_contracts::fault::Fault;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::FailureKind::{Account, Filtered, Key, ModelMissing, Passing, Refused, TooLong};
use super::{DETAIL_CHARS_MAX, Failure, FailureKind, Said, shorten};

fn of(status: u16, body: &str) -> Failure {
    let status = StatusCode::from_u16(status).expect("a status");
    Failure::of_status(status, &Said::of_body(body), Some(Duration::from_secs(1)))
}

fn within(error: &Value) -> Failure {
    Failure::in_answer(&Said::of_value(error, true).expect("said to be an error"))
}

#[test]
fn each_status_has_one_meaning() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
        let failure = of(status, "");
        assert!(failure.may_pass(), "{status}");
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(1)), "{status}");
        assert_eq!(failure.into_error("p", "m", 2).fault(), Fault::Transient);
    }
    for (status, kind) in [
        (301, Refused),
        (400, Refused),
        (401, Key),
        (402, Account),
        (403, Account),
        (404, Refused),
        (405, Refused),
        (413, TooLong),
        (422, Refused),
        (501, Refused),
    ] {
        let failure = of(status, "");
        assert_eq!(failure.kind, kind, "{status}");
        assert!(!failure.may_pass(), "{status}");
    }
}

#[test]
fn codes_count_before_statuses_and_words_where_neither_says_it() {
    let check = |status: u16, error: Value, kind: FailureKind| {
        let body = json!({ "error": error }).to_string();
        assert_eq!(of(status, &body).kind, kind, "{status} {body}");
    };
    check(
        429,
        json!({"code": "insufficient_quota", "message": "m"}),
        Account,
    );
    check(
        429,
        json!({"type": "billing_hard_limit_reached", "message": "m"}),
        Account,
    );
    check(
        429,
        json!({"code": "rate_limit_exceeded", "message": "too many tokens per minute"}),
        Passing,
    );
    check(
        429,
        json!({"message": "You exceeded your current quota."}),
        Account,
    );
    check(
        403,
        json!({"code": "unsupported_country_region_territory", "message": "m"}),
        Account,
    );
    check(403, json!({"code": "invalid_api_key", "message": "m"}), Key);
    check(
        403,
        json!({"message": "the API key has been revoked: invalid key"}),
        Key,
    );
    check(
        400,
        json!({"type": "invalid_request_error", "message": "Your credit balance is too low"}),
        Account,
    );
    check(
        400,
        json!({"code": "context_length_exceeded", "message": "m"}),
        TooLong,
    );
    check(
        400,
        json!({"message": "This model's maximum context length is 8192 tokens"}),
        TooLong,
    );
    check(
        500,
        json!({"message": "the request exceeds the available context size"}),
        TooLong,
    );
    check(503, json!({"message": "billing system down"}), Passing);
    check(400, json!({"code": "content_filter", "message": "m"}), Filtered);
    check(403, json!({"type": "moderation_error", "message": "m"}), Filtered);
    check(
        400,
        json!({"message": "blocked by our content management policy"}),
        Filtered,
    );
    check(
        404,
        json!({"code": "model_not_found", "message": "m"}),
        ModelMissing,
    );
    check(
        404,
        json!({"message": "model \"x\" not found, try pulling it first"}),
        ModelMissing,
    );
    check(
        400,
        json!({"message": "unknown parameter", "type": "invalid_request_error"}),
        Refused,
    );
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
    check(r#"{"error": "a", "code": "c"}"#, "a", "c");
    check(r#"{"detail": "a"}"#, "a", "");
    check(r#"{"message": "a"}"#, "a", "");
    check(r#"{"errors": [{"message": "a", "code": 7}]}"#, "a", "");
    check(
        r#"[{"error": {"message": "a", "status": "NOT_FOUND"}}]"#,
        "a",
        "NOT_FOUND",
    );
    check(r#"{"object": "error", "message": "a", "code": 40303}"#, "a", "");
    check(
        r#"{"error": {"message": "Provider returned error", "metadata": {"raw": "b"}}}"#,
        "Provider returned error: b",
        "",
    );
    check("data: {\"error\": \"a\"}\n\n", "a", "");
    check("<html>\n a </html>", "<html> a </html>", "");
    check(r#"{"error": {"odd": 1}}"#, r#"{"odd":1}"#, "");
}

#[test]
fn an_answer_is_no_error() {
    for answer in [
        json!({"choices": [], "error": null}),
        json!({"choices": [{"delta": {}}], "error": {}}),
        json!({"type": "message_start", "message": {"usage": {}}}),
        json!({"type": "ping", "message": "still here"}),
        json!({"id": "x", "usage": {"prompt_tokens": 1}}),
        json!({"base_resp": {"status_code": 0, "status_msg": ""}, "choices": []}),
    ] {
        assert_eq!(Said::of_value(&answer, false), None, "{answer}");
    }
}

#[test]
fn an_error_in_an_answer_keeps_its_status() {
    assert_eq!(within(&json!({"code": "401", "message": "m"})).kind, Key);
    assert_eq!(within(&json!({"code": 503, "message": "m"})).kind, Passing);
    assert_eq!(
        within(&json!({"type": "overloaded_error", "message": "m"})).kind,
        Passing
    );
    assert_eq!(within(&json!({"code": 400, "message": "m"})).kind, Refused);
    assert_eq!(
        within(&json!(null)).kind,
        Passing,
        "nothing said is nothing known"
    );
    assert_eq!(
        within(&json!({"code": 429, "message": "m", "type": "t"})).to_string(),
        "an error in place of an answer (code 429): m (t)"
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
    assert_eq!(of(401, said).outline(), "HTTP 401");
    let overloaded = within(&json!({"type": "overloaded_error", "message": "my secret plan"}));
    assert_eq!(overloaded.outline(), "an error in place of an answer");
    let coded = within(&json!({"code": 529, "message": "my secret plan"}));
    assert_eq!(coded.outline(), "an error in place of an answer (code 529)");
}

#[test]
fn what_was_asked_in_confidence_is_not_repeated() {
    let said = Said::of_body(r#"{"error": {"message": "bad text: my secret", "code": "bad_input"}}"#)
        .without_words();
    assert_eq!(
        Failure::of_status(StatusCode::BAD_REQUEST, &said, None).to_string(),
        "HTTP 400: bad_input"
    );
    let said = Said::of_body(r#"{"error": {"message": "m", "code": "my secret"}}"#).without_words();
    assert_eq!(
        Failure::of_status(StatusCode::BAD_REQUEST, &said, None).to_string(),
        "HTTP 400"
    );
}
