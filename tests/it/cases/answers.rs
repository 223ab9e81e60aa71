//! What a model's server answers, well-formed or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anthill_kit::model_server::{ModelServer, Response, ToolAsk};
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
