//! Event streams decode whatever the cuts between their chunks.

use proptest::prelude::*;

use super::{EVENT_BYTES_MAX, SseDecoder, SseError, SseEvent};

fn event(name: &str, data: &str) -> SseEvent {
    SseEvent {
        name: name.to_owned(),
        data: data.to_owned(),
    }
}

fn decode(pieces: &[&[u8]]) -> Vec<SseEvent> {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut events).expect("well formed");
    }
    decoder.finish(&mut events).expect("well formed");
    events
}

#[test]
fn every_kind_of_line_end_ends_a_line() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!(
            "\u{feff}: comment{end}event: a{end}data: 1 +{end}data:2{end}id: 9{end}{end}data{end}{end}"
        );
        assert_eq!(
            decode(&[text.as_bytes()]),
            [event("a", "1 +\n2"), event("", "")],
            "{end:?}"
        );
    }
}

#[test]
fn a_last_event_needs_no_empty_line() {
    assert_eq!(
        decode(&[b"data: {}\n\ndata: [DONE]"]),
        [event("", "{}"), event("", "[DONE]")]
    );
    assert_eq!(decode(&[b"event: only a name\n\n"]), []);
    assert_eq!(decode(&[b" \n\n"]), []);
    assert_eq!(decode(&[]), []);
}

#[test]
fn values_that_a_single_line_end_parts_are_events_of_their_own() {
    let text = b"event: a\ndata: {\"n\": 1}\ndata: {\"n\": 2}\r\ndata: [DONE]\n";
    let names: Vec<SseEvent> = ["{\"n\": 1}", "{\"n\": 2}", "[DONE]"]
        .map(|data| event("a", data))
        .into();
    assert_eq!(decode(&[text]), names);
    // One value over several lines stays one.
    assert_eq!(
        decode(&[b"data: {\ndata: \"n\": 1\ndata: }\n\n"]),
        [event("", "{\n\"n\": 1\n}")]
    );
}

#[test]
fn an_error_field_and_a_bare_value_are_events() {
    assert_eq!(
        decode(&[b"data: {}\nerror: {\"code\": 400}\n\ndata: [DONE]\n\n"]),
        [
            event("", "{}"),
            event("error", "{\"code\": 400}"),
            event("", "[DONE]")
        ]
    );
    assert_eq!(
        decode(&[b": hello\n\n{\"error\": \"x\"}\n\n"]),
        [event("", "{\"error\": \"x\"}")]
    );
}

#[test]
fn a_body_of_values_is_told_by_its_first_character() {
    for mark in ["", "\u{feff}", " \r\n"] {
        let whole = format!("{mark}{{\"a\": \"}}\\\"{{\",\n \"b\": [1]\n}}\n");
        assert_eq!(
            decode(&[whole.as_bytes()]),
            [event("", "{\"a\": \"}\\\"{\",\n \"b\": [1]\n}")],
            "{mark:?}"
        );
    }
    assert_eq!(
        decode(&[b"{\"n\": 1}\n{\"n\": 2}{\"n\": 3}"]),
        [
            event("", "{\"n\": 1}"),
            event("", "{\"n\": 2}"),
            event("", "{\"n\": 3}")
        ]
    );
    assert_eq!(
        decode(&[b"{\"cut\": "]),
        [event("", "{\"cut\": ")],
        "the protocol says that it is cut"
    );
}

#[test]
fn bounds_encoding_and_pages_are_kept_out() {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    let long = vec![b'x'; EVENT_BYTES_MAX + 1];
    assert_eq!(decoder.push(&long, &mut events), Err(SseError::TooLong));
    let mut deep = vec![b'{'; EVENT_BYTES_MAX + 1];
    assert_eq!(
        SseDecoder::default().push(&deep, &mut events),
        Err(SseError::TooLong)
    );
    deep.truncate(9);
    let mut decoder = SseDecoder::default();
    assert_eq!(decoder.push(b"data: \xff\n", &mut events), Err(SseError::NotUtf8));
    assert_eq!(
        SseDecoder::default().push(b"\n <html>", &mut events),
        Err(SseError::Page)
    );
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_changes_nothing(
        lines in proptest::collection::vec("(data|event|id|error|)(: ?)?(\\{\\}|[ -~é漢]{0,8})(\r\n|\n|\r){1,2}", 0..12),
        cut in 1_usize..7,
    ) {
        let bytes = lines.concat().into_bytes();
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        let all = |pieces: &[&[u8]]| {
            let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
            let failure = pieces.iter().find_map(|piece| decoder.push(piece, &mut events).err());
            let end = decoder.finish(&mut events).err();
            (events, failure, failure.map_or(end, |_| None))
        };
        prop_assert_eq!(all(&pieces), all(&[&bytes]));
    }
}
