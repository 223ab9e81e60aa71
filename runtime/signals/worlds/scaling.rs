//! Scaling: what a fleet that gossips loses against one learner that meets all tasks in turn, and what nodes lose that
//! keep what they know to themselves.
//!
//! Besides the plain fleet with lost messages stand one that gossips ten times as rarely, and one whose halves are cut
//! off from each other for a third of the time. A patch that changes the world is run as that one world.
//!
//! The measure is the textbook's learner, so that it stays the same when ours gets better. One of ours that meets all
//! tasks in turn is run beside it: what that one loses less than the fleet is the price of hearing late.

use super::fleet::curve::{error_without_each, rounds_to, shares, thinned};
use super::fleet::{Learners, Trace, World};
use super::{Progress, Report, Target, WorldPatch, for_each_seed};

/// Worlds where nothing else is asked for.
const SEEDS: u32 = 20;

/// The share of the best strategies' yield that counts as learned.
const LEARNED: f64 = 0.9;

/// One world of the experiment.
struct Variant {
    suffix: &'static str,
    world: World,
    central_target: f64,
}

/// Runs the experiment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let (seeds, first) = (patch.seeds.unwrap_or(SEEDS), patch.seed.unwrap_or(1));
    let lossy = World {
        loss: 0.3,
        ..World::default()
    };
    let is_standard = is_standard(patch);
    let world = lossy.clone().patched(patch);
    let mut variants = vec![Variant {
        suffix: "",
        world: world.clone(),
        central_target: 0.97,
    }];
    if is_standard {
        variants.push(Variant {
            suffix: "_10_per_round",
            world: World {
                tasks_per_round: 10,
                loss: 0.0,
                ..lossy.clone()
            },
            central_target: 0.88,
        });
        variants.push(Variant {
            suffix: "_split",
            world: World {
                tasks_per_round: 5,
                // Tasks 100 to 400 of each node.
                split: Some([20, 80]),
                ..lossy
            },
            central_target: 0.88,
        });
    }
    let arms = 3 * variants.len() as u64 + 1;
    let mut report = Report::new("scaling", described(&world, seeds, first), seeds);
    for (place, variant) in variants.iter().enumerate() {
        let before = if place == 0 { 0 } else { 3 * place as u64 + 1 };
        let arm = |learners, done: u64| {
            let done = done * u64::from(seeds);
            let told = |now, _| progress(done + now, arms * u64::from(seeds));
            for_each_seed(seeds, first, &told, |seed| variant.world.run(learners, seed))
        };
        let [ours, central, single] = [
            arm(Learners::Fleet, before),
            arm(Learners::Central, before + 1),
            arm(Learners::Single, before + 2),
        ];
        let compared = [("central", &central), ("single", &single)];
        for (name, limit) in compared {
            ratio(
                &mut report,
                &format!("{name}_over_ours{}", variant.suffix),
                limit,
                &ours,
            );
        }
        if is_standard {
            report.target(
                &format!("central_over_ours{}", variant.suffix),
                Target::AtLeast(variant.central_target),
            );
        }
        if place == 0 {
            let isolated = arm(Learners::Isolated, 3);
            alone(&mut report, &variant.world, [&ours, &central, &isolated]);
        }
    }
    if is_standard {
        report.target("isolated_over_ours", Target::AtLeast(13.0));
        report.target("tasks_per_node_to_90", Target::AtMost(25.0));
    }
    report
}

/// What is said of the first world alone.
fn alone(report: &mut Report, world: &World, [ours, central, isolated]: [&[Trace]; 3]) {
    ratio(report, "isolated_over_ours", isolated, ours);
    let tasks = |traces: &[Trace]| (rounds_to(&shares(traces), 0, LEARNED) * world.tasks_per_round) as f64;
    report.figure("tasks_per_node_to_90", tasks(ours));
    let error = error_without_each(ours, tasks);
    report.errors.insert("tasks_per_node_to_90".to_owned(), error);
    for (name, traces) in [("ours", ours), ("central", central), ("isolated", isolated)] {
        report.mean(&format!("regret_{name}"), &regrets(traces));
        report
            .series
            .insert(format!("share_of_oracle_{name}"), thinned(&shares(traces)));
    }
}

/// Adds the ratio of two mean regrets, with the error of a ratio of paired means.
pub(super) fn ratio(report: &mut Report, name: &str, over: &[Trace], under: &[Trace]) {
    let (over, under) = (regrets(over), regrets(under));
    ratio_of(report, name, &over, &under);
}

/// Adds the ratio of two means of paired values, with its error.
pub(super) fn ratio_of(report: &mut Report, name: &str, over: &[f64], under: &[f64]) {
    let count = over.len() as f64;
    let (top, bottom) = (
        over.iter().sum::<f64>() / count,
        under.iter().sum::<f64>() / count,
    );
    let ratio = top / bottom;
    report.figure(name, ratio);
    let pairs = over.iter().zip(under);
    let squares: f64 = pairs.map(|(over, under)| (over - ratio * under).powi(2)).sum();
    if over.len() > 1 {
        let error = (squares / (count - 1.0) / count).sqrt() / bottom.abs();
        report.errors.insert(name.to_owned(), error);
    }
}

fn regrets(traces: &[Trace]) -> Vec<f64> {
    traces.iter().map(|trace| trace.regret(..)).collect()
}

/// Whether a patch leaves the world itself as the experiment has it.
pub(super) fn is_standard(patch: &WorldPatch) -> bool {
    let seeds_alone = WorldPatch {
        seeds: patch.seeds,
        seed: patch.seed,
        ..WorldPatch::default()
    };
    *patch == seeds_alone
}

/// A world as a report shows it.
pub(super) fn described(world: &World, seeds: u32, first: u64) -> WorldPatch {
    WorldPatch {
        seeds: Some(seeds),
        seed: Some(first),
        ..world.as_patch()
    }
}

#[cfg(test)]
mod tests;
