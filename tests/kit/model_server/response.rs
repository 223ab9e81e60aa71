//! Responses of the stand-in, from whole answers in a protocol down to single bytes.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::Protocol;

/// Tokens that an honest answer counts for its prompt.
pub const USAGE_IN: u64 = 500;
/// Tokens that an honest answer counts for itself.
pub const USAGE_OUT: u64 = 50;

/// The mark at the end of a stream of chat completions.
pub const DONE: &str = "data: [DONE]\n\n";

/// A whole HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    head: Option<Head>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
}

impl Response {
    /// These bytes and nothing else, status line and headers included; then the connection is closed.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            head: None,
            parts: vec![Part::Bytes(bytes.into())],
        }
    }

    /// A response with this status, `Content-Type` (none where empty) and body.
    pub fn status(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let response = Self {
            head: Some(Head {
                status,
                headers: Vec::new(),
            }),
            parts: vec![Part::Bytes(body.into())],
        };
        if content_type.is_empty() {
            response
        } else {
            response.header("content-type", content_type)
        }
    }

    /// A JSON body under this status.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status, "application/json", body.to_string())
    }

    /// Status 200 and an event stream of these bytes; see [`events`], [`named_events`] and [`DONE`].
    pub fn stream(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, "text/event-stream", body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(head) = &mut self.head {
            head.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Adds bytes to the body.
    #[must_use]
    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Part::Bytes(bytes.into()));
        self
    }

    /// Waits before the bytes that are added next.
    #[must_use]
    pub fn then_pause(mut self, pause: Duration) -> Self {
        self.parts.push(Part::Pause(pause));
        self
    }

    pub(super) fn write(&self, mut out: impl Write) -> io::Result<()> {
        if let Some(head) = &self.head {
            out.write_all(self.head_text(head).as_bytes())?;
        }
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => out.write_all(bytes)?,
                Part::Pause(pause) => pause_for(*pause),
            }
            out.flush()?;
        }
        Ok(())
    }

    fn head_text(&self, head: &Head) -> String {
        let length: usize = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Bytes(bytes) => bytes.len(),
                Part::Pause(_) => 0,
            })
            .sum();
        let mut text = format!(
            "HTTP/1.1 {} Said\r\ncontent-length: {length}\r\nconnection: close\r\n",
            head.status
        );
        for (name, value) in &head.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause is what the client under test must stand; nothing else waits for it"
)]
fn pause_for(pause: Duration) {
    std::thread::sleep(pause);
}

/// A tool call in an answer.
#[derive(Debug, Clone, Copy)]
pub struct ToolAsk<'a> {
    /// Its id.
    pub id: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// Its arguments, as JSON.
    pub args: &'a str,
}

/// The chunks as server-sent events without a name, without the end mark.
pub fn events(chunks: &[Value]) -> String {
    let mut text = String::new();
    for chunk in chunks {
        let _ = write!(text, "data: {chunk}\n\n");
    }
    text
}

/// Events of the Messages protocol, each named by its `type`.
pub fn named_events(events: &[Value]) -> String {
    let mut text = String::new();
    for event in events {
        let name = event["type"].as_str().unwrap_or_default();
        let _ = write!(text, "event: {name}\ndata: {event}\n\n");
    }
    text
}

/// One chunk of a streamed chat completion: `null` for the finish reason or the usage leaves it open.
pub fn chunk(delta: &Value, finish: &Value, usage: &Value) -> Value {
    let mut whole = json!({
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    });
    if !usage.is_null() {
        whole["usage"] = usage.clone();
    }
    whole
}

pub(super) fn usage(protocol: Protocol, tokens_in: u64, tokens_out: u64) -> Value {
    match protocol {
        Protocol::Openai => json!({
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        }),
        Protocol::Anthropic => json!({ "input_tokens": tokens_in, "output_tokens": tokens_out }),
    }
}

pub(super) fn said(protocol: Protocol, text: &str, usage: Value) -> Response {
    match protocol {
        Protocol::Openai => {
            let words = chunk(
                &json!({ "role": "assistant", "content": text }),
                &Value::Null,
                &Value::Null,
            );
            let end = chunk(&json!({}), &json!("stop"), &usage);
            Response::stream(events(&[words, end]) + DONE)
        }
        Protocol::Anthropic => Response::stream(named_events(&messages(
            vec![json!({ "type": "text", "text": text })],
            "end_turn",
            usage,
        ))),
    }
}

pub(super) fn asked(protocol: Protocol, tools: &[ToolAsk<'_>]) -> Response {
    let counted = usage(protocol, USAGE_IN, USAGE_OUT);
    match protocol {
        Protocol::Openai => {
            let calls: Vec<Value> = (0..)
                .zip(tools)
                .map(|(index, tool): (u32, _)| {
                    json!({
                        "index": index,
                        "id": tool.id,
                        "type": "function",
                        "function": { "name": tool.name, "arguments": tool.args },
                    })
                })
                .collect();
            let words = chunk(
                &json!({ "role": "assistant", "content": null, "tool_calls": calls }),
                &Value::Null,
                &Value::Null,
            );
            let end = chunk(&json!({}), &json!("tool_calls"), &counted);
            Response::stream(events(&[words, end]) + DONE)
        }
        Protocol::Anthropic => {
            let blocks = tools.iter().map(|tool| {
                let input: Value = serde_json::from_str(tool.args).unwrap_or(Value::Null);
                json!({ "type": "tool_use", "id": tool.id, "name": tool.name, "input": input })
            });
            Response::stream(named_events(&messages(blocks.collect(), "tool_use", counted)))
        }
    }
}

/// The events of an answer of these blocks, each whole at its start.
fn messages(blocks: Vec<Value>, stop: &str, usage: Value) -> Vec<Value> {
    let mut start = json!({ "type": "message_start", "message": { "model": "m" } });
    let mut end = json!({ "type": "message_delta", "delta": { "stop_reason": stop } });
    if !usage.is_null() {
        start["message"]["usage"] = usage.clone();
        end["usage"] = usage;
    }
    let mut all = vec![start];
    for (index, block) in (0..).zip(blocks) {
        let index: u32 = index;
        all.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        all.push(json!({ "type": "content_block_stop", "index": index }));
    }
    all.push(end);
    all.push(json!({ "type": "message_stop" }));
    all
}
