//! Tool calls in the forms that servers give them: made whole, told apart, and never sent back in a form that is refused.

use std::collections::BTreeSet;

use anthill_kit::model_server::{Call, DONE, ModelServer, Response, chunk, events};
use serde_json::{Value, json};

use super::Case;

/// An answer that asks for tools in these pieces, one a chunk.
fn asks(pieces: &[Value]) -> Response {
    let delta = |delta: Value| chunk(&delta, &json!(null), &json!(null));
    let mut chunks: Vec<Value> = pieces
        .iter()
        .map(|piece| delta(json!({ "content": null, "tool_calls": [piece] })))
        .collect();
    let counts = json!({ "prompt_tokens": 500, "completion_tokens": 50 });
    chunks.push(chunk(&json!({}), &json!("tool_calls"), &counts));
    Response::stream(events(&chunks) + DONE)
}

fn piece(id: &str, index: u64, name: &str, args: Value) -> Value {
    let mut piece = json!({ "id": id, "index": index, "type": "function", "function": { "name": name } });
    piece["function"]["arguments"] = args;
    piece
}

/// As strict servers do: an id twice, a call without its outcome, or a name with other characters is refused.
fn refusal(call: &Call) -> Option<Response> {
    let calls = call.tool_calls();
    let ids: BTreeSet<&String> = calls.iter().map(|(id, _)| id).collect();
    let answered: BTreeSet<String> = call.tool_outcomes().into_iter().map(|(id, _)| id).collect();
    let is_good = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let good = ids.len() == calls.len()
        && calls
            .iter()
            .all(|(id, name)| is_good(id) && is_good(name) && answered.contains(id));
    (!good).then(|| {
        let why = json!({ "message": format!("these calls are not allowed: {calls:?}"), "type": "invalid_request_error" });
        Response::json(400, &json!({ "error": why }))
    })
}

/// Plays a job whose model asks for tools in these pieces; answers what came back from them.
#[track_caller]
fn outcomes(pieces: Vec<Value>) -> Vec<String> {
    let case = Case::of_researcher(ModelServer::start(move |call| {
        if let Some(refused) = refusal(call) {
            return refused;
        }
        if call.tool_outcomes().is_empty() {
            return asks(&pieces);
        }
        call.says(
            call.finding_of("moon.md", "The moon draws the sea towards itself.")
                .to_string(),
        )
    }));
    case.run().ok();
    let calls = case.server.calls();
    calls[1]
        .tool_outcomes()
        .into_iter()
        .map(|(_, text)| text)
        .collect()
}

#[track_caller]
fn check_reads_both(pieces: &[Value]) {
    let outcomes = outcomes(pieces.to_vec());
    assert_eq!(outcomes.len(), 2, "{pieces:?} {outcomes:?}");
    assert!(outcomes[0].contains("The tide comes"), "{pieces:?} {outcomes:?}");
    assert!(outcomes[1].contains("The moon draws"), "{pieces:?} {outcomes:?}");
}

#[track_caller]
fn check_reads_moon(pieces: &[Value]) {
    let outcomes = outcomes(pieces.to_vec());
    assert_eq!(outcomes.len(), 1, "{pieces:?} {outcomes:?}");
    assert!(outcomes[0].contains("The moon draws"), "{pieces:?} {outcomes:?}");
}

#[test]
fn two_calls_stay_two() {
    let (tides, moon) = (
        json!("{\"path\": \"tides.md\"}"),
        json!("{\"path\": \"moon.md\"}"),
    );
    for (first, second) in [
        (("r1", 0), ("r2", 0)),
        (("same", 0), ("same", 1)),
        (("", 0), ("", 1)),
    ] {
        check_reads_both(&[
            piece(first.0, first.1, "read_file", tides.clone()),
            piece(second.0, second.1, "read_file", moon.clone()),
        ]);
    }
    let without_index = |id: &str, args: &Value| json!({ "id": id, "type": "function", "function": { "name": "read_file", "arguments": args } });
    check_reads_both(&[without_index("r1", &tides), without_index("r2", &moon)]);
}

#[test]
fn one_call_in_pieces_stays_one() {
    check_reads_moon(&[
        piece("r1", 0, "read_file", json!("")),
        piece("r1", 0, "read_file", json!("{\"path\":")),
        piece("r1", 0, "read_file", json!(" \"moon.md\"}")),
    ]);
    check_reads_moon(&[
        piece("r1", 0, "read_file", json!("{\"path\": \"moon.md\"}")),
        piece("r1", 0, "read_file", json!("{\"path\": \"moon.md\"}")),
    ]);
}

#[test]
fn arguments_may_be_an_object() {
    check_reads_moon(&[piece("r1", 0, "read_file", json!({ "path": "moon.md" }))]);
    check_reads_moon(&[piece(
        "r1",
        0,
        "read_file",
        json!("\"{\\\"path\\\": \\\"moon.md\\\"}\""),
    )]);
}

#[test]
fn names_are_cleaned_of_what_sticks_to_them() {
    for name in [
        "read_file<|channel|>commentary",
        " read_file ",
        "functions.read_file",
        "read_file\n",
    ] {
        check_reads_moon(&[piece("r1", 0, name, json!("{\"path\": \"moon.md\"}"))]);
    }
}

#[test]
fn a_tool_that_is_not_there_is_answered_with_those_that_are() {
    for name in ["", "open the file", "<|constrain|>json"] {
        let outcomes = outcomes(vec![piece(
            "an id of many words",
            0,
            name,
            json!("{\"path\": \"moon.md\"}"),
        )]);
        assert!(outcomes[0].contains("read_file"), "{name:?}: {outcomes:?}");
    }
}

#[test]
fn ids_that_come_again_in_a_later_round_are_told_apart() {
    let case = Case::of_researcher(ModelServer::start(|call| {
        if let Some(refused) = refusal(call) {
            return refused;
        }
        match call.tool_outcomes().len() {
            0 => asks(&[piece("call_0", 0, "read_file", json!("{\"path\": \"moon.md\"}"))]),
            1 => asks(&[piece("call_0", 0, "read_file", json!("{\"path\": \"tides.md\"}"))]),
            _ => call.says(
                call.finding_of("tides.md", "The tide comes in twice a day.")
                    .to_string(),
            ),
        }
    }));
    case.run().ok();
    assert_eq!((case.claims(), case.server.calls().len()), (1, 3));
}
