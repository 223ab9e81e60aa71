//! The experiment on small worlds: figures are there, finite, and say that gossip helps.

use super::*;

#[test]
fn a_patched_world_is_run_as_that_one_world() {
    let patch = WorldPatch {
        nodes: Some(8),
        contexts: Some(2),
        strategies: Some(6),
        tasks_per_node: Some(120),
        seeds: Some(4),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|done, all| assert!(done <= all));
    assert_eq!(report.world.nodes, Some(8));
    assert!(!report.figures.contains_key("central_over_ours_split"));
    assert!(report.targets.is_empty(), "a target belongs to its own world");
    assert!(report.figures["isolated_over_ours"] > 2.0, "{:?}", report.figures);
    assert!(report.figures["central_over_ours"] > 0.6, "{:?}", report.figures);
    assert!(report.series.values().all(|line| line.len() <= 200));
}
