//! What a brief says of documents that nobody opened, and of those that were set aside.

use super::*;

/// A brief said "read, but not used" of files that nobody had opened.
#[test]
fn documents_that_an_agent_did_not_open_are_not_read() {
    let sources = ants();
    let coverage = Coverage {
        opened: Some(BTreeSet::from(["nest.md".to_owned()])),
        ..Coverage::whole(sources.listing())
    };
    let found = vec![claim(
        "Ants follow trails.",
        &[quote("food.md", "Ants follow pheromone trails to food.")],
    )];
    let found = placed(&sources, found);
    let brief = brief_from_findings(QUESTION, &found, &coverage, &OutputSpec::default()).expect("it stands");
    assert_eq!(brief.unused, ["nest.md"], "it was opened and answers nothing");
    let skipped: Vec<(&str, SkipReason)> = brief
        .skipped
        .iter()
        .map(|file| (file.path.as_str(), file.reason))
        .collect();
    let expected = [
        ("logo.png", SkipReason::Binary),
        ("trails.txt", SkipReason::NotOpened),
    ];
    assert_eq!(skipped, expected, "what is quoted is not among them");
}

#[test]
fn nothing_is_quoted_from_a_document_that_was_set_aside() {
    let sources = ants();
    let mut coverage = Coverage::whole(sources.listing());
    coverage.set_aside(vec!["food.md".to_owned()]);
    let both = [
        quote("food.md", "Ants follow pheromone trails to food."),
        quote("trails.txt", "A trail fades"),
    ];
    let mut found = placed(
        &sources,
        vec![
            claim("Of one.", &both[..1]),
            claim("Of two.", &both),
            claim("Of none.", &[]),
        ],
    );
    coverage.retain_known(&mut found);
    let left: Vec<(&str, usize)> = found
        .claims
        .iter()
        .map(|claim| (claim.text.as_str(), claim.quotes.len()))
        .collect();
    assert_eq!(left, [("Of two.", 1), ("Of none.", 0)]);
    let brief = partial_brief(QUESTION, vec![found], &coverage, &OutputSpec::default());
    let cited: Vec<&str> = brief
        .citations
        .iter()
        .map(|citation| citation.path.as_str())
        .collect();
    assert_eq!(cited, ["trails.txt"]);
    assert!(
        brief
            .skipped
            .iter()
            .any(|file| file.path == "food.md" && file.reason == SkipReason::Changed)
    );
}
