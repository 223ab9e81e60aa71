//! Calls are put together from what servers send, and never merged, dropped or sent back in a form that is refused.

use anthill_contracts::model::{Matter, Message, ModelRequest};
use anthill_contracts::tool::{EffectClass, ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::{Calls, Piece, finished};

fn request() -> ModelRequest {
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        schema: json!({}),
        effect: EffectClass::Read,
    };
    ModelRequest {
        model: "test/m".parse().expect("a name"),
        system: String::new(),
        messages: Vec::new(),
        tools: vec![tool("read_file"), tool("search")],
        answer_schema: None,
        answer_tokens_max: 10,
        matter: Matter::Prompt,
    }
}

/// What becomes of pieces, each `[index, id, name, arguments]`: id, name and arguments.
fn made(pieces: &[Value]) -> Vec<(String, String, Value)> {
    let mut calls = Calls::default();
    for piece in pieces {
        let piece = Piece {
            index: piece[0].as_u64(),
            id: piece[1].as_str(),
            name: piece[2].as_str(),
            args: Some(&piece[3]),
        };
        calls.piece(piece).expect("few calls");
    }
    let calls = finished(&request(), calls.finish());
    calls
        .into_iter()
        .map(|call| (call.call, call.tool, call.args))
        .collect()
}

fn check(pieces: &[Value], expected: &[(&str, &str, Value)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(id, name, args)| ((*id).to_owned(), (*name).to_owned(), args.clone()))
        .collect();
    assert_eq!(made(pieces), expected, "{pieces:?}");
}

const A: &str = "{\"path\": \"a.md\"}";
const B: &str = "{\"path\": \"b.md\"}";

fn a() -> Value {
    json!({"path": "a.md"})
}

fn b() -> Value {
    json!({"path": "b.md"})
}

#[test]
fn pieces_by_the_rule_make_one_call() {
    check(
        &[
            json!([0, "x", "read_file", ""]),
            json!([0, null, null, "{\"path\":"]),
            json!([0, null, null, " \"a.md\"}"]),
        ],
        &[("x", "read_file", a())],
    );
    check(
        &[json!([1, "y", "search", B]), json!([0, "x", "read_file", A])],
        &[("x", "read_file", a()), ("y", "search", b())],
    );
}

#[test]
fn calls_that_share_an_index_or_an_id_stay_apart() {
    let both = [("x", "read_file", a()), ("y", "read_file", b())];
    check(
        &[json!([0, "x", "read_file", A]), json!([0, "y", "read_file", B])],
        &both,
    );
    check(
        &[
            json!([null, "x", "read_file", A]),
            json!([null, "y", "read_file", B]),
        ],
        &both,
    );
    let fresh = [("x", "read_file", a()), ("call_0", "read_file", b())];
    check(
        &[json!([0, "x", "read_file", A]), json!([1, "x", "read_file", B])],
        &fresh,
    );
    check(
        &[json!([0, "x", "read_file", A]), json!([0, "x", "read_file", B])],
        &fresh,
    );
    let none = [("call_0", "read_file", a()), ("call_1", "read_file", b())];
    check(
        &[json!([0, null, "read_file", A]), json!([0, null, "read_file", B])],
        &none,
    );
    check(
        &[
            json!([null, null, "read_file", A]),
            json!([null, "", "read_file", B]),
        ],
        &none,
    );
    // Without indices, ids say which call goes on.
    check(
        &[
            json!([null, "x", "read_file", "{\"path\""]),
            json!([null, "y", "read_file", "{\"path\""]),
            json!([null, "x", null, ": \"a.md\"}"]),
            json!([null, "y", null, ": \"b.md\"}"]),
        ],
        &both,
    );
}

#[test]
fn what_is_repeated_counts_once() {
    let once = [("x", "read_file", a())];
    let (first, second) = ("{\"path\"", ": \"a.md\"}");
    check(
        &[
            json!([0, "x", "read_file", first]),
            json!([0, "x", "read_file", second]),
        ],
        &once,
    );
    check(
        &[json!([0, "x", "read_file", first]), json!([0, "z", null, second])],
        &once,
    );
    check(
        &[
            json!([0, "x", "read_file", first]),
            json!([0, null, null, second]),
            json!([0, "x", "read_file", A]),
        ],
        &once,
    );
    check(
        &[
            json!([0, "x", "read_file", first]),
            json!([0, "x", "read_file", A]),
        ],
        &once,
    );
    check(
        &[json!([0, "x", "read", null]), json!([0, null, "_file", A])],
        &once,
    );
    check(
        &[json!([0, "x", "read", null]), json!([0, null, "read_file", A])],
        &once,
    );
}

#[test]
fn arguments_come_in_every_form() {
    let check = |args: Value, expected: Value| {
        check(
            &[json!([0, "x", "read_file", args])],
            &[("x", "read_file", expected)],
        );
    };
    check(a(), a());
    check(json!(A), a());
    check(json!(json!(A).to_string()), a());
    check(json!(null), json!({}));
    check(json!("null"), json!({}));
    check(json!(" "), json!({}));
    check(json!("not json"), json!("not json"));
    check(json!("[1]"), json!([1]));
    self::check(
        &[json!([0, "x", "read_file", {}]), json!([0, null, null, a()])],
        &[("x", "read_file", a())],
    );
}

#[test]
fn names_are_cleaned_or_at_least_sendable() {
    for name in [
        "read_file<|channel|>commentary",
        " read_file\n",
        "functions.read_file",
        "default_api:read_file",
        "tools/read_file",
        "Read_File",
        "`read_file`",
        "read_file()",
        "<|tool|>read_file",
        "assistant.functions.read_file:0",
    ] {
        check(&[json!([0, "x", name, A])], &[("x", "read_file", a())]);
    }
    check(&[json!([0, "x", "", A])], &[("x", "unnamed_tool", a())]);
    check(&[json!([0, "x", "do it (now)", A])], &[("x", "do_it_now", a())]);
    check(&[json!([0, "x", "größe", A])], &[("x", "gr_e", a())]);
    assert_eq!(made(&[json!([0, "x", "n".repeat(900), A])])[0].1.len(), 64);
    check(&[json!([0, null, null, null])], &[]);
}

#[test]
fn ids_are_unique_over_the_whole_conversation() {
    let mut asked = request();
    let earlier = |id: &str| ToolCall {
        call: id.to_owned(),
        tool: "search".to_owned(),
        args: json!({}),
    };
    asked.messages.push(Message::Assistant {
        text: String::new(),
        tool_calls: vec![earlier("call_0"), earlier("call_1")],
    });
    let raw = |id: &str| super::RawCall {
        id: id.to_owned(),
        name: "search".to_owned(),
        args: String::new(),
    };
    let calls = finished(
        &asked,
        vec![
            raw("call_0"),
            raw(""),
            raw("new"),
            raw(&"i".repeat(900)),
            raw("a\u{0}"),
            raw("some words"),
            raw("functions.search:0"),
        ],
    );
    let ids: Vec<&str> = calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(
        ids,
        [
            "call_2",
            "call_3",
            "new",
            "call_4",
            "call_5",
            "call_6",
            "functions.search:0"
        ]
    );
}

#[test]
fn too_many_calls_are_refused() {
    let mut calls = Calls::default();
    let outcome = (0..1000).try_for_each(|index| {
        calls.piece(Piece {
            index: Some(index),
            name: Some("search"),
            ..Piece::default()
        })
    });
    assert!(
        outcome
            .expect_err("bounded")
            .to_string()
            .contains("more than 128")
    );
}
