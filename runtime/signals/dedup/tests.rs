//! What keeps an id and what changes it.

use proptest::prelude::*;

use super::*;

fn id(text: &str) -> SignalId {
    of("read/html", Polarity::Do, text)
}

fn of(scope: &str, polarity: Polarity, text: &str) -> SignalId {
    let body = SignalBody::Text {
        text: text.to_owned(),
    };
    signal_id(&scope.parse().expect("a scope"), polarity, &body)
}

fn action(schema: &str, args: &str) -> SignalId {
    let body = SignalBody::Action {
        schema: schema.to_owned(),
        args: args.to_owned(),
    };
    signal_id(&"read/html".parse().expect("a scope"), Polarity::Do, &body)
}

#[test]
fn spelling_alone_makes_no_other_signal() {
    let plain = id("don't skip the first 3 headings of café.html");
    for same in [
        "  Don't   skip the first 3 headings\nof café.html. ",
        "dont skip -- the first 3 headings, of cafe\u{301}.html!",
        "Don\u{2019}t skip the \u{201c}first\u{201d} 3 headings (of café.html)",
        "Don't skip\u{200b} the first 3 head\u{ad}ings of CAFÉ.html",
    ] {
        assert_eq!(id(same), plain, "{same}: {}", canonical_text(same));
    }
}

#[test]
fn whatever_carries_meaning_makes_another_signal() {
    let texts = [
        "use 3 threads",
        "use -3 threads",
        "use 0.3 threads",
        "use 0 3 threads",
        "use no 3 threads",
        "use a < b",
        "use a > b",
        "use a != b",
        "use a = b",
        "open main.rs",
        "open main rs",
        "use c",
        "use c++",
        "use c#",
        "at 10:30",
        "at 10 30",
        "run -v",
        "run v",
        "split a/b",
        "split a b",
        "do",
        "don't",
    ];
    for (place, text) in texts.iter().enumerate() {
        for other in &texts[..place] {
            assert_ne!(id(text), id(other), "{text} and {other}");
        }
    }
    assert_ne!(of("read", Polarity::Do, "x"), of("read/html", Polarity::Do, "x"));
    assert_ne!(of("read", Polarity::Do, "x"), of("read", Polarity::Avoid, "x"));
}

#[test]
fn actions_are_told_apart_by_value_and_not_by_layout() {
    let plain = action("extract_strategy", r#"{"b":[1,{"d":2,"c":"X"}],"a":0.5}"#);
    assert_eq!(
        plain,
        action(
            "extract_strategy",
            "{ \"a\": 0.5,\n \"b\": [1, {\"c\": \"X\", \"d\": 2}] }"
        )
    );
    assert_ne!(plain, action("other", r#"{"b":[1,{"d":2,"c":"X"}],"a":0.5}"#));
    assert_ne!(
        plain,
        action("extract_strategy", r#"{"b":[1,{"d":2,"c":"x"}],"a":0.5}"#)
    );
    assert_ne!(
        plain,
        action("extract_strategy", r#"{"b":[{"d":2,"c":"X"},1],"a":0.5}"#)
    );
    assert_ne!(action("note", "x"), id("x"));
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own(text in any::<String>()) {
        let once = canonical_text(&text);
        prop_assert_eq!(canonical_text(&once), once);
    }

    #[test]
    fn so_it_is_where_punctuation_is_dense(text in "[aA5éß' .:,!=_+\u{200b}\u{2019}\u{301}-]{0,24}") {
        let once = canonical_text(&text);
        prop_assert_eq!(canonical_text(&once), once);
    }
}
