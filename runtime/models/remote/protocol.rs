//! What the two protocols have in common: a request body, headers, and events that add up to an answer.

use anthill_contracts::model::{AnswerSchema, ModelRequest, StopReason};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::failure::{Failure, Said};
use super::sse::{ERROR_EVENT, SseEvent};
use super::usage::Tally;

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

    /// The finished answer, when the end marker or the end of the body has come. Fails where the model had not ended.
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
    /// Bytes of the thoughts that came apart from the text.
    pub(crate) thought_bytes: u64,
    /// What the provider counted.
    pub(crate) tally: Tally,
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

/// The data of an event as JSON; nothing where it says nothing. An event that says why there is no answer is a failure
/// in the provider's words.
pub(crate) fn event_json(event: &SseEvent) -> Result<Option<Value>, Failure> {
    let data = event.data.trim();
    let is_error = event.name == ERROR_EVENT;
    if data.is_empty() && !is_error {
        return Ok(None);
    }
    match serde_json::from_str::<Value>(data) {
        Ok(Value::Null) if !is_error => Ok(None),
        Ok(value) => match Said::of_value(&value, is_error) {
            Some(said) => Err(Failure::in_answer(&said)),
            None => Ok(Some(value)),
        },
        Err(_) if is_error => Err(Failure::in_answer(&Said::of_text(data))),
        Err(error) => Err(Failure::malformed(format!(
            "an event of the stream is not JSON: {error}"
        ))),
    }
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
