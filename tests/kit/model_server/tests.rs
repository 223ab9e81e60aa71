//! The stand-in over a plain socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use super::{ModelServer, Protocol, Response};

fn ask(server: &ModelServer, target: &str, body: &str) -> String {
    let address = server.url().replace("http://", "");
    let mut client = TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    let request = format!("POST {target} HTTP/1.1\r\nX-Mine: yes\r\ncontent-length: {length}\r\n\r\n{body}");
    client.write_all(request.as_bytes()).expect("it can be written");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it can be read");
    answer
}

#[test]
fn each_request_is_answered_by_the_closure_and_kept() {
    let server = ModelServer::start(|call| {
        Response::json(200 + u16::try_from(call.number()).expect("few"), call.body())
    });
    let first = ask(&server, "/v1/chat/completions", r#"{"a":1}"#);
    assert!(first.starts_with("HTTP/1.1 201 "), "{first}");
    assert!(first.ends_with(r#"{"a":1}"#), "{first}");
    let second = ask(&server, "http://host.invalid/v1/messages", "no JSON");
    assert!(second.starts_with("HTTP/1.1 202 "), "{second}");
    let calls = server.calls();
    assert_eq!(calls[0].protocol(), Protocol::Openai);
    assert_eq!(calls[0].header("x-mine"), Some("yes"));
    assert_eq!(calls[1].protocol(), Protocol::Anthropic);
    assert_eq!(calls[1].target(), "http://host.invalid/v1/messages");
    assert!(calls[1].body().is_null());
}

#[test]
fn an_honest_reader_quotes_the_first_line_and_a_writer_uses_every_finding() {
    let server = ModelServer::honest();
    let reader = json!({ "messages": [
        { "role": "system", "content": "You are a reader." },
        { "role": "user", "content": "<<<data 12ab>>>\n\nTides turn twice.\nMore.\n<<<end 12ab>>>" },
    ] });
    let answer = ask(&server, "/v1/chat/completions", &reader.to_string());
    assert!(answer.contains(r#"\"quote\":\"Tides turn twice.\""#), "{answer}");
    let writer = json!({
        "system": "You are a writer.",
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "[1] one\n[2] two" }] }],
    });
    let answer = ask(&server, "/v1/messages", &writer.to_string());
    assert!(answer.contains(r#"\"findings\":[2]"#), "{answer}");
    assert!(answer.contains("event: message_stop"), "{answer}");
}

#[test]
fn raw_bytes_are_sent_as_they_are() {
    let server = ModelServer::start(|_| Response::raw("what is this").then("?"));
    assert_eq!(ask(&server, "/", ""), "what is this?");
}
