//! The experiment in the small: its rules rank as they should, and a seed is a world.

use super::*;

fn small(seeds: u32) -> WorldPatch {
    WorldPatch {
        tasks_per_node: Some(3_000),
        signals: Some(SignalWorld {
            count: 40,
            ..SignalWorld::default()
        }),
        seeds: Some(seeds),
        ..WorldPatch::default()
    }
}

#[test]
fn credit_by_advantage_beats_counters_and_chance() {
    let report = run(&small(4), &|_, _| ());
    let figure = |name: &str| report.figures[name];
    let ours = figure("share_of_oracle_uplift");
    assert!(ours > 0.4 && ours < 1.0, "{ours}");
    assert!(
        ours > figure("counters_share_of_oracle_uplift") + 0.1,
        "{:?}",
        report.figures
    );
    assert!(figure("counters_share_of_oracle_uplift") > figure("random_share_of_oracle_uplift"));
    assert!(figure("harmful_per_task") < figure("counters_harmful_per_task") / 2.0);
    assert!(figure("random_share_of_oracle_uplift") < 0.2);
    assert_eq!(report.series["share_by_time"].len(), PARTS);
}

#[test]
fn a_world_is_made_by_its_seed() {
    let patch = small(1);
    let again = run(&patch, &|_, _| ());
    assert_eq!(run(&patch, &|_, _| ()).figures, again.figures);
    let other = WorldPatch {
        seed: Some(2),
        ..patch
    };
    assert_ne!(run(&other, &|_, _| ()).figures, again.figures);
}

#[test]
fn nobody_gains_where_nothing_helps() {
    let signals = SignalWorld {
        good: 0.0,
        harmful: 0.0,
        count: 20,
        ..SignalWorld::default()
    };
    let patch = WorldPatch {
        tasks_per_node: Some(500),
        signals: Some(signals),
        ..small(1)
    };
    let report = run(&patch, &|_, _| ());
    for figure in ["oracle_gain_points", "gain_points"] {
        assert!(
            report.figures[figure].abs() < 1e-12,
            "{figure}: {:?}",
            report.figures
        );
    }
}
