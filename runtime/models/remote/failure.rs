//! What went wrong in one try, and whether another one may help.

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
pub(crate) enum Failure {
    /// The key is not accepted.
    Key {
        /// HTTP status.
        status: u16,
    },
    /// The request would be refused again.
    Refused {
        /// What the provider said.
        detail: String,
    },
    /// It may pass.
    Passing {
        /// What happened.
        detail: String,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the protocol demands.
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
}

impl Failure {
    /// A failure of the connection, or a time limit.
    pub(crate) fn passing(detail: impl Into<String>) -> Self {
        Self::Passing {
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A stream that ended before its end marker.
    pub(crate) fn cut(detail: impl Into<String>) -> Self {
        Self::passing(detail)
    }

    /// An answer that the protocol does not allow.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::Malformed {
            detail: detail.into(),
        }
    }

    /// What an HTTP status other than success means. `said` is what the provider wrote.
    pub(crate) fn of_status(status: StatusCode, said: &Said, retry_after: Option<Duration>) -> Self {
        let detail = match said.message.as_str() {
            "" => format!("HTTP {}", status.as_u16()),
            message => format!("HTTP {}: {message}", status.as_u16()),
        };
        match status.as_u16() {
            401 | 403 => Self::Key {
                status: status.as_u16(),
            },
            // An account without money answers 429 too, and no wait fills it.
            429 if said.kind == "insufficient_quota" => Self::Refused { detail },
            501 | 505 => Self::Refused { detail },
            408 | 409 | 425 | 429 | 500..=599 => Self::Passing { detail, retry_after },
            _ => Self::Refused { detail },
        }
    }

    /// What an error event inside a stream means.
    pub(crate) fn in_stream(error: &Value) -> Self {
        let said = Said::of_error(error);
        let code = error["code"]
            .as_u64()
            .or_else(|| error["code"].as_str().and_then(|code| code.parse().ok()));
        let status = code
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| *code >= 400)
            .and_then(|code| StatusCode::from_u16(code).ok());
        match (status, said.kind.as_str()) {
            (Some(status), _) => Self::of_status(status, &said, None),
            (None, "invalid_request_error" | "insufficient_quota") => Self::Refused { detail: said.message },
            (None, "authentication_error" | "permission_error") => Self::Key { status: 401 },
            (None, _) => Self::passing(format!("an error within the stream: {}", said.message)),
        }
    }

    /// Whether another try may help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Passing { .. } | Self::Malformed { .. })
    }

    /// How long the provider asks to wait.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Passing { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What happened, without the words of the provider: they follow the first colon.
    pub(crate) fn outline(&self) -> String {
        let whole = self.to_string();
        whole.split(':').next().unwrap_or_default().to_owned()
    }

    /// The same failure with its words passed through `change`.
    pub(crate) fn map_detail(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Key { .. } => self,
            Self::Refused { detail } => Self::Refused {
                detail: change(&detail),
            },
            Self::Passing { detail, retry_after } => Self::Passing {
                detail: change(&detail),
                retry_after,
            },
            Self::Malformed { detail } => Self::Malformed {
                detail: change(&detail),
            },
        }
    }

    /// The error that the caller sees.
    pub(crate) fn into_error(self, provider: &str, attempts: u32) -> ModelError {
        let provider = provider.to_owned();
        match self {
            Self::Key { status } => ModelError::KeyRefused { provider, status },
            Self::Refused { detail } => ModelError::Refused { provider, detail },
            Self::Passing { detail, .. } => ModelError::Unavailable {
                provider,
                attempts,
                detail,
            },
            Self::Malformed { detail } => ModelError::Malformed { provider, detail },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { status } => write!(f, "the key was refused (HTTP {status})"),
            Self::Refused { detail } | Self::Passing { detail, .. } | Self::Malformed { detail } => {
                f.write_str(detail)
            }
        }
    }
}

/// What a provider says about an error, in whichever of the usual shapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// Its words.
    pub(crate) message: String,
    /// Its code or type.
    pub(crate) kind: String,
}

impl Said {
    /// From the body of an HTTP error.
    pub(crate) fn of_body(body: &str) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => match value.get("error").or_else(|| value.get("detail")) {
                Some(error) => Self::of_error(error),
                None => Self::of_error(&value),
            },
            Err(_) => Self {
                message: one_line(body),
                kind: String::new(),
            },
        }
    }

    /// From the error object itself.
    pub(crate) fn of_error(error: &Value) -> Self {
        let kind = [&error["code"], &error["type"]]
            .into_iter()
            .filter_map(Value::as_str)
            .find(|kind| !kind.is_empty() && kind.parse::<u64>().is_err())
            .unwrap_or_default();
        let message = match (error.as_str(), error["message"].as_str()) {
            (Some(text), _) | (None, Some(text)) => one_line(text),
            (None, None) => one_line(&error.to_string()),
        };
        Self {
            message,
            kind: kind.to_owned(),
        }
    }

    /// The same with its code in place of its words, where that has the form of a code.
    pub(crate) fn without_words(self) -> Self {
        let message = if is_code(&self.kind) {
            self.kind.clone()
        } else {
            String::new()
        };
        Self { message, ..self }
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
