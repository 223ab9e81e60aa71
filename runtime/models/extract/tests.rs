//! The extractive provider answers every kind of matter, the same way each time.

use std::sync::Arc;

use anthill_contracts::brief::{Finding, Passage, Quote};
use anthill_contracts::clock::{Clock as _, SystemClock};
use anthill_contracts::model::{
    FindingsAnswer, Matter, Message, ModelName, ModelReply, ModelRequest, OpinionAnswer, OutlineAnswer,
    Provider as _, StopReason,
};
use anthill_contracts::plan::Plan;
use anthill_contracts::tool::{EffectClass, ToolSpec};
use proptest::prelude::*;
use serde_json::json;

use super::Extract;
use crate::config::ModelsConfig;
use crate::prices::Prices;

/// A document about bees, with everything around the prose that real documents have.
const BEES: [(&str, &str); 9] = [
    ("Bees", "Home | About | Contact"),
    (
        "Dances",
        "A forager that has found flowers tells its sisters by a waggle dance. Isn't that something?",
    ),
    (
        "Dances",
        "The angle of the waggle run shows the direction of the flowers relative to the sun.",
    ),
    (
        "Dances",
        "The length of the waggle run shows how far away the flowers are.",
    ),
    (
        "Dances",
        "The length of the waggle run shows how far away the flowers stand.",
    ),
    (
        "Code",
        "let dance = Bee::new(); dance.waggle(); println!(\"{}\", dance.direction);",
    ),
    (
        "Hives",
        "Wax is made by young workers, who build the comb from it.",
    ),
    ("Hives", "Guards at the entrance smell every bee that comes home."),
    (
        "Notes",
        "See chapter 4 for how bees tell each other where flowers are with a waggle dance.",
    ),
];

fn passages(texts: &[(&str, &str)]) -> Vec<Passage> {
    let mut start = 0;
    texts
        .iter()
        .map(|(heading, text)| {
            let passage = Passage {
                path: "bees.md".to_owned(),
                start,
                end: start + text.len() as u64,
                text: (*text).to_owned(),
                heading: Some((*heading).to_owned()),
            };
            start = passage.end + 2;
            passage
        })
        .collect()
}

fn request(matter: Matter) -> ModelRequest {
    ModelRequest {
        model: ModelName::default(),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 4_000,
        matter,
    }
}

fn read(question: &str, passages: Vec<Passage>) -> ModelRequest {
    request(Matter::Read {
        question: question.to_owned(),
        path: "bees.md".to_owned(),
        passages,
        claims_max: 4,
        strategy: None,
    })
}

fn ask(request: ModelRequest) -> ModelReply {
    let extract = Extract::new(Arc::new(Prices::new(&ModelsConfig::default())));
    let bound = extract.worst_case(&request).amount;
    let answer_tokens_max = u64::from(request.answer_tokens_max);
    // Without a runtime of its own, as a simulation asks.
    let reply =
        futures::executor::block_on(extract.complete(request, Arc::new(|_| {}))).expect("never fails");
    assert!(reply.usage.tokens_in <= bound.tokens_in && reply.usage.tokens_out <= answer_tokens_max);
    assert_eq!((reply.cost.usd_micro, reply.cost.steps), (0, 1));
    reply
}

fn findings(request: ModelRequest) -> FindingsAnswer {
    serde_json::from_str(&ask(request).text).expect("findings")
}

#[test]
fn reading_finds_the_sentences_that_answer() {
    let answer = findings(read("How do bees tell where flowers are?", passages(&BEES)));
    let texts: Vec<&str> = answer.claims.iter().map(|claim| claim.text.as_str()).collect();
    assert!(
        texts.contains(&BEES[1].1.split_inclusive('.').next().expect("a sentence")),
        "{texts:?}"
    );
    assert!(
        !texts
            .iter()
            .any(|text| text.contains("Wax") || text.contains("let dance")),
        "{texts:?}"
    );
    let relevance: Vec<u32> = answer.claims.iter().map(|claim| claim.relevance_milli).collect();
    assert!(relevance[0] > 300 && relevance[0] <= 1000, "{relevance:?}");
}

#[test]
fn quotations_stand_where_they_are_said_to_stand() {
    let passages = passages(&BEES);
    let answer = findings(read("waggle run", passages.clone()));
    assert!(!answer.claims.is_empty());
    for claim in answer.claims {
        let quote = &claim.quotes[0];
        let (start, end) = (quote.start.expect("plain text"), quote.end.expect("plain text"));
        let passage = passages
            .iter()
            .find(|p| p.start <= start && end <= p.end)
            .expect("inside a passage");
        let from = usize::try_from(start - passage.start).expect("small");
        let to = usize::try_from(end - passage.start).expect("small");
        assert_eq!(passage.text[from..to], quote.quote);
    }
    let mut rendered = self::passages(&BEES);
    for passage in &mut rendered {
        passage.end += 4;
    }
    let answer = findings(read("waggle run", rendered));
    assert!(
        answer.claims.iter().all(|claim| claim.quotes[0].start.is_none()),
        "markup was removed: no place"
    );
}

