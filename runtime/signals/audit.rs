//! Audit: what the layer gains, from what was withheld at random and from nothing else.
//!
//! Two experiments run all the time. Some runs are shown nothing (the control arm), and some chosen signals are withheld
//! from runs that see the others. Chance alone decides, so the difference to what was shown is caused by showing it,
//! whatever the estimates of the reader were worth. Both are adjusted for the kind of task: each run of the control arm
//! is compared with treated runs of its own scope, each withheld signal with itself in its own scope. That takes the
//! difficulty of tasks out of the noise and leaves the expectation where it was (post-stratification; Miratrix, Sekhon
//! and Yu 2013). Rejected: reporting the sum of the posteriors of what was shown, which is what the reader hopes for.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath};

use crate::fact::{CellKey, ScopeId};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

/// Standard errors on either side of an estimate within which the truth lies in 95 of 100 cases.
const SIDES_95: f64 = 1.96;

/// Fewer runs than this are the dust of decayed sums, not runs.
const RUNS_MIN: f64 = 1.0 / 64.0;

/// Up to so many runs a signal counts as little shown: the exposures that a signal on probation is given.
pub const LITTLE_SHOWN_RUNS: u32 = 24;

/// No signal is taken to add more log odds than this in the mean.
const ODDS_MAX: f64 = 5.0;

/// Half the width over which slopes are taken.
const ODDS_STEP: f64 = 1e-4;

/// An estimated difference of outcomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The difference.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Runs that were withheld from; the others are many more.
    pub runs: f64,
}

impl Estimate {
    /// Where the truth lies in 95 of 100 cases.
    pub fn interval(&self) -> (f64, f64) {
        let side = SIDES_95 * self.error;
        (self.value - side, self.value + side)
    }

    /// Two independent estimates of one thing, each by its precision.
    fn with(self, other: Self) -> Self {
        let (own, others) = (self.error.powi(-2), other.error.powi(-2));
        Self {
            value: (self.value * own + other.value * others) / (own + others),
            error: (own + others).powf(-0.5),
            runs: self.runs + other.runs,
        }
    }
}

/// What the whole layer adds to the outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// Mean outcome of the runs that were given what the knowledge holds.
    pub treated: f64,
    /// From the runs that were shown nothing.
    pub by_control: Option<Estimate>,
    /// From the signals that were withheld one by one.
    pub by_withheld: Option<Estimate>,
    /// From both.
    pub both: Option<Estimate>,
}

impl Gain {
    /// The gain relative to the outcome without the layer.
    pub fn lift(&self) -> Option<f64> {
        let gain = self.both?.value;
        let without = self.treated - gain;
        (without > 0.0).then(|| gain / without)
    }
}

/// Runs of one kind and their outcomes, with and without; sums over origins, decayed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Arms {
    with_n: f64,
    with_y: f64,
    without_n: f64,
    without_y: f64,
}

/// A sum of differences between arms, and what it is worth.
#[derive(Debug, Clone, Copy, Default)]
struct Contrast {
    /// Sum over runs without of (mean with - outcome without).
    sum: f64,
    /// Its variance.
    variance: f64,
    /// Runs without.
    runs: f64,
}

impl Arms {
    fn minus(&mut self, other: &Self) {
        self.with_n -= other.with_n;
        self.with_y -= other.with_y;
        self.without_n -= other.without_n;
        self.without_y -= other.without_y;
    }

    fn plus(&mut self, other: &Self) {
        self.with_n += other.with_n;
        self.with_y += other.with_y;
        self.without_n += other.without_n;
        self.without_y += other.without_y;
    }

    /// The mean outcome with; one imagined success and failure keep it off the ends.
    fn mean_with(&self) -> f64 {
        (self.with_y + 1.0) / (self.with_n + 2.0)
    }

    /// Whether there is anything to compare.
    fn is_comparable(&self) -> bool {
        self.with_n >= RUNS_MIN && self.without_n >= RUNS_MIN
    }

    /// Variance of one outcome of this kind. One run is added to each side, so that five equal outcomes are no proof.
    fn noise(&self) -> f64 {
        let n = self.with_n + self.without_n;
        let mean = (self.with_y + self.without_y + 1.0) / (n + 2.0);
        mean * (1.0 - mean)
    }
}

impl Contrast {
    /// Adds one kind of runs.
    fn add(&mut self, arms: &Arms) {
        let without = arms.without_n;
        self.sum += without * arms.with_y / arms.with_n - arms.without_y;
        // Decayed runs weigh less than one each, so this is rather too much than too little.
        self.variance += arms.noise() * (without + without * without / arms.with_n);
        self.runs += without;
    }

