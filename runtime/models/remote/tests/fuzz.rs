//! Any bytes whatever: no panic, bounded work, and the same answer wherever the bytes are cut.
//!
//! `cargo test` runs a short while on random bytes and on the corpus beside this file; see `tests/README.md` for a run
//! that is guided by coverage.

use anthill_contracts::model::StopReason;

use super::super::failure::Failure;
use super::super::protocol::{Answer, Progress, Protocol};
use super::super::sse::SseDecoder;
use super::super::{anthropic, calls, openai};
use super::{config, request, search_tool};
use crate::config::ProviderKind::{Anthropic, Openai};

/// How often each byte may be looked at.
const LOOKS_MAX: usize = 4;

/// What a protocol makes of bytes that come in these pieces, and the work of decoding them.
fn answer(protocol: &dyn Protocol, pieces: &[&[u8]]) -> (Result<Answer, Failure>, usize) {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    let mut broken = pieces
        .iter()
        .find_map(|piece| decoder.push(piece, &mut events).err());
    if broken.is_none() {
        broken = decoder.finish(&mut events).err();
    }
    let mut assembly = protocol.assembly();
    let mut heard = String::new();
    for event in &events {
        match assembly.event(event, &mut |text| heard.push_str(text)) {
            Ok(Progress::More) => {}
            Ok(Progress::Ended) => return (assembly.finish(), decoder.work),
            Err(failure) => return (Err(failure), decoder.work),
        }
    }
    match broken {
        Some(error) => (Err(Failure::malformed(error.to_string())), decoder.work),
        None => (assembly.finish(), decoder.work),
    }
}

fn check(protocol: &dyn Protocol, bytes: &[u8]) {
    let (whole, work) = answer(protocol, &[bytes]);
    assert!(
        work <= LOOKS_MAX * bytes.len(),
        "{work} looks at {} bytes",
        bytes.len()
    );
    let middle = bytes.len() / 2;
    let (cut, _) = answer(protocol, &[&bytes[..middle], &bytes[middle..]]);
    assert_eq!(whole, cut, "where the bytes are cut changes nothing");
    let Ok(whole) = whole else { return };
    let mut asked = request("Hi");
    asked.tools = vec![search_tool()];
    let (usage, _) = whole.tally.settle(&asked, false);
    assert!(usage.tokens_in + usage.tokens_out > 0, "no call is free");
    assert!(usage.cached_in <= usage.tokens_in);
    assert!(whole.stop != StopReason::ToolCalls || !whole.calls.is_empty() || whole.text.is_empty());
    for call in calls::finished(&asked, whole.calls) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        assert!(
            (1..=64).contains(&call.tool.len()) && call.tool.chars().all(is_plain),
            "{}",
            call.tool
        );
        assert!(!call.call.is_empty());
    }
}

#[test]
fn streams() {
    let chat_config = config(Openai, "http://127.0.0.1:9");
    let endpoint = chat_config.endpoint("test").expect("a good address");
    let chat = openai::Chat::new(&chat_config, &endpoint);
    let messages = anthropic::Messages::new(&config(Anthropic, "http://127.0.0.1:9"));
    bolero::check!().for_each(|bytes: &[u8]| {
        check(&chat, bytes);
        check(&messages, bytes);
    });
}
