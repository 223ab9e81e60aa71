//! Asking a model: requests, replies, what they cost, and the [`Provider`] port.
//!
//! Every request carries, beside its prompt, the same matter as data ([`Matter`]), so that a provider which is no
//! language model can work on it. A provider that is one reads the prompt and never looks at the data.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::brief::{Finding, Passage};
use crate::budget::Amount;
use crate::codes::{self, Code};
use crate::fault::{Fault, Problem};
use crate::plan::Plan;
use crate::signal::Polarity;
use crate::tool::{ToolCall, ToolSpec};

/// Provider and model, written `PROVIDER/NAME`; the name may hold further slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ModelName {
    provider: String,
    name: String,
}

impl ModelName {
    /// The part before the first slash, which names a provider of the configuration.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The part after the first slash, which the provider understands.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Default for ModelName {
    /// The built-in extractive provider: no key, no server, no cost.
    fn default() -> Self {
        Self {
            provider: "builtin".to_owned(),
            name: "extract".to_owned(),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((provider, name)) if !provider.is_empty() && !name.is_empty() => Ok(Self {
                provider: provider.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(format!(
                "`{text}` is no model: write PROVIDER/NAME, such as `builtin/extract`"
            )),
        }
    }
}

impl TryFrom<String> for ModelName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.to_string()
    }
}

/// One request to a model. Its JSON form is what the journal's step records point at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// Who is asked.
    pub model: ModelName,
    /// Standing instructions; the stable prefix of the prompt.
    pub system: String,
    /// The turns so far, oldest first.
    pub messages: Vec<Message>,
    /// Tools that the model may call.
    pub tools: Vec<ToolSpec>,
    /// The JSON Schema that the final answer must fit, with a name for it.
    pub answer_schema: Option<AnswerSchema>,
    /// Most tokens of the answer.
    pub answer_tokens_max: u32,
    /// The matter of the request as data.
    pub matter: Matter,
}

/// A named JSON Schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerSchema {
    /// Its name, such as `findings`.
    pub name: String,
    /// The schema.
    pub schema: Value,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Message {
    /// From the runtime or a person.
    User {
        /// The text.
        text: String,
    },
    /// From the model.
    Assistant {
        /// The text; may be empty beside tool calls.
        text: String,
        /// Tools that it asked for.
        tool_calls: Vec<ToolCall>,
    },
    /// The outcome of a tool call.
    Tool {
        /// The id that the model gave its call.
        call: String,
        /// The tool's name.
        tool: String,
        /// What the model is shown.
        text: String,
    },
}

/// The schema of actions that say how a provider without a language model reads and writes: what they say becomes
/// the `strategy` of [`Matter::Read`] and [`Matter::Write`].
pub const EXTRACT_STRATEGY_SCHEMA: &str = "extract_strategy";

/// The schema of actions that say how a job is cut into tasks where its spec leaves that open. Their arguments are
/// `{"shape":"single"}` or `{"shape":"map_reduce_verify"}`.
pub const PLAN_SHAPE_SCHEMA: &str = "plan_shape";

/// The schema of actions that say which model a worker asks. Their arguments are `{"model":"PROVIDER/NAME"}`. The runtime
/// makes them itself, of the models that a job's routing lists.
pub const MODEL_CHOICE_SCHEMA: &str = "model_choice";

/// The matter of a request as data, beside the prompt that says the same in words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Matter {
    /// Nothing but the prompt.
    #[default]
    Prompt,
    /// Read one document and report findings (answer: `FindingsAnswer`).
    Read {
        /// The question.
        question: String,
        /// Path of the document.
        path: String,
        /// Its text, in order.
        passages: Vec<Passage>,
        /// Most claims wanted.
        claims_max: u32,
        /// How to pick what to claim, where something is known to work; canonical JSON that the provider understands.
        #[serde(default)]
        strategy: Option<String>,
    },
    /// Write a brief from numbered findings (answer: `OutlineAnswer`, citing by number from 1).
    Write {
        /// The question.
        question: String,
        /// The findings; number n is at index n - 1.
        findings: Vec<Finding>,
        /// Most sections wanted.
        sections_max: u32,
        /// Most claims wanted.
        claims_max: u32,
        /// Most words wanted.
        words_max: u32,
        /// As in [`Matter::Read`].
        #[serde(default)]
        strategy: Option<String>,
    },
    /// Answer with the help of tools (answer: `FindingsAnswer`, quotes with paths).
    Answer {
        /// The question.
        question: String,
        /// Passages that tools have returned so far.
        found: Vec<Passage>,
        /// Most claims wanted.
        claims_max: u32,
    },
    /// Give an opinion on finished work (answer: `OpinionAnswer`).
    Judge {
        /// The question.
        question: String,
        /// The claims, each with its quotations.
        claims: Vec<Finding>,
    },
    /// Propose a plan (answer: a `Plan`).
    Plan {
        /// The goal.
        goal: String,
        /// How many documents the job may read.
        documents: usize,
        /// Why earlier proposals were refused.
        refused: Vec<String>,
        /// A plan of the templates that would do.
        example: Plan,
    },
}

