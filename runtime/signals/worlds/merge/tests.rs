//! The experiment on a small replica with a clock that counts how often it is asked.

use std::cell::Cell;

use super::*;
use crate::worlds::SignalWorld;

#[test]
fn a_small_run_counts_every_cell_and_its_bytes() {
    let asked = Cell::new(0_u64);
    let mono = || {
        asked.set(asked.get() + 1);
        Duration::from_secs(asked.get())
    };
    let patch = WorldPatch {
        seeds: Some(2),
        signals: Some(SignalWorld {
            count: 500,
            ..SignalWorld::default()
        }),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|_, _| {}, &mono);
    // Each stretch takes one second of this clock.
    let cells = (500 * ORIGINS * WRITES) as f64;
    assert!((report.figures["cells_per_second"] - cells).abs() < 1e-6);
    assert!((report.figures["limit_cells_per_second"] - cells).abs() < 1e-6);
    let bytes = report.figures["bytes_per_cell"];
    assert!((50.0..400.0).contains(&bytes), "{bytes} bytes");
    assert_eq!(asked.get(), 8);
}
