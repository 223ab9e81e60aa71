//! What is asked and what is understood, in both protocols.

use anthill_contracts::model::{
    AnswerSchema, Counted, FindingsAnswer, Message, Provider as _, StopReason, Usage,
};
use anthill_contracts::tool::ToolCall;
use anthill_kit::fault_proxy::NetFault;
use serde_json::{Value, json};

use super::{ask, body, chat_answer, config, peer, remote, request, search_tool, stream};
use crate::config::ProviderKind::{Anthropic, Openai};

#[tokio::test]
async fn chat_text_arrives_in_pieces_and_is_counted() {
    let peer = peer([chat_answer("Grüße, hello")]);
    let (reply, heard) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    let reply = reply.expect("a whole answer");
    assert_eq!(reply.text, "Grüße, hello");
    assert_eq!(heard.text(), reply.text);
    assert_eq!(reply.stop, StopReason::End);
    assert_eq!(reply.model, "gpt-x-2026");
    let usage = Usage {
        tokens_in: 40,
        cached_in: 8,
        tokens_out: 3,
    };
    assert_eq!(reply.usage, usage);
    // 40 tokens at 2 micro-dollars and 3 at 10.
    assert_eq!((reply.cost.usd_micro, reply.cost.steps), (110, 1));

    assert_eq!(peer.seen()[0].line, "POST /v1/chat/completions HTTP/1.1");
    let sent = body(&peer, 0);
    assert_eq!(sent["model"], "priced");
    assert_eq!(sent["stream_options"]["include_usage"], true);
    assert_eq!(sent["max_tokens"], 100);
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "Be brief."})
    );
    assert_eq!(sent["messages"][1], json!({"role": "user", "content": "Hi"}));
}

#[tokio::test]
async fn chat_tool_calls_are_put_together_by_index() {
    let call = |index: u64, id: Option<&str>, name: Option<&str>, args: &str| {
        json!({"choices": [{"delta": {"tool_calls": [
            {"index": index, "id": id, "function": {"name": name, "arguments": args}},
        ]}}]})
    };
    let peer = peer([stream(&[
        call(0, Some("a"), Some("search"), "{\"que"),
        // An index is a name, not a length.
        call(4_000_000_000, Some("b"), Some("search"), "not json"),
        call(0, None, None, "ry\": \"x\"}"),
        json!({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
        json!("[DONE]"),
    ])]);
    let mut request = request("Hi");
    request.tools = vec![search_tool()];
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), request).await;
    let reply = reply.expect("a whole answer");
    assert_eq!(reply.stop, StopReason::ToolCalls, "although the server said stop");
    let call = |id: &str, args: Value| ToolCall {
        call: id.to_owned(),
        tool: "search".to_owned(),
        args,
    };
    assert_eq!(
        reply.tool_calls,
        [call("a", json!({"query": "x"})), call("b", json!("not json"))],
        "arguments that are no JSON stay visible as a text"
    );
    assert_eq!(body(&peer, 0)["tools"][0]["function"]["name"], "search");
}