/// What a model answers to [`Matter::Read`] and [`Matter::Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FindingsAnswer {
    /// The claims, best first; empty where nothing answers the question.
    pub claims: Vec<ClaimAnswer>,
}

/// What an agent that reads and writes words may hand in beside its work: a further field of its answer. It is read
/// apart from the work, so that a lesson out of form spoils no good answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LessonsAnswer {
    /// What others should know who get a task like this one; at most three, usually none.
    #[serde(default)]
    pub lessons: Vec<LessonAnswer>,
}

/// What an agent has learned on a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LessonAnswer {
    /// `do` for advice, `avoid` for a warning.
    pub polarity: Polarity,
    /// One or two plain sentences about the way of working, not about the subject of the question.
    pub text: String,
}

/// One claim of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimAnswer {
    /// The claim, one sentence.
    pub text: String,
    /// Quotations, word for word from a document, that carry the claim.
    pub quotes: Vec<QuoteAnswer>,
    /// How much it answers the question, 0 to 1000.
    #[serde(default)]
    pub relevance_milli: u32,
}

/// One quotation of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteAnswer {
    /// Path of the document; may be left empty where only one document was given.
    #[serde(default)]
    pub path: String,
    /// The words, exactly as they stand there.
    pub quote: String,
    /// First byte in the file, where known.
    #[serde(default)]
    pub start: Option<u64>,
    /// Byte after the last, where known.
    #[serde(default)]
    pub end: Option<u64>,
}

/// What a model answers to [`Matter::Write`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OutlineAnswer {
    /// Sections in reading order.
    pub sections: Vec<OutlineSection>,
}

/// One section of an outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutlineSection {
    /// Its title.
    pub title: String,
    /// Its claims.
    pub claims: Vec<OutlineClaim>,
}

/// One claim of an outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutlineClaim {
    /// The sentence.
    pub text: String,
    /// Numbers of the findings that carry it, from 1.
    pub findings: Vec<u32>,
}

/// What a model answers to [`Matter::Judge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OpinionAnswer {
    /// Whether the work answers the question.
    pub accept: bool,
    /// What is wrong, for the worker that must mend it.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReply {
    /// The text; may be empty beside tool calls.
    pub text: String,
    /// Tools that it asks for, in its order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// Tokens counted by the provider.
    pub usage: Usage,
    /// What it cost by the configured price, one step included.
    pub cost: Amount,
    /// The model that the provider says has answered.
    pub model: String,
    /// Where the numbers of `usage` come from.
    #[serde(default)]
    pub counted: Counted,
    /// Bytes of reasoning that the provider sent apart from the text; they are no part of the answer.
    #[serde(default)]
    pub thought_bytes: u64,
}

/// Where the tokens of a usage come from. What nobody counted is charged at the bound that was reserved for it, so that
/// no call is free because its provider keeps no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The provider counted prompt and answer.
    #[default]
    Provider,
    /// The provider counted one of the two; the other is a bound.
    Partly,
    /// The provider counted nothing that can be true; both are bounds.
    Bound,
}

impl Counted {
    /// Whether all of it was counted.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Provider)
    }

    /// The word used in tables and data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Partly => "partly",
            Self::Bound => "bound",
        }
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was done.
    End,
    /// It wants tools to run.
    ToolCalls,
    /// It hit `answer_tokens_max`.
    Length,
    /// The model refused to answer.
    Refusal,
    /// A content filter of the provider withheld the answer, or the rest of it.
    Filtered,
    /// Prompt and answer have filled the model's context.
    Context,
}

/// Tokens counted by the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub tokens_in: u64,
    /// Of these, tokens read from the provider's cache.
    pub cached_in: u64,
    /// Tokens of the answer.
    pub tokens_out: u64,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Micro-dollars for a million prompt tokens.
    pub usd_micro_per_million_in: u64,
    /// Micro-dollars for a million answer tokens.
    pub usd_micro_per_million_out: u64,
}

impl Price {
    /// Micro-dollars for these tokens, rounded up.
    pub fn cost(&self, tokens_in: u64, tokens_out: u64) -> u64 {
        let part = |tokens: u64, rate: u64| (u128::from(tokens) * u128::from(rate)).div_ceil(1_000_000);
        let sum =
            part(tokens_in, self.usd_micro_per_million_in) + part(tokens_out, self.usd_micro_per_million_out);
        u64::try_from(sum).unwrap_or(u64::MAX)
    }
}

/// A piece of an answer that is still being written, for live views. Never recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelDelta {
    /// More text.
    Text(String),
    /// The provider is asked again after a failed try.
    Retry {
        /// Number of the try that failed, from 1.
        attempt: u32,
        /// Wait before the next one.
        wait: Duration,
    },
}

/// Hears the pieces of an answer; must not block.
pub type DeltaSink = Arc<dyn Fn(ModelDelta) + Send + Sync>;

