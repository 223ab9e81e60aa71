//! A small fleet of tenants that differ.

use super::*;

fn small(heterogeneity: f64) -> Report {
    let patch = WorldPatch {
        contexts: Some(2),
        strategies: Some(6),
        nodes: Some(8),
        tasks_per_node: Some(150),
        heterogeneity: Some(heterogeneity),
        seeds: Some(4),
        ..WorldPatch::default()
    };
    run(&patch, &|_, _| {})
}

#[test]
fn tenants_that_are_alike_lose_nothing_by_the_cap() {
    let report = small(0.0);
    assert!(report.figures["ours_over_isolated"] < 0.6, "{:?}", report.figures);
    assert!(report.figures["ours_over_naive"] < 1.15, "{:?}", report.figures);
}

#[test]
fn tenants_that_differ_much_do_not_mislead_each_other() {
    let report = small(0.3);
    assert!(
        report.figures["ours_over_isolated"] < 1.05,
        "{:?}",
        report.figures
    );
    assert!(report.figures["ours_over_naive"] < 1.0, "{:?}", report.figures);
}
