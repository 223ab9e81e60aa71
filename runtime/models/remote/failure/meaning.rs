//! What an error means, from its status, its code and, last, its words.
//!
//! No provider keeps to the statuses alone: an account without money answers 402, 403 or 429, a prompt that is too long
//! 400, 413 or 500, a filter 400 or 403, and many gateways answer 200 with an error in it. So codes count before
//! statuses. Words count only where neither says it, and only phrases that name one thing; a phrase that is not known
//! here costs no more than a less exact message.

use super::{FailureKind, Said};

/// Codes of a content filter.
const FILTER_CODES: [&str; 8] = [
    "content_filter",
    "content_policy",
    "responsibleai",
    "moderation",
    "safety",
    "data_inspection",
    "prohibited_content",
    "sensitive",
];

/// Phrases of a content filter.
const FILTER_WORDS: [&str; 6] = [
    "content filter",
    "content management policy",
    "content policy",
    "safety system",
    "inappropriate content",
    "flagged as",
];

/// Codes of a prompt that is too long.
const LENGTH_CODES: [&str; 8] = [
    "context_length",
    "context_window",
    "exceed_context",
    "too_long",
    "string_above_max",
    "too_large",
    "max_context",
    "token_limit_exceeded",
];

/// Phrases of a prompt that is too long.
const LENGTH_WORDS: [&str; 13] = [
    "context length",
    "maximum context",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
    "input too long",
    "prompt too long",
    "too many tokens",
    "too many input tokens",
    "input token count",
    "reduce the length",
    "maximum input length",
];

/// Codes of a model that is not there.
const MODEL_CODES: [&str; 5] = [
    "model_not_found",
    "no_such_model",
    "model_not_exist",
    "invalid_model",
    "unknown_model",
];

/// Codes of a key that is not accepted.
const KEY_CODES: [&str; 7] = [
    "api_key",
    "apikey",
    "authentication",
    "unauthorized",
    "unauthenticated",
    "invalid_token",
    "token_expired",
];

/// Codes of an account that is not served.
const ACCOUNT_CODES: [&str; 18] = [
    "quota",
    "billing",
    "credit",
    "balance",
    "payment",
    "arrear",
    "overdue",
    "suspend",
    "deactivated",
    "country",
    "region",
    "territory",
    "plan",
    "subscription",
    "account",
    "permission",
    "access_denied",
    "access_terminated",
];

/// Phrases of an account that is not served.
const ACCOUNT_WORDS: [&str; 15] = [
    "credit balance",
    "insufficient balance",
    "insufficient credit",
    "insufficient fund",
    "insufficient quota",
    "not enough credit",
    "out of credit",
    "exceeded your current quota",
    "billing",
    "payment required",
    "hard limit",
    "account is not active",
    "account has been",
    "account is suspended",
    "overdue",
];

/// Phrases of a key that is not accepted.
const KEY_WORDS: [&str; 6] = [
    "invalid api key",
    "incorrect api key",
    "invalid key",
    "key is invalid",
    "key has been revoked",
    "key has expired",
];

/// What follows from an error with this status, where there is one.
pub(super) fn of(status: Option<u16>, said: &Said) -> FailureKind {
    let (code, words) = (said.kind.to_ascii_lowercase(), said.message.to_ascii_lowercase());
    let code_has = |names: &[&str]| names.iter().any(|name| code.contains(name));
    let words_have = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    // What a server says of itself while it fails is no verdict on the request.
    let is_verdict = status.is_none_or(|status| status < 500);
    let is_limited = status == Some(429);
    if code_has(&FILTER_CODES) || (is_verdict && !is_limited && words_have(&FILTER_WORDS)) {
        return FailureKind::Filtered;
    }
    if status == Some(413) || code_has(&LENGTH_CODES) || (!is_limited && words_have(&LENGTH_WORDS)) {
        return FailureKind::TooLong;
    }
    if code_has(&MODEL_CODES) || (status == Some(404) && words.contains("model")) {
        return FailureKind::ModelMissing;
    }
    if is_verdict && (status == Some(402) || code_has(&ACCOUNT_CODES) || words_have(&ACCOUNT_WORDS)) {
        return FailureKind::Account;
    }
    if status == Some(401) || code_has(&KEY_CODES) || (is_verdict && words_have(&KEY_WORDS)) {
        return FailureKind::Key;
    }
    match status {
        Some(403) => FailureKind::Account,
        Some(501 | 505) => FailureKind::Refused,
        Some(408 | 409 | 425 | 429 | 500..=599) => FailureKind::Passing,
        Some(_) => FailureKind::Refused,
        None if code.contains("invalid_request") => FailureKind::Refused,
        None => FailureKind::Passing,
    }
}