/// What answers requests.
pub trait Provider: Send + Sync {
    /// The most that this request can cost, one step included; reserved before it is asked.
    /// `usd_micro` is `None` where the model's price is not known.
    fn worst_case(&self, request: &ModelRequest) -> WorstCase;

    /// What a model of this provider costs; `None` where nobody has written it down.
    fn price(&self, model: &ModelName) -> Option<Price>;

    /// Asks, retries what is worth retrying, and answers within the provider's own time limit.
    fn complete(
        &self,
        request: ModelRequest,
        deltas: DeltaSink,
    ) -> BoxFuture<'_, Result<ModelReply, ModelError>>;
}

/// The most that a request can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstCase {
    /// The bound; `usd_micro` is 0 where the price is not known.
    pub amount: Amount,
    /// Whether the model's price is known.
    pub priced: bool,
}

/// Finds the provider of a model.
pub trait Models: Send + Sync {
    /// The provider that serves this model.
    fn provider(&self, model: &ModelName) -> Result<Arc<dyn Provider>, ModelError>;
}

/// Failed to get an answer from a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No provider or model of this name is configured.
    #[error("the model `{model}` is not known; known: {known}")]
    Unknown {
        /// What was asked for.
        model: String,
        /// What there is, for people.
        known: String,
    },
    /// The provider needs a key and there is none.
    #[error("the provider `{provider}` needs a key in the environment variable {variable}")]
    KeyMissing {
        /// The provider.
        provider: String,
        /// The environment variable that is empty.
        variable: String,
    },
    /// The provider refused the key.
    #[error("the provider `{provider}` refused the key: {detail}")]
    KeyRefused {
        /// The provider.
        provider: String,
        /// What it said, shortened and without keys.
        detail: String,
    },
    /// The provider does not serve this account: no quota, no money, a plan or a region without the model.
    #[error("the provider `{provider}` does not serve this account: {detail}")]
    AccountRefused {
        /// The provider.
        provider: String,
        /// What it said, shortened.
        detail: String,
    },
    /// The provider does not have the model.
    #[error("the provider `{provider}` does not have the model `{model}`: {detail}")]
    ModelMissing {
        /// The provider.
        provider: String,
        /// The model's name there.
        model: String,
        /// What it said, shortened.
        detail: String,
    },
    /// The prompt is longer than the model can take.
    #[error("the prompt is too long for the model: {detail}")]
    PromptTooLong {
        /// The provider.
        provider: String,
        /// What it said, shortened.
        detail: String,
    },
    /// A content filter of the provider does not let the request through.
    #[error("the content filter of the provider `{provider}` refused the request: {detail}")]
    Filtered {
        /// The provider.
        provider: String,
        /// What it said, shortened.
        detail: String,
    },
    /// The provider refused this request and would refuse it again.
    #[error("the provider `{provider}` refused the request: {detail}")]
    Refused {
        /// The provider.
        provider: String,
        /// What it said, shortened.
        detail: String,
    },
    /// All tries failed for reasons that may pass.
    #[error("the provider `{provider}` failed {attempts} times, last: {detail}")]
    Unavailable {
        /// The provider.
        provider: String,
        /// How often it was asked.
        attempts: u32,
        /// The last failure, shortened.
        detail: String,
    },
    /// The answer could not be understood as the protocol demands.
    #[error("the provider `{provider}` gave a malformed answer: {detail}")]
    Malformed {
        /// The provider.
        provider: String,
        /// What was wrong, shortened.
        detail: String,
    },
}

impl ModelError {
    /// What the runtime does about it.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } | Self::Malformed { .. } => Fault::Transient,
            Self::Unknown { .. }
            | Self::KeyMissing { .. }
            | Self::KeyRefused { .. }
            | Self::AccountRefused { .. }
            | Self::ModelMissing { .. }
            | Self::PromptTooLong { .. }
            | Self::Filtered { .. }
            | Self::Refused { .. } => Fault::Refused,
        }
    }

    /// Whether every other request would meet the same: then the job waits for a person instead of failing task by task.
    pub const fn concerns_all(&self) -> bool {
        !matches!(
            self,
            Self::Refused { .. } | Self::PromptTooLong { .. } | Self::Filtered { .. }
        )
    }

    /// The stable code.
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::Unknown { .. } => &codes::MODEL_UNKNOWN,
            Self::KeyMissing { .. } => &codes::KEY_MISSING,
            Self::KeyRefused { .. } => &codes::KEY_REFUSED,
            Self::AccountRefused { .. } => &codes::ACCOUNT_REFUSED,
            Self::ModelMissing { .. } => &codes::MODEL_MISSING,
            Self::PromptTooLong { .. } => &codes::PROMPT_TOO_LONG,
            Self::Filtered { .. } => &codes::MODEL_FILTERED,
            Self::Refused { .. } => &codes::MODEL_REFUSED,
            Self::Unavailable { .. } => &codes::MODEL_UNAVAILABLE,
            Self::Malformed { .. } => &codes::MODEL_MALFORMED,
        }
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        Self::new(error.code(), &error)
    }
}
