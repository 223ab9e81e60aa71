//! What goes wrong on the way, and what is done about it.

use std::time::Duration;

use anthill_contracts::budget::Span;
use anthill_contracts::model::ModelError;
use anthill_kit::fault_proxy::{FaultProxy, NetFault};
use serde_json::json;

use super::{KEY, ask, chat_answer, config, peer, remote, request, stream};
use crate::config::ProviderKind::{Anthropic, Openai};

#[tokio::test]
async fn what_may_pass_is_tried_again_until_it_has_passed() {
    let peer = peer([
        NetFault::status(500),
        NetFault::status(529),
        NetFault::Close,
        chat_answer("at last"),
    ]);
    let (reply, heard) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    assert_eq!(reply.expect("the fourth try").text, "at last");
    assert_eq!(peer.seen().len(), 4);
    let waits = heard.waits();
    assert_eq!(waits.len(), 3);
    assert!(
        waits.iter().all(|wait| *wait <= Duration::from_millis(40)),
        "{waits:?}"
    );
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_the_bound() {
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000));
    let peer = peer([
        NetFault::busy("0.2"),
        NetFault::busy(&date),
        NetFault::busy("soon"),
        chat_answer("ok"),
    ]);
    let (reply, heard) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    reply.expect("the fourth try");
    let waits = heard.waits();
    assert!(
        (200..=220).contains(&waits[0].as_millis()),
        "what was asked, spread a little: {waits:?}"
    );
    assert_eq!(waits[1], Duration::from_millis(400), "a far date is capped");
    assert!(
        waits[2] <= Duration::from_millis(40),
        "nonsense is as good as nothing: {waits:?}"
    );
}

