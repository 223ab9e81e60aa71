//! What went wrong in one try, and whether another one may help.

mod meaning;

use std::fmt;
use std::time::Duration;

use anthill_contracts::model::ModelError;
use reqwest::StatusCode;
use serde_json::Value;

/// Most characters of a provider's own words that are shown.
pub(crate) const DETAIL_CHARS_MAX: usize = 300;

/// Most bytes of a provider's code for an error.
const CODE_BYTES_MAX: usize = 40;

/// One failed try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What follows from it.
    pub(crate) kind: FailureKind,
    /// What happened, in the provider's words where it said any; those follow the first colon.
    pub(crate) detail: String,
    /// How long the provider asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// What follows from a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The key is not accepted.
    Key,
    /// The account is not served: no money, no quota, no right.
    Account,
    /// The model is not there.
    ModelMissing,
    /// The prompt is too long.
    TooLong,
    /// A content filter does not let the request through.
    Filtered,
    /// The request would be refused again.
    Refused,
    /// It may pass.
    Passing,
    /// The answer is not what the protocol demands.
    Malformed,
}

impl Failure {
    fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A failure of the connection, or a time limit.
    pub(crate) fn passing(detail: impl Into<String>) -> Self {
        Self::new(FailureKind::Passing, detail)
    }

    /// A stream that ended before its end marker.
    pub(crate) fn cut(detail: impl Into<String>) -> Self {
        Self::passing(detail)
    }

