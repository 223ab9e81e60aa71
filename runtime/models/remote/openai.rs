//! Chat completions as `OpenAI` defined them and many servers offer them.
//!
//! Usage is asked for with `stream_options` and taken wherever it comes. The end is `data: [DONE]` *and* a finish reason
//! before it: some gateways send the marker also when their own upstream was cut.

use anthill_contracts::model::{Message, ModelRequest, StopReason, Usage};
use anthill_contracts::tool::{ToolCall, ToolSpec};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::failure::Failure;
use super::protocol::{
    Answer, Assembly, CALLS_MAX, Progress, Protocol, RawCall, args_object, count, event_json, schema_to_send,
};
use super::schema;
use super::sse::SseEvent;
use crate::config::ProviderConfig;

/// The protocol.
pub(crate) struct Chat {
    structured_output: bool,
    limit_key: &'static str,
}

impl Chat {
    /// The protocol as this provider wants it.
    pub(crate) fn new(config: &ProviderConfig, endpoint: &Url) -> Self {
        // OpenAI's newer models refuse the old name of the limit; many compatible servers know only the old one.
        let limit_key = match endpoint.host_str() {
            Some("api.openai.com") => "max_completion_tokens",
            _ => "max_tokens",
        };
        Self {
            structured_output: config.structured_output,
            limit_key,
        }
    }
}

/// The header that carries the key, where there is one.
pub(crate) fn bearer(key: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| "the key holds characters that no HTTP header may hold".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

impl Protocol for Chat {
    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, String> {
        bearer(key)
    }

    fn body(&self, request: &ModelRequest) -> Value {
        let mut body = json!({
            "model": request.model.name(),
            "messages": messages(request),
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        body[self.limit_key] = request.answer_tokens_max.into();
        if !request.tools.is_empty() {
            body["tools"] = request.tools.iter().map(tool).collect();
        }
        if let Some(answer) = schema_to_send(request, self.structured_output) {
            let closed = schema::closed(&answer.schema, schema::Required::All);
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {
                    "name": schema::name(&answer.name),
                    "strict": closed.is_some(),
                    "schema": closed.unwrap_or_else(|| answer.schema.clone()),
                },
            });
        }
        body
    }

    fn assembly(&self) -> Box<dyn Assembly> {
        Box::new(Stream::default())
    }
}

fn messages(request: &ModelRequest) -> Vec<Value> {
    let system = (!request.system.is_empty()).then(|| json!({ "role": "system", "content": request.system }));
    system
        .into_iter()
        .chain(request.messages.iter().map(message))
        .collect()
}

fn message(message: &Message) -> Value {
    match message {
        Message::User { text } => json!({ "role": "user", "content": text }),
        Message::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({ "role": "assistant", "content": text })
        }
        Message::Assistant { text, tool_calls } => json!({
            "role": "assistant",
            "content": text,
            "tool_calls": tool_calls.iter().map(earlier_call).collect::<Vec<_>>(),
        }),
        Message::Tool { call, text, .. } => json!({ "role": "tool", "tool_call_id": call, "content": text }),
    }
}

fn earlier_call(call: &ToolCall) -> Value {
    json!({
        "id": call.call,
        "type": "function",
        "function": { "name": call.tool, "arguments": args_object(&call.args).to_string() },
    })
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": { "name": tool.name, "description": tool.description, "parameters": tool.schema },
    })
}

/// One answer in the making.
#[derive(Default)]
struct Stream {
    text: String,
    calls: Vec<(u64, RawCall)>,
    finish: Option<String>,
    refused: bool,
    usage: Option<Usage>,
    model: Option<String>,
}

impl Stream {
    fn choice(&mut self, choice: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        let delta = &choice["delta"];
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            self.text.push_str(text);
            on_text(text);
        }
        if let Some(text) = delta["refusal"].as_str().filter(|text| !text.is_empty()) {
            self.text.push_str(text);
            self.refused = true;
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call_piece(piece)?;
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish = Some(reason.to_owned());
        }
        Ok(())
    }

    /// Pieces of one call share an index; servers that leave it out start a new call with each id.
    fn call_piece(&mut self, piece: &Value) -> Result<(), Failure> {
        let id = piece["id"].as_str().filter(|id| !id.is_empty());
        let index = match (piece["index"].as_u64(), id) {
            (Some(index), _) => index,
            (None, Some(_)) => self.calls.last().map_or(0, |(index, _)| index.saturating_add(1)),
            (None, None) => self.calls.last().map_or(0, |(index, _)| *index),
        };
        let position = match self.calls.iter().position(|(known, _)| *known == index) {
            Some(position) => position,
            None if self.calls.len() >= CALLS_MAX => {
                return Err(Failure::malformed(format!("more than {CALLS_MAX} tool calls")));
            }
            None => {
                self.calls.push((index, RawCall::default()));
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[position].1;
        if let Some(id) = id {
            id.clone_into(&mut call.id);
        }
        if let Some(name) = piece["function"]["name"].as_str() {
            call.name.push_str(name);
        }
        if let Some(args) = piece["function"]["arguments"].as_str() {
            call.args.push_str(args);
        }
        Ok(())
    }

    fn stop(&self) -> Result<StopReason, Failure> {
        let Some(finish) = &self.finish else {
            return Err(Failure::cut("the stream ended without a finish reason"));
        };
        Ok(match finish.as_str() {
            "length" => StopReason::Length,
            "content_filter" => StopReason::Refusal,
            _ if self.refused => StopReason::Refusal,
            // Some servers say `stop` beside tool calls; what counts is that there are some.
            _ if !self.calls.is_empty() => StopReason::ToolCalls,
            _ => StopReason::End,
        })
    }
}

impl Assembly for Stream {
    fn event(
        &mut self,
        event: &SseEvent,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Progress, Failure> {
        if event.data.trim() == "[DONE]" {
            return Ok(Progress::Ended);
        }
        let data = event_json(event)?;
        if let Some(error) = data.get("error").filter(|error| !error.is_null()) {
            return Err(Failure::in_stream(error));
        }
        if self.model.is_none() {
            self.model = data["model"]
                .as_str()
                .filter(|model| !model.is_empty())
                .map(str::to_owned);
        }
        if let Some(usage) = data.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(Usage {
                tokens_in: count(usage, "/prompt_tokens"),
                cached_in: count(usage, "/prompt_tokens_details/cached_tokens"),
                tokens_out: count(usage, "/completion_tokens"),
            });
        }
        if let Some(choice) = data.pointer("/choices/0") {
            self.choice(choice, on_text)?;
        }
        Ok(Progress::More)
    }

    fn finish(self: Box<Self>) -> Result<Answer, Failure> {
        let stop = self.stop()?;
        let mut calls = self.calls;
        calls.sort_by_key(|(index, _)| *index);
        Ok(Answer {
            stop,
            text: self.text,
            calls: calls.into_iter().map(with_id).collect(),
            usage: self.usage,
            model: self.model,
        })
    }
}

/// Gives a call that came without an id one that is unique within its answer.
fn with_id((index, mut call): (u64, RawCall)) -> RawCall {
    if call.id.is_empty() {
        call.id = format!("call_{index}");
    }
    call
}