#[test]
fn nothing_is_said_twice() {
    let answer = findings(read(
        "How does the waggle run show how far the flowers are?",
        passages(&BEES),
    ));
    let lengths = answer
        .claims
        .iter()
        .filter(|claim| claim.text.starts_with("The length"))
        .count();
    assert_eq!(lengths, 1);
}

#[test]
fn a_document_that_answers_nothing_is_not_padded_in() {
    for question in [
        "How is steel hardened?",
        "How do bees elect a parliament by secret ballot?",
    ] {
        assert_eq!(
            findings(read(question, passages(&BEES))),
            FindingsAnswer::default(),
            "{question}"
        );
    }
    assert_eq!(findings(read("bees", Vec::new())), FindingsAnswer::default());
}

#[test]
fn an_open_question_is_answered_by_what_is_central() {
    let answer = findings(read("Summarize these documents.", passages(&BEES)));
    assert!(
        answer
            .claims
            .iter()
            .any(|claim| claim.text.contains("waggle run")),
        "{answer:?}"
    );
}

#[test]
fn equal_requests_have_equal_answers() {
    let request = read("How do bees dance?", passages(&BEES));
    assert_eq!(ask(request.clone()), ask(request));
}

#[test]
fn a_limit_on_the_answer_leaves_whole_claims() {
    let mut short = read("How do bees tell where flowers are?", passages(&BEES));
    let all = findings(short.clone()).claims.len();
    short.answer_tokens_max = 90;
    let reply = ask(short.clone());
    let fewer: FindingsAnswer = serde_json::from_str(&reply.text).expect("still JSON");
    assert!(fewer.claims.len() < all && reply.stop == StopReason::End);
    short.answer_tokens_max = 1;
    assert_eq!(ask(short).stop, StopReason::Length, "no JSON is that short");
}

fn with_search(found: Vec<Passage>, messages: Vec<Message>) -> ModelRequest {
    let mut request = request(Matter::Answer {
        question: "How do bees tell where the flowers are?".to_owned(),
        found,
        claims_max: 3,
    });
    request.messages = messages;
    request.tools = vec![ToolSpec {
        name: "search".to_owned(),
        description: String::new(),
        schema: json!({}),
        effect: EffectClass::Read,
    }];
    request
}

#[test]
fn answering_searches_once_and_then_says_what_it_found() {
    let reply = ask(with_search(Vec::new(), Vec::new()));
    assert_eq!(reply.stop, StopReason::ToolCalls);
    assert_eq!(reply.tool_calls[0].tool, "search");
    assert_eq!(reply.tool_calls[0].args, json!({"query": "bees tell flowers"}));

    let outcome = Message::Tool {
        call: "search_1".to_owned(),
        tool: "search".to_owned(),
        text: String::new(),
    };
    let nothing = ask(with_search(Vec::new(), vec![outcome.clone()]));
    assert_eq!(
        (nothing.stop, nothing.text.as_str()),
        (StopReason::End, "{\"claims\":[]}")
    );
    let answer = findings(with_search(passages(&BEES), vec![outcome]));
    assert_eq!(answer.claims[0].quotes[0].path, "bees.md");

    let mut no_tools = with_search(Vec::new(), Vec::new());
    no_tools.tools.clear();
    assert!(ask(no_tools).tool_calls.is_empty());
}

fn finding(path: &str, heading: &str, text: &str) -> Finding {
    Finding {
        text: text.to_owned(),
        quotes: vec![Quote {
            path: path.to_owned(),
            quote: text.to_owned(),
            place: None,
        }],
        relevance_milli: 600,
        heading: Some(heading.to_owned()),
    }
}

fn outline(findings: &[Finding], words_max: u32) -> OutlineAnswer {
    let reply = ask(request(Matter::Write {
        question: "How do bees tell where flowers are?".to_owned(),
        findings: findings.to_vec(),
        sections_max: 2,
        claims_max: 5,
        words_max,
        strategy: None,
    }));
    serde_json::from_str(&reply.text).expect("an outline")
}

fn bee_findings() -> Vec<Finding> {
    vec![
        finding(
            "a.md",
            "The waggle dance",
            "A forager tells its sisters where flowers are by a waggle dance.",
        ),
        finding(
            "b.md",
            "Dance language",
            "Where the flowers are is told by bees with the waggle dance to its sisters.",
        ),
        finding(
            "a.md",
            "The waggle dance",
            "The angle of the dance shows bees the direction of the flowers.",
        ),
        finding(
            "c.md",
            "Scent",
            "Bees also carry the scent of flowers home, which tells the others what to look for.",
        ),
        finding(
            "d.md",
            "Steel",
            "Steel is hardened by heating it and cooling it at once.",
        ),
    ]
}

