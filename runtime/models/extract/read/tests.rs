//! Each strategy finds what it is for, and none of them claims anything of a text that answers nothing.

use super::*;

const QUESTION: &str = "What caused the outage of the gateway?";

/// A report that says its conclusion under a heading and in other words than the question's.
fn report() -> Vec<Passage> {
    let texts = [
        (
            "Summary",
            "The outage of the gateway on Monday was noticed by three teams within minutes.",
        ),
        (
            "Summary",
            "During the outage the gateway refused every second request from customers.",
        ),
        (
            "Timeline",
            "At nine in the morning the first alarm about the gateway reached the engineers on call.",
        ),
        (
            "Root cause",
            "A certificate had expired on Sunday night, and nobody had renewed it in time.",
        ),
        (
            "Follow-up",
            "The team will add an alarm that fires thirty days before such a date.",
        ),
    ];
    texts
        .into_iter()
        .map(|(heading, text)| passage(heading, text))
        .collect()
}

fn passage(heading: &str, text: &str) -> Passage {
    Passage {
        path: "report.md".to_owned(),
        start: 0,
        end: 0,
        text: text.to_owned(),
        heading: Some(heading.to_owned()),
    }
}

fn first(passages: &[Passage], args: &str) -> String {
    let answer = findings(QUESTION, passages, 1, Strategy::of(Some(args)));
    answer
        .claims
        .into_iter()
        .next()
        .map_or_else(String::new, |claim| claim.text)
}

#[test]
fn each_strategy_picks_by_its_own_measure() {
    let table = [
        (r#"{"rank":"overlap"}"#, "The outage of the gateway"),
        (
            r#"{"rank":"overlap","sections":true}"#,
            "A certificate had expired",
        ),
        (r#"{"rank":"lead"}"#, "The outage of the gateway on Monday"),
        (r#"{"rank":"lead","sections":true}"#, "A certificate had expired"),
    ];
    for (args, expected) in table {
        let found = first(&report(), args);
        assert!(found.starts_with(expected), "{args}: {found}");
    }
}

#[test]
fn frequent_words_and_central_sentences_stand_out() {
    let passages: Vec<Passage> = [
        "Visitors heard of the outage at the gateway while they liked the view from the terrace.",
        "Cache eviction under memory pressure stalls the gateway and its cache for seconds.",
        "The cache of the gateway loses its memory when eviction starts under pressure.",
        "Nobody remembers who painted the old door green some years ago.",
    ]
    .into_iter()
    .map(|text| passage("Notes", text))
    .collect();
    for args in [r#"{"rank":"frequency"}"#, r#"{"rank":"centrality"}"#] {
        let found = first(&passages, args);
        assert!(found.contains("eviction"), "{args}: {found}");
    }
}

#[test]
fn a_text_that_answers_nothing_stays_without_claims() {
    let passages = [passage(
        "Weather",
        "Rain is expected in the north, with some sun in the evening hours.",
    )];
    for rank in ["blend", "overlap", "centrality", "lead", "frequency"] {
        for sections in [false, true] {
            let args = format!(r#"{{"rank":"{rank}","sections":{sections}}}"#);
            assert_eq!(first(&passages, &args), "", "{args}");
        }
    }
}

#[test]
fn a_strategy_may_want_fewer_claims() {
    let answer = findings(QUESTION, &report(), 4, Strategy::of(Some(r#"{"sentences":1}"#)));
    assert_eq!(answer.claims.len(), 1);
}
