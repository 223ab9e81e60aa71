//! The best passage comes first, with its place.

use serde_json::json;

use super::*;
use crate::toolbox::output::OUTPUT_BYTES_MAX;
use crate::toolbox::tests::Bench;

fn bench() -> Bench {
    Bench::new(&[
        (
            "bread.md",
            b"# Bread\n\nDough rises overnight in the kitchen.\n\nBake it hot.\n",
        ),
        (
            "trails.md",
            b"# Trails\n\nPheromone evaporates from trails.\n\nAnts walk on trails and follow other ants.\n",
        ),
        (
            "nest.html",
            b"<h1>Nest</h1><p>The nest has a queen.</p><p>Evaporation cools the nest.</p>",
        ),
    ])
}

#[test]
fn the_best_passage_comes_first_with_place_and_heading() {
    let output = bench().run("search", &json!({"query": "evaporating pheromones", "limit": 2}));
    assert!(output.ok && !output.truncated);
    let texts: Vec<&str> = output
        .passages
        .iter()
        .map(|passage| passage.text.as_str())
        .collect();
    assert_eq!(
        texts,
        ["Pheromone evaporates from trails.", "Evaporation cools the nest."]
    );
    assert!(
        output.text.starts_with(
            "2 passages of 6 in 3 documents\n\n[1] trails.md, bytes 10 to 43, under \"Trails\":\nPheromone"
        ),
        "{}",
        output.text
    );
}

#[test]
fn headings_count_and_equals_keep_the_order_of_the_listing() {
    let output = bench().run("search", &json!({"query": "bread"}));
    let places: Vec<(&str, u64)> = output
        .passages
        .iter()
        .map(|passage| (passage.path.as_str(), passage.start))
        .collect();
    assert_eq!(places.len(), 2);
    assert!(places.iter().all(|(path, _)| *path == "bread.md"));
    let again = bench().run("search", &json!({"query": "bread"}));
    assert_eq!(output.text, again.text);
}

#[test]
fn nothing_found_is_no_failure() {
    for query in ["zebra", "the of and", "..."] {
        let output = bench().run("search", &json!({"query": query}));
        assert!(output.ok && output.passages.is_empty(), "{query}");
        assert!(output.text.starts_with("0 passages of 6"));
    }
    let empty = Bench::new(&[]).run("search", &json!({"query": "ants"}));
    assert_eq!(empty.text, "0 passages of 0 in 0 documents\n\n");
}

#[test]
fn long_results_are_cut_at_whole_passages() {
    let paragraph = format!("{}\n\n", "ants walk home. ".repeat(200));
    let bench = Bench::new(&[("a.txt", paragraph.repeat(30).as_bytes())]);
    let output = bench.run("search", &json!({"query": "ants", "limit": 20}));
    assert!(output.truncated && output.text.len() < OUTPUT_BYTES_MAX + 200);
    assert!(output.text.contains("[cut: "));
    assert_eq!(output.text.matches("bytes ").count() - 1, output.passages.len());
}

#[test]
fn above_its_bound_the_index_says_what_it_left_out() {
    let words: String = (0..INDEX_BYTES_MAX / 12).fold(String::new(), |mut text, number| {
        let _ = write!(text, "word{number:07} ");
        if number % 50 == 0 {
            text.push_str("\n\n");
        }
        text
    });
    let bench = Bench::new(&[
        ("a.txt", b"First needle."),
        ("b.txt", words.as_bytes()),
        ("c.txt", words.as_bytes()),
    ]);
    let output = bench.run("search", &json!({"query": "needle word0000007"}));
    assert!(
        output.text.contains("2 of 3 documents in full]"),
        "{}",
        &output.text[..300]
    );
    assert_eq!(output.passages[0].path, "a.txt");
}

#[test]
fn a_change_after_indexing_is_refused() {
    let bench = bench();
    assert!(bench.run("search", &json!({"query": "pheromone"})).ok);
    std::fs::write(bench.dir.path().join("trails.md"), "Something else.").expect("the file can be written");
    let output = bench.run("search", &json!({"query": "pheromone"}));
    assert_eq!(
        (output.ok, output.text.as_str()),
        (false, "`trails.md` has changed since the job listed it")
    );
}
