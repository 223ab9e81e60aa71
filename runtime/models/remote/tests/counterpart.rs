//! Against servers that we did not write: llama.cpp and the `LiteLLM` proxy. Run by the integration suite, which starts
//! them and says where they are:
//!
//! - `ANTHILL_TEST_LLAMA_URL` and `ANTHILL_TEST_LLAMA_KEY`: a llama.cpp server with the scripted model that wants a
//!   key, such as `http://127.0.0.1:18880`;
//! - `ANTHILL_TEST_LITELLM_URL` and `ANTHILL_TEST_LITELLM_KEY`: a `LiteLLM` proxy with the models `gpt-mock`,
//!   `ratelimited`, `broken` and `llama-real` (the llama.cpp server).

use anthill_contracts::budget::Span;
use anthill_contracts::model::{AnswerSchema, Message, ModelError, ModelReply, ModelRequest, StopReason};
use anthill_kit::fault_proxy::{FaultProxy, NetFault};
use serde_json::json;

use super::{Heard, Remote, RemoteParts, ask, request, search_tool};
use crate::config::{ModelsConfig, ProviderConfig, ProviderKind};
use crate::prices::Prices;

const SCRIPTED_TEXT: &str = "Hello from the scripted llama.";

#[expect(
    clippy::disallowed_methods,
    reason = "the suite that started the servers says in the environment where they are"
)]
fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} must be set"))
}

fn counterpart(kind: ProviderKind, url: String, key: Option<String>) -> Remote {
    let config = ProviderConfig {
        base_url: Some(url),
        retries_max: 1,
        retry_wait_first: Span(10),
        ..ProviderConfig::new(kind)
    };
    of_config(config, key)
}

fn of_config(config: ProviderConfig, key: Option<String>) -> Remote {
    Remote::new(RemoteParts {
        name: "counterpart".to_owned(),
        config,
        key,
        prices: std::sync::Arc::new(Prices::new(&ModelsConfig::default())),
        clock: std::sync::Arc::new(anthill_contracts::clock::SystemClock::new()),
    })
    .expect("the configuration is good")
}

fn llama(kind: ProviderKind) -> Remote {
    let key = environment("ANTHILL_TEST_LLAMA_KEY");
    counterpart(kind, environment("ANTHILL_TEST_LLAMA_URL"), Some(key))
}

fn litellm(kind: ProviderKind) -> Remote {
    let key = environment("ANTHILL_TEST_LITELLM_KEY");
    counterpart(kind, environment("ANTHILL_TEST_LITELLM_URL"), Some(key))
}

fn for_model(name: &str, mut request: ModelRequest) -> ModelRequest {
    request.model = format!("counterpart/{name}").parse().expect("a name");
    request
}

fn opinion_schema() -> AnswerSchema {
    AnswerSchema {
        name: "opinion".to_owned(),
        schema: json!({"type": "object", "properties": {"accept": {"type": "boolean"}}, "required": ["accept"]}),
    }
}

async fn answer(remote: &Remote, request: ModelRequest) -> (ModelReply, Heard) {
    let (reply, heard) = ask(remote, request).await;
    (reply.expect("the server answers"), heard)
}

/// A tool call, its outcome, and the final text: what every worker does.
async fn walks_through_a_tool(remote: &Remote, model: &str) {
    let mut conversation = for_model(model, request("Find out."));
    conversation.tools = vec![search_tool()];
    let (first, _) = answer(remote, conversation.clone()).await;
    assert_eq!(first.stop, StopReason::ToolCalls);
    assert_eq!(first.tool_calls[0].tool, "search");
    assert!(first.tool_calls[0].args.is_object(), "{:?}", first.tool_calls);
    assert!(
        first.usage.tokens_in > 0 && first.usage.tokens_out > 0,
        "{:?}",
        first.usage
    );
    let call = first.tool_calls[0].clone();
    conversation.messages.push(Message::Assistant {
        text: first.text,
        tool_calls: first.tool_calls,
    });
    conversation.messages.push(Message::Tool {
        call: call.call,
        tool: call.tool,
        text: "It is blue.".to_owned(),
    });
    let (last, heard) = answer(remote, conversation).await;
    assert_eq!((last.text.as_str(), last.stop), (SCRIPTED_TEXT, StopReason::End));
    assert_eq!(heard.text(), last.text);
    assert!(last.usage.tokens_in > first.usage.tokens_in, "{:?}", last.usage);
}

#[tokio::test]
#[ignore = "needs a llama.cpp server"]
async fn llama_answers_streams_and_calls_tools_in_both_protocols() {
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        let remote = llama(kind);
        let (reply, heard) = answer(&remote, for_model("t", request("Hi"))).await;
        assert_eq!(
            (reply.text.as_str(), heard.text().as_str()),
            (SCRIPTED_TEXT, SCRIPTED_TEXT)
        );
        assert_eq!(reply.stop, StopReason::End);
        assert!(
            reply.usage.tokens_in > 0 && reply.usage.tokens_out > 0,
            "{:?}",
            reply.usage
        );
        walks_through_a_tool(&remote, "t").await;
    }
}