    /// The mean difference, times `times`.
    fn estimate(&self, times: f64) -> Option<Estimate> {
        (self.runs >= RUNS_MIN).then(|| Estimate {
            value: times * self.sum / self.runs,
            error: times * self.variance.sqrt() / self.runs,
            runs: self.runs,
        })
    }
}

/// What showing this signal adds, given the rest of what runs are shown: runs with it against runs from which it was
/// withheld. `None` until it was withheld once. `weight` says how far an origin is believed, Q16.16.
pub fn uplift(
    replica: &Replica,
    signal: SignalId,
    now: u64,
    params: &Params,
    weight: impl Fn(Origin) -> i64,
) -> Option<Estimate> {
    let mut contrast = Contrast::default();
    for (key, arms) in cells(replica, now, params, &weight) {
        if key.signal == signal && arms.is_comparable() {
            contrast.add(&arms);
        }
    }
    contrast.estimate(1.0)
}

/// What the layer adds to a run, over all scopes.
///
/// Where the control arm and withheld signals are both there, each counts by its precision. The control arm is believed
/// as it is. Withheld signals tell what one of them adds to the others; for all of a run's signals that is carried on,
/// in log odds, because outcomes cannot leave the range from 0 to 1: on top of others a signal adds less than alone.
pub fn gain(replica: &Replica, now: u64, params: &Params, weight: impl Fn(Origin) -> i64) -> Gain {
    let (mut control, mut all) = (Contrast::default(), Arms::default());
    let mut kinds: BTreeMap<ScopeId, Kind> = BTreeMap::new();
    for (scope, arms) in scopes(replica, now, params, &weight) {
        all.plus(&arms);
        kinds.entry(scope).or_default().runs = arms;
        if arms.is_comparable() {
            control.add(&arms);
        }
    }
    for (key, arms) in cells(replica, now, params, &weight) {
        kinds.entry(key.scope).or_default().exposures.plus(&arms);
    }
    let kinds: Vec<Kind> = kinds.into_values().filter(Kind::is_known).collect();
    let by_control = control.estimate(1.0);
    let by_withheld = carried_on(&kinds);
    let both = match (by_control, by_withheld) {
        (Some(first), Some(second)) => Some(first.with(second)),
        (first, second) => first.or(second),
    };
    Gain {
        treated: all.with_y / all.with_n.max(RUNS_MIN),
        by_control,
        by_withheld,
        both,
    }
}

/// Runs of one scope, and their signals: those that were shown and those that were withheld.
#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    runs: Arms,
    exposures: Arms,
}

impl Kind {
    fn is_known(&self) -> bool {
        self.runs.with_n >= RUNS_MIN && self.exposures.with_n >= RUNS_MIN
    }

    /// What the withheld signals of this scope would have added, if each adds these log odds.
    fn missed(&self, odds: f64) -> f64 {
        self.exposures.without_n * lost(self.exposures.mean_with(), odds)
    }

    /// What all runs of this scope would lose without any signal, if each adds these log odds.
    fn gained(&self, odds: f64) -> f64 {
        let signals = self.exposures.with_n / self.runs.with_n;
        self.runs.with_n * lost(self.runs.mean_with(), signals * odds)
    }
}

/// What a probability loses with these log odds.
fn lost(probability: f64, odds: f64) -> f64 {
    let ratio = probability / (1.0 - probability) * (-odds).exp();
    probability - ratio / (1.0 + ratio)
}

/// The gain of the layer by the signals that were withheld one by one.
///
/// Chance withholds each chosen signal alike, so what was withheld stands for all that was shown: the mean log odds that
/// explain the outcomes of runs that missed a signal are those of a signal in the mean.
fn carried_on(kinds: &[Kind]) -> Option<Estimate> {
    let mut contrast = Contrast::default();
    for kind in kinds {
        contrast.add(&kind.exposures);
    }
    if contrast.runs < RUNS_MIN {
        return None;
    }
    let sum = |of: fn(&Kind, f64) -> f64, odds: f64| kinds.iter().map(|kind| of(kind, odds)).sum::<f64>();
    // Halving finds the one root of a rising function; forty halvings leave less than any outcome shows.
    let (mut low, mut high) = (-ODDS_MAX, ODDS_MAX);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if sum(Kind::missed, middle) < contrast.sum {
            low = middle;
        } else {
            high = middle;
        }
    }
    let odds = f64::midpoint(low, high);
    let slope = |of| sum(of, odds + ODDS_STEP) - sum(of, odds - ODDS_STEP);
    let runs: f64 = kinds.iter().map(|kind| kind.runs.with_n).sum();
    Some(Estimate {
        value: sum(Kind::gained, odds) / runs,
        error: contrast.variance.sqrt() * slope(Kind::gained) / slope(Kind::missed) / runs,
        runs: contrast.runs,
    })
}

