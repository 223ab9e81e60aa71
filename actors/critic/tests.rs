//! The checks on work that is in order but for one thing.

use anthill_contracts::brief::{Brief, Claim, Finding, Findings, Place, Quote};
use anthill_contracts::spec::OutputSpec;
use proptest::prelude::*;

use super::*;
use crate::compose::tests::{ants, good_brief};

const QUESTION: &str = "How do ants find food?";

fn lines(verdict: &Verdict) -> Vec<String> {
    verdict
        .findings
        .iter()
        .map(|flaw| format!("{}: {}", flaw.reason, flaw.detail))
        .collect()
}

fn food_quote() -> Quote {
    Quote {
        path: "food.md".to_owned(),
        quote: "Ants follow".to_owned(),
        place: Some(Place { start: 8, end: 19 }),
    }
}

fn report(text: &str, quotes: &[Quote]) -> Findings {
    let claim = Finding {
        text: text.to_owned(),
        quotes: quotes.to_vec(),
        relevance_milli: 0,
        heading: None,
    };
    Findings { claims: vec![claim] }
}

const RULE: FindingsRule<'static> = FindingsRule {
    path: Some("food.md"),
    claims_max: 1,
    wanted: None,
};

#[test]
fn reports_are_held_to_their_document() {
    let moved = |start, end| Quote {
        place: Some(Place { start, end }),
        ..food_quote()
    };
    let long = "a".repeat(CLAIM_BYTES_MAX + 1);
    let table: Vec<(Findings, Vec<&str>)> = vec![
        (Findings::default(), vec![]),
        (report("Ants follow.", &[food_quote()]), vec![]),
        (
            report("Ants follow.", &[]),
            vec!["claim_uncited: claims[0] has no quotation"],
        ),
        (
            report("Ants follow.", &[moved(9, 20)]),
            vec!["quote_not_found: claims[0].quotes[0]: bytes 9 to 20 of `food.md` are not the quoted text"],
        ),
        (
            report("Ants follow.", &[moved(19, 8)]),
            vec!["quote_not_found: claims[0].quotes[0]: bytes 19 to 8 of `food.md` are no range"],
        ),
        (
            report("Ants follow.", &[moved(80, 800)]),
            vec![
                "quote_not_found: claims[0].quotes[0]: bytes 80 to 800 of `food.md` are not the quoted text",
            ],
        ),
        (
            report(
                "Ants follow.",
                &[Quote {
                    place: None,
                    ..food_quote()
                }],
            ),
            vec![
                "quote_not_found: claims[0].quotes[0] does not stand word for word in `food.md`: \"Ants follow\"",
            ],
        ),
        (
            report(
                "Ants follow.",
                &[Quote {
                    path: "nest.md".to_owned(),
                    ..food_quote()
                }],
            ),
            vec!["quote_not_found: claims[0].quotes[0] quotes `nest.md`, but the document is `food.md`"],
        ),
        (
            report(" ", &[food_quote()]),
            vec!["contract_violation: claims[0] says nothing"],
        ),
        (
            report(&long, &[food_quote()]),
            vec!["too_long: claims[0] has 2001 bytes; at most 2000 are allowed"],
        ),
    ];
    for (findings, expected) in table {
        assert_eq!(lines(&check_findings(&findings, RULE, &ants())), expected);
    }
}

#[test]
fn reports_are_bounded_and_say_things_once() {
    let mut findings = report("Ants follow.", &[food_quote()]);
    findings.claims.push(Finding {
        text: "ants  FOLLOW".to_owned(),
        ..findings.claims[0].clone()
    });
    let verdict = check_findings(&findings, RULE, &ants());
    let expected = [
        "too_long: claims: 2, at most 1 are allowed",
        "contract_violation: claims[1] says what an earlier claim says",
    ];
    assert_eq!(lines(&verdict), expected);
    assert_eq!(verdict.score_milli, 1000, "both stand, though they are the same");
}

#[test]
fn a_changed_file_is_told_apart_from_a_wrong_quotation() {
    let mut sources = ants();
    sources.change("food.md");
    let verdict = check_findings(&report("Ants follow.", &[food_quote()]), RULE, &sources);
    assert!(
        verdict
            .hindrance()
            .is_some_and(|flaw| flaw.reason == ReasonCode::InputChanged)
    );
    assert_eq!(verdict.score_milli, 0);
}

