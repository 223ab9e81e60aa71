//! The experiment on small worlds: a newcomer of a warm fleet starts where the fleet stands.

use super::*;

#[test]
fn a_newcomer_starts_where_the_fleet_stands() {
    let patch = WorldPatch {
        nodes: Some(10),
        contexts: Some(2),
        strategies: Some(6),
        tasks_per_node: Some(200),
        join: Some(Join { at: 100, nodes: 1 }),
        seeds: Some(4),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|_, _| {});
    assert!(report.figures["join_regret_ratio"] > 3.0, "{:?}", report.figures);
}