#[tokio::test]
async fn messages_text_tools_and_cache_counts_are_understood() {
    let peer = peer([stream(&[
        json!({"type": "message_start", "message": {"model": "claude-x", "usage": {
            "input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1,
        }}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I look."}}),
        json!({"type": "content_block_start", "index": 2, "content_block":
            {"type": "tool_use", "id": "t1", "name": "search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2, "delta":
            {"type": "input_json_delta", "partial_json": "{\"query\":"}}),
        json!({"type": "content_block_delta", "index": 2, "delta":
            {"type": "input_json_delta", "partial_json": "\"x\"}"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ])]);
    let mut request = request("Hi");
    request.tools = vec![search_tool()];
    let (reply, heard) = ask(&remote(config(Anthropic, &peer.url())), request).await;
    let reply = reply.expect("a whole answer");
    assert_eq!(
        (reply.text.as_str(), heard.text().as_str()),
        ("I look.", "I look.")
    );
    assert_eq!(reply.stop, StopReason::ToolCalls);
    assert_eq!(
        reply.usage,
        Usage {
            tokens_in: 17,
            cached_in: 5,
            tokens_out: 9
        }
    );
    assert_eq!(reply.tool_calls[0].args, json!({"query": "x"}));
    assert_eq!(reply.model, "claude-x");
    assert_eq!(peer.seen()[0].line, "POST /v1/messages HTTP/1.1");
    assert_eq!(body(&peer, 0)["tools"][0]["input_schema"]["type"], "object");
}

#[tokio::test]
async fn a_whole_conversation_is_told_in_the_shape_of_each_protocol() {
    let mut conversation = request("Find x");
    let call = |id: &str, args: Value| ToolCall {
        call: id.to_owned(),
        tool: "search".to_owned(),
        args,
    };
    conversation.messages.extend([
        Message::Assistant {
            text: String::new(),
            tool_calls: vec![call("a", json!({"query": "x"})), call("b", json!("not json"))],
        },
        Message::Tool {
            call: "a".to_owned(),
            tool: "search".to_owned(),
            text: "found".to_owned(),
        },
        Message::Tool {
            call: "b".to_owned(),
            tool: "search".to_owned(),
            text: "bad".to_owned(),
        },
        Message::User {
            text: "Go on".to_owned(),
        },
    ]);
    let peer = peer([chat_answer("ok"), chat_answer("unread")]);
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), conversation.clone()).await;
    assert_eq!(reply.expect("a whole answer").text, "ok");
    let mut no_retry = config(Anthropic, &peer.url());
    no_retry.retries_max = 0;
    let (reply, _) = ask(&remote(no_retry), conversation).await;
    assert!(reply.is_err(), "a chat answer is no answer of the other protocol");

    let chat = &body(&peer, 0)["messages"];
    assert_eq!(
        chat[2]["tool_calls"][0]["function"]["arguments"],
        "{\"query\":\"x\"}"
    );
    let invalid = chat[2]["tool_calls"][1]["function"]["arguments"]
        .as_str()
        .expect("a text");
    assert_eq!(
        invalid, "{\"invalid_arguments\":\"not json\"}",
        "servers demand an object"
    );
    assert_eq!(
        chat[3],
        json!({"role": "tool", "tool_call_id": "a", "content": "found"})
    );

    let messages = &body(&peer, 1)["messages"];
    let roles: Vec<&str> = (0..3).filter_map(|n| messages[n]["role"].as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "roles alternate");
    let kinds: Vec<&str> = (0..3)
        .filter_map(|n| messages[2]["content"][n]["type"].as_str())
        .collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"]);
    assert_eq!(
        messages[1]["content"].as_array().map(Vec::len),
        Some(2),
        "no empty text block"
    );
}

#[tokio::test]
async fn the_answer_schema_goes_along_in_closed_form() {
    let mut with_schema = request("Hi");
    let schema = schemars::schema_for!(FindingsAnswer).to_value();
    with_schema.answer_schema = Some(AnswerSchema {
        name: "findings v1".to_owned(),
        schema,
    });
    let peer = peer([
        chat_answer("{}"),
        chat_answer("{}"),
        chat_answer("{}"),
        chat_answer("{}"),
    ]);
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), with_schema.clone()).await;
    reply.expect("a whole answer");
    let format = &body(&peer, 0)["response_format"]["json_schema"];
    assert_eq!(
        (&format["name"], &format["strict"]),
        (&json!("findings_v1"), &json!(true))
    );
    assert_eq!(format["schema"]["additionalProperties"], false);
    let claim = &format["schema"]["$defs"]["ClaimAnswer"];
    assert_eq!(claim["required"], json!(["quotes", "relevance_milli", "text"]));
    assert!(
        claim["properties"]["relevance_milli"].get("minimum").is_none(),
        "bounds are refused there"
    );

    let mut plain = config(Openai, &peer.url());
    plain.structured_output = false;
    let (reply, _) = ask(&remote(plain), with_schema.clone()).await;
    reply.expect("a whole answer");
    assert!(body(&peer, 1).get("response_format").is_none());

    let mut with_tools = with_schema.clone();
    with_tools.tools = vec![search_tool()];
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), with_tools).await;
    reply.expect("a whole answer");
    assert!(
        body(&peer, 2).get("response_format").is_none(),
        "a grammar leaves no way to call a tool"
    );

    let mut messages = config(Anthropic, &peer.url());
    messages.retries_max = 0;
    let _ = ask(&remote(messages), with_schema).await;
    let format = &body(&peer, 3)["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(
        format["schema"]["$defs"]["ClaimAnswer"]["required"],
        json!(["text", "quotes"])
    );
}

