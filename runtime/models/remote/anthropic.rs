//! Anthropic Messages.
//!
//! Roles must alternate there, so turns of the same side are put into one message; the outcomes of tools belong to the
//! user's side. Blocks of an answer are told apart by their index, whatever order they arrive in.

use std::collections::BTreeMap;

use anthill_contracts::model::{Message, ModelRequest, StopReason, Usage};
use anthill_contracts::tool::ToolSpec;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::failure::Failure;
use super::protocol::{
    Answer, Assembly, CALLS_MAX, Progress, Protocol, RawCall, args_object, count, event_json, schema_to_send,
};
use super::schema;
use super::sse::SseEvent;
use crate::config::ProviderConfig;

const VERSION: &str = "2023-06-01";
/// Most blocks of one answer: text and tool calls in turn.
const BLOCKS_MAX: usize = 2 * CALLS_MAX;

/// The protocol.
pub(crate) struct Messages {
    structured_output: bool,
}

impl Messages {
    /// The protocol as this provider wants it.
    pub(crate) const fn new(config: &ProviderConfig) -> Self {
        Self {
            structured_output: config.structured_output,
        }
    }
}

impl Protocol for Messages {
    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static(VERSION),
        );
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(key)
                .map_err(|_| "the key holds characters that no HTTP header may hold".to_owned())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-api-key"), value);
        }
        Ok(headers)
    }

    fn body(&self, request: &ModelRequest) -> Value {
        let mut body = json!({
            "model": request.model.name(),
            "max_tokens": request.answer_tokens_max,
            "messages": messages(&request.messages),
            "stream": true,
        });
        if !request.system.is_empty() {
            body["system"] = request.system.as_str().into();
        }
        if !request.tools.is_empty() {
            body["tools"] = request.tools.iter().map(tool).collect();
        }
        let schema = schema_to_send(request, self.structured_output)
            .and_then(|answer| schema::closed(&answer.schema, schema::Required::AsWritten));
        if let Some(schema) = schema {
            body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
        }
        body
    }

    fn assembly(&self) -> Box<dyn Assembly> {
        Box::new(Stream::default())
    }
}

fn tool(tool: &ToolSpec) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.schema })
}

fn messages(turns: &[Message]) -> Vec<Value> {
    let mut merged: Vec<(&str, Vec<Value>)> = Vec::new();
    for turn in turns {
        let (role, blocks) = blocks(turn);
        match merged.last_mut() {
            Some((last, content)) if *last == role => content.extend(blocks),
            _ => merged.push((role, blocks)),
        }
    }
    merged
        .into_iter()
        .filter(|(_, content)| !content.is_empty())
        .map(|(role, content)| json!({ "role": role, "content": content }))
        .collect()
}

/// Empty texts are refused there, so they are left out.
fn blocks(turn: &Message) -> (&'static str, Vec<Value>) {
    let text_block = |text: &str| (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }));
    match turn {
        Message::User { text } => ("user", text_block(text).into_iter().collect()),
        Message::Assistant { text, tool_calls } => {
            let calls = tool_calls.iter().map(|call| {
                json!({
                    "type": "tool_use",
                    "id": call.call,
                    "name": call.tool,
                    "input": args_object(&call.args),
                })
            });
            ("assistant", text_block(text).into_iter().chain(calls).collect())
        }
        Message::Tool { call, text, .. } => (
            "user",
            vec![json!({ "type": "tool_result", "tool_use_id": call, "content": text })],
        ),
    }
}

/// One block of an answer.
enum Block {
    Text(String),
    Call(RawCall),
    /// Thinking and whatever else is no part of the answer.
    Other,
}

/// One answer in the making.
#[derive(Default)]
struct Stream {
    blocks: BTreeMap<u64, Block>,
    stop: Option<String>,
    counted: bool,
    usage: Usage,
    model: Option<String>,
}

impl Stream {
    fn start(&mut self, message: &Value) {
        self.model = message["model"]
            .as_str()
            .filter(|model| !model.is_empty())
            .map(str::to_owned);
        self.count(&message["usage"]);
    }

