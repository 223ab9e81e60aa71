//! Each job has its own view of its documents, and views end with their jobs.

use super::*;
use crate::toolbox::tests::Bench;

#[test]
fn a_job_keeps_its_view_and_another_job_gets_its_own() {
    let (one, other) = (
        Bench::new(&[("a.txt", b"One.")]),
        Bench::new(&[("b.txt", b"Two.")]),
    );
    let views = Views::default();
    let first = views.of(&one.sources);
    let listing = first.listing().expect("it can be listed");
    assert!(Arc::ptr_eq(
        &listing,
        &views.of(&one.sources).listing().expect("it is known")
    ));
    assert_eq!(
        views
            .of(&other.sources)
            .listing()
            .expect("it can be listed")
            .documents[0]
            .path,
        "b.txt"
    );
}

#[test]
fn views_are_bounded_and_end_with_their_jobs() {
    let views = Views::default();
    let benches: Vec<Bench> = (0..VIEWS_MAX + 3).map(|_| Bench::new(&[])).collect();
    for bench in &benches {
        views.of(&bench.sources);
    }
    assert_eq!(lock(&views.0).len(), VIEWS_MAX);
    drop(benches);
    let last = Bench::new(&[]);
    views.of(&last.sources);
    assert_eq!(lock(&views.0).len(), 1);
}