#[test]
fn flaws_are_counted_but_bounded() {
    let mut findings = Findings::default();
    for index in 0..FLAWS_MAX + 5 {
        findings
            .claims
            .extend(report(&format!("Claim {index}."), &[]).claims);
    }
    let rule = FindingsRule {
        claims_max: 1000,
        ..RULE
    };
    let verdict = check_findings(&findings, rule, &ants());
    assert_eq!(verdict.findings.len(), FLAWS_MAX);
    assert!(
        verdict.findings[FLAWS_MAX - 1]
            .detail
            .ends_with("(and 5 more flaws)")
    );
}

/// A flaw put into a good brief.
type Mutation = fn(&mut Brief);

fn refused(mutation: Mutation) -> Vec<String> {
    let (mut brief, sources) = good_brief();
    mutation(&mut brief);
    lines(&check_brief(&brief, QUESTION, &OutputSpec::default(), &sources))
}

#[test]
fn a_flawed_citation_is_refused() {
    let table: [(Mutation, &str); 13] = [
        (
            |b| b.citations[0].start += 1,
            "quote_not_found: citation 1: bytes 9 to 45 of `food.md`",
        ),
        (
            |b| b.citations[0].start -= 1,
            "quote_not_found: citation 1: bytes 7 to 45 of `food.md`",
        ),
        (
            |b| b.citations[0].end += 1,
            "quote_not_found: citation 1: bytes 8 to 46 of `food.md`",
        ),
        (
            |b| b.citations[0].end = 8,
            "quote_not_found: citation 1: bytes 8 to 8 of `food.md` are no range",
        ),
        (
            |b| b.citations[0].end = u64::MAX,
            "too_long: citation 1: the quotation from `food.md` has",
        ),
        (
            |b| b.citations[0].quote.push('!'),
            "quote_not_found: citation 1: bytes 8 to 45",
        ),
        (
            |b| b.citations[0].path = "nest.md".to_owned(),
            "quote_not_found: citation 1: bytes 8 to 45 of `nest.md`",
        ),
        (
            |b| b.citations[0].path = "../etc/passwd".to_owned(),
            "quote_not_found: citation 1: the path `../etc/passwd` leads outside",
        ),
        (
            |b| b.citations[0].path = "/etc/passwd".to_owned(),
            "quote_not_found: citation 1: the path `/etc/passwd` leads outside",
        ),
        (
            |b| b.citations[0].path = "none.md".to_owned(),
            "quote_not_found: citation 1: the input `none.md` does not exist",
        ),
        (
            |b| b.citations[0].n = 7,
            "contract_violation: citation 7 stands where 1 should",
        ),
        (
            |b| {
                b.citations.pop();
            },
            "claim_uncited: sections[0].claims[1] names citation 2, which is not there",
        ),
        (
            |b| {
                let twin = b.citations[0].clone();
                b.citations
                    .push(anthill_contracts::brief::Citation { n: 3, ..twin });
            },
            "contract_violation: citation 3 repeats an earlier one",
        ),
    ];
    for (mutation, expected) in table {
        let flaws = refused(mutation);
        assert!(
            flaws.iter().any(|flaw| flaw.starts_with(expected)),
            "{expected}: {flaws:?}"
        );
    }
}

#[test]
fn a_flawed_brief_is_refused() {
    let table: [(Mutation, &str); 12] = [
        (
            |b| b.question.push('?'),
            "contract_violation: the brief answers another question than the job's",
        ),
        (
            |b| b.sections[0].title.clear(),
            "contract_violation: sections[0] has no title",
        ),
        (
            |b| b.sections[0].title = "t".repeat(300),
            "too_long: sections[0] has a title of 300 characters",
        ),
        (
            |b| b.sections.push(b.sections[0].clone()),
            "contract_violation: sections[1].claims[0] says what an earlier claim says",
        ),
        (
            |b| b.sections[0].claims[0].text.clear(),
            "contract_violation: sections[0].claims[0] says nothing",
        ),
        (
            |b| b.sections[0].claims[0].citations.clear(),
            "claim_uncited: sections[0].claims[0] has no citation",
        ),
        (
            |b| b.sections[0].claims[0].citations = vec![1, 1],
            "contract_violation: sections[0].claims[0] names citation 1 twice",
        ),
        (
            |b| b.sections[0].claims[0].citations = vec![9],
            "claim_uncited: sections[0].claims[0] names citation 9",
        ),
        (
            |b| b.sections[0].claims.truncate(1),
            "contract_violation: no claim uses citation 2",
        ),
        (
            |b| b.sections[0].claims.reverse(),
            "contract_violation: sections[0].claims[0] is the first to use citation 2; its number should be 1",
        ),
        (
            |b| b.unused.push("food.md".to_owned()),
            "contract_violation: `food.md` is cited and listed as unused",
        ),
        (
            |b| b.unused.push("nest.md".to_owned()),
            "contract_violation: `nest.md` is listed as unused twice",
        ),
    ];
    for (mutation, expected) in table {
        let flaws = refused(mutation);
        assert!(
            flaws.iter().any(|flaw| flaw.starts_with(expected)),
            "{expected}: {flaws:?}"
        );
    }
}