#[tokio::test]
async fn a_cut_stream_is_never_a_short_answer() {
    let server = peer([chat_answer("whole"), chat_answer("whole")]);
    let proxy = FaultProxy::start(server.address()).expect("started");
    proxy.plan([NetFault::CutAfter(420)]);
    let (reply, heard) = ask(&remote(config(Openai, &proxy.url())), request("Hi")).await;
    assert_eq!(reply.expect("the second try").text, "whole");
    assert_eq!(heard.waits().len(), 1);

    // An end of the connection that HTTP itself finds in order, before the model has said why it stopped.
    let half = || stream(&[json!({"choices": [{"delta": {"content": "half"}}]})]);
    let cut = peer([half(), half(), half(), half()]);
    let (reply, _) = ask(&remote(config(Openai, &cut.url())), request("Hi")).await;
    let error = reply.expect_err("there was never an end");
    assert!(
        matches!(&error, ModelError::Unavailable { attempts: 4, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("before its end marker"), "{error}");
}

#[tokio::test]
async fn an_end_marker_without_a_reason_to_stop_is_no_end() {
    let mut no_retry = config(Openai, "");
    no_retry.retries_max = 0;
    let chat = peer([stream(&[
        json!({"choices": [{"delta": {"content": "half"}}]}),
        json!("[DONE]"),
    ])]);
    no_retry.base_url = Some(chat.url());
    let (reply, _) = ask(&remote(no_retry.clone()), request("Hi")).await;
    assert!(matches!(reply, Err(ModelError::Unavailable { .. })), "{reply:?}");

    let messages = peer([stream(&[json!({"type": "message_stop"})])]);
    no_retry.kind = Anthropic;
    no_retry.base_url = Some(messages.url());
    let (reply, _) = ask(&remote(no_retry), request("Hi")).await;
    assert!(matches!(reply, Err(ModelError::Unavailable { .. })), "{reply:?}");
}

#[tokio::test]
async fn garbage_is_malformed_after_all_tries() {
    let page = NetFault::Answer {
        status: 200,
        headers: vec!["Content-Type: text/html".to_owned()],
        body: "<html>Sign in</html>".to_owned(),
    };
    let peer = peer([
        NetFault::malformed_stream(),
        NetFault::malformed_stream(),
        page.clone(),
        page,
    ]);
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    let error = reply.expect_err("garbage");
    assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("`text/html` instead of an event stream"),
        "{error}"
    );
    assert_eq!(peer.seen().len(), 4);
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_and_not_shown() {
    for (status, code) in [
        (401, "unauthorized"),
        (403, "invalid_api_key"),
        (400, "invalid_api_key"),
    ] {
        let peer = peer([NetFault::Answer {
            status,
            headers: vec![],
            body: json!({"error": {"message": format!("bad key {KEY}"), "code": code}}).to_string(),
        }]);
        let (reply, _) = ask(&remote(config(Anthropic, &peer.url())), request("Hi")).await;
        let error = reply.expect_err("refused");
        assert_eq!(
            error,
            ModelError::KeyRefused {
                provider: "test".to_owned(),
                detail: format!("HTTP {status}: bad key [redacted] ({code})"),
            }
        );
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_is_told_shortened_and_without_keys() {
    let said = format!(
        "no model for {KEY}, upstream sk-other-abcdefghijklmnop says: {}",
        "long ".repeat(200)
    );
    for status in [400, 405, 422] {
        let peer = peer([NetFault::Answer {
            status,
            headers: vec![],
            body: json!({"error": {"message": said}}).to_string(),
        }]);
        let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
        let ModelError::Refused { detail, .. } = reply.expect_err("refused") else {
            panic!("another error");
        };
        assert!(detail.starts_with(&format!(
            "HTTP {status}: no model for [redacted], upstream [redacted]"
        )));
        assert!(detail.chars().count() <= 301, "{}", detail.chars().count());
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_empty_account_is_not_waited_for() {
    for (status, code) in [
        (429, "insufficient_quota"),
        (402, "x"),
        (403, "unsupported_country_region"),
    ] {
        let peer = peer([NetFault::Answer {
            status,
            headers: vec![],
            body: json!({"error": {"message": "none left", "code": code}}).to_string(),
        }]);
        let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
        let error = reply.expect_err("no account");
        assert!(matches!(error, ModelError::AccountRefused { .. }), "{error}");
        assert!(
            error.concerns_all() && error.to_string().contains(&format!("none left ({code})")),
            "{error}"
        );
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn errors_under_a_status_of_success_are_errors() {
    let answer = |body: &str, kind: &str| NetFault::Answer {
        status: 200,
        headers: vec![format!("Content-Type: {kind}")],
        body: body.to_owned(),
    };
    let check = |body: &'static str,
                 kind: &'static str,
                 expected: fn(&ModelError) -> bool,
                 said: &'static str| async move {
        let peer = peer([answer(body, kind)]);
        let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
        let error = reply.expect_err("an error");
        assert!(
            expected(&error) && error.to_string().contains(said),
            "{body}: {error}"
        );
        assert_eq!(peer.seen().len(), 1, "{body}: not tried again");
    };
    let refused = |error: &ModelError| matches!(error, ModelError::Refused { .. });
    let account = |error: &ModelError| matches!(error, ModelError::AccountRefused { .. });
    let too_long = |error: &ModelError| matches!(error, ModelError::PromptTooLong { .. });
    check(
        "error: {\"code\": 400, \"message\": \"no such thing\"}\n\ndata: [DONE]\n\n",
        "text/event-stream",
        refused,
        "(code 400): no such thing",
    )
    .await;
    check(
        "{\"error\": {\"message\": \"none left\", \"code\": \"insufficient_quota\"}}",
        "application/json",
        account,
        "none left",
    )
    .await;
    check(
        "event: error\ndata: {\"message\": \"9 of 8\", \"type\": \"exceed_context_size_error\"}\n\n",
        "text/plain",
        too_long,
        "9 of 8",
    )
    .await;
    check(
        "{\"base_resp\": {\"status_code\": 1008, \"status_msg\": \"insufficient balance\"}}",
        "application/json",
        account,
        "insufficient balance",
    )
    .await;
}

#[tokio::test]
async fn errors_inside_a_stream_are_told_apart() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "later"}});
    let messages = peer([
        stream(&[overloaded]),
        stream(&[json!({
            "type": "error", "error": {"type": "invalid_request_error", "message": "never"},
        })]),
    ]);
    let (reply, heard) = ask(&remote(config(Anthropic, &messages.url())), request("Hi")).await;
    assert_eq!(heard.waits().len(), 1, "the first may pass");
    assert_eq!(
        reply.expect_err("the second may not"),
        ModelError::Refused {
            provider: "test".to_owned(),
            detail: "an error in place of an answer: never (invalid_request_error)".to_owned()
        }
    );
    let chat = peer([stream(&[json!({"error": {"code": 401, "message": KEY}})])]);
    let (reply, _) = ask(&remote(config(Openai, &chat.url())), request("Hi")).await;
    assert!(matches!(reply, Err(ModelError::KeyRefused { .. })), "{reply:?}");
}

#[tokio::test]
async fn silence_has_an_end_at_every_step() {
    let mut quick = config(Openai, "");
    quick.retries_max = 0;
    quick.first_byte_timeout = Span(100);
    quick.idle_timeout = Span(100);

    let server = peer([chat_answer("never whole")]);
    let proxy = FaultProxy::start(server.address()).expect("started");
    proxy.plan([NetFault::Hang, NetFault::HangAfter(200)]);
    quick.base_url = Some(proxy.url());
    let (reply, _) = ask(&remote(quick.clone()), request("Hi")).await;
    assert!(
        reply
            .expect_err("no answer")
            .to_string()
            .contains("no first byte for 100ms")
    );
    let (reply, _) = ask(&remote(quick.clone()), request("Hi")).await;
    assert!(
        reply
            .expect_err("half an answer")
            .to_string()
            .contains("silence for 100ms")
    );

    let hanging = peer([NetFault::Hang, NetFault::Hang]);
    quick.base_url = Some(hanging.url());
    quick.retries_max = 5;
    quick.timeout = Span(150);
    let (reply, _) = ask(&remote(quick), request("Hi")).await;
    let error = reply.expect_err("no time left");
    assert!(
        matches!(error, ModelError::Unavailable { attempts: 2, .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("no answer within 150ms; the try before"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_bounds_is_refused() {
    let mut no_retry = config(Openai, "");
    no_retry.retries_max = 0;
    let long_event = NetFault::Answer {
        status: 200,
        headers: vec!["Content-Type: text/event-stream".to_owned()],
        body: format!("data: {}", "x".repeat(5 * 1024 * 1024)),
    };
    let events: Vec<_> = (0..18)
        .map(|_| json!({"choices": [{"delta": {"content": "x".repeat(1024 * 1024)}}]}))
        .collect();
    let peer = peer([long_event, stream(&events)]);
    no_retry.base_url = Some(peer.url());
    for said in [
        "an event of the stream is longer than",
        "the answer is longer than",
    ] {
        let (reply, _) = ask(&remote(no_retry.clone()), request("Hi")).await;
        let error = reply.expect_err("too long");
        assert!(
            matches!(error, ModelError::Malformed { .. }) && error.to_string().contains(said),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let peer = peer([NetFault::Answer {
        status: 307,
        headers: vec!["Location: http://127.0.0.1:9/steal".to_owned()],
        body: String::new(),
    }]);
    let (reply, _) = ask(&remote(config(Openai, &peer.url())), request("Hi")).await;
    assert!(matches!(reply, Err(ModelError::Refused { .. })), "{reply:?}");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let mut nobody = config(Openai, "http://127.0.0.1:9");
    nobody.retries_max = 1;
    let (reply, _) = ask(&remote(nobody), request("Hi")).await;
    let error = reply.expect_err("nobody listens");
    assert!(
        matches!(error, ModelError::Unavailable { attempts: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn no_more_requests_at_a_time_than_allowed() {
    let peer = peer([NetFault::Delay(Duration::from_millis(200)), NetFault::Close]);
    let mut one = config(Openai, &peer.url());
    one.concurrency_max = 1;
    one.retries_max = 0;
    let remote = remote(one);
    let seen_in_between = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.seen().len()
    };
    let (_, _, seen) = tokio::join!(
        ask(&remote, request("first")),
        ask(&remote, request("second")),
        seen_in_between
    );
    assert_eq!((seen, peer.seen().len()), (1, 2));
}
