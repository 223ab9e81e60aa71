//! The two protocols as real servers speak them: streams, tools, usage, limits, schemas, errors; asked through the same
//! registry that a node asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anthill_contracts::budget::Span;
use anthill_contracts::clock::SystemClock;
use anthill_contracts::model::{
    AnswerSchema, DeltaSink, Matter, Message, ModelDelta, ModelError, ModelReply, ModelRequest, Models as _,
    Provider, StopReason,
};
use anthill_contracts::tool::{EffectClass, ToolSpec};
use anthill_kit::fault_proxy::{FaultProxy, NetFault};
use anthill_models::{ModelsConfig, ProviderConfig, ProviderKind, Registry};
use serde_json::{Value, json};

use super::SENTENCE;
use super::servers::{Server, litellm, llama};

const KINDS: [ProviderKind; 2] = [ProviderKind::Openai, ProviderKind::Anthropic];

/// A provider that waits no longer than a test can.
fn impatient(kind: ProviderKind, url: &str) -> ProviderConfig {
    ProviderConfig {
        base_url: Some(url.to_owned()),
        key_env: Some("PEER_KEY".to_owned()),
        retries_max: 1,
        retry_wait_first: Span(10),
        ..ProviderConfig::new(kind)
    }
}

fn provider(config: ProviderConfig, key: &str) -> Arc<dyn Provider> {
    let models = ModelsConfig {
        providers: [("peer".to_owned(), config)].into(),
        ..ModelsConfig::default()
    };
    let key = key.to_owned();
    let keys = Arc::new(move |_: &str| Some(key.clone()));
    let registry =
        Registry::new(models, keys, Arc::new(SystemClock::new())).expect("the configuration is good");
    let any = "peer/any".parse().expect("a name");
    registry.provider(&any).expect("it is configured and has a key")
}

fn of(server: &Server, kind: ProviderKind) -> Arc<dyn Provider> {
    provider(impatient(kind, &server.url), &server.key)
}

