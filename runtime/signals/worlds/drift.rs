//! Drift: how fast a fleet unlearns what has ceased to be true, and whether chance alone makes it forget.
//!
//! Three worlds: all strategies are reversed, the best one of each scope breaks, and nothing happens for a hundred
//! thousand tasks. The pace is that of rare tasks, where the recommended half-lives are shortest against the change.
//! A patch that changes the world is run as that one world; where it names no change, the total one is made.

use super::fleet::curve::{error_without_each, rounds_to, shares, thinned};
use super::fleet::{Learners, Pace, Trace, World};
use super::scaling::{described, is_standard, ratio_of};
use super::{Flip, FlipKind, Progress, Report, Target, WorldPatch, for_each_seed};

/// Worlds where nothing else is asked for.
const SEEDS: u32 = 20;

/// The share of the best strategies' yield that counts as learned.
const LEARNED: f64 = 0.9;

/// Tasks in which nothing changes.
const STATIONARY_TASKS: usize = 100_000;

/// Runs the experiment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let (seeds, first) = (patch.seeds.unwrap_or(SEEDS), patch.seed.unwrap_or(1));
    let base = World {
        nodes: 16,
        tasks_per_node: 1600,
        pace: Pace::Rare,
        ..World::default()
    };
    let is_standard = is_standard(patch);
    let mut world = base.patched(patch);
    let middle = world.rounds() / 2;
    let flip = *world.flip.get_or_insert(Flip {
        at: middle,
        kind: FlipKind::ReverseAll,
    });
    let arms = if is_standard { 4 } else { 2 } * u64::from(seeds);
    let arm = |world: &World, learners, done: u64| {
        let told = |now, _| progress(done * u64::from(seeds) + now, arms);
        for_each_seed(seeds, first, &told, |seed| world.run(learners, seed))
    };
    let mut report = Report::new("drift", described(&world, seeds, first), seeds);
    let ours = arm(&world, Learners::Fleet, 0);
    let isolated = arm(&world, Learners::Isolated, 1);
    recovery(&mut report, &ours, flip.at);
    regrets(&mut report, &ours, &isolated, flip.at);
    if is_standard {
        let broken = World {
            flip: Some(Flip {
                at: flip.at,
                kind: FlipKind::BestBreaks,
            }),
            ..world.clone()
        };
        rounds_after(&mut report, &arm(&broken, Learners::Fleet, 2), flip.at);
        let calm = World {
            flip: None,
            tasks_per_node: STATIONARY_TASKS / world.nodes,
            ..world
        };
        let bumps: Vec<f64> = arm(&calm, Learners::Fleet, 3)
            .iter()
            .map(|trace| f64::from(trace.bumps))
            .collect();
        report.mean("false_bumps", &bumps);
        report.target("false_bumps", Target::AtMost(0.0));
        report.target("recovery_over_cold", Target::AtMost(1.4));
        report.target("rounds_to_90_after_flip", Target::AtMost(25.0));
    } else {
        rounds_after(&mut report, &ours, flip.at);
    }
    report
}

/// How long the fleet needs after the change, in the time that it needed from nothing.
fn recovery(report: &mut Report, ours: &[Trace], at: usize) {
    let over_cold = |traces: &[Trace]| {
        let curve = shares(traces);
        rounds_to(&curve, at, LEARNED) as f64 / rounds_to(&curve, 0, LEARNED).max(1) as f64
    };
    report.figure("recovery_over_cold", over_cold(ours));
    let error = error_without_each(ours, over_cold);
    report.errors.insert("recovery_over_cold".to_owned(), error);
    // The ratio alone does not tell whether a fleet recovers slowly or has learned fast in the first place.
    for (name, from) in [("rounds_to_90_cold", 0), ("rounds_to_90_recovery", at)] {
        report.figure(name, rounds_to(&shares(ours), from, LEARNED) as f64);
    }
    report
        .series
        .insert("share_of_oracle_ours".to_owned(), thinned(&shares(ours)));
}

/// In how many rounds after the change the fleet has learned again.
fn rounds_after(report: &mut Report, ours: &[Trace], at: usize) {
    let rounds = |traces: &[Trace]| rounds_to(&shares(traces), at, LEARNED) as f64;
    report.figure("rounds_to_90_after_flip", rounds(ours));
    let error = error_without_each(ours, rounds);
    report.errors.insert("rounds_to_90_after_flip".to_owned(), error);
    report.series.insert(
        "share_of_oracle_after_flip".to_owned(),
        thinned(shares(ours).get(at..).unwrap_or(&[])),
    );
}

/// What is lost before and after the change, and by nodes alone.
fn regrets(report: &mut Report, ours: &[Trace], isolated: &[Trace], at: usize) {
    let whole = |traces: &[Trace]| -> Vec<f64> { traces.iter().map(|trace| trace.regret(..)).collect() };
    let before: Vec<f64> = ours.iter().map(|trace| trace.regret(..at)).collect();
    let after: Vec<f64> = ours.iter().map(|trace| trace.regret(at..)).collect();
    report.mean("regret_before_flip", &before);
    report.mean("regret_after_flip", &after);
    ratio_of(report, "isolated_over_ours", &whole(isolated), &whole(ours));
    report
        .series
        .insert("share_of_oracle_isolated".to_owned(), thinned(&shares(isolated)));
}

#[cfg(test)]
mod tests;
