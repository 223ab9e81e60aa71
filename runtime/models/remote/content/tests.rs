//! Parts in every usual form: text is joined, thoughts are kept apart.

use serde_json::{Value, json};

use super::{Content, THOUGHTS_BYTES_MAX};

fn content(pieces: &[Value]) -> (Content, String) {
    let (mut content, mut heard) = (Content::default(), String::new());
    for piece in pieces {
        content.take(piece, &mut |text| heard.push_str(text));
    }
    (content, heard)
}

#[test]
fn parts_of_text_are_joined_and_thoughts_are_not_text() {
    let (content, heard) = content(&[
        json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
        json!([{"type": "text", "text": "a"}, "b", {"text": "c"}]),
        json!({"type": "output_text", "text": {"value": "d"}}),
        json!([{"type": "reasoning", "content": "hm"}, {"type": "image_url", "image_url": {"url": "x"}}]),
        json!("e"),
        json!(null),
        json!(5),
    ]);
    assert_eq!((content.text.as_str(), heard.as_str()), ("abcde", "abcde"));
    assert_eq!(content.thought_bytes(), 4);
    assert!(!content.refused);
    assert_eq!(content.into_text(), "abcde");
}

#[test]
fn refusals_are_known_as_such() {
    let (content, _) = content(&[json!([{"type": "refusal", "refusal": "no"}])]);
    assert!(content.refused);
    assert_eq!(content.text, "no");
}

#[test]
fn thoughts_are_the_answer_where_there_is_no_other() {
    let (mut only, _) = content(&[json!("  ")]);
    only.think(&json!([{"type": "reasoning.text", "text": "{\"claims\": []}"}]));
    assert_eq!(only.into_text(), "{\"claims\": []}");
}

#[test]
fn depth_and_length_are_bounded() {
    let mut deep = json!("x");
    for _ in 0..50 {
        deep = json!([deep]);
    }
    let (mut content, _) = content(&[deep]);
    assert_eq!(content.text, "");
    let long = json!("t".repeat(THOUGHTS_BYTES_MAX));
    content.think(&long);
    content.think(&long);
    assert_eq!(content.thought_bytes(), 2 * THOUGHTS_BYTES_MAX as u64);
    assert_eq!(content.into_text().len(), THOUGHTS_BYTES_MAX);
}