#[tokio::test]
async fn a_provider_that_counts_nothing_is_charged_the_bound() {
    let peer = peer([stream(&[
        json!({"choices": [{"delta": {"content": "hello"}, "finish_reason": "length"}]}),
        json!("[DONE]"),
    ])]);
    let remote = remote(config(Openai, &peer.url()));
    let bound = remote.worst_case(&request("Hi"));
    assert!(bound.priced);
    let (reply, _) = ask(&remote, request("Hi")).await;
    let reply = reply.expect("a whole answer");
    assert_eq!(reply.stop, StopReason::Length);
    assert_eq!(reply.usage.tokens_in, bound.amount.tokens_in);
    assert_eq!(reply.usage.tokens_out, bound.amount.tokens_out);
    assert_eq!(reply.counted, Counted::Bound);
    assert!(reply.cost.usd_micro > 0 && reply.cost.usd_micro <= bound.amount.usd_micro);
}

#[tokio::test]
async fn a_withheld_answer_is_a_refusal() {
    let peer = peer([
        stream(&[
            json!({"choices": [{"delta": {"refusal": "No."}}]}),
            json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
            json!("[DONE]"),
        ]),
        stream(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}}),
            json!({"type": "message_stop"}),
        ]),
    ]);
    for kind in [Openai, Anthropic] {
        let (reply, _) = ask(&remote(config(kind, &peer.url())), request("Hi")).await;
        assert_eq!(reply.expect("a whole answer").stop, StopReason::Refusal);
    }
}

#[tokio::test]
async fn every_reason_to_stop_is_acted_on() {
    let ends = |reason: &str| {
        stream(&[
            json!({"choices": [{"delta": {"content": "x"}, "finish_reason": reason}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
            json!("[DONE]"),
        ])
    };
    for (reason, stop) in [
        ("stop", StopReason::End),
        ("eos", StopReason::End),
        ("length", StopReason::Length),
        ("MAX_TOKENS", StopReason::Length),
        ("content_filter", StopReason::Filtered),
        ("SAFETY", StopReason::Filtered),
        ("model_context_window_exceeded", StopReason::Context),
    ] {
        let peer = peer([ends(reason)]);
        let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
        assert_eq!(reply.expect("a whole answer").stop, stop, "{reason}");
    }
    let peer = peer([ends("error"), ends("stop")]);
    let (reply, heard) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    assert_eq!(reply.expect("the second try").text, "x");
    assert_eq!(heard.waits().len(), 1, "the provider's own failure may pass");
}

#[tokio::test]
async fn an_answer_in_one_piece_is_taken_in_both_protocols() {
    let whole = |body: Value| NetFault::Answer {
        status: 200,
        headers: vec!["Content-Type: application/json".to_owned()],
        body: format!("{body:#}"),
    };
    let peer = peer([
        whole(json!({"model": "m-1", "choices": [{"message": {
            "content": [{"type": "text", "text": "hello"}], "reasoning_content": "hm",
            "tool_calls": [{"id": "a", "function": {"name": "functions.search", "arguments": {"query": "x"}}}],
        }, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 4, "completion_tokens": 2}})),
        whole(
            json!({"type": "message", "model": "m-1", "stop_reason": "tool_use", "content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hello"},
            {"type": "tool_use", "id": "a", "name": "search", "input": {"query": "x"}},
        ], "usage": {"input_tokens": 4, "output_tokens": 2}}),
        ),
    ]);
    let mut asked = request("Hi");
    asked.tools = vec![search_tool()];
    for kind in [Openai, Anthropic] {
        let (reply, heard) = ask(&remote(config(kind, &peer.url())), asked.clone()).await;
        let reply = reply.expect("a whole answer");
        assert_eq!((reply.text.as_str(), heard.text().as_str()), ("hello", "hello"));
        assert_eq!(
            reply.tool_calls,
            [ToolCall {
                call: "a".to_owned(),
                tool: "search".to_owned(),
                args: json!({"query": "x"}),
            }]
        );
        assert_eq!(
            (reply.usage.tokens_in, reply.usage.tokens_out, reply.thought_bytes),
            (4, 2, 2)
        );
        assert_eq!(
            (reply.stop, reply.counted),
            (StopReason::ToolCalls, Counted::Provider)
        );
    }
}

#[tokio::test]
async fn zeros_at_the_end_take_back_no_count() {
    let peer = peer([
        stream(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hello"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 0, "output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ]),
        stream(&[
            json!({"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 10, "completion_tokens": 9}}),
            json!({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}),
        ]),
    ]);
    for kind in [Anthropic, Openai] {
        let (reply, _) = ask(&remote(config(kind, &peer.url())), request("Hi")).await;
        let reply = reply.expect("a whole answer");
        assert_eq!((reply.usage.tokens_in, reply.usage.tokens_out), (10, 9));
        assert_eq!(reply.counted, Counted::Provider);
    }
}