    /// Counts are cumulative, so later ones replace earlier ones; a field that is absent says nothing.
    fn count(&mut self, usage: &Value) {
        if usage["input_tokens"].is_u64() {
            let cached = count(usage, "/cache_read_input_tokens");
            let written = count(usage, "/cache_creation_input_tokens");
            self.usage.cached_in = cached;
            self.usage.tokens_in = count(usage, "/input_tokens")
                .saturating_add(cached)
                .saturating_add(written);
            self.counted = true;
        }
        if let Some(tokens) = usage["output_tokens"].as_u64() {
            self.usage.tokens_out = tokens;
        }
    }

    fn block_start(&mut self, data: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(Failure::malformed(format!("more than {BLOCKS_MAX} blocks")));
        }
        let start = &data["content_block"];
        let block = match start["type"].as_str() {
            Some("text") => {
                let text = start["text"].as_str().unwrap_or_default();
                if !text.is_empty() {
                    on_text(text);
                }
                Block::Text(text.to_owned())
            }
            Some("tool_use") => Block::Call(RawCall {
                id: start["id"].as_str().unwrap_or_default().to_owned(),
                name: start["name"].as_str().unwrap_or_default().to_owned(),
                args: whole_input(&start["input"]),
            }),
            _ => Block::Other,
        };
        self.blocks.insert(count(data, "/index"), block);
        Ok(())
    }

    fn block_delta(&mut self, data: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        let index = count(data, "/index");
        let delta = &data["delta"];
        let text = delta["text"].as_str();
        let json = delta["partial_json"].as_str();
        match (self.blocks.get_mut(&index), text, json) {
            (Some(Block::Text(so_far)), Some(text), _) => {
                so_far.push_str(text);
                on_text(text);
                Ok(())
            }
            (Some(Block::Call(call)), _, Some(json)) => {
                call.args.push_str(json);
                Ok(())
            }
            (None, _, _) => Err(Failure::malformed(format!(
                "a delta of block {index}, which never began"
            ))),
            // Citations, signatures and thinking.
            _ => Ok(()),
        }
    }
}

/// Most providers send an empty input first and the arguments as deltas; some send them whole at once.
fn whole_input(input: &Value) -> String {
    match input.as_object() {
        Some(fields) if !fields.is_empty() => input.to_string(),
        _ => String::new(),
    }
}

impl Assembly for Stream {
    fn event(
        &mut self,
        event: &SseEvent,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Progress, Failure> {
        let data = event_json(event)?;
        match data["type"].as_str().unwrap_or(event.name.as_str()) {
            "message_start" => self.start(&data["message"]),
            "content_block_start" => self.block_start(&data, on_text)?,
            "content_block_delta" => self.block_delta(&data, on_text)?,
            "message_delta" => {
                self.count(&data["usage"]);
                if let Some(reason) = data.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    self.stop = Some(reason.to_owned());
                }
            }
            "message_stop" => return Ok(Progress::Ended),
            "error" => return Err(Failure::in_stream(&data["error"])),
            // Pings, ends of blocks, and events that are added to the protocol later.
            _ => {}
        }
        Ok(Progress::More)
    }

    fn finish(self: Box<Self>) -> Result<Answer, Failure> {
        let Some(stop) = self.stop else {
            return Err(Failure::cut("the stream ended without a stop reason"));
        };
        let (mut text, mut calls) = (String::new(), Vec::new());
        for block in self.blocks.into_values() {
            match block {
                Block::Text(piece) => text.push_str(&piece),
                Block::Call(call) => calls.push(call),
                Block::Other => {}
            }
        }
        let stop = match stop.as_str() {
            "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
            "refusal" => StopReason::Refusal,
            _ if !calls.is_empty() => StopReason::ToolCalls,
            _ => StopReason::End,
        };
        Ok(Answer {
            text,
            calls,
            stop,
            usage: self.counted.then_some(self.usage),
            model: self.model,
        })
    }
}
