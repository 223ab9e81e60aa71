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
    events
}

#[test]
fn every_kind_of_line_end_ends_a_line() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!(
            "\u{feff}: comment{end}event: a{end}data: 1{end}data:2{end}id: 9{end}{end}data{end}{end}"
        );
        assert_eq!(
            decode(&[text.as_bytes()]),
            [event("a", "1\n2"), event("", "")],
            "{end:?}"
        );
    }
}

#[test]
fn an_event_without_its_empty_line_does_not_count() {
    assert_eq!(decode(&[b"data: 1\n\ndata: 2\n"]), [event("", "1")]);
    assert_eq!(decode(&[b"event: only a name\n\n"]), []);
}

#[test]
fn bounds_and_encoding_are_kept() {
    let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
    let long = vec![b'x'; EVENT_BYTES_MAX + 1];
    assert_eq!(decoder.push(&long, &mut events), Err(SseError::TooLong));
    let mut decoder = SseDecoder::default();
    assert_eq!(decoder.push(b"data: \xff\n", &mut events), Err(SseError::NotUtf8));
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_changes_nothing(
        lines in proptest::collection::vec("(data|event|id|)(: ?)?[ -~é漢]{0,8}(\r\n|\n|\r){1,2}", 0..12),
        cut in 1_usize..7,
    ) {
        let bytes = lines.concat().into_bytes();
        let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
        prop_assert_eq!(decode(&pieces), decode(&[&bytes]));
    }
}
