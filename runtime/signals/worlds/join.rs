//! Joining: what a newcomer of a fleet that has learned needs until it does well, against one that starts alone.
//!
//! The newcomer takes a snapshot of any node and then works and gossips like the others. A patch that changes the
//! world is run as that one world.

use super::fleet::curve::{error_without_each, late_shares, rounds_to, shares, thinned};
use super::fleet::{Learners, Trace, World};
use super::scaling::{described, is_standard, ratio_of};
use super::{Join, Progress, Report, Target, WorldPatch, for_each_seed};

/// Worlds where nothing else is asked for.
const SEEDS: u32 = 20;

/// The share of the best strategies' yield that counts as learned.
const LEARNED: f64 = 0.9;

/// Runs the experiment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let (seeds, first) = (patch.seeds.unwrap_or(SEEDS), patch.seed.unwrap_or(1));
    let base = World {
        tasks_per_node: 800,
        join: Some(Join { at: 400, nodes: 1 }),
        ..World::default()
    };
    let is_standard = is_standard(patch);
    let world = base.patched(patch);
    let arm = |learners, done: u64| {
        let told = |now, _| progress(done * u64::from(seeds) + now, 2 * u64::from(seeds));
        for_each_seed(seeds, first, &told, |seed| world.run(learners, seed))
    };
    let (ours, isolated) = (arm(Learners::Fleet, 0), arm(Learners::Isolated, 1));
    let mut report = Report::new("join", described(&world, seeds, first), seeds);
    let tasks =
        |traces: &[Trace]| (rounds_to(&late_shares(traces), 0, LEARNED) * world.tasks_per_round) as f64;
    report.figure("join_tasks_to_90", tasks(&ours));
    let error = error_without_each(&ours, tasks);
    report.errors.insert("join_tasks_to_90".to_owned(), error);
    report.figure("join_tasks_to_90_alone", tasks(&isolated));
    let late = |traces: &[Trace]| -> Vec<f64> { traces.iter().map(Trace::late_regret).collect() };
    report.mean("join_regret", &late(&ours));
    report.mean("join_regret_alone", &late(&isolated));
    ratio_of(&mut report, "join_regret_ratio", &late(&isolated), &late(&ours));
    for (name, traces) in [("ours", &ours), ("isolated", &isolated)] {
        report.series.insert(
            format!("share_of_oracle_late_{name}"),
            thinned(&late_shares(traces)),
        );
        report
            .series
            .insert(format!("share_of_oracle_{name}"), thinned(&shares(traces)));
    }
    if is_standard {
        report.target("join_tasks_to_90", Target::AtMost(0.0));
        report.target("join_regret_ratio", Target::AtLeast(45.0));
    }
    report
}

#[cfg(test)]
mod tests;
