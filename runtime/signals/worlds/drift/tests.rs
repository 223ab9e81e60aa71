//! The experiment on small worlds: a fleet unlearns what has ceased to be true.

use super::*;

#[test]
fn a_broken_strategy_is_left_soon() {
    let patch = WorldPatch {
        nodes: Some(12),
        contexts: Some(2),
        strategies: Some(6),
        tasks_per_node: Some(300),
        flip: Some(Flip {
            at: 150,
            kind: FlipKind::BestBreaks,
        }),
        seeds: Some(4),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|_, _| {});
    assert!(
        report.figures["rounds_to_90_after_flip"] <= 40.0,
        "{:?}",
        report.figures
    );
    let [ratio, recovery, cold] =
        ["recovery_over_cold", "rounds_to_90_recovery", "rounds_to_90_cold"].map(|name| report.figures[name]);
    assert!((ratio * cold - recovery).abs() < 1e-9, "{:?}", report.figures);
}