/// Share of the lately shown signals that were shown little; `None` where nothing was shown lately. Where it falls to
/// nothing, the fleet has stopped to learn.
pub fn novelty(replica: &Replica, now: u64, params: &Params) -> Option<f64> {
    let mut shown: BTreeMap<SignalId, (f64, f64)> = BTreeMap::new();
    for key in sorted_keys(replica) {
        let is_child = |path: &ScopePath| path.level() > 1;
        if replica.scope(key.scope).is_some_and(is_child) {
            // The scope above counts its runs, too.
            continue;
        }
        for (_, cell) in replica.cells(&key) {
            let (lately, ever) = shown.entry(key.signal).or_default();
            *lately += fixed::to_f64(i64::from(cell.fast_at(now, params).n));
            *ever += f64::from(cell.total);
        }
    }
    let all: f64 = shown.values().map(|(lately, _)| lately).sum();
    let little: f64 = shown
        .values()
        .filter(|(_, ever)| *ever <= f64::from(LITTLE_SHOWN_RUNS))
        .map(|(lately, _)| lately)
        .sum();
    (all >= RUNS_MIN).then(|| little / all)
}

/// Treated runs and the control arm of each scope, without the scopes below it.
fn scopes(
    replica: &Replica,
    now: u64,
    params: &Params,
    weight: &impl Fn(Origin) -> i64,
) -> BTreeMap<ScopeId, Arms> {
    let mut arms = BTreeMap::new();
    for scope in replica.scope_ids() {
        let mut sums = [0_i64; 4];
        for (origin, cell) in replica.scope_cells(scope) {
            let cell = cell.clone().brought_to(now, params);
            let parts = [cell.slow.n, cell.slow.y, cell.control_n, cell.control_y];
            add_weighed(&mut sums, parts, weight(*origin));
        }
        arms.insert(scope, arms_of(sums));
    }
    let sums = arms.clone();
    for (scope, below) in &sums {
        if let Some(above) = parent(replica, *scope).and_then(|above| arms.get_mut(&above)) {
            above.minus(below);
        }
    }
    arms
}

/// Runs with each signal and runs from which it was withheld, by scope, without the scopes below it.
fn cells(
    replica: &Replica,
    now: u64,
    params: &Params,
    weight: &impl Fn(Origin) -> i64,
) -> BTreeMap<CellKey, Arms> {
    let mut arms = BTreeMap::new();
    for key in sorted_keys(replica) {
        let mut sums = [0_i64; 4];
        for (origin, cell) in replica.cells(&key) {
            let cell = cell.brought_to(now, params);
            let parts = [cell.slow.n, cell.slow.y, cell.held_n, cell.held_y];
            add_weighed(&mut sums, parts, weight(origin));
        }
        arms.insert(key, arms_of(sums));
    }
    let sums = arms.clone();
    for (key, below) in &sums {
        let above = parent(replica, key.scope).map(|scope| CellKey { scope, ..*key });
        if let Some(above) = above.and_then(|above| arms.get_mut(&above)) {
            above.minus(below);
        }
    }
    arms
}

/// The scope above.
fn parent(replica: &Replica, scope: ScopeId) -> Option<ScopeId> {
    Some(ScopeId::of(&replica.scope(scope)?.parent()?))
}

/// Every key with evidence, in order.
fn sorted_keys(replica: &Replica) -> Vec<CellKey> {
    let mut keys: Vec<CellKey> = replica.signal_keys().copied().collect();
    keys.sort_unstable();
    keys
}

/// Adds one origin's sums. Whole numbers, so that the order of origins plays no part.
fn add_weighed(sums: &mut [i64; 4], parts: [u32; 4], weight: i64) {
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum += i64::from(part) * weight / fixed::ONE;
    }
}

fn arms_of([with_n, with_y, without_n, without_y]: [i64; 4]) -> Arms {
    Arms {
        with_n: fixed::to_f64(with_n),
        with_y: fixed::to_f64(with_y),
        without_n: fixed::to_f64(without_n),
        without_y: fixed::to_f64(without_y),
    }
}

#[cfg(test)]
mod tests;