#[test]
fn writing_keeps_to_the_limits_and_to_the_question() {
    let findings = bee_findings();
    let answer = outline(&findings, 100);
    assert!((1..=2).contains(&answer.sections.len()), "{answer:?}");
    let claims: Vec<_> = answer
        .sections
        .iter()
        .flat_map(|section| &section.claims)
        .collect();
    assert!(claims.len() >= 3 && claims.len() <= 5, "{claims:?}");
    for claim in &claims {
        let number = claim.findings[0] as usize;
        assert_eq!(findings[number - 1].text, claim.text);
        assert_ne!(number, 5, "steel answers nothing");
    }
    assert!(answer.sections[0].title == "The waggle dance" || answer.sections[0].title == "Dance language");

    let words: usize = outline(&findings, 15)
        .sections
        .iter()
        .flat_map(|section| &section.claims)
        .map(|claim| claim.text.split_whitespace().count())
        .sum();
    assert!((1..=15).contains(&words), "{words}");
    assert_eq!(outline(&[], 100), OutlineAnswer::default());
}

#[test]
fn judging_wants_a_quotation_that_carries_the_claim() {
    let judge = |claims: Vec<Finding>| -> OpinionAnswer {
        let reply = ask(request(Matter::Judge {
            question: "bees".to_owned(),
            claims,
        }));
        serde_json::from_str(&reply.text).expect("an opinion")
    };
    assert!(judge(bee_findings()).accept);
    let mut wrong = bee_findings();
    wrong[0].quotes[0].quote = "Wax is made by young workers.".to_owned();
    wrong[2].quotes.clear();
    let opinion = judge(wrong);
    assert!(!opinion.accept);
    assert_eq!(opinion.reasons.len(), 2);
    assert!(
        opinion.reasons[1].starts_with("no quotation stands behind \"The angle"),
        "{:?}",
        opinion.reasons
    );
}

#[test]
fn planning_takes_the_example() {
    let example: Plan =
        serde_json::from_value(json!({"nodes": [{"id": "a", "kind": "documents"}]})).expect("a plan");
    let reply = ask(request(Matter::Plan {
        goal: "g".to_owned(),
        documents: 1,
        refused: Vec::new(),
        example: example.clone(),
    }));
    assert_eq!(
        serde_json::from_str::<Plan>(&reply.text).expect("a plan"),
        example
    );
}

#[test]
fn a_prompt_is_answered_with_its_most_central_sentences() {
    let mut prompt = request(Matter::Prompt);
    let text: Vec<&str> = BEES.iter().map(|(_, text)| *text).collect();
    prompt.messages = vec![Message::User { text: text.join(" ") }];
    let reply = ask(prompt);
    assert!(reply.text.contains("waggle run"), "{}", reply.text);
    assert!(!reply.text.contains("let dance"), "{}", reply.text);
}

#[test]
fn a_large_chunk_is_ranked_in_time() {
    // 48 KiB of sentences that all have to do with the question: the worst case for the comparisons.
    let words = [
        "flowers", "dance", "sun", "angle", "hive", "wax", "comb", "scent", "wind", "guard", "run",
    ];
    let text = (0..700).fold(String::new(), |text, n| {
        let word = |offset: usize| words[(n * 7 + offset * offset) % words.len()];
        format!(
            "{text}Bees tell the {} about the {} near the {} of hive {n}. ",
            word(1),
            word(2),
            word(3)
        )
    });
    let big = read(
        "How do bees tell where flowers are?",
        passages(&[("Bees", &text)]),
    );
    let clock = SystemClock::new();
    let start = clock.mono();
    assert!(!findings(big).claims.is_empty());
    let took = clock.mono().saturating_sub(start);
    // The aim is 100 ms in a release build on an idle machine; this bound only catches what grows too fast.
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_whatever_breaks_it(
        question in "\\PC{0,60}",
        texts in proptest::collection::vec(("\\PC{0,20}", "(\\PC{0,80}|[a-z .?!\u{0}-\u{2f}éß漢\u{200d}\u{1f600}]{0,120})"), 0..8),
        claims_max in 0_u32..6,
        tokens_max in 0_u32..200,
    ) {
        let texts: Vec<(&str, &str)> = texts.iter().map(|(heading, text)| (heading.as_str(), text.as_str())).collect();
        let passages = passages(&texts);
        let mut reading = request(Matter::Read {
            question: question.clone(), path: String::new(), passages: passages.clone(), claims_max, strategy: None,
        });
        reading.answer_tokens_max = tokens_max;
        ask(reading);
        let findings: Vec<Finding> = texts.iter().map(|(heading, text)| finding(heading, heading, text)).collect();
        let written = ask(request(Matter::Write {
            question: question.clone(), findings: findings.clone(), sections_max: claims_max, claims_max, words_max: 50, strategy: None,
        }));
        let outline: OutlineAnswer = serde_json::from_str(&written.text).expect("an outline");
        prop_assert!(outline.sections.len() <= claims_max as usize);
        for claim in outline.sections.iter().flat_map(|section| &section.claims) {
            prop_assert!(claim.findings.iter().all(|number| (1..=findings.len()).contains(&(*number as usize))));
        }
        ask(request(Matter::Judge { question: question.clone(), claims: findings }));
        let mut prompt = request(Matter::Prompt);
        prompt.messages = vec![Message::User { text: question }];
        ask(prompt);
    }
}
