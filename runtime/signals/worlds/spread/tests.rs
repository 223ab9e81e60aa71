//! The experiment on a small fleet: its figures are there and make sense.

use super::*;

#[test]
fn a_small_fleet_spreads_its_cells_within_a_few_rounds() {
    let patch = WorldPatch {
        nodes: Some(16),
        loss: Some(0.3),
        seeds: Some(1),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|_, _| {});
    let p99 = report.figures["p99_rounds_16"];
    assert!((1.0..14.0).contains(&p99), "{p99} rounds");
    let bytes = report.figures["bytes_per_second_per_node"];
    assert!((1_000.0..20_000.0).contains(&bytes), "{bytes} bytes");
}