#[test]
fn a_brief_keeps_its_lengths() {
    let (mut brief, sources) = good_brief();
    brief.sections[0].claims[1].citations = vec![1, 2];
    brief.sections.push(anthill_contracts::brief::Section {
        title: "Empty".to_owned(),
        claims: vec![],
    });
    let output = OutputSpec {
        sections_max: 1,
        claims_max: 1,
        claims_per_document_max: 1,
        words_max: 4,
    };
    let expected = [
        "too_long: sections: 2, at most 1 are allowed",
        "too_long: claims: 2, at most 1 are allowed",
        "too_long: words over all claims: 5, at most 4 are allowed",
        "contract_violation: sections[1] has no claim",
        "too_long: claims that cite `food.md` first: 2, at most 1 are allowed",
    ];
    assert_eq!(lines(&check_brief(&brief, QUESTION, &output, &sources)), expected);
}

#[test]
fn the_score_is_the_share_of_claims_that_stand() {
    let (mut brief, sources) = good_brief();
    brief.sections[0].claims.push(Claim {
        text: "Unbacked.".to_owned(),
        citations: vec![],
    });
    let verdict = check_brief(&brief, QUESTION, &OutputSpec::default(), &sources);
    assert_eq!(verdict.score_milli, 666);
    brief.citations[0].quote.clear();
    let verdict = check_brief(&brief, QUESTION, &OutputSpec::default(), &sources);
    assert_eq!(
        verdict.score_milli, 0,
        "both other claims rest on the first citation"
    );
}

#[test]
fn opinions_become_findings() {
    let opinion = |accept, reasons: &[&str]| OpinionAnswer {
        accept,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
    };
    assert_eq!(opinion_findings(&opinion(true, &["nice"])), vec![]);
    let silent = opinion_findings(&opinion(false, &[" "]));
    assert_eq!(
        silent[0].detail,
        "the reviewer did not accept the work and gave no reason"
    );
    let many = opinion_findings(&opinion(false, &["no"; 20]));
    assert_eq!(many.len(), REASONS_MAX);
    assert!(
        many.iter()
            .all(|finding| finding.reason == ReasonCode::OpinionRejected)
    );
}

proptest! {
    /// A citation that is off by anything at all is refused.
    #[test]
    fn no_shifted_citation_passes(which in 0..2_usize, start in -3..=3_i64, end in -3..=3_i64) {
        prop_assume!((start, end) != (0, 0));
        let (mut brief, sources) = good_brief();
        let citation = &mut brief.citations[which];
        citation.start = citation.start.wrapping_add_signed(start);
        citation.end = citation.end.wrapping_add_signed(end);
        prop_assert!(!check_brief(&brief, QUESTION, &OutputSpec::default(), &sources).accepted());
    }

    /// A quotation with any one character replaced is refused.
    #[test]
    fn no_altered_quotation_passes(which in 0..2_usize, position in 0..64_usize, other in any::<char>()) {
        let (mut brief, sources) = good_brief();
        let citation = &mut brief.citations[which];
        let mut characters: Vec<char> = citation.quote.chars().collect();
        let position = position % characters.len();
        prop_assume!(characters[position] != other);
        characters[position] = other;
        citation.quote = characters.into_iter().collect();
        prop_assert!(!check_brief(&brief, QUESTION, &OutputSpec::default(), &sources).accepted());
    }
}
