//! The task machine's words: status, reason codes, and which status may follow which.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::budget::Dimension;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Waits for its dependencies or for a free worker.
    Pending,
    /// A worker or a critic is at it.
    Running,
    /// Ended well; its output stands.
    Succeeded,
    /// Ended badly, with a reason code.
    Failed,
    /// Ended by somebody's wish.
    Cancelled,
}

impl TaskStatus {
    /// Whether no other status can follow.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether `next` may follow. A running task may start again: that is its next attempt. A task that is reopened
    /// begins from nothing; that is no step of this machine.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending | Self::Running => !matches!(next, Self::Pending),
            Self::Succeeded | Self::Failed | Self::Cancelled => false,
        }
    }

    /// The word used in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why something ended or was refused; printed and stored as the text that `anthill explain` knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            /// A limit was reached in this dimension; printed `budget_exhausted:usd`.
            BudgetExhausted(Dimension),
            $($(#[$doc])* $variant,)*
        }

        impl ReasonCode {
            /// Every code that carries no dimension.
            pub const PLAIN: &'static [Self] = &[$(Self::$variant),*];
        }

        impl fmt::Display for ReasonCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::BudgetExhausted(dimension) => write!(f, "budget_exhausted:{dimension}"),
                    $(Self::$variant => f.write_str($text),)*
                }
            }
        }

        impl FromStr for ReasonCode {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                if let Some(dimension) = text.strip_prefix("budget_exhausted:") {
                    return dimension.parse().map(Self::BudgetExhausted);
                }
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is no reason code")),
                }
            }
        }
    };
}

reason_codes! {
    /// A tool did not answer in time.
    ToolTimeout = "tool_timeout",
    /// Policy forbids it.
    PolicyDenied = "policy_denied",
    /// An answer does not fit the output contract.
    ContractViolation = "contract_violation",
    /// The critic refused every round.
    CriticRejected = "critic_rejected",
    /// A quotation does not stand in its source at its place.
    QuoteNotFound = "quote_not_found",
    /// A claim has no citation.
    ClaimUncited = "claim_uncited",
    /// A text is longer than its contract allows.
    TooLong = "too_long",
    /// A model reviewing the work did not accept it.
    OpinionRejected = "opinion_rejected",
    /// A task that this one needs did not succeed.
    DependencyFailed = "dependency_failed",
    /// The node went away.
    NodeLost = "node_lost",
    /// The model's provider refused or failed for good.
    ModelError = "model_error",
    /// The same input killed its worker again and again; it is set aside.
    Poison = "poison",
    /// No progress for too long.
    Stalled = "stalled",
    /// Somebody cancelled it.
    Cancelled = "cancelled",
    /// The node was told to stop; the job can be resumed.
    Interrupted = "interrupted",
    /// An input file is gone or has other content than when the job listed it.
    InputChanged = "input_changed",
    /// No plan passed validation.
    PlanInvalid = "plan_invalid",
    /// The runtime itself is at fault.
    Defect = "defect",
    /// A guard that was learned does not let the tool call run.
    KnownBad = "known_bad",
    /// The prompt is longer than the model can take.
    PromptTooLong = "prompt_too_long",
    /// The model's answer was cut off at its token limit.
    AnswerCut = "answer_cut",
    /// The model refused to answer, or a content filter withheld the answer.
    AnswerRefused = "answer_refused",
    /// Some of the documents could not be read; the result is made of the rest.
    DocumentsUnread = "documents_unread",
    /// The operating system does not let anybody read an input file.
    InputUnreadable = "input_unreadable",
    /// The process may not open any more files.
    DescriptorsExhausted = "descriptors_exhausted",
}

impl ReasonCode {
    /// Whether a failure for this reason says something of the work, and not only of what it met.
    pub const fn judges_work(self) -> bool {
        matches!(
            self,
            Self::CriticRejected
                | Self::ContractViolation
                | Self::QuoteNotFound
                | Self::ClaimUncited
                | Self::TooLong
                | Self::OpinionRejected
        )
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for ReasonCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReasonCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "description": "a reason code, such as `critic_rejected`" })
    }
}

#[cfg(test)]
mod tests;