#[tokio::test]
#[ignore = "needs a llama.cpp server"]
async fn llama_stops_at_the_limit_and_keeps_to_a_schema() {
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        let remote = llama(kind);
        let mut short = for_model("t", request("Hi"));
        short.answer_tokens_max = 2;
        let (reply, _) = answer(&remote, short).await;
        assert_eq!(
            (reply.stop, reply.usage.tokens_out),
            (StopReason::Length, 2),
            "{kind:?}"
        );
    }
    let mut shaped = for_model("t", request("Hi"));
    shaped.answer_schema = Some(opinion_schema());
    let (reply, _) = answer(&llama(ProviderKind::Openai), shaped).await;
    let shape: serde_json::Value = serde_json::from_str(&reply.text).expect("the grammar allows only JSON");
    assert!(shape["accept"].is_boolean(), "{shape}");
}

#[tokio::test]
#[ignore = "needs a llama.cpp server"]
async fn llama_takes_tools_and_a_schema_together() {
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        let mut both = for_model("t", request("Find out."));
        both.tools = vec![search_tool()];
        both.answer_schema = Some(opinion_schema());
        let (reply, _) = answer(&llama(kind), both).await;
        assert_eq!(reply.stop, StopReason::ToolCalls, "{kind:?}: {reply:?}");
    }
}

#[tokio::test]
#[ignore = "needs a llama.cpp server"]
async fn llama_cut_or_silenced_half_way_is_asked_again() {
    let url = environment("ANTHILL_TEST_LLAMA_URL");
    let address = url.trim_start_matches("http://").parse().expect("host and port");
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        let proxy = FaultProxy::start(address).expect("started");
        let mut config = ProviderConfig::new(kind);
        config.base_url = Some(proxy.url());
        config.retry_wait_first = Span(10);
        config.idle_timeout = Span(300);
        proxy.plan([
            NetFault::CutAfter(700),
            NetFault::HangAfter(700),
            NetFault::busy("0"),
            NetFault::malformed_stream(),
        ]);
        let remote = of_config(config, Some(environment("ANTHILL_TEST_LLAMA_KEY")));
        let (reply, heard) = answer(&remote, for_model("t", request("Hi"))).await;
        assert_eq!(reply.text, SCRIPTED_TEXT);
        assert_eq!(heard.waits().len(), 4, "{kind:?}");
    }
}

#[tokio::test]
#[ignore = "needs a llama.cpp server"]
async fn llama_refuses_a_wrong_key_at_once() {
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        let url = environment("ANTHILL_TEST_LLAMA_URL");
        let wrong = counterpart(kind, url, Some("sk-wrong-0123456789".to_owned()));
        let (reply, heard) = ask(&wrong, for_model("t", request("Hi"))).await;
        let error = reply.expect_err("the key is wrong");
        assert!(
            matches!(error, ModelError::KeyRefused { status: 401, .. }),
            "{error}"
        );
        assert!(heard.waits().is_empty());
    }
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn litellm_answers_and_passes_a_real_model_on() {
    let (reply, _) = answer(
        &litellm(ProviderKind::Openai),
        for_model("gpt-mock", request("Hi")),
    )
    .await;
    assert_eq!(
        (reply.text.as_str(), reply.stop),
        ("Hello from the mock", StopReason::End)
    );
    assert!(
        reply.usage.tokens_in > 0 && reply.usage.tokens_out > 0,
        "{:?}",
        reply.usage
    );
    for kind in [ProviderKind::Openai, ProviderKind::Anthropic] {
        walks_through_a_tool(&litellm(kind), "llama-real").await;
    }
}

/// Its mock of Messages answers in one piece although a stream was asked for.
#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn litellm_without_a_stream_is_malformed_and_not_empty() {
    let remote = litellm(ProviderKind::Anthropic);
    let (reply, _) = ask(&remote, for_model("claude-mock", request("Hi"))).await;
    let error = reply.expect_err("no stream");
    assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
    assert!(
        !error.to_string().contains("claude mock"),
        "answers do not stand in errors: {error}"
    );
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn litellm_errors_are_told_apart() {
    let remote = litellm(ProviderKind::Openai);
    for (model, status) in [("ratelimited", "HTTP 429"), ("broken", "HTTP 500")] {
        let (reply, heard) = ask(&remote, for_model(model, request("Hi"))).await;
        let error = reply.expect_err("the proxy was told to fail");
        assert!(
            matches!(error, ModelError::Unavailable { attempts: 2, .. }),
            "{error}"
        );
        assert!(error.to_string().contains(status), "{error}");
        assert_eq!(heard.waits().len(), 1);
    }
    let (reply, _) = ask(&remote, for_model("no-such-model", request("Hi"))).await;
    assert!(matches!(reply, Err(ModelError::Refused { .. })), "{reply:?}");
}
