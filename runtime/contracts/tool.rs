//! Tools: what a model may call, what a call is, what comes back, and the [`Toolbox`] port.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::brief::Passage;
use crate::id::{JobId, TaskId, TenantId, ToolCallId};
use crate::signal::ScopePath;
use crate::sources::SourcesRef;

/// What a tool does to the world; decides how it may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Depends on nothing but its arguments.
    Pure,
    /// Reads the world and leaves it as it is.
    Read,
    /// Writes; a repetition under the same key changes nothing.
    IdempotentWrite,
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// What it does to the world.
    pub effect: EffectClass,
}

/// A model's wish to call a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the model gave it; only good for answering that model.
    pub call: String,
    /// The tool's name.
    pub tool: String,
    /// The arguments.
    pub args: Value,
}

/// What a tool returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// Whether it did what was asked; if not, `text` says why.
    pub ok: bool,
    /// What the model is shown, capped.
    pub text: String,
    /// Whether `text` was cut at the cap.
    pub truncated: bool,
    /// The passages in `text` as data, for providers that are no language models.
    pub passages: Vec<Passage>,
}

impl ToolOutput {
    /// A refusal or failure that the model may read and act on.
    pub fn failure(text: impl Into<String>) -> Self {
        Self {
            ok: false,
            text: text.into(),
            truncated: false,
            passages: Vec::new(),
        }
    }
}

/// What a task is like, as far as a guard may ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind of task; `None` where it is not known.
    pub scope: Option<ScopePath>,
    /// Values of the task, the same that triggers of signals may require.
    pub state: BTreeMap<String, String>,
}

/// For whom a tool runs.
#[derive(Clone)]
pub struct ToolContext {
    /// The job.
    pub job_id: JobId,
    /// The task.
    pub task_id: TaskId,
    /// The call, which is also the idempotency key.
    pub call_id: ToolCallId,
    /// What the job may read.
    pub sources: SourcesRef,
    /// What the task is like.
    pub setting: Arc<Setting>,
}

/// The tools of a node.
pub trait Toolbox: Send + Sync {
    /// What there is.
    fn specs(&self) -> Vec<ToolSpec>;

    /// Runs one call. Trouble of any kind is an output with `ok: false`; a tool never fails the runtime.
    fn run(&self, context: ToolContext, call: ToolCall) -> BoxFuture<'_, ToolOutput>;
}

/// JSON with the keys of every object in order and no white space: equal values have equal texts.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (position, key) in keys.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                // Writing to a string cannot fail.
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                write_canonical(&fields[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests;
