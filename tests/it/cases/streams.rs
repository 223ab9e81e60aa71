//! Streams that keep the standard, nearly keep it, or hold an error where an answer should be.

use std::io::Write as _;

use anthill_kit::model_server::{Call, DONE, ModelServer, Response, chunk, events, named_events};
use serde_json::{Value, json};

use super::Case;

/// The chunks of an honest answer.
fn honest(call: &Call) -> Vec<Value> {
    let text = json!({ "role": "assistant", "content": call.honest().to_string() });
    let counts = json!({ "prompt_tokens": 500, "completion_tokens": 50 });
    vec![
        chunk(&text, &json!(null), &json!(null)),
        chunk(&json!({}), &json!("stop"), &counts),
    ]
}

/// Plays a job on a server that sends its honest answers like this: read at the first try.
#[track_caller]
fn check_read(name: &str, answer: impl Fn(&Call) -> Response + Send + Sync + 'static) {
    let case = Case::of_readers(ModelServer::start(answer));
    let finished = case.run();
    assert_eq!(finished.exit(), Some(0), "{name}: {}", finished.stderr());
    assert_eq!((case.claims(), case.server.calls().len()), (2, 3), "{name}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn a_whole_stream_is_read_however_its_lines_are_written() {
    check_read("no empty line behind the end mark", |call| {
        Response::stream(events(&honest(call)) + "data: [DONE]\n")
    });
    check_read("no end mark", |call| Response::stream(events(&honest(call))));
    check_read("no line end at all at the end", |call| {
        Response::stream(events(&honest(call)).trim_end().to_owned())
    });
    check_read("nothing in an event, and comments", |call| {
        Response::stream(format!(
            ": hold\n\ndata: \n\ndata:\n\n{}{DONE}",
            events(&honest(call))
        ))
    });
    check_read("a mark of byte order", |call| {
        Response::stream(format!("\u{feff}{}{DONE}", events(&honest(call))))
    });
    for end in ["\r", "\r\n"] {
        check_read("other line ends", move |call| {
            Response::stream((events(&honest(call)) + DONE).replace('\n', end))
        });
    }
    check_read("one line end between events", |call| {
        Response::stream((events(&honest(call)) + DONE).replace("\n\n", "\n"))
    });
    check_read("lines of JSON", |call| {
        let lines: Vec<String> = honest(call).iter().map(Value::to_string).collect();
        Response::status(200, "application/x-ndjson", lines.join("\n"))
    });
}

#[test]
fn a_content_type_or_a_coding_does_no_harm() {
    for kind in ["", "text/plain", "application/octet-stream", "application/json"] {
        check_read(kind, move |call| {
            Response::status(200, kind, events(&honest(call)) + DONE)
        });
    }
    check_read("gzip", |call| {
        Response::stream(gzip(&(events(&honest(call)) + DONE))).header("content-encoding", "gzip")
    });
    check_read("zstd", |call| {
        let body = events(&honest(call)) + DONE;
        let packed = zstd::encode_all(body.as_bytes(), 0).expect("packed");
        Response::stream(packed).header("content-encoding", "zstd")
    });
}

#[test]
fn a_whole_answer_instead_of_a_stream_is_read() {
    check_read("chat completion", |call| {
        let message = json!({ "role": "assistant", "content": call.honest().to_string() });
        Response::json(
            200,
            &json!({
                "object": "chat.completion",
                "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": 500, "completion_tokens": 50 },
            }),
        )
    });
}