    /// An answer that the protocol does not allow.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(FailureKind::Malformed, detail)
    }

    /// What an HTTP status other than success means. `said` is what the provider wrote.
    pub(crate) fn of_status(status: StatusCode, said: &Said, retry_after: Option<Duration>) -> Self {
        let status = status.as_u16();
        Self {
            kind: meaning::of(Some(status), said),
            detail: said.after(&format!("HTTP {status}")),
            retry_after,
        }
    }

    /// What an error means that came in place of an answer, or within one.
    pub(crate) fn in_answer(said: &Said) -> Self {
        let begin = match said.status {
            Some(status) => format!("an error in place of an answer (code {status})"),
            None => "an error in place of an answer".to_owned(),
        };
        Self::new(meaning::of(said.status, said), said.after(&begin))
    }

    /// Whether another try may help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self.kind, FailureKind::Passing | FailureKind::Malformed)
    }

    /// How long the provider asks to wait.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What happened, without the words of the provider: they follow the first colon.
    pub(crate) fn outline(&self) -> String {
        self.detail.split(':').next().unwrap_or_default().to_owned()
    }

    /// The same failure with its words passed through `change`.
    pub(crate) fn map_detail(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            detail: change(&self.detail),
            ..self
        }
    }

    /// The error that the caller sees.
    pub(crate) fn into_error(self, provider: &str, model: &str, attempts: u32) -> ModelError {
        let (provider, detail) = (provider.to_owned(), self.detail);
        match self.kind {
            FailureKind::Key => ModelError::KeyRefused { provider, detail },
            FailureKind::Account => ModelError::AccountRefused { provider, detail },
            FailureKind::ModelMissing => ModelError::ModelMissing {
                provider,
                model: model.to_owned(),
                detail,
            },
            FailureKind::TooLong => ModelError::PromptTooLong { provider, detail },
            FailureKind::Filtered => ModelError::Filtered { provider, detail },
            FailureKind::Refused => ModelError::Refused { provider, detail },
            FailureKind::Passing => ModelError::Unavailable {
                provider,
                attempts,
                detail,
            },
            FailureKind::Malformed => ModelError::Malformed { provider, detail },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What a provider says about an error, in whichever of the usual shapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// Its words.
    pub(crate) message: String,
    /// Its code or type.
    pub(crate) kind: String,
    /// The HTTP status that it names within its words.
    pub(crate) status: Option<u16>,
}

impl Said {
    /// From the body of an HTTP error.
    pub(crate) fn of_body(body: &str) -> Self {
        let json = body.trim().trim_start_matches("data:").trim_start();
        match serde_json::from_str::<Value>(json) {
            Ok(value) => Self::of_value(&value, true).unwrap_or_default(),
            Err(_) => Self::of_text(body),
        }
    }

    /// Words without any form.
    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            message: one_line(text),
            ..Self::default()
        }
    }

    /// From a value that may be an error; nothing where it is none. `is_error` says that it can be nothing else.
    pub(crate) fn of_value(value: &Value, is_error: bool) -> Option<Self> {
        let said_something = |value: &&Value| match value {
            Value::Null | Value::Bool(_) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Number(_) => true,
        };
        if let Some(error) = value.get("error").filter(said_something) {
            // Some say the code beside the error and not within it.
            let own = Self::of_error(error);
            let beside = Self::of_error(value);
            return Some(Self {
                kind: if own.kind.is_empty() {
                    beside.kind
                } else {
                    own.kind
                },
                status: own.status.or(beside.status),
                message: own.message,
            });
        }
        if let Some(Value::Array(errors)) = value.get("errors").filter(said_something) {
            return errors.first().map(Self::of_error);
        }
        let response = &value["base_resp"];
        if response["status_code"].as_i64().is_some_and(|code| code != 0) {
            return Some(Self::of_error(response));
        }
        let is_answer = value.get("choices").is_some() || value.get("content").is_some();
        let has_words =
            value["detail"].is_string() || value["detail"].is_array() || value["message"].is_string();
        let has_type = value.get("type").is_some_and(|kind| kind != "error");
        let is_bare = !is_answer && !has_type && has_words;
        match value {
            Value::Array(values) if is_error => Self::of_value(values.first()?, true),
            _ => (is_bare || is_error).then(|| Self::of_error(value)),
        }
    }

    /// From the error object itself.
    fn of_error(error: &Value) -> Self {
        let names = [&error["code"], &error["type"], &error["status"], &error["reason"]];
        let kind = names
            .into_iter()
            .filter_map(Value::as_str)
            .find(|kind| !kind.is_empty() && kind.parse::<u64>().is_err() && *kind != "error")
            .unwrap_or_default();
        let numbers = [&error["code"], &error["status"], &error["status_code"]];
        let status = numbers
            .into_iter()
            .filter_map(|code| code.as_u64().or_else(|| code.as_str()?.trim().parse().ok()))
            .filter_map(|code| u16::try_from(code).ok())
            .find(|code| (400..600).contains(code));
        let words = [
            "message",
            "msg",
            "detail",
            "status_msg",
            "error_description",
            "error",
        ];
        let message = error
            .as_str()
            .or_else(|| words.iter().find_map(|name| error[*name].as_str()))
            .map_or_else(|| one_line(&error.to_string()), one_line);
        // Gateways say only that somebody behind them has failed, and put its words elsewhere.
        let behind = error["metadata"]["raw"].as_str().map(one_line);
        Self {
            message: match behind {
                Some(behind) if !behind.is_empty() => format!("{message}: {behind}"),
                _ => message,
            },
            kind: kind.to_owned(),
            status,
        }
    }

    /// The provider's words and its code behind a beginning.
    fn after(&self, begin: &str) -> String {
        let words = match (self.message.as_str(), self.kind.as_str()) {
            ("", "") => return begin.to_owned(),
            ("", kind) => kind.to_owned(),
            (message, kind) if kind.is_empty() || message.contains(kind) => message.to_owned(),
            (message, kind) => format!("{message} ({kind})"),
        };
        format!("{begin}: {words}")
    }

    /// The same with its code in place of its words, where that has the form of a code.
    pub(crate) fn without_words(self) -> Self {
        let kind = if is_code(&self.kind) {
            self.kind
        } else {
            String::new()
        };
        Self {
            message: String::new(),
            kind,
            status: self.status,
        }
    }
}

/// Whether this can only be a name, which holds nothing of what was asked.
fn is_code(kind: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=CODE_BYTES_MAX).contains(&kind.len()) && kind.contains('_') && kind.bytes().all(is_plain)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first characters of a text, with a mark where more was there.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
