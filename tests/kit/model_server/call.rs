//! A request as the stand-in sees it, and what an honest model would say to it.

use serde_json::{Value, json};

use super::response::{self, Response, ToolAsk};

/// Most claims that an honest writer makes.
const CLAIMS_MAX: usize = 8;
/// Most characters of an honest quotation.
const QUOTE_CHARS_MAX: usize = 300;

/// The protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Chat completions.
    Openai,
    /// Anthropic Messages.
    Anthropic,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    number: usize,
    target: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Call {
    pub(super) const fn new(target: String, headers: Vec<(String, String)>, body: Value) -> Self {
        Self {
            number: 0,
            target,
            headers,
            body,
        }
    }

    pub(super) const fn set_number(&mut self, number: usize) {
        self.number = number;
    }

    /// Its number, from 1.
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The target of the request line: a path, or a whole URL where the server was asked as a proxy.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The body; `null` where it is no JSON.
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// Its protocol, by its target.
    pub fn protocol(&self) -> Protocol {
        if self.target.ends_with("/messages") {
            Protocol::Anthropic
        } else {
            Protocol::Openai
        }
    }

    /// The standing instructions.
    pub fn system(&self) -> String {
        let own = words(&self.body["system"]);
        if own.is_empty() {
            self.said_by("system")
        } else {
            own
        }
    }

    /// What the user's side says, all turns together.
    pub fn user(&self) -> String {
        self.said_by("user")
    }

    /// Whether a reader of one document asks.
    pub fn is_reader(&self) -> bool {
        self.system().contains("You are a reader")
    }

    /// Whether a writer asks.
    pub fn is_writer(&self) -> bool {
        self.system().contains("You are a writer")
    }

    /// Whether a critic asks.
    pub fn is_critic(&self) -> bool {
        self.system().contains("You are a critic")
    }

    /// Whether an agent with tools asks, as jobs of the shape `single` have one.
    pub fn is_researcher(&self) -> bool {
        self.system().contains("You are a researcher")
    }

    /// Ids and texts of the outcomes of tools that the request brings back.
    pub fn tool_outcomes(&self) -> Vec<(String, String)> {
        let mut outcomes = Vec::new();
        for message in self.messages() {
            if message["role"] == "tool" {
                outcomes.push((text(&message["tool_call_id"]), words(&message["content"])));
            }
            for block in message["content"].as_array().into_iter().flatten() {
                if block["type"] == "tool_result" {
                    outcomes.push((text(&block["tool_use_id"]), words(&block["content"])));
                }
            }
        }
        outcomes
    }

    /// Ids and names of the tool calls that the request brings back.
    pub fn tool_calls(&self) -> Vec<(String, String)> {
        let mut calls = Vec::new();
        for message in self.messages() {
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                calls.push((text(&call["id"]), text(&call["function"]["name"])));
            }
            for block in message["content"].as_array().into_iter().flatten() {
                if block["type"] == "tool_use" {
                    calls.push((text(&block["id"]), text(&block["name"])));
                }
            }
        }
        calls
    }

    /// The lines of the document that a reader is shown, without empty ones and without the runtime's own.
    pub fn document_lines(&self) -> Vec<String> {
        let user = self.user();
        let Some((_, rest)) = user.split_once("<<<data ") else {
            return Vec::new();
        };
        let Some((_, rest)) = rest.split_once(">>>\n") else {
            return Vec::new();
        };
        let document = rest.split_once("\n<<<end").map_or(rest, |(document, _)| document);
        let lines = document
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with("[under"));
        lines.map(str::to_owned).collect()
    }

    /// What an honest model answers: a reader claims the document's first line, a writer makes at most eight claims of
    /// all findings, a critic accepts.
    pub fn honest(&self) -> Value {
        let quote = self.document_lines().first().map(|line| {
            let quote: String = line.chars().take(QUOTE_CHARS_MAX).collect();
            quote
        });
        match quote {
            _ if self.is_writer() => self.outline(),
            _ if self.is_critic() => json!({ "accept": true, "reasons": [] }),
            Some(quote) if self.is_reader() => self.finding(&quote),
            _ => json!({ "claims": [] }),
        }
    }

    /// A reader's answer with one claim that rests on this quotation.
    pub fn finding(&self, quote: &str) -> Value {
        let subject: String = quote
            .chars()
            .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
            .take(60)
            .collect();
        json!({ "claims": [{
            "text": format!("A claim about {}.", subject.trim()),
            "quotes": [{ "quote": quote }],
            "relevance_milli": 900,
        }] })
    }

    /// The answer of a researcher with one claim that rests on this quotation from a document.
    pub fn finding_of(&self, path: &str, quote: &str) -> Value {
        let mut finding = self.finding(quote);
        finding["claims"][0]["quotes"][0]["path"] = path.into();
        finding
    }

    /// An answer in the protocol of the request, well-formed, with honest counts.
    pub fn says(&self, text: impl AsRef<str>) -> Response {
        self.says_counting(
            text,
            response::usage(self.protocol(), response::USAGE_IN, response::USAGE_OUT),
        )
    }

    /// As [`Call::says`] with this for `usage`; `null` leaves it out.
    pub fn says_counting(&self, text: impl AsRef<str>, usage: Value) -> Response {
        response::said(self.protocol(), text.as_ref(), usage)
    }

    /// Asks for tools, in the protocol of the request.
    pub fn asks(&self, tools: &[ToolAsk<'_>]) -> Response {
        response::asked(self.protocol(), tools)
    }

    fn outline(&self) -> Value {
        let user = self.user();
        let numbers: Vec<u32> = user
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once(']')?.0.parse().ok())
            .collect();
        let groups = (0..numbers.len().min(CLAIMS_MAX)).map(|start| {
            let group: Vec<u32> = numbers.iter().copied().skip(start).step_by(CLAIMS_MAX).collect();
            json!({ "text": format!("Claim resting on {group:?}."), "findings": group })
        });
        let claims: Vec<Value> = groups.collect();
        if claims.is_empty() {
            return json!({ "sections": [] });
        }
        json!({ "sections": [{ "title": "Findings", "claims": claims }] })
    }

    fn messages(&self) -> impl Iterator<Item = &Value> {
        self.body["messages"].as_array().into_iter().flatten()
    }

    fn said_by(&self, role: &str) -> String {
        let turns = self.messages().filter(|message| message["role"] == role);
        turns
            .map(|message| words(&message["content"]))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The text of a message, whether it is a string or a list of parts.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
