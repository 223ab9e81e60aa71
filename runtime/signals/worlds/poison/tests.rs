//! Small fleets with liars in them.

use super::*;

fn small(attack: Attack, liars: f64) -> Report {
    let patch = WorldPatch {
        contexts: Some(2),
        strategies: Some(6),
        nodes: Some(12),
        tasks_per_node: Some(120),
        attack: Some(attack),
        liars: Some(liars),
        seeds: Some(4),
        ..WorldPatch::default()
    };
    run(&patch, &|_, _| {})
}

#[test]
fn fake_volume_ruins_the_credulous_and_hardly_costs_the_fleet() {
    let report = small(Attack::FakeVolume, 0.25);
    assert!(report.figures["damage_credulous"] > 0.8, "{:?}", report.figures);
    assert!(report.figures["damage"] < 0.3, "{:?}", report.figures);
}

#[test]
fn vote_spam_of_fewer_than_a_third_changes_little() {
    let report = small(Attack::VoteSpam, 0.25);
    assert!(report.figures["spam_ratio"] < 1.1, "{:?}", report.figures);
}

#[test]
fn the_whole_experiment_names_every_figure() {
    let patch = WorldPatch {
        contexts: Some(1),
        strategies: Some(3),
        nodes: Some(10),
        tasks_per_node: Some(10),
        seeds: Some(2),
        ..WorldPatch::default()
    };
    let report = run(&patch, &|_, _| {});
    for (liars, _) in SHARES {
        assert!(report.targets.contains_key(&format!("damage_{liars}")));
        for (_, name) in ATTACKS {
            assert!(report.figures.contains_key(&format!("damage_{liars}_{name}")));
        }
    }
    assert!(report.targets.contains_key("spam_ratio"));
}
