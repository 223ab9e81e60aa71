//! Answers to bodies: what is accepted, what is refused and in which words, and that what is composed stands.

use anthill_contracts::brief::{Brief, Finding, Findings, Passage, Place, Quote};
use anthill_contracts::model::{
    ClaimAnswer, FindingsAnswer, OpinionAnswer, OutlineAnswer, OutlineClaim, OutlineSection, QuoteAnswer,
};
use anthill_contracts::signal::SignalBody;
use anthill_contracts::sources::SourceError;
use anthill_contracts::spec::{JobSpec, OutputSpec};
use proptest::prelude::*;

use super::*;
use crate::critic::check_brief;
use memory::MemorySources;

mod coverage;
pub(crate) mod memory;

const QUESTION: &str = "How do ants find food?";

pub(crate) fn ants() -> MemorySources {
    MemorySources::of(&[
        (
            "food.md",
            "# Food\n\nAnts follow pheromone\ntrails to food. They return along the same trail.\n",
        ),
        ("nest.md", "The nest has many chambers.\n"),
        ("trails.txt", "A trail fades when no ant renews it.\n"),
    ])
}

fn quote(path: &str, words: &str) -> QuoteAnswer {
    QuoteAnswer {
        path: path.to_owned(),
        quote: words.to_owned(),
        start: None,
        end: None,
    }
}

fn claim(text: &str, quotes: &[QuoteAnswer]) -> ClaimAnswer {
    ClaimAnswer {
        text: text.to_owned(),
        quotes: quotes.to_vec(),
        relevance_milli: 500,
    }
}

fn placed(sources: &MemorySources, claims: Vec<ClaimAnswer>) -> Findings {
    findings(FindingsAnswer { claims }, None, &[], sources).expect("the sources are readable")
}

fn ant_findings(sources: &MemorySources) -> Findings {
    placed(
        sources,
        vec![
            claim(
                "Ants follow trails.",
                &[quote("food.md", "Ants follow pheromone trails to food.")],
            ),
            claim("Trails fade.", &[quote("trails.txt", "A trail fades")]),
        ],
    )
}

fn outline(claims: &[(&str, &[u32])]) -> OutlineAnswer {
    let claims = claims.iter().map(|(text, findings)| OutlineClaim {
        text: (*text).to_owned(),
        findings: findings.to_vec(),
    });
    let section = OutlineSection {
        title: "Trails".to_owned(),
        claims: claims.collect(),
    };
    OutlineAnswer {
        sections: vec![section],
    }
}

/// A brief that is in order, with its sources.
pub(crate) fn good_brief() -> (Brief, MemorySources) {
    let sources = ants();
    let found = ant_findings(&sources);
    let outline = outline(&[("Ants follow trails.", &[1]), ("Trails fade.", &[2, 1])]);
    let coverage = Coverage::whole(sources.listing());
    let brief =
        brief_from_outline(QUESTION, &outline, &found.claims, &coverage).expect("every finding is placed");
    (brief, sources)
}

fn reasons(flaws: &[ReviewFinding]) -> Vec<String> {
    flaws
        .iter()
        .map(|flaw| format!("{}: {}", flaw.reason, flaw.detail))
        .collect()
}

#[test]
fn answers_are_found_in_what_models_write() {
    let accepted = [
        "{\"accept\": true}",
        "  {\"accept\": true, \"reasons\": []}\n",
        "```json\n{\"accept\": true}\n```",
        "Here is my opinion:\n\n{\"accept\": true}\n\nI hope {it} helps.",
        "Take the set {x}:\n```\n{\"accept\": true}\n```\n",
        "<think>{\"accept\": false}</think>{\"accept\": true}",
    ];
    for text in accepted {
        let opinion = parse_answer::<OpinionAnswer>(text);
        assert!(opinion.is_ok_and(|opinion| opinion.accept), "{text}");
    }
}

