//! Central sentences rank first, and twins do not crowd out others.

use super::{Candidate, Vector, centrality, choose, cosine, vectors};

fn texts(lines: &[&str]) -> Vec<Vec<String>> {
    lines
        .iter()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn likeness_runs_from_nothing_to_one() {
    let vectors = vectors(&texts(&["a b c", "a b c", "d e", "a d", ""]));
    assert!((cosine(&vectors[0], &vectors[1]) - 1.0).abs() < 1e-9);
    assert!(cosine(&vectors[0], &vectors[2]) <= 0.0);
    let some = cosine(&vectors[0], &vectors[3]);
    assert!(some > 0.0 && some < 1.0, "{some}");
    assert!(
        cosine(&vectors[4], &vectors[4]) <= 0.0,
        "an empty text is like nothing"
    );
}

#[test]
fn the_text_in_the_middle_is_central() {
    let ranks = centrality(&vectors(&texts(&["a b", "a b c d", "c d", "x y"])));
    assert!((ranks[1] - 1.0).abs() < 1e-9, "{ranks:?}");
    assert!(ranks[3] < ranks[0] && ranks[3] > 0.0, "{ranks:?}");
    assert_eq!(centrality(&[]), Vec::<f64>::new());
}

fn chosen(scored: &[(f64, usize)], vectors: &[Vector], wanted: usize) -> Vec<usize> {
    let candidates: Vec<Candidate<'_>> = scored
        .iter()
        .zip(vectors)
        .map(|((score, group), vector)| Candidate {
            score: *score,
            vector,
            group: *group,
        })
        .collect();
    choose(&candidates, wanted)
}

#[test]
fn the_best_is_first_and_its_double_is_not_taken() {
    let vectors = vectors(&texts(&["a b c", "a b c", "d e f", "g h i"]));
    let scored = [(0.9, 0), (0.89, 0), (0.5, 0), (0.0, 0)];
    assert_eq!(
        chosen(&scored, &vectors, 9),
        [0, 2],
        "neither the double nor what has no score"
    );
    assert_eq!(chosen(&scored, &vectors, 1), [0]);
    assert_eq!(chosen(&scored, &vectors, 0), Vec::<usize>::new());
}

#[test]
fn choices_are_spread_over_documents() {
    let vectors = vectors(&texts(&["a", "b", "c", "d"]));
    let scored = [(0.80, 1), (0.79, 1), (0.78, 1), (0.76, 2)];
    assert_eq!(chosen(&scored, &vectors, 2), [0, 3]);
}
