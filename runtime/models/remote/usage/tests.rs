//! No form of a count makes a call free.

use anthill_contracts::model::{Counted, Matter, Message, ModelRequest};
use serde_json::{Value, json};

use super::{Tally, count};
use crate::estimate;

fn request() -> ModelRequest {
    ModelRequest {
        model: "test/m".parse().expect("a name"),
        system: String::new(),
        messages: vec![Message::User {
            text: "x".repeat(400),
        }],
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 100,
        matter: Matter::Prompt,
    }
}

/// The counts of chat completions in `usage`, settled: in, out and where they come from.
fn settled(usage: &Value) -> (u64, u64, Counted) {
    let tally = Tally {
        tokens_in: count(usage, "/in"),
        cached_in: count(usage, "/cached"),
        tokens_out: count(usage, "/out"),
        total: count(usage, "/total"),
    };
    let (usage, counted) = tally.settle(&request(), false);
    (usage.tokens_in, usage.tokens_out, counted)
}

#[test]
fn what_was_counted_is_charged_in_whatever_form_it_came() {
    for usage in [
        json!({"in": 50, "out": 5}),
        json!({"in": 50.0, "out": 4.2}),
        json!({"in": "50", "out": " 5 "}),
        json!({"total": 55, "out": 5}),
        json!({"total": 55, "in": 50, "out": 0}),
    ] {
        assert_eq!(settled(&usage), (50, 5, Counted::Provider), "{usage}");
    }
    // Beyond the bound is charged, too: a provider may put words of its own before the prompt.
    assert_eq!(
        settled(&json!({"in": 5_000, "out": 300})),
        (5_000, 300, Counted::Provider)
    );
}

#[test]
fn what_was_not_counted_is_charged_at_its_bound() {
    let bound = estimate::prompt_tokens_max(&request());
    for usage in [
        json!(null),
        json!({}),
        json!({"in": 0, "out": 0}),
        json!({"in": -5, "out": -1}),
        json!({"in": null, "out": "many"}),
        json!({"in": 1e300, "out": u64::MAX}),
        json!({"in": "inf", "out": "NaN"}),
        json!({"total": u64::MAX}),
        json!({"in": true, "out": [5]}),
    ] {
        assert_eq!(settled(&usage), (bound, 100, Counted::Bound), "{usage}");
    }
    assert_eq!(settled(&json!({"out": 5})), (bound, 5, Counted::Partly));
    assert_eq!(settled(&json!({"in": 50, "out": 0})), (50, 100, Counted::Partly));
    assert_eq!(settled(&json!({"total": 550})), (450, 100, Counted::Partly));
    assert_eq!(settled(&json!({"total": 60})), (0, 60, Counted::Partly));
}

#[test]
fn no_tokens_out_are_believed_of_an_answer_without_anything() {
    let tally = Tally {
        tokens_in: Some(50),
        tokens_out: Some(0),
        ..Tally::default()
    };
    assert_eq!(tally.settle(&request(), true).1, Counted::Provider);
}

#[test]
fn later_counts_never_take_back_earlier_ones() {
    let mut tally = Tally {
        tokens_in: Some(50),
        cached_in: Some(20),
        tokens_out: Some(1),
        total: None,
    };
    tally.merge(Tally {
        tokens_in: Some(0),
        cached_in: None,
        tokens_out: Some(7),
        total: None,
    });
    tally.merge(Tally::default());
    let (usage, counted) = tally.settle(&request(), false);
    assert_eq!((usage.tokens_in, usage.cached_in, usage.tokens_out), (50, 20, 7));
    assert_eq!(counted, Counted::Provider);
}

#[test]
fn more_cached_than_there_is_is_no_count() {
    let tally = Tally {
        tokens_in: Some(50),
        cached_in: Some(60),
        tokens_out: Some(1),
        total: None,
    };
    assert_eq!(tally.settle(&request(), false).0.cached_in, 0);
}