#[test]
fn refused_answers_say_where_they_are_wrong() {
    let long = " ".repeat(ANSWER_BYTES_MAX + 1);
    let refused: [(&str, &str); 7] = [
        ("", "contract_violation: the answer holds no JSON object"),
        ("I cannot.", "contract_violation: the answer holds no JSON object"),
        (
            "{\"claims\": [{\"text\": \"Ants",
            "contract_violation: the JSON of the answer ends too early",
        ),
        (
            "{\"claims\": oops}",
            "contract_violation: the answer is not valid JSON",
        ),
        (
            "{\"claims\": [{\"text\": 7, \"quotes\": []}]}",
            "contract_violation: /claims/0/text: value is not of type \"string\"",
        ),
        (
            "{\"sections\": []}",
            "contract_violation: the answer: \"claims\" is a required property",
        ),
        (&long, "too_long: the answer has 1048577 bytes"),
    ];
    for (text, expected) in refused {
        let flaws = parse_answer::<FindingsAnswer>(text).expect_err("this is no answer");
        assert!(
            reasons(&flaws)[0].starts_with(expected),
            "{:?} for {expected}",
            reasons(&flaws)
        );
    }
}

#[test]
fn quotations_are_placed_with_the_files_own_text() {
    let sources = ants();
    let answer = FindingsAnswer {
        claims: vec![claim(
            "Ants  follow\ntrails.",
            &[quote("", "Ants follow pheromone trails")],
        )],
    };
    let passages = [Passage {
        path: "food.md".to_owned(),
        start: 8,
        end: 90,
        text: String::new(),
        heading: Some("Food".to_owned()),
    }];
    let found = findings(answer, Some("food.md"), &passages, &sources).expect("the sources are readable");
    assert_eq!(found.claims[0].text, "Ants follow trails.");
    assert_eq!(found.claims[0].heading.as_deref(), Some("Food"));
    let expected = Quote {
        path: "food.md".to_owned(),
        quote: "Ants follow pheromone\ntrails".to_owned(),
        place: Some(Place { start: 8, end: 36 }),
    };
    assert_eq!(found.claims[0].quotes, [expected]);
}

#[test]
fn made_up_quotations_have_no_place() {
    let sources = ants();
    let made_up = [
        quote("food.md", "Ants use satellites."),
        quote("nowhere.md", "Ants follow"),
        quote("../secret", "Ants follow"),
        quote("food.md", "  "),
        quote("", "Ants follow"),
    ];
    for quote in made_up {
        let found = placed(
            &sources,
            vec![claim("Ants follow trails.", std::slice::from_ref(&quote))],
        );
        assert_eq!(found.claims[0].quotes[0].place, None, "{quote:?}");
    }
}

#[test]
fn a_right_hint_saves_the_search_and_a_wrong_one_costs_nothing() {
    let sources = MemorySources::of(&[("twice.md", "same words, same words\n")]);
    for (start, end, expected) in [(12, 22, 12), (13, 23, 0), (9, 4, 0), (0, u64::MAX, 0)] {
        let hinted = QuoteAnswer {
            start: Some(start),
            end: Some(end),
            ..quote("twice.md", "same words")
        };
        let found = placed(&sources, vec![claim("Twice.", &[hinted])]);
        let place = found.claims[0].quotes[0].place.expect("the words stand there");
        assert_eq!((place.start, place.end), (expected, expected + 10));
    }
}

#[test]
fn a_changed_file_is_no_matter_of_quotations() {
    let mut sources = ants();
    sources.change("food.md");
    let claims = vec![claim("Ants follow trails.", &[quote("food.md", "Ants follow")])];
    let result = findings(FindingsAnswer { claims }, None, &[], &sources);
    assert_eq!(
        result,
        Err(SourceError::Changed {
            path: "food.md".to_owned()
        })
    );
}

#[test]
fn selection_merges_ranks_and_shares() {
    let sources = ants();
    let output = OutputSpec {
        claims_per_document_max: 2,
        ..OutputSpec::default()
    };
    let food = |text: &str, relevance_milli| ClaimAnswer {
        relevance_milli,
        ..claim(text, &[quote("food.md", "Ants follow")])
    };
    let reader_one = placed(
        &sources,
        vec![food("First.", 100), food("Second.", 900), food("Third.", 50)],
    );
    let reader_two = placed(
        &sources,
        vec![
            claim("second", &[quote("trails.txt", "A trail fades")]),
            claim("Invented.", &[quote("trails.txt", "not there")]),
        ],
    );
    let selected = select_findings(QUESTION, vec![reader_one, reader_two], &output);
    let texts: Vec<&str> = selected.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(
        texts,
        ["Second.", "First."],
        "the third of one document is above its share"
    );
    let paths: Vec<&str> = selected[0]
        .quotes
        .iter()
        .map(|quote| quote.path.as_str())
        .collect();
    assert_eq!(paths, ["food.md", "trails.txt"]);
}

