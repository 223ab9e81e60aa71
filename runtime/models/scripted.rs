//! `scripted`: answers, latencies and faults from a file, for tests and simulations.
//!
//! A script is TOML or JSON (told apart by the file's ending). Its rules are tried in order; the first one whose `when`
//! holds and that is not used up answers. So rules with `times` form a sequence, and a rule without stands for all that
//! comes after. A request that no rule answers is refused: a script that forgot a case must not look like a success.
//!
//! ```toml
//! [[rules]]                          # the first two readings fail
//! when = { matter = "read" }         # matter: prompt, read, write, answer, judge or plan
//! times = 2
//! fault = "unavailable"              # or malformed, refused, key_refused, hang
//!
//! [[rules]]                          # then every reading is answered as `builtin/extract` would
//! when = { matter = "read" }
//! latency = "20ms"
//! extract = true
//!
//! [[rules]]
//! when = { prompt = "colour" }       # a part of the instructions or of any message
//! text = "blue"
//! tool_calls = [{ tool = "search", args = { query = "blue" } }]
//! stop = "end"                       # end, tool_calls, length or refusal; default: by what is there
//! usage = { tokens_in = 12, cached_in = 0, tokens_out = 3 }   # default: by the bytes
//! ```
//!
//! Latency is real time of the runtime's timers, so a paused clock passes it at once.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anthill_contracts::budget::Span;
use anthill_contracts::model::{
    Counted, DeltaSink, Matter, Message, ModelDelta, ModelError, ModelName, ModelReply, ModelRequest, Price,
    Provider, StopReason, Usage, WorstCase,
};
use anthill_contracts::text_file;
use anthill_contracts::tool::ToolCall;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::SCRIPTED;
use crate::estimate;
use crate::extract::Extract;
use crate::prices::Prices;

/// Most bytes of a script.
const SCRIPT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A script: rules in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule: when it holds, and what is answered then.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// When it holds; always, where nothing is said.
    pub when: When,
    /// How often it answers before it is used up; without limit where nothing is said.
    pub times: Option<u64>,
    /// How long the answer takes.
    pub latency: Option<Span>,
    /// What goes wrong instead of an answer.
    pub fault: Option<Fault>,
    /// Whether `builtin/extract` answers in its place.
    pub extract: bool,
    /// The text of the answer.
    pub text: String,
    /// Tools that it asks for.
    pub tool_calls: Vec<ScriptedCall>,
    /// Why it stops.
    pub stop: Option<StopWord>,
    /// The tokens that it counts.
    pub usage: Option<ScriptedUsage>,
}

/// Conditions of a rule; all that are given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The kind of the request's matter.
    pub matter: Option<MatterKind>,
    /// A part of the instructions or of any message.
    pub prompt: Option<String>,
    /// Whether a tool has answered already.
    pub after_tool: Option<bool>,
}

/// Kinds of matter, as scripts name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatterKind {
    /// Nothing but a prompt.
    Prompt,
    /// Reading a document.
    Read,
    /// Writing a brief.
    Write,
    /// Answering with tools.
    Answer,
    /// An opinion.
    Judge,
    /// A plan.
    Plan,
}

/// Why a scripted answer stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopWord {
    /// Done.
    End,
    /// Tools are wanted.
    ToolCalls,
    /// The limit on the answer's tokens was hit.
    Length,
    /// The rest is withheld.
    Refusal,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Every try failed.
    Unavailable,
    /// The answer made no sense.
    Malformed,
    /// The request was refused.
    Refused,
    /// The key was refused.
    KeyRefused,
    /// No answer, ever.
    Hang,
}

/// A tool call of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments; any value, also one that the tool will refuse.
    #[serde(default)]
    pub args: Value,
}

/// Tokens that a scripted answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedUsage {
    /// Tokens of the prompt.
    pub tokens_in: u64,
    /// Of these, from the cache.
    #[serde(default)]
    pub cached_in: u64,
    /// Tokens of the answer.
    pub tokens_out: u64,
}

