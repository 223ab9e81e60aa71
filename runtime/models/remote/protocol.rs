//! What the two protocols have in common: a request body, headers, and events that add up to an answer.

use anthill_contracts::model::{AnswerSchema, ModelRequest, StopReason, Usage};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::failure::Failure;
use super::sse::SseEvent;

/// Most tool calls of one answer; more is a defect of the provider or of the model.
pub(crate) const CALLS_MAX: usize = 128;

/// How a provider is spoken to.
pub(crate) trait Protocol: Send + Sync {
    /// Headers beside those of HTTP itself.
    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, String>;

    /// The body of a request.
    fn body(&self, request: &ModelRequest) -> Value;

    /// Takes in the events of one answer.
    fn assembly(&self) -> Box<dyn Assembly>;
}

/// An answer in the making.
pub(crate) trait Assembly: Send {
    /// Takes in one event; text of the answer goes to `on_text` as well.
    fn event(
        &mut self,
        event: &SseEvent,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Progress, Failure>;

    /// The finished answer. Fails where the end was not complete.
    fn finish(self: Box<Self>) -> Result<Answer, Failure>;
}

/// Whether the end marker has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not yet.
    More,
    /// Yes; whatever comes now is not read.
    Ended,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The text.
    pub(crate) text: String,
    /// The tool calls in the model's order.
    pub(crate) calls: Vec<RawCall>,
    /// Why it stopped.
    pub(crate) stop: StopReason,
    /// Tokens, where the provider counted them.
    pub(crate) usage: Option<Usage>,
    /// The model that has answered, where the provider says it.
    pub(crate) model: Option<String>,
}

/// A tool call as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RawCall {
    /// The id that the model gave it.
    pub(crate) id: String,
    /// The tool's name.
    pub(crate) name: String,
    /// The arguments, JSON if all is well.
    pub(crate) args: String,
}

/// The data of an event as JSON.
pub(crate) fn event_json(event: &SseEvent) -> Result<Value, Failure> {
    serde_json::from_str(&event.data)
        .map_err(|error| Failure::malformed(format!("an event of the stream is no JSON: {error}")))
}

/// The schema that the provider is asked to keep to. None beside tools: servers that constrain the answer by a grammar,
/// such as llama.cpp, would leave the model no way to call one. The answer is checked in any case.
pub(crate) fn schema_to_send(request: &ModelRequest, wanted: bool) -> Option<&AnswerSchema> {
    request
        .answer_schema
        .as_ref()
        .filter(|_| wanted && request.tools.is_empty())
}

/// Earlier arguments of a tool call as the object that both protocols demand, also where the model wrote none.
pub(crate) fn args_object(args: &Value) -> Value {
    match args {
        Value::Object(_) => args.clone(),
        other => json!({ "invalid_arguments": other }),
    }
}

/// A count in an object, or zero.
pub(crate) fn count(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}