#[test]
fn a_brief_numbers_quotations_by_first_use_and_names_the_rest() {
    let (brief, sources) = good_brief();
    let numbers: Vec<&[u32]> = brief.sections[0]
        .claims
        .iter()
        .map(|claim| claim.citations.as_slice())
        .collect();
    assert_eq!(numbers, [&[1][..], &[2, 1]]);
    let cited: Vec<(u32, &str)> = brief
        .citations
        .iter()
        .map(|citation| (citation.n, citation.path.as_str()))
        .collect();
    assert_eq!(cited, [(1, "food.md"), (2, "trails.txt")]);
    assert_eq!(brief.unused, ["nest.md"]);
    assert_eq!(brief.skipped, sources.listing().skipped);
    let verdict = check_brief(&brief, QUESTION, &OutputSpec::default(), &sources);
    assert_eq!((verdict.findings, verdict.score_milli), (vec![], 1000));
}

#[test]
fn documents_that_were_not_read_are_skipped_and_not_unused() {
    let sources = ants();
    let coverage = Coverage {
        failed: vec![Skipped {
            path: "nest.md".to_owned(),
            reason: SkipReason::ReaderFailed,
        }],
        unread: vec!["trails.txt".to_owned(), "nest.md".to_owned()],
        ..Coverage::whole(sources.listing())
    };
    let brief = partial_brief(QUESTION, vec![], &coverage, &OutputSpec::default());
    assert_eq!(brief.unused, ["food.md"]);
    let skipped: Vec<(&str, SkipReason)> = brief
        .skipped
        .iter()
        .map(|file| (file.path.as_str(), file.reason))
        .collect();
    let expected = [
        ("logo.png", SkipReason::Binary),
        ("nest.md", SkipReason::ReaderFailed),
        ("trails.txt", SkipReason::NotReached),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn outlines_are_refused_with_every_flaw() {
    let sources = ants();
    let found = ant_findings(&sources).claims;
    let coverage = Coverage::whole(sources.listing());
    let bad = outline(&[("Uncited.", &[]), ("Beyond.", &[3]), ("Zero.", &[0])]);
    let flaws = brief_from_outline(QUESTION, &bad, &found, &coverage).expect_err("nothing in it is right");
    let expected = [
        "claim_uncited: sections[0].claims[0] names no finding that carries it",
        "contract_violation: sections[0].claims[1] names finding 3, but the findings are 1 to 2",
        "contract_violation: sections[0].claims[2] names finding 0, but the findings are 1 to 2",
    ];
    assert_eq!(reasons(&flaws), expected);
    let empty = brief_from_outline(QUESTION, &OutlineAnswer::default(), &found, &coverage);
    assert_eq!(
        reasons(&empty.expect_err("findings must not be left aside")),
        ["contract_violation: the outline has no claim, though there are 2 findings"]
    );
    let nothing_found = brief_from_outline(QUESTION, &OutlineAnswer::default(), &[], &coverage);
    assert!(nothing_found.is_ok_and(|brief| brief.sections.is_empty() && brief.unused.len() == 3));
}

#[test]
fn a_brief_of_nothing_read_is_no_empty_answer() {
    let sources = ants();
    let paths: Vec<String> = sources
        .listing()
        .documents
        .into_iter()
        .map(|document| document.path)
        .collect();
    let coverage = Coverage {
        failed: paths
            .into_iter()
            .map(|path| Skipped {
                path,
                reason: SkipReason::ReaderFailed,
            })
            .collect(),
        ..Coverage::whole(sources.listing())
    };
    let flaws = brief_from_outline(QUESTION, &OutlineAnswer::default(), &[], &coverage)
        .expect_err("all readers failed");
    assert_eq!(flaws[0].reason, ReasonCode::DependencyFailed);
}

#[test]
fn a_generalists_brief_needs_every_quotation() {
    let sources = ants();
    let coverage = Coverage::whole(sources.listing());
    let output = OutputSpec::default();
    let bad = placed(
        &sources,
        vec![
            claim("Unquoted.", &[]),
            claim(
                "Invented.",
                &[quote("food.md", "not there"), quote("food.md", "Ants follow")],
            ),
        ],
    );
    let flaws = brief_from_findings(QUESTION, &bad, &coverage, &output).expect_err("quotations are missing");
    let expected = [
        "claim_uncited: claims[0] has no quotation",
        "quote_not_found: claims[1].quotes[0] does not stand word for word in `food.md`: \"not there\"",
    ];
    assert_eq!(reasons(&flaws), expected);
    let brief =
        brief_from_findings(QUESTION, &ant_findings(&sources), &coverage, &output).expect("all stands");
    let titles: Vec<&str> = brief
        .sections
        .iter()
        .map(|section| section.title.as_str())
        .collect();
    assert_eq!(titles, ["food.md", "trails.txt"]);
    assert!(check_brief(&brief, QUESTION, &output, &sources).accepted());
}

#[test]
fn a_generalists_surplus_is_left_out_and_not_refused() {
    let sources = MemorySources::of(&[("long.md", "one two three four five six seven eight nine ten\n")]);
    let words = ["one", "two", "three", "four", "five", "six"];
    let claims = words.iter().enumerate().map(|(rank, word)| ClaimAnswer {
        relevance_milli: 900 - u32::try_from(rank).expect("there are six"),
        ..claim(&format!("The text counts {word}."), &[quote("long.md", word)])
    });
    let found = placed(&sources, claims.collect());
    let coverage = Coverage::whole(sources.listing());
    for (claims_max, words_max, expected) in [(9, 99, 4), (3, 99, 3), (9, 9, 2)] {
        let output = OutputSpec {
            claims_max,
            words_max,
            ..OutputSpec::default()
        };
        let brief =
            brief_from_findings(QUESTION, &found, &coverage, &output).expect("every quotation stands");
        assert_eq!(claims_of(&brief).len(), expected);
        assert!(check_brief(&brief, QUESTION, &output, &sources).accepted());
    }
}

#[test]
fn more_documents_than_sections_share_the_last_one() {
    let names: Vec<String> = (0..9).map(|index| format!("doc{index}.md")).collect();
    let texts: Vec<String> = (0..9).map(|index| format!("Text number {index}.")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let sources = MemorySources::of(&files);
    let claims = files
        .iter()
        .map(|(path, text)| claim(text, &[quote(path, text)]))
        .collect();
    let found = placed(&sources, claims);
    for sections_max in 1..=10 {
        let output = OutputSpec {
            sections_max,
            ..OutputSpec::default()
        };
        let coverage = Coverage::whole(sources.listing());
        let brief = partial_brief(QUESTION, vec![found.clone()], &coverage, &output);
        assert_eq!(claims_of(&brief).len(), 9);
        assert_eq!(check_brief(&brief, QUESTION, &output, &sources).findings, vec![]);
    }
}

#[test]
fn latin_1_files_are_quoted_by_their_bytes() {
    let mut sources = ants();
    sources.put("cafe.txt", b"Un caf\xe9 noir.\n", Encoding::Latin1);
    let found = placed(
        &sources,
        vec![claim("There is coffee.", &[quote("cafe.txt", "café noir")])],
    );
    let coverage = Coverage::whole(sources.listing());
    let brief = partial_brief(QUESTION, vec![found], &coverage, &OutputSpec::default());
    let citation = &brief.citations[0];
    assert_eq!(
        (citation.start, citation.end, citation.encoding),
        (3, 12, Encoding::Latin1)
    );
    assert!(check_brief(&brief, QUESTION, &OutputSpec::default(), &sources).accepted());
}

#[test]
fn hostile_text_cannot_break_the_page() {
    let (mut brief, _) = good_brief();
    brief.question = "# Which?\n<script>alert(1)</script>".to_owned();
    brief.sections[0].title = "1. [x](javascript:y)".to_owned();
    brief.sections[0].claims[0].text = "- ![img](http://evil) `code` \u{202e}gnp".to_owned();
    brief.citations[0].path = "a`b\n# c.md".to_owned();
    brief.citations[0].quote = "line one\n\n# heading\n``` \n</details>".to_owned();
    let page = render_markdown(&brief);
    let expected = concat!(
        "# \\# Which? \\<script\\>alert(1)\\</script\\>\n",
        "\n## 1\\. \\[x\\](javascript:y)\n\n",
        "- \\- \\!\\[img\\](http://evil) \\`code\\` \u{fffd}gnp \\[1\\]\n",
        "- Trails fade. \\[2\\] \\[1\\]\n",
        "\n## Sources\n",
        "\n\\[1\\] ``a`b\u{fffd}# c.md``, bytes 8 to 45:\n\n",
        "> line one\n>\n> \\# heading\n> \\`\\`\\`\n> \\</details\\>\n",
        "\n\\[2\\] `trails.txt`, bytes 0 to 13:\n\n",
        "> A trail fades\n",
        "\n## Read, but not used\n\n- `nest.md`\n",
        "\n## Not read\n\n- `logo.png`: not text\n",
    );
    assert_eq!(page, expected);
}

#[test]
fn bodies_are_the_same_bytes_and_come_back() {
    let (brief, _) = good_brief();
    let body = encode(&brief);
    assert_eq!(body, encode(&brief.clone()));
    assert_eq!(decode::<Brief>(&body).ok(), Some(brief));
}

#[test]
fn lessons_are_read_apart_from_the_work() {
    fn lessons_of(text: &str) -> Vec<String> {
        let bodies = lessons(text).into_iter().map(|lesson| match lesson.body {
            SignalBody::Text { text } => format!("{} {text}", lesson.polarity.as_str()),
            SignalBody::Action { .. } => panic!("an agent hands in words"),
        });
        bodies.collect()
    }

    let given = |lessons: &str| lessons_of(&format!(r#"Here: {{"claims": [], "lessons": {lessons}}}"#));
    let good =
        r#"[{"polarity": "do", "text": " Read  the end\nfirst. "}, {"polarity": "avoid", "text": "Guess."}]"#;
    assert_eq!(given(good), ["do Read the end first.", "avoid Guess."]);
    let bad =
        r#"[{"polarity": "maybe", "text": "x"}, {"polarity": "do"}, 7, {"polarity": "do", "text": " "}]"#;
    assert_eq!(given(bad), Vec::<String>::new());
    let long = format!(r#"[{{"polarity": "do", "text": "{}"}}]"#, "a".repeat(601));
    assert_eq!(given(&long), Vec::<String>::new());
    let many = format!("[{}]", [r#"{"polarity": "do", "text": "a"}"#; 9].join(","));
    assert_eq!(given(&many).len(), 3);
    assert!(lessons_of(r#"{"claims": []}"#).is_empty());
    assert!(lessons_of("no JSON").is_empty());
}

pub(crate) fn spec() -> JobSpec {
    let json = serde_json::json!({ "name": "ants", "goal": QUESTION, "inputs": [{ "path": "docs" }] });
    serde_json::from_value(json).expect("the spec is complete")
}

/// Documents of a few words from a small alphabet with accents, so that quotations repeat and widths differ.
fn documents() -> impl Strategy<Value = Vec<Vec<String>>> {
    let word = prop::sample::select(vec!["ant", "é", "trail", "日本", "food", "x", "nest\n"]);
    let document = prop::collection::vec(word.prop_map(str::to_owned), 1..12);
    prop::collection::vec(document, 1..5)
}

proptest! {
    /// Whatever is quoted from the documents, the brief made of it passes the critic.
    #[test]
    fn composed_briefs_stand(documents in documents(), picks in prop::collection::vec((0..5_usize, 0..12_usize, 1..4_usize), 1..12)) {
        let names: Vec<String> = (0..documents.len()).map(|index| format!("d{index}.md")).collect();
        let texts: Vec<String> = documents.iter().map(|words| words.join(" ")).collect();
        let files: Vec<(&str, &str)> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let sources = MemorySources::of(&files);
        let claims = picks.iter().enumerate().map(|(index, (document, start, length))| {
            let document = document % documents.len();
            let words = &documents[document];
            let start = start % words.len();
            let end = (start + length).min(words.len());
            claim(&format!("Claim {index}."), &[quote(&names[document], &words[start..end].join(" "))])
        });
        let found = placed(&sources, claims.collect());
        prop_assert!(found.claims.iter().all(|finding: &Finding| finding.quotes[0].place.is_some()));
        let coverage = Coverage::whole(sources.listing());
        let output = OutputSpec::default();
        let brief = partial_brief(QUESTION, vec![found.clone()], &coverage, &output);
        let verdict = check_brief(&brief, QUESTION, &output, &sources);
        prop_assert_eq!(verdict.findings, vec![]);
        let listed = brief.unused.len() + brief.citations.iter().map(|citation| &citation.path).collect::<BTreeSet<_>>().len();
        prop_assert_eq!(listed, documents.len(), "every document is cited or named as unused");
    }
}