/// Failed to take over a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScriptError {
    /// The file's ending says neither TOML nor JSON.
    #[error("a script is a file that ends in .toml or .json, not `{}`", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the script `{}` cannot be read: {detail}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The file is no script.
    #[error("the script `{}` is not valid: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// A provider that answers by a script.
pub(crate) struct Scripted {
    script: Script,
    used: Vec<AtomicU64>,
    extract: Extract,
    prices: Arc<Prices>,
}

impl Scripted {
    /// The provider of a script file.
    pub(crate) fn open(path: &Path, prices: Arc<Prices>) -> Result<Self, ScriptError> {
        Ok(Self::new(read(path)?, prices))
    }

    /// The provider of a script.
    pub(crate) fn new(script: Script, prices: Arc<Prices>) -> Self {
        Self {
            used: script.rules.iter().map(|_| AtomicU64::new(0)).collect(),
            extract: Extract::new(Arc::clone(&prices)),
            script,
            prices,
        }
    }

    /// The first rule that holds and is not used up; uses it once.
    fn next_rule(&self, request: &ModelRequest) -> Option<&Rule> {
        self.script
            .rules
            .iter()
            .zip(&self.used)
            .filter(|(rule, _)| rule.when.holds(request))
            .find(|(rule, used)| {
                let limit = rule.times.unwrap_or(u64::MAX);
                used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                    (used < limit).then(|| used.saturating_add(1))
                })
                .is_ok()
            })
            .map(|(rule, _)| rule)
    }

    async fn answer(&self, request: ModelRequest, deltas: DeltaSink) -> Result<ModelReply, ModelError> {
        let Some(rule) = self.next_rule(&request) else {
            return Err(ModelError::Refused {
                provider: SCRIPTED.to_owned(),
                detail: "no rule of the script answers this request".to_owned(),
            });
        };
        if let Some(latency) = rule.latency {
            tokio::time::sleep(latency.duration()).await;
        }
        match rule.fault {
            Some(Fault::Hang) => futures::future::pending().await,
            Some(fault) => return Err(fault.error()),
            None => {}
        }
        if rule.extract {
            return self.extract.complete(request, deltas).await;
        }
        if !rule.text.is_empty() {
            deltas(ModelDelta::Text(rule.text.clone()));
        }
        let usage = rule
            .usage
            .map_or_else(|| usage_by_bytes(&request, rule), Usage::from);
        Ok(ModelReply {
            text: rule.text.clone(),
            tool_calls: rule.calls(&request),
            stop: rule.stop(),
            cost: estimate::cost(&usage, self.prices.get(&request.model)),
            usage,
            model: request.model.name().to_owned(),
            counted: Counted::Provider,
            thought_bytes: 0,
        })
    }
}

impl Provider for Scripted {
    fn worst_case(&self, request: &ModelRequest) -> WorstCase {
        estimate::worst_case(request, self.prices.get(&request.model))
    }

    fn price(&self, model: &ModelName) -> Option<Price> {
        self.prices.get(model)
    }

    fn complete(
        &self,
        request: ModelRequest,
        deltas: DeltaSink,
    ) -> BoxFuture<'_, Result<ModelReply, ModelError>> {
        self.answer(request, deltas).boxed()
    }
}

impl When {
    fn holds(&self, request: &ModelRequest) -> bool {
        let by_matter = self
            .matter
            .is_none_or(|kind| kind == MatterKind::of(&request.matter));
        let by_tool = self
            .after_tool
            .is_none_or(|after| after == request.messages.iter().any(|m| matches!(m, Message::Tool { .. })));
        by_matter && by_tool && self.prompt.as_deref().is_none_or(|part| says(request, part))
    }
}

impl MatterKind {
    const fn of(matter: &Matter) -> Self {
        match matter {
            Matter::Prompt => Self::Prompt,
            Matter::Read { .. } => Self::Read,
            Matter::Write { .. } => Self::Write,
            Matter::Answer { .. } => Self::Answer,
            Matter::Judge { .. } => Self::Judge,
            Matter::Plan { .. } => Self::Plan,
        }
    }
}

