//! Chat completions as `OpenAI` defined them and many servers offer them.
//!
//! Usage is asked for with `stream_options` and taken wherever it comes. An answer is complete when the model has given
//! its finish reason: some gateways send `data: [DONE]` also when their own upstream was cut, and some never send it. A
//! whole answer that was not streamed is taken as well, for some servers never stream.

use anthill_contracts::model::{Message, ModelRequest, StopReason};
use anthill_contracts::tool::{ToolCall, ToolSpec};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::calls::{Calls, Piece};
use super::content::Content;
use super::failure::{Failure, shorten};
use super::protocol::{Answer, Assembly, Progress, Protocol, args_object, event_json, schema_to_send};
use super::schema;
use super::sse::{DONE, SseEvent};
use super::usage::{Tally, count};
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
    content: Content,
    calls: Calls,
    finish: Option<String>,
    tally: Tally,
    model: Option<String>,
    received: bool,
}

impl Stream {
    /// Takes in a choice: a piece of one (`delta`), or the whole of it (`message`).
    fn choice(&mut self, choice: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        for part in [&choice["delta"], &choice["message"]] {
            self.message(part, on_text)?;
        }
        // The older form of completions, which some servers keep for chats.
        if choice["delta"].is_null() && choice["message"].is_null() {
            self.content.take(&choice["text"], on_text);
        }
        if let Some(reason) = choice["finish_reason"]
            .as_str()
            .filter(|reason| !reason.is_empty())
        {
            self.finish = Some(reason.to_owned());
        }
        Ok(())
    }

    fn message(&mut self, message: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        self.content.take(&message["content"], on_text);
        self.content
            .refuse(message["refusal"].as_str().unwrap_or_default());
        // Gateways send the same thoughts in more than one field.
        let thoughts = ["reasoning_content", "reasoning", "thinking", "reasoning_details"]
            .into_iter()
            .map(|field| &message[field])
            .find(|thoughts| !thoughts.is_null());
        if let Some(thoughts) = thoughts {
            self.content.think(thoughts);
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            self.calls.piece(Piece {
                index: call["index"].as_u64(),
                id: call["id"].as_str(),
                ..function(&call["function"])
            })?;
        }
        if message["function_call"].is_object() {
            self.calls.piece(function(&message["function_call"]))?;
        }
        Ok(())
    }

    fn stop(&self) -> Result<StopReason, Failure> {
        let Some(finish) = &self.finish else {
            let detail = if self.received {
                "the stream ended before its end marker, without a finish reason"
            } else {
                "the answer is empty"
            };
            return Err(Failure::cut(detail));
        };
        Ok(match finish.to_ascii_lowercase().as_str() {
            "length" | "max_tokens" | "max_output_tokens" => StopReason::Length,
            "model_context_window_exceeded" | "context_length_exceeded" | "model_length" => {
                StopReason::Context
            }
            "content_filter"
            | "content_filtered"
            | "safety"
            | "sensitive"
            | "blocklist"
            | "prohibited_content"
            | "recitation"
            | "spii"
            | "guardrail_intervened" => StopReason::Filtered,
            "error"
            | "failed"
            | "abort"
            | "aborted"
            | "cancelled"
            | "insufficient_system_resource"
            | "network_error"
            | "malformed_function_call" => {
                return Err(Failure::passing(format!(
                    "the provider ended the answer with the finish reason `{}`",
                    shorten(finish)
                )));
            }
            "refusal" => StopReason::Refusal,
            _ if self.content.refused => StopReason::Refusal,
            // Some servers say `stop` beside tool calls; what counts is that there are some.
            _ if !self.calls.is_empty() => StopReason::ToolCalls,
            _ => StopReason::End,
        })
    }
}

fn function(function: &Value) -> Piece<'_> {
    Piece {
        name: function["name"].as_str(),
        args: Some(&function["arguments"]),
        ..Piece::default()
    }
}

impl Assembly for Stream {
    fn event(
        &mut self,
        event: &SseEvent,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Progress, Failure> {
        if event.data.trim().eq_ignore_ascii_case(DONE) {
            return Ok(Progress::Ended);
        }
        let Some(data) = event_json(event)? else {
            return Ok(Progress::More);
        };
        self.received = true;
        if self.model.is_none() {
            self.model = data["model"]
                .as_str()
                .filter(|model| !model.is_empty())
                .map(str::to_owned);
        }
        self.tally.merge(tally(&data["usage"]));
        if let Some(choice) = data.pointer("/choices/0") {
            self.choice(choice, on_text)?;
        }
        Ok(Progress::More)
    }

    fn finish(self: Box<Self>) -> Result<Answer, Failure> {
        let stop = self.stop()?;
        let thought_bytes = self.content.thought_bytes();
        // Thoughts stand for the answer only where the model ended by itself.
        let text = if stop == StopReason::End {
            self.content.into_text()
        } else {
            self.content.text
        };
        Ok(Answer {
            stop,
            text,
            calls: self.calls.finish(),
            thought_bytes,
            tally: self.tally,
            model: self.model,
        })
    }
}

/// What a server counted, by the names that servers use for it.
fn tally(usage: &Value) -> Tally {
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| count(usage, name).filter(|tokens| *tokens > 0))
    };
    Tally {
        tokens_in: first(&["/prompt_tokens", "/input_tokens"]),
        cached_in: first(&[
            "/prompt_tokens_details/cached_tokens",
            "/input_tokens_details/cached_tokens",
        ]),
        tokens_out: first(&["/completion_tokens", "/output_tokens"])
            .or_else(|| count(usage, "/completion_tokens")),
        total: first(&["/total_tokens"]),
    }
}
