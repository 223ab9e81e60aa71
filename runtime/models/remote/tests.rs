//! Both protocols against a small server: streams, tools, usage, and every way to fail.

mod faults;
mod fuzz;
mod streams;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anthill_contracts::budget::Span;
use anthill_contracts::clock::SystemClock;
use anthill_contracts::model::{
    DeltaSink, Matter, Message, ModelDelta, ModelError, ModelReply, ModelRequest, Provider as _,
};
use anthill_contracts::tool::{EffectClass, ToolSpec};
use anthill_kit::fault_proxy::{FaultProxy, NetFault};
use serde_json::{Value, json};

use super::{Remote, RemoteParts};
use crate::config::{ModelsConfig, PriceConfig, ProviderConfig, ProviderKind};
use crate::prices::Prices;

/// A key that must never be seen again.
const KEY: &str = "sk-test-0123456789abcdef";

/// A server that answers from a plan. Nothing stands behind it: what is not planned fails.
fn peer(answers: impl IntoIterator<Item = NetFault>) -> FaultProxy {
    let nobody = "127.0.0.1:9".parse().expect("an address");
    let peer = FaultProxy::start(nobody).expect("started");
    peer.plan(answers);
    peer
}

/// An event stream with these events.
fn stream(events: &[Value]) -> NetFault {
    let body = events.iter().fold(String::new(), |body, event| match event {
        Value::String(text) => format!("{body}data: {text}\n\n"),
        event => {
            let name = event["type"].as_str().unwrap_or("message");
            format!("{body}event: {name}\ndata: {event}\n\n")
        }
    });
    NetFault::Answer {
        status: 200,
        headers: vec!["Content-Type: text/event-stream; charset=utf-8".to_owned()],
        body,
    }
}

/// A whole answer as chat completions have it.
fn chat_answer(text: &str) -> NetFault {
    stream(&[
        json!({"model": "gpt-x-2026", "choices": [{"index": 0, "delta": {"role": "assistant", "content": null}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {
            "prompt_tokens": 40, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8},
        }}),
        json!("[DONE]"),
    ])
}

/// A provider with short waits.
fn config(kind: ProviderKind, url: &str) -> ProviderConfig {
    ProviderConfig {
        base_url: Some(url.to_owned()),
        first_byte_timeout: Span(2_000),
        idle_timeout: Span(2_000),
        retries_max: 3,
        retry_wait_first: Span(10),
        retry_wait_max: Span(400),
        ..ProviderConfig::new(kind)
    }
}

fn remote(config: ProviderConfig) -> Remote {
    let price = PriceConfig {
        usd_per_million_in: anthill_contracts::budget::Usd(2_000_000),
        usd_per_million_out: anthill_contracts::budget::Usd(10_000_000),
    };
    let prices = ModelsConfig {
        prices: [("test/priced".to_owned(), price)].into(),
        ..ModelsConfig::default()
    };
    Remote::new(RemoteParts {
        name: "test".to_owned(),
        config,
        key: Some(KEY.to_owned()),
        prices: Arc::new(Prices::new(&prices)),
        clock: Arc::new(SystemClock::new()),
        variables: Arc::new(|_| None),
    })
    .expect("the configuration is good")
}

fn request(text: &str) -> ModelRequest {
    ModelRequest {
        model: "test/priced".parse().expect("a name"),
        system: "Be brief.".to_owned(),
        messages: vec![Message::User {
            text: text.to_owned(),
        }],
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 100,
        matter: Matter::Prompt,
    }
}

fn search_tool() -> ToolSpec {
    ToolSpec {
        name: "search".to_owned(),
        description: "Searches.".to_owned(),
        schema: json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}),
        effect: EffectClass::Read,
    }
}

/// Keeps what it hears.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<ModelDelta>>>);

impl Heard {
    fn sink(&self) -> DeltaSink {
        let heard = Arc::clone(&self.0);
        Arc::new(move |delta| heard.lock().expect("no panic while heard").push(delta))
    }

    fn text(&self) -> String {
        let heard = self.0.lock().expect("no panic while heard");
        heard
            .iter()
            .filter_map(|delta| match delta {
                ModelDelta::Text(text) => Some(text.as_str()),
                ModelDelta::Retry { .. } => None,
            })
            .collect()
    }

    fn waits(&self) -> Vec<Duration> {
        let heard = self.0.lock().expect("no panic while heard");
        heard
            .iter()
            .filter_map(|delta| match delta {
                ModelDelta::Retry { wait, .. } => Some(*wait),
                ModelDelta::Text(_) => None,
            })
            .collect()
    }
}

async fn ask(remote: &Remote, request: ModelRequest) -> (Result<ModelReply, ModelError>, Heard) {
    let heard = Heard::default();
    (remote.complete(request, heard.sink()).await, heard)
}

/// The body of the n-th request that a peer has seen.
fn body(peer: &FaultProxy, n: usize) -> Value {
    serde_json::from_slice(&peer.seen()[n].body).expect("requests are JSON")
}