fn request(model: &str, text: &str) -> ModelRequest {
    ModelRequest {
        model: format!("peer/{model}").parse().expect("a name"),
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

fn opinion_schema() -> AnswerSchema {
    AnswerSchema {
        name: "opinion".to_owned(),
        schema: json!({"type": "object", "properties": {"accept": {"type": "boolean"}}, "required": ["accept"]}),
    }
}

/// What was heard while an answer was written.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<ModelDelta>>>);

impl Heard {
    fn sink(&self) -> DeltaSink {
        let heard = Arc::clone(&self.0);
        Arc::new(move |delta| heard.lock().expect("no panic while heard").push(delta))
    }

    fn text(&self) -> String {
        let heard = self.0.lock().expect("no panic while heard");
        let texts = heard.iter().filter_map(|delta| match delta {
            ModelDelta::Text(text) => Some(text.as_str()),
            ModelDelta::Retry { .. } => None,
        });
        texts.collect()
    }

    fn waits(&self) -> Vec<Duration> {
        let heard = self.0.lock().expect("no panic while heard");
        let waits = heard.iter().filter_map(|delta| match delta {
            ModelDelta::Retry { wait, .. } => Some(*wait),
            ModelDelta::Text(_) => None,
        });
        waits.collect()
    }
}

async fn ask(provider: &dyn Provider, request: ModelRequest) -> (Result<ModelReply, ModelError>, Heard) {
    let heard = Heard::default();
    (provider.complete(request, heard.sink()).await, heard)
}

async fn answer(provider: &dyn Provider, request: ModelRequest) -> (ModelReply, Heard) {
    let (reply, heard) = ask(provider, request).await;
    (reply.expect("the server answers"), heard)
}

fn check_usage(reply: &ModelReply) {
    let usage = reply.usage;
    assert!(usage.tokens_in > 0 && usage.tokens_out > 0, "{usage:?}");
    assert!(usage.cached_in <= usage.tokens_in, "{usage:?}");
    assert_eq!(
        (reply.cost.tokens_in, reply.cost.tokens_out),
        (usage.tokens_in, usage.tokens_out)
    );
}

/// A tool call, its outcome, and the final text: what every worker does.
async fn walk_through_a_tool(provider: &dyn Provider, model: &str) {
    let mut conversation = request(model, "Find out.");
    conversation.tools = vec![search_tool()];
    let (first, _) = answer(provider, conversation.clone()).await;
    assert_eq!(first.stop, StopReason::ToolCalls);
    assert_eq!(first.tool_calls.len(), 1);
    let call = first.tool_calls[0].clone();
    assert_eq!(
        (call.tool.as_str(), &call.args),
        ("search", &json!({ "query": SENTENCE }))
    );
    check_usage(&first);
    conversation.messages.push(Message::Assistant {
        text: first.text,
        tool_calls: first.tool_calls,
    });
    conversation.messages.push(Message::Tool {
        call: call.call,
        tool: call.tool,
        text: "It is blue.".to_owned(),
    });
    let (last, heard) = answer(provider, conversation).await;
    assert_eq!((last.text.as_str(), last.stop), (SENTENCE, StopReason::End));
    assert_eq!(heard.text(), last.text);
    assert!(last.usage.tokens_in > first.usage.tokens_in, "{:?}", last.usage);
}

#[tokio::test]
async fn llama_answers_streams_and_calls_tools_in_both_protocols() {
    let Some(llama) = llama() else { return };
    for kind in KINDS {
        let provider = of(llama, kind);
        let (reply, heard) = answer(&*provider, request("scripted", "Hi")).await;
        assert_eq!((reply.text.as_str(), heard.text().as_str()), (SENTENCE, SENTENCE));
        assert_eq!((reply.stop, reply.model.as_str()), (StopReason::End, "scripted"));
        check_usage(&reply);
        walk_through_a_tool(&*provider, "scripted").await;
    }
}

/// The text came in pieces, and a listener heard each when it came.
#[tokio::test]
async fn llama_s_text_is_heard_word_by_word() {
    let Some(llama) = llama() else { return };
    for kind in KINDS {
        let (reply, heard) = answer(&*of(llama, kind), request("scripted", "Hi")).await;
        let pieces = heard.0.lock().expect("no panic while heard").len();
        assert!(pieces > 3, "{kind:?}: {pieces} pieces of `{}`", reply.text);
    }
}

#[tokio::test]
async fn llama_stops_at_the_limit_and_keeps_to_a_schema() {
    let Some(llama) = llama() else { return };
    for kind in KINDS {
        let mut short = request("scripted", "Hi");
        short.answer_tokens_max = 2;
        let (reply, _) = answer(&*of(llama, kind), short).await;
        assert_eq!(
            (reply.stop, reply.usage.tokens_out),
            (StopReason::Length, 2),
            "{kind:?}"
        );
    }
    let mut shaped = request("scripted", "Hi");
    shaped.answer_schema = Some(opinion_schema());
    let (reply, _) = answer(&*of(llama, ProviderKind::Openai), shaped).await;
    let shape: Value = serde_json::from_str(&reply.text).expect("the grammar allows only JSON");
    assert!(shape["accept"].is_boolean(), "{shape}");
}

#[tokio::test]
async fn llama_takes_tools_and_a_schema_together() {
    let Some(llama) = llama() else { return };
    for kind in KINDS {
        let mut both = request("scripted", "Find out.");
        both.tools = vec![search_tool()];
        both.answer_schema = Some(opinion_schema());
        let (reply, _) = answer(&*of(llama, kind), both).await;
        assert_eq!(reply.stop, StopReason::ToolCalls, "{kind:?}: {reply:?}");
    }
}

#[tokio::test]
async fn llama_cut_or_silenced_half_way_is_asked_again() {
    let Some(llama) = llama() else { return };
    let address = llama
        .url
        .trim_start_matches("http://")
        .parse()
        .expect("host and port");
    for kind in KINDS {
        let proxy = FaultProxy::start(address).expect("started");
        proxy.plan([
            NetFault::CutAfter(700),
            NetFault::HangAfter(700),
            NetFault::busy("0"),
            NetFault::malformed_stream(),
        ]);
        let config = ProviderConfig {
            retries_max: 4,
            idle_timeout: Span(2_000),
            ..impatient(kind, &proxy.url())
        };
        let (reply, heard) = answer(&*provider(config, &llama.key), request("scripted", "Hi")).await;
        assert_eq!(reply.text, SENTENCE);
        assert_eq!(heard.waits().len(), 4, "{kind:?}");
    }
}

#[tokio::test]
async fn llama_refuses_a_wrong_key_at_once() {
    let Some(llama) = llama() else { return };
    for kind in KINDS {
        let wrong = provider(impatient(kind, &llama.url), "sk-wrong-0123456789");
        let (reply, heard) = ask(&*wrong, request("scripted", "Hi")).await;
        let error = reply.expect_err("the key is wrong");
        assert!(
            matches!(error, ModelError::KeyRefused { .. }) && error.to_string().contains("HTTP 401"),
            "{error}"
        );
        assert!(heard.waits().is_empty());
    }
}

#[tokio::test]
async fn litellm_answers_and_passes_a_real_model_on() {
    let Some(litellm) = litellm() else { return };
    let (reply, _) = answer(&*of(litellm, ProviderKind::Openai), request("gpt-mock", "Hi")).await;
    assert_eq!(
        (reply.text.as_str(), reply.stop),
        ("Hello from the mock", StopReason::End)
    );
    check_usage(&reply);
    for kind in KINDS {
        walk_through_a_tool(&*of(litellm, kind), "llama-real").await;
    }
}

/// Its mock of Messages answers in one piece although a stream was asked for.
#[tokio::test]
async fn litellm_without_a_stream_is_an_answer_all_the_same() {
    let Some(litellm) = litellm() else { return };
    let (reply, _) = ask(
        &*of(litellm, ProviderKind::Anthropic),
        request("claude-mock", "Hi"),
    )
    .await;
    let reply = reply.expect("a whole answer");
    assert_eq!(reply.stop, StopReason::End);
    assert!(reply.text.contains("claude mock"), "{}", reply.text);
}

#[tokio::test]
async fn litellm_errors_are_told_apart() {
    let Some(litellm) = litellm() else { return };
    let provider = of(litellm, ProviderKind::Openai);
    for (model, status) in [("ratelimited", "HTTP 429"), ("broken", "HTTP 500")] {
        let (reply, heard) = ask(&*provider, request(model, "Hi")).await;
        let error = reply.expect_err("the proxy was told to fail");
        assert!(
            matches!(error, ModelError::Unavailable { attempts: 2, .. }),
            "{error}"
        );
        assert!(error.to_string().contains(status), "{error}");
        assert_eq!(heard.waits().len(), 1);
    }
    let (reply, _) = ask(&*provider, request("no-such-model", "Hi")).await;
    assert!(
        matches!(
            reply,
            Err(ModelError::ModelMissing { .. } | ModelError::Refused { .. })
        ),
        "{reply:?}"
    );
}
