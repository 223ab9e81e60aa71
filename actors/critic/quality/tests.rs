//! What a report is worth, with known answers and without.

use anthill_contracts::spec::KnownAnswer;

use super::*;

fn spec(known: &[&str]) -> JobSpec {
    let mut spec: JobSpec = serde_json::from_value(serde_json::json!({
        "name": "outages",
        "goal": "What caused the outage?",
    }))
    .expect("a spec");
    spec.review.answers = vec![KnownAnswer {
        document: "a.md".to_owned(),
        quotes: known.iter().map(|quote| (*quote).to_owned()).collect(),
    }];
    spec
}

fn milli(wanted: &Wanted, claims: &[&str]) -> u32 {
    let claims: Vec<String> = claims.iter().map(|claim| (*claim).to_owned()).collect();
    let share = wanted.share(&claims) * 1000.0;
    share.round().to_string().parse().expect("a whole number")
}

#[test]
fn known_answers_are_looked_for_in_the_claims() {
    let wanted = Wanted::of(
        &spec(&["a certificate  expired", "nobody renewed it"]),
        Some("a.md"),
    );
    let table: [(&[&str], u32); 5] = [
        (&["A certificate expired, and nobody renewed it."], 1000),
        (&["On Monday a Certificate expired."], 556),
        (
            &[
                "A certificate expired, and nobody renewed it.",
                "The sky was blue.",
            ],
            833,
        ),
        (&["The sky was blue."], 0),
        (&[], 0),
    ];
    for (claims, expected) in table {
        assert_eq!(milli(&wanted, claims), expected, "{claims:?}");
    }
}

#[test]
fn without_known_answers_the_questions_words_are_counted() {
    let wanted = Wanted::of(&spec(&["x"]), Some("other.md"));
    assert_eq!(milli(&wanted, &["The outage began at nine."]), 500);
    assert_eq!(
        milli(&wanted, &["Rust caused it.", "The outage began at nine."]),
        1000
    );
    assert_eq!(milli(&wanted, &[]), 1000, "that nothing answers may be right");
}

#[test]
fn the_class_says_whether_answers_are_known() {
    let spec = spec(&["x"]);
    assert_eq!(Wanted::class(&spec, Some("a.md")), EvidenceClass::Test);
    assert_eq!(Wanted::class(&spec, Some("b.md")), EvidenceClass::Verifier);
    assert_eq!(Wanted::class(&spec, None), EvidenceClass::Verifier);
}