impl Rule {
    /// The tool calls, with ids that differ from those of earlier turns.
    fn calls(&self, request: &ModelRequest) -> Vec<ToolCall> {
        let turn = request.messages.len();
        self.tool_calls
            .iter()
            .enumerate()
            .map(|(position, call)| ToolCall {
                call: format!("call_{turn}_{position}"),
                tool: call.tool.clone(),
                args: call.args.clone(),
            })
            .collect()
    }

    fn stop(&self) -> StopReason {
        let by_content = if self.tool_calls.is_empty() {
            StopWord::End
        } else {
            StopWord::ToolCalls
        };
        match self.stop.unwrap_or(by_content) {
            StopWord::End => StopReason::End,
            StopWord::ToolCalls => StopReason::ToolCalls,
            StopWord::Length => StopReason::Length,
            StopWord::Refusal => StopReason::Refusal,
        }
    }
}

impl Fault {
    fn error(self) -> ModelError {
        let provider = SCRIPTED.to_owned();
        let detail = "a fault of the script".to_owned();
        match self {
            Self::Refused => ModelError::Refused { provider, detail },
            Self::KeyRefused => ModelError::KeyRefused { provider, detail },
            Self::Malformed => ModelError::Malformed { provider, detail },
            Self::Unavailable | Self::Hang => ModelError::Unavailable {
                provider,
                attempts: 1,
                detail,
            },
        }
    }
}

impl From<ScriptedUsage> for Usage {
    fn from(usage: ScriptedUsage) -> Self {
        Self {
            tokens_in: usage.tokens_in,
            cached_in: usage.cached_in,
            tokens_out: usage.tokens_out,
        }
    }
}

fn says(request: &ModelRequest, part: &str) -> bool {
    let in_messages = request.messages.iter().any(|message| match message {
        Message::User { text } | Message::Assistant { text, .. } | Message::Tool { text, .. } => {
            text.contains(part)
        }
    });
    in_messages || request.system.contains(part)
}

fn usage_by_bytes(request: &ModelRequest, rule: &Rule) -> Usage {
    let calls: usize = rule
        .tool_calls
        .iter()
        .map(|call| call.tool.len() + call.args.to_string().len())
        .sum();
    Usage {
        tokens_in: estimate::prompt_tokens_usual(request),
        cached_in: 0,
        tokens_out: estimate::text_tokens_usual(rule.text.len() + calls)
            .min(u64::from(request.answer_tokens_max)),
    }
}

/// Reads a script. What is wrong with it is told without showing its lines: the path may come from a job file, and
/// must not be a way to look into other files.
fn read(path: &Path) -> Result<Script, ScriptError> {
    let owned = || path.to_owned();
    let ending = path.extension().and_then(|ending| ending.to_str());
    if !matches!(ending, Some("toml" | "json")) {
        return Err(ScriptError::Ending { path: owned() });
    }
    let text = read_bounded(path).map_err(|detail| ScriptError::Unreadable {
        path: owned(),
        detail,
    })?;
    let parsed = if ending == Some("json") {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| toml_detail(&error, &text))
    };
    parsed.map_err(|detail| ScriptError::Invalid {
        path: owned(),
        detail,
    })
}

fn read_bounded(path: &Path) -> Result<String, String> {
    // Asked before opening, because opening a pipe waits for its other end.
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if metadata.len() > SCRIPT_BYTES_MAX {
        return Err(format!("it is longer than {SCRIPT_BYTES_MAX} bytes"));
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(SCRIPT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > SCRIPT_BYTES_MAX {
        return Err(format!("it is longer than {SCRIPT_BYTES_MAX} bytes"));
    }
    text_file::decode(bytes).map_err(|error| error.to_string())
}

fn toml_detail(error: &toml::de::Error, text: &str) -> String {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

#[cfg(test)]
mod tests;
