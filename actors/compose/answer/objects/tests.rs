//! Answers among thoughts, drafts, fences and prose.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::objects;

/// The last object, which wins where all fit.
fn last(text: &str) -> Option<Value> {
    objects(text).values.pop()
}

#[track_caller]
fn check(text: &str) {
    assert_eq!(last(text), Some(json!({"a": 1})), "{text}");
}

#[track_caller]
fn check_none(text: &str, flaw: &str) {
    let found = objects(text);
    assert_eq!(found.values, Vec::<Value>::new(), "{text}");
    assert!(
        found.flaw.as_deref().is_some_and(|said| said.contains(flaw)),
        "{found:?}"
    );
}

#[test]
fn what_stands_before_the_end_of_thoughts_is_dropped() {
    for end in [
        "</think>",
        "</thinking>",
        "</THOUGHTS>",
        "</reasoning>",
        "</seed:think>",
        "[/THINK]",
        "[/reasoning]",
        "◁/think▷",
        "<|/think|>",
        "<|end_of_thought|>",
        "<|thinking_end|>",
        "<|channel|>final<|message|>",
        "<|end|><|start|>assistant<|channel|> final <|constrain|>json<|message|>",
        "assistantfinal",
    ] {
        check(&format!("maybe {{\"draft\": 0}} or so\n{end}\n\n{{\"a\": 1}}"));
        check(&format!("{{\"draft\": 0}}{end}```json\n{{\"a\": 1}}\n```"));
        let only = objects(&format!("maybe {{\"draft\": 0}} or so\n{end}\n"));
        assert_eq!(only.values, Vec::<Value>::new(), "{end}");
    }
    check(
        "<|channel|>analysis<|message|>{\"draft\": 0}<|end|><|start|>assistant<|channel|>final<|message|>{\"a\": 1}",
    );
    check("one {\"d\": 0}</think> two {\"d\": 2}</think>{\"a\": 1}");
}

#[test]
fn marked_thoughts_are_dropped_wherever_they_stand() {
    for (begin, end) in [
        ("<think>", "</think>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ] {
        check(&format!("{begin}{{\"draft\": 0}}{end}{{\"a\": 1}}"));
        check(&format!(
            "{{\"a\": 1}}\n{begin}was that right? {{\"draft\": 0}} no{end}\n"
        ));
        check(&format!("{{\"a\": 1}} {begin} hm {{\"draft\": 0}} no"));
        check(&format!(
            "{begin} the end was forgotten\n```json\n{{\"a\": 1}}\n```\n"
        ));
        check_none(
            &format!("{begin} a draft {{\"draft\": 0}} and more words"),
            "no JSON object",
        );
    }
}

#[test]
fn a_marker_or_a_brace_in_a_string_means_nothing() {
    let quoted = json!({"a": "write </think> or } or <|channel|>final<|message|> {\" here"});
    assert_eq!(last(&quoted.to_string()), Some(quoted.clone()));
    assert_eq!(last(&format!("no</think>{quoted}")), Some(quoted));
    check("[1] is a footnote, (see below), <b>bold</b> and List<Thing> {\"a\": 1}");
    check("the user asks for (reasoning) and <reason to> think {\"a\": 1} (thinking)");
}

#[test]
fn the_last_object_is_taken_with_or_without_a_fence() {
    check("{\"draft\": 0} and then {\"a\": 1}, which is final.");
    check("```json\n{\"draft\": 0}\n```\n{\"a\": 1}");
    check("{\"draft\": 0}\n```\n{\"a\": 1}\n```");
    check("I use {braces} and {\"half\": [1, ...] and {\"a\": 1}");
    check("[{\"a\": 1}]");
    check("{\"a\": 1} and a brace {");
    check("my [reasoning]: {\"a\": 1} is it");
    check("\u{feff}{\"a\": 1}\u{0}");
}

#[test]
fn what_is_wrong_is_said() {
    check_none("no answer", "no JSON object");
    check_none("", "no JSON object");
    check_none("{\"a\": 1, \"b", "ends too early");
    check_none("{\"draft\": 0} {\"a\": [{\"b\": 1}, ", "ends too early");
    check_none("{a} {\"a\": tru} {b}", "not valid JSON");
}

/// Texts that make a careless search read the same bytes again and again.
fn hard(length: usize) -> Vec<String> {
    let repeated = |piece: &str| piece.repeat(length / piece.len());
    vec![
        repeated("{"),
        repeated("{\"a\":"),
        repeated("{\"a\":{\"b\":[\"some longer words between\"],\"c\":"),
        repeated("{\"a\":\"{"),
        repeated("{}"),
        repeated("<think>"),
        repeated("</think"),
        repeated("<|channel|>"),
        repeated("{\"a\": x"),
        repeated("[{\"a\": 1},"),
        format!("{}{}", repeated("{\"a\": ["), repeated("x")),
        repeated("\n{\n\"a\":\n{\n"),
    ]
}

#[test]
fn twice_the_text_is_at_most_two_and_a_half_times_the_work() {
    for (small, large) in hard(40_000).iter().zip(hard(80_000)) {
        let (once, twice) = (objects(small).work, objects(&large).work);
        assert!(twice * 2 <= once * 5, "{once} -> {twice}: {small:.60}");
    }
}

proptest! {
    #[test]
    fn any_text_is_searched_in_bounded_work(text in "([{}\\[\\]\":a1 ,<>/|]|think|channel|final|◁|▷|\\n){0,400}") {
        let found = objects(&text);
        prop_assert!(found.work <= 200 * (text.len() as u64 + 1));
        prop_assert_eq!(found.values.is_empty(), found.flaw.is_some());
    }

    #[test]
    fn the_answer_behind_thoughts_is_always_found(thoughts in "[^\\x00]{0,200}") {
        // Thoughts may hold anything but an object that begins and never ends.
        let found = last(&format!("{}\n</think>{{\"a\": 1}}", thoughts.replace('{', "(")));
        prop_assert_eq!(found, Some(json!({"a": 1})));
    }
}