#[test]
fn a_messages_stream_may_end_without_its_last_event() {
    let case = Case::of_readers(ModelServer::start(|call| {
        Response::stream(named_events(&[
            json!({ "type": "message_start", "message": { "usage": { "input_tokens": 500 } } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": call.honest().to_string() } }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 50 } }),
        ]))
    }))
    .on_anthropic();
    case.run().ok();
    assert_eq!(case.claims(), 2);
}

/// Plays a job on a server that always answers this; answers how often each reader asked, and what the user reads.
fn told(answer: Response) -> (usize, String) {
    let case = Case::new(
        ModelServer::start(move |_| answer.clone()),
        "map_reduce_verify",
        "[work]\nworkers_max = 1\n",
    );
    let finished = case.run();
    assert_ne!(finished.exit(), Some(0), "{}", finished.stdout());
    let mut said = finished.stdout() + &finished.stderr();
    for detail in case.details() {
        said.push_str(&detail);
    }
    (case.readers_asked(), said)
}

#[test]
fn an_error_that_will_not_pass_is_told_at_once_in_the_providers_words() {
    let why = json!({ "code": 400, "message": "the field `tide` is not known here", "type": "invalid_request_error" });
    for answer in [
        Response::stream(format!("error: {why}\n\n{DONE}")),
        Response::stream(format!("event: error\ndata: {why}\n\n")),
        Response::stream(format!("data: {}\n\n", json!({ "error": why }))),
        Response::json(200, &json!({ "error": why })),
        Response::json(400, &json!({ "error": why })),
    ] {
        let (asked, said) = told(answer.clone());
        assert_eq!(asked, 2, "each document once: {answer:?}");
        assert!(said.contains("the field `tide` is not known here"), "{said}");
    }
}

#[test]
fn an_error_that_may_pass_is_tried_again_and_its_words_are_kept() {
    let why = json!({ "message": "the free answers of this day are gone", "code": 429 });
    for answer in [
        Response::json(200, &json!({ "error": why })),
        Response::stream(format!("data: {}\n\n", json!({ "error": why }))),
        Response::json(429, &json!({ "error": why })),
    ] {
        let (asked, said) = told(answer);
        assert_eq!(asked, 5, "the first try and four more");
        assert!(said.contains("the free answers of this day are gone"), "{said}");
        assert!(said.contains("429"), "{said}");
        assert!(!said.contains("base URL"), "{said}");
    }
}

#[test]
fn an_account_that_is_not_served_pauses_the_job() {
    let region = json!({ "code": "unsupported_country_region_territory", "message": "not offered at the coast", "type": "request_forbidden" });
    let plan = json!({ "message": "your plan does not include this", "type": "permission_error" });
    for (status, why) in [
        (403, region),
        (403, plan),
        (402, json!({ "message": "the bill of last month is open" })),
        (
            429,
            json!({ "message": "the quota of this month is used up", "code": "insufficient_quota" }),
        ),
        (
            400,
            json!({ "message": "Your credit balance is too low", "type": "invalid_request_error" }),
        ),
    ] {
        let case = Case::of_readers(ModelServer::start({
            let body = json!({ "error": why });
            move |_| Response::json(status, &body)
        }));
        let line = case.run().refused(5, "AH0308");
        let words = why["message"].as_str().expect("words");
        assert!(line.contains(words) && !line.contains("check the key"), "{line}");
        assert_eq!(case.job()["job"]["status"], "paused", "{why}");
    }
}

#[test]
fn a_document_that_is_too_long_for_the_model_is_that_documents_failure() {
    let case = Case::of_readers(ModelServer::start(|call| {
        if call.is_reader() && call.user().contains("moon.md") {
            let why = json!({ "code": "context_length_exceeded", "message": "at most 4096 tokens fit" });
            return Response::json(400, &json!({ "error": why }));
        }
        call.says(call.honest().to_string())
    }));
    case.run();
    assert_eq!(case.readers_asked(), 2, "nothing was asked twice");
    let details = case.details();
    assert!(
        details
            .iter()
            .any(|detail| detail.contains("AH0310") && detail.contains("at most 4096 tokens fit")),
        "{details:?}"
    );
    assert_eq!(case.claims(), 1, "the brief is made of the rest");
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let why = json!({ "error": { "message": "The model does not exist", "code": "model_not_found" } });
    let case = Case::of_readers(ModelServer::start(move |_| Response::json(404, &why)));
    let line = case.run().refused(5, "AH0309");
    assert!(line.contains("`m`") && line.contains("does not exist"), "{line}");
}
