//! What went wrong, who must act, and what they can do.
//!
//! A [`Fault`] answers one question for the runtime: retry, tell a human, restart, or stop the node. A [`Problem`] is
//! a fault as a person sees it: one line with a stable code and a remedy; `anthill explain CODE` shows its page.

use std::fmt;

use crate::codes::Code;

/// What the runtime does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It may work when tried again.
    Transient,
    /// Policy, a budget or wrong input forbids it; a human must change something.
    Refused,
    /// The part itself is broken; its supervisor restarts it.
    Defect,
    /// The node cannot go on without risk to what it has acknowledged; it stops.
    Fatal,
}

/// An error for a person: a stable code, one line, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code, such as `AH0105`.
    pub code: &'static Code,
    /// What happened, in one line, lower case, without a full stop.
    pub message: String,
}

impl Problem {
    /// A problem with this code and message. Line breaks in the message become spaces.
    pub fn new(code: &'static Code, message: impl fmt::Display) -> Self {
        let message = message
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Self { code, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} (remedy: {})",
            self.code.id, self.message, self.code.remedy
        )
    }
}

impl std::error::Error for Problem {}
