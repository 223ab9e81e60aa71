//! Credit: which of many signals help, when each run is shown several and some kinds of task are easier than others.
//!
//! One fleet works off a stream of tasks of several kinds. Signals arrive over time; a few help, some harm, most do
//! nothing, and each is fit for two kinds only. As kinds differ in difficulty far more than signals matter, whoever
//! counts successes learns which signals are shown for easy tasks. Every rule sees the same tasks, the same signals
//! and the same luck; the oracle knows what each signal adds. Rewards are compared in expectation, not as they fell.
//!
//! The kind is hidden where scopes are coarse; where they are fine it is the scope below the stream's, which is all
//! that it tells: the reader is never told which signals share what.

mod learners;
mod stream;

use self::learners::{Counters, Learner, Ours, Random, Scopes};
use self::stream::{Stream, Walk};
use super::{Progress, Report, SignalWorld, Target, WorldPatch, for_each_seed};

/// Hidden kinds of task.
const KINDS: usize = 6;

/// Tasks of the stream.
const TASKS: usize = 20_000;

/// Worlds.
const SEEDS: u32 = 20;

/// Parts of the stream that the series tell apart.
const PARTS: usize = 20;

/// What one rule came to in one world.
#[derive(Debug, Clone, Default)]
struct Outcome {
    /// Its gain over nothing shown, as a share of the oracle's.
    share: f64,
    /// Harmful signals shown per task.
    harmful: f64,
    /// Its gain and the oracle's in each part of the stream.
    parts: Vec<(f64, f64)>,
}

/// One of the rules.
type Rule = fn(&World) -> &Outcome;

/// What became of one world.
struct World {
    fine: Outcome,
    coarse: Outcome,
    counters: Outcome,
    random: Outcome,
    /// The layer's gain per run, in points of a hundred, as the oracle has it and as it was; with fine scopes.
    oracle_points: f64,
    gain_points: f64,
    /// The audit's estimate minus the truth, in points; from both experiments, and from the control arm alone.
    audit: f64,
    audit_control: f64,
    /// The standard error that the audit claimed.
    audit_claimed: f64,
    /// Whether the audit's interval held the truth.
    audit_held: f64,
}

/// Runs the experiment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let world = WorldPatch {
        contexts: Some(patch.contexts.unwrap_or(KINDS)),
        tasks_per_node: Some(patch.tasks_per_node.unwrap_or(TASKS)),
        signals: Some(patch.signals.unwrap_or_default()),
        seeds: Some(patch.seeds.unwrap_or(SEEDS)),
        seed: Some(patch.seed.unwrap_or(1)),
        ..WorldPatch::default()
    };
    let seeds = world.seeds.unwrap_or(SEEDS);
    let first = world.seed.unwrap_or(1);
    let worlds = for_each_seed(seeds, first, progress, |seed| one(&world, seed));
    let mut report = Report::new("credit", world, seeds);
    tell(&mut report, &worlds);
    report
}

/// One world, worked off by every rule.
fn one(world: &WorldPatch, seed: u64) -> World {
    let signals = world.signals.unwrap_or_default();
    let kinds = world.contexts.unwrap_or(KINDS);
    let tasks = world.tasks_per_node.unwrap_or(TASKS);
    let stream = Stream::new(seed, kinds, tasks, &signals);
    let mut fine = Ours::new(seed, Scopes::Fine(kinds), &signals);
    let walk = stream.walk(&mut fine);
    let truth = walk.truth();
    let gain = fine.gain();
    let both = gain.both;
    let off = |estimate: Option<crate::audit::Estimate>| {
        estimate.map_or(f64::NAN, |estimate| 100.0 * (estimate.value - truth))
    };
    let held = both.is_some_and(|estimate| {
        let (low, high) = estimate.interval();
        low <= truth && truth <= high
    });
    let of = |learner: &mut dyn Learner| outcome(&stream.walk(learner));
    World {
        oracle_points: 100.0 * walk.oracle.iter().sum::<f64>() / tasks as f64,
        gain_points: 100.0 * walk.gain.iter().sum::<f64>() / tasks as f64,
        audit: off(both),
        audit_control: off(gain.by_control),
        audit_claimed: both.map_or(f64::NAN, |estimate| 100.0 * estimate.error),
        audit_held: f64::from(u8::from(held)),
        fine: outcome(&walk),
        coarse: of(&mut Ours::new(seed, Scopes::Coarse, &signals)),
        counters: of(&mut Counters::new(seed, &signals)),
        random: of(&mut Random::new(seed, &signals)),
    }
}

/// What a walk comes to beside the oracle.
fn outcome(walk: &Walk) -> Outcome {
    let sum = |gains: &[f64]| gains.iter().sum::<f64>();
    let part = walk.gain.len().div_ceil(PARTS).max(1);
    let parts = walk.gain.chunks(part).zip(walk.oracle.chunks(part));
    Outcome {
        share: sum(&walk.gain) / sum(&walk.oracle).max(f64::MIN_POSITIVE),
        harmful: walk.harmful as f64 / walk.gain.len().max(1) as f64,
        parts: parts.map(|(gain, oracle)| (sum(gain), sum(oracle))).collect(),
    }
}

/// Writes the figures down.
fn tell(report: &mut Report, worlds: &[World]) {
    let rules: [(&str, Rule); 4] = [
        ("", |world| &world.fine),
        ("coarse_", |world| &world.coarse),
        ("counters_", |world| &world.counters),
        ("random_", |world| &world.random),
    ];
    for (rule, of) in rules {
        let column =
            |read: fn(&Outcome) -> f64| worlds.iter().map(|world| read(of(world))).collect::<Vec<_>>();
        report.mean(
            &format!("{rule}share_of_oracle_uplift"),
            &column(|outcome| outcome.share),
        );
        report.mean(
            &format!("{rule}harmful_per_task"),
            &column(|outcome| outcome.harmful),
        );
        let parts = worlds
            .iter()
            .map(|world| of(world).parts.len())
            .min()
            .unwrap_or(0);
        let line = (0..parts).map(|part| {
            let parts = worlds.iter().map(|world| of(world).parts[part]);
            let (gain, oracle) = parts.fold((0.0, 0.0), |sum, (gain, oracle)| (sum.0 + gain, sum.1 + oracle));
            gain / f64::max(oracle, f64::MIN_POSITIVE)
        });
        report
            .series
            .insert(format!("{rule}share_by_time"), line.collect());
    }
    let column = |read: fn(&World) -> f64| worlds.iter().map(read).collect::<Vec<_>>();
    report.mean("oracle_gain_points", &column(|world| world.oracle_points));
    report.mean("gain_points", &column(|world| world.gain_points));
    report.mean("audit_error_points", &column(|world| world.audit.abs()));
    report.mean("audit_bias_points", &column(|world| world.audit));
    report.mean(
        "audit_by_control_error_points",
        &column(|world| world.audit_control.abs()),
    );
    report.mean("audit_claimed_error_points", &column(|world| world.audit_claimed));
    report.mean("audit_intervals_held", &column(|world| world.audit_held));
    report.target("share_of_oracle_uplift", Target::AtLeast(0.70));
    report.target("harmful_per_task", Target::AtMost(0.09));
    report.target("audit_error_points", Target::AtMost(2.0));
}

/// Most signals of a run, as the world says.
const fn slots(signals: &SignalWorld) -> usize {
    signals.slots
}

#[cfg(test)]
mod tests;
