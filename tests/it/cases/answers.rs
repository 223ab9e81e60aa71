//! What a model's server answers, well-formed or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anthill_kit::model_server::{DONE, ModelServer, Response, ToolAsk, chunk, events};
use serde_json::json;

use super::Case;

#[test]
fn an_honest_server_is_read_in_both_protocols() {
    let case = Case::of_readers(ModelServer::honest());
    case.run().ok();
    assert_eq!(case.claims(), 2);
    assert_eq!(case.server.calls().len(), 3);
    let case = Case::of_readers(ModelServer::honest()).on_anthropic();
    case.run().ok();
    assert_eq!(case.claims(), 2);
}

#[test]
fn an_agent_with_tools_reads_what_it_asked_for() {
    let case = Case::of_researcher(ModelServer::start(|call| {
        if call.tool_outcomes().is_empty() {
            let read = ToolAsk {
                id: "r1",
                name: "read_file",
                args: r#"{"path": "moon.md"}"#,
            };
            return call.asks(&[read]);
        }
        call.says(
            call.finding_of("moon.md", "The moon draws the sea towards itself.")
                .to_string(),
        )
    }));
    case.run().ok();
    assert_eq!(case.claims(), 1);
    assert!(
        case.server.calls()[1].tool_outcomes()[0]
            .1
            .contains("The moon draws")
    );
}

#[test]
fn a_job_that_paused_for_its_key_goes_on_where_it_stopped() {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let case = Case::of_readers(ModelServer::start(move |call| {
        if is_mended.load(Ordering::SeqCst) || call.number() == 1 {
            return call.says(call.honest().to_string());
        }
        Response::json(401, &json!({ "error": { "message": "this key is revoked" } }))
    }));
    case.run().refused(5, "AH0303");
    assert_eq!(case.job()["job"]["status"], "paused");
    mended.store(true, Ordering::SeqCst);
    case.resume(&[]).ok();
    assert_eq!(case.claims(), 2);
}

/// A draft in thoughts, and what may end them.
const ENDS: [&str; 5] = [
    "\n</think>\n\n",
    "[/THINK]",
    "◁/think▷ ",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
    "\nSo this is what I answer:\n```json\n",
];

#[test]
fn a_draft_in_thoughts_never_wins_over_the_answer() {
    for end in ENDS {
        let case = Case::of_readers(ModelServer::start(move |call| {
            let draft = if call.is_writer() {
                r#"{"sections": []}"#
            } else {
                r#"{"claims": []}"#
            };
            let honest = call.honest();
            call.says(format!(
                "Nothing to say would be {draft}, but it does say something.{end}{honest}"
            ))
        }));
        case.run().ok();
        assert_eq!(case.claims(), 2, "{end}");
        assert_eq!(case.server.calls().len(), 3, "nothing was asked twice: {end}");
    }
}

#[test]
fn a_marker_that_an_answer_quotes_cuts_nothing() {
    let case = Case::of_readers(ModelServer::honest());
    case.place
        .write("docs/moon.md", "The moon writes </think> into the sand.\n");
    case.run().ok();
    assert!(case.place.read("out/brief.json").contains("writes </think> into"));
}

/// The text in an answer of chat completions, in two parts behind one of thoughts.
fn in_parts(text: &str) -> Response {
    let middle = (text.len() / 2..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let (begin, end) = text.split_at(middle);
    let delta =
        |content: serde_json::Value| chunk(&json!({ "content": content }), &json!(null), &json!(null));
    let stop = chunk(
        &json!({}),
        &json!("stop"),
        &json!({ "prompt_tokens": 500, "completion_tokens": 50 }),
    );
    Response::stream(
        events(&[
            delta(
                json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "{\"claims\": []}" }] }]),
            ),
            delta(json!([{ "type": "text", "text": begin }])),
            delta(json!([{ "type": "text", "text": end }])),
            stop,
        ]) + DONE,
    )
}

#[test]
fn content_in_parts_is_joined_and_thoughts_are_left_out() {
    let case = Case::of_readers(ModelServer::start(|call| in_parts(&call.honest().to_string())));
    case.run().ok();
    assert_eq!((case.claims(), case.server.calls().len()), (2, 3));
}

/// An answer of chat completions with this delta and this reason to stop.
fn ends(delta: &serde_json::Value, reason: &str) -> Response {
    let counts = json!({ "prompt_tokens": 500, "completion_tokens": 2000 });
    let words = chunk(delta, &json!(null), &json!(null));
    Response::stream(events(&[words, chunk(&json!({}), &json!(reason), &counts)]) + DONE)
}

/// Plays a job whose readers end like this; none is asked twice, and each says why it failed.
#[track_caller]
fn check_not_asked_again(delta: serde_json::Value, reason: &'static str, words: &[&str]) {
    let case = Case::of_readers(ModelServer::start(move |call| {
        if call.is_reader() {
            return ends(&delta, reason);
        }
        call.says(call.honest().to_string())
    }));
    case.run();
    assert_eq!(case.readers_asked(), 2, "each document once");
    let details = case.details();
    assert!(
        details
            .iter()
            .any(|detail| words.iter().all(|word| detail.contains(word))),
        "{details:?}"
    );
}

#[test]
fn tokens_that_are_used_up_name_their_key_and_are_not_asked_again() {
    let thoughts = json!({ "content": null, "reasoning_content": "Let me see. ".repeat(50) });
    check_not_asked_again(
        thoughts,
        "length",
        &["AH0312", "work.answer_tokens_max", "thoughts"],
    );
    let half = json!({ "content": "{\"claims\": [{\"text\": \"The tide" });
    check_not_asked_again(half, "length", &["AH0312", "work.answer_tokens_max"]);
}

#[test]
fn what_is_withheld_is_named_and_not_asked_again() {
    check_not_asked_again(
        json!({ "content": "{\"cla" }),
        "content_filter",
        &["AH0311", "filter"],
    );
    check_not_asked_again(
        json!({ "refusal": "I will not speak of the sea." }),
        "stop",
        &["AH0313", "speak of the sea"],
    );
}

#[test]
fn a_whole_answer_counts_although_its_tokens_were_used_up() {
    let case = Case::of_readers(ModelServer::start(|call| {
        ends(&json!({ "content": call.honest().to_string() }), "length")
    }));
    case.run().ok();
    assert_eq!(case.claims(), 2);
}

#[test]
fn an_answer_that_ends_in_an_error_is_the_providers_failure() {
    let case = Case::of_readers(ModelServer::start(|_| {
        ends(&json!({ "content": "{\"claims\": []" }), "error")
    }));
    case.run().refused(5, "AH0305");
    assert_eq!(case.job()["job"]["status"], "paused");
    let case = Case::of_readers(ModelServer::start(|call| match call.number() {
        1 | 2 => ends(&json!({}), "error"),
        _ => call.says(call.honest().to_string()),
    }));
    case.run().ok();
    assert_eq!(case.claims(), 2);
}
