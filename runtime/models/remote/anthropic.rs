//! Anthropic Messages.
//!
//! Roles must alternate there, so turns of the same side are put into one message; the outcomes of tools belong to the
//! user's side. Blocks of an answer are told apart by their index, whatever order they arrive in.

use std::collections::BTreeMap;

use anthill_contracts::model::{Message, ModelRequest, StopReason};
use anthill_contracts::tool::ToolSpec;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::calls::{Calls, Piece};
use super::content::Content;
use super::failure::Failure;
use super::protocol::{
    Answer, Assembly, CALLS_MAX, Progress, Protocol, args_object, event_json, schema_to_send,
};
use super::schema;
use super::sse::{DONE, SseEvent};
use super::usage::{Tally, count};
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
    Text,
    Call,
    /// Thinking and whatever else is no part of the answer.
    Other,
}

/// One answer in the making.
#[derive(Default)]
struct Stream {
    blocks: BTreeMap<u64, Block>,
    content: Content,
    calls: Calls,
    stop: Option<String>,
    tally: Tally,
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

    /// A message that was not streamed.
    fn whole(&mut self, message: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        self.start(message);
        for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
            self.block_start(index as u64, block, on_text)?;
        }
        self.end(&message["stop_reason"]);
        Ok(())
    }

    fn end(&mut self, reason: &Value) {
        if let Some(reason) = reason.as_str() {
            self.stop = Some(reason.to_owned());
        }
    }

    /// Counts are cumulative; what was read from the cache or written to it is counted apart from the rest.
    fn count(&mut self, usage: &Value) {
        let cached = count(usage, "/cache_read_input_tokens");
        let parts = [
            count(usage, "/input_tokens"),
            cached,
            count(usage, "/cache_creation_input_tokens"),
        ];
        let sum = parts.into_iter().flatten().fold(0, u64::saturating_add);
        self.tally.merge(Tally {
            tokens_in: (sum > 0).then_some(sum),
            cached_in: cached,
            tokens_out: count(usage, "/output_tokens"),
            total: None,
        });
    }

    fn block_start(
        &mut self,
        index: u64,
        start: &Value,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Failure> {
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(Failure::malformed(format!("more than {BLOCKS_MAX} blocks")));
        }
        let block = match start["type"].as_str() {
            Some("text") => {
                self.content.take(&start["text"], on_text);
                Block::Text
            }
            Some("tool_use") => {
                self.calls.piece(Piece {
                    index: Some(index),
                    id: start["id"].as_str(),
                    name: start["name"].as_str(),
                    // Most providers send an empty input first and the arguments as deltas; some send them whole.
                    args: Some(&start["input"])
                        .filter(|input| input.as_object().is_some_and(|input| !input.is_empty())),
                })?;
                Block::Call
            }
            _ => {
                self.content.think(start);
                Block::Other
            }
        };
        self.blocks.insert(index, block);
        Ok(())
    }

    fn block_delta(&mut self, data: &Value, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Failure> {
        let index = count(data, "/index").unwrap_or(0);
        let delta = &data["delta"];
        match (self.blocks.get(&index), delta["partial_json"].is_null()) {
            (Some(Block::Text), _) => self.content.take(&delta["text"], on_text),
            (Some(Block::Call), false) => self.calls.piece(Piece {
                index: Some(index),
                args: Some(&delta["partial_json"]),
                ..Piece::default()
            })?,
            (Some(Block::Other), _) => self.content.think(delta),
            (None, _) => {
                return Err(Failure::malformed(format!(
                    "a delta of block {index}, which never began"
                )));
            }
            // Citations and signatures.
            _ => {}
        }
        Ok(())
    }
}

impl Assembly for Stream {
    fn event(
        &mut self,
        event: &SseEvent,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Progress, Failure> {
        if event.data.trim() == DONE {
            return Ok(Progress::Ended);
        }
        let Some(data) = event_json(event)? else {
            return Ok(Progress::More);
        };
        match data["type"].as_str().unwrap_or(event.name.as_str()) {
            "message_start" => self.start(&data["message"]),
            "message" => {
                self.whole(&data, on_text)?;
                return Ok(Progress::Ended);
            }
            "content_block_start" => {
                let index = count(&data, "/index").unwrap_or(0);
                self.block_start(index, &data["content_block"], on_text)?;
            }
            "content_block_delta" => self.block_delta(&data, on_text)?,
            "message_delta" => {
                self.count(&data["usage"]);
                self.end(&data["delta"]["stop_reason"]);
            }
            "message_stop" => return Ok(Progress::Ended),
            // Pings, ends of blocks, and events that are added to the protocol later.
            _ => {}
        }
        Ok(Progress::More)
    }

    fn finish(self: Box<Self>) -> Result<Answer, Failure> {
        let Some(stop) = self.stop else {
            return Err(Failure::cut(
                "the stream ended before its end marker, without a stop reason",
            ));
        };
        let stop = match stop.as_str() {
            "max_tokens" => StopReason::Length,
            "model_context_window_exceeded" => StopReason::Context,
            "refusal" => StopReason::Refusal,
            "content_filter" | "content_filtered" | "guardrail_intervened" => StopReason::Filtered,
            "error" => {
                return Err(Failure::passing(
                    "the provider ended the answer with the stop reason `error`",
                ));
            }
            _ if !self.calls.is_empty() => StopReason::ToolCalls,
            _ => StopReason::End,
        };
        Ok(Answer {
            thought_bytes: self.content.thought_bytes(),
            text: if stop == StopReason::End {
                self.content.into_text()
            } else {
                self.content.text
            },
            calls: self.calls.finish(),
            stop,
            tally: self.tally,
            model: self.model,
        })
    }
}
