//! Credit: what the outcome of one run says about the signals that it was shown.
//!
//! Each signal is credited with its advantage: the outcome, minus what the scope yields without signals, minus what the
//! other shown signals were expected to add. The advantages are facts and add up, although the expectations move on;
//! so evidence merges without a matrix of which signals were shown together. Rejected: counting successes of runs that
//! had the signal, which praises whatever is shown for easy tasks, and the difference to runs without it, which praises
//! whatever was not shown to hard ones.
//!
//! A run is credited to its scope and to every scope above, so that a scope's sums contain those below it.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass, Origin, Outcome};

use crate::fact::{CellKey, Fact, ScopeId, Sums};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;
use crate::writer::Writer;

/// What a task without any signal yields before anything is known of its kind.
const BASELINE_PRIOR: f64 = 0.5;

/// Runs that [`BASELINE_PRIOR`] is worth.
///
/// The first runs of a scope are measured against what is known of it by then, and keep the advantages that come of it.
/// With a prior of a single run that baseline jumps from outcome to outcome, and what was tried in a lucky moment looks
/// worse for good than what was tried in an unlucky one: a fleet of 64 lost 7 % more than with ten.
const BASELINE_PRIOR_RUNS: f64 = 10.0;

/// One signal that was chosen for a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The signal.
    pub signal: SignalId,
    /// Its expected gain when it was chosen.
    pub mean: f64,
    /// Whether it was shown; one that was chosen and withheld measures what it would have added.
    pub kept: bool,
    /// Whether it was born in this very run, which then is no evidence for it.
    pub own: bool,
}

/// One run as credit sees it: what it was shown and how it came out.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The kind of task.
    pub scope: ScopeId,
    /// With what it was made.
    pub bundle: BundleClass,
    /// Its outcome as it was reported, 0 to 1.
    pub y: f64,
    /// Who reported it.
    pub class: EvidenceClass,
    /// Whether signals were shown at all.
    pub arm: Arm,
    /// The signals that were chosen.
    pub shown: &'a [Shown],
    /// Whether harm was seen.
    pub harm: bool,
    /// When, in milliseconds since 1970.
    pub now: u64,
}

/// A known bug that a test plants to show that it would find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "seeded-bugs")]
pub enum SeededBug {
    /// A run counts as evidence for the signals that were born in it.
    SelfCredit,
    /// A run counts as evidence for signals that it was never shown.
    WithoutExposure,
}

/// How often a reporter of this class turns an outcome around.
pub const fn flip_rate(class: EvidenceClass) -> f64 {
    match class {
        EvidenceClass::Test => 0.0,
        EvidenceClass::Verifier => 0.02,
        // People check less than programs and look closer than models.
        EvidenceClass::Human => 0.05,
        EvidenceClass::Judge => 0.10,
        EvidenceClass::SelfReport => 0.20,
    }
}

/// The outcome without the reporter's errors, on average; a single one may lie outside of 0 to 1.
///
/// A graded outcome is a mean of many such reports, so the same line holds for it (Natarajan et al. 2013).
pub fn debiased(y: f64, class: EvidenceClass) -> f64 {
    let flip = flip_rate(class);
    (y.clamp(0.0, 1.0) - flip) / (1.0 - 2.0 * flip)
}

/// Of several outcomes of one run the one by the surest reporter, the latest of its kind; harm that any of them saw
/// counts.
pub fn surest(outcomes: &[Outcome]) -> Option<Outcome> {
    let mut best = outcomes
        .iter()
        .min_by_key(|outcome| (outcome.class, std::cmp::Reverse(outcome.at)))?
        .clone();
    best.harm = outcomes.iter().any(|outcome| outcome.harm);
    Some(best)
}

/// What runs of a scope yield beyond what their signals were expected to add: the mean over all origins, a little-known
/// scope leaning on the scopes above. `weight` says how far an origin is believed, Q16.16.
pub fn baseline(
    replica: &Replica,
    scope: ScopeId,
    now: u64,
    params: &Params,
    weight: impl Fn(Origin) -> i64,
) -> f64 {
    let (mut mean, mut worth) = (BASELINE_PRIOR, BASELINE_PRIOR_RUNS);
    for scope in lineage(replica, scope).into_iter().rev() {
        let sums = scope_sums(replica, scope, now, params, &weight);
        let runs = fixed::to_f64(sums.0);
        if runs + worth > 0.0 {
            mean = (fixed::to_f64(sums.1) + worth * mean) / (runs + worth);
        }
        worth = params.backoff_runs;
    }
    mean
}

/// Runs of a scope and their outcomes beyond expectation, Q16.16. No run is taken to be further off than runs can be.
fn scope_sums(
    replica: &Replica,
    scope: ScopeId,
    now: u64,
    params: &Params,
    weight: &impl Fn(Origin) -> i64,
) -> (i64, i64) {
    replica
        .scope_cells(scope)
        .fold((0, 0), |(runs, rest), (origin, cell)| {
            let Sums { n, adv, .. } = cell.slow_at(now, params);
            let (n, believed) = (i64::from(n), weight(*origin));
            let adv = adv.clamp(-2 * n, 2 * n);
            (
                runs + n * believed / fixed::ONE,
                rest + adv * believed / fixed::ONE,
            )
        })
}

/// The scope and those above it, the most special first.
fn lineage(replica: &Replica, scope: ScopeId) -> Vec<ScopeId> {
    match replica.scope(scope) {
        Some(path) => path.lineage().map(|path| ScopeId::of(&path)).collect(),
        None => vec![scope],
    }
}

/// Credits a finished run and answers the facts that are new. Every origin is believed alike; see [`settle_believing`].
///
/// The same receipt must not be settled twice: whoever keeps the receipts sees to that.
pub fn settle(replica: &mut Replica, writer: &mut Writer, params: &Params, run: &Run<'_>) -> Vec<Fact> {
    settle_believing(replica, writer, params, run, |_| fixed::ONE)
}

/// Credits a finished run, with a baseline in which each origin counts by its weight, Q16.16.
///
/// What the agent says of itself changes nothing. Runs of the control arm and withheld signals are counted apart: they
/// measure what the rest gains, and whoever learned from them would spoil the measure.
pub fn settle_believing(
    replica: &mut Replica,
    writer: &mut Writer,
    params: &Params,
    run: &Run<'_>,
    weight: impl Fn(Origin) -> i64,
) -> Vec<Fact> {
    if run.class == EvidenceClass::SelfReport {
        return Vec::new();
    }
    let base = baseline(replica, run.scope, run.now, params, weight);
    let entry = Entry {
        replica,
        writer,
        #[cfg(feature = "seeded-bugs")]
        bug: None,
    };
    entry.settle(run, base)
}

/// Credits a finished run with a known bug.
#[cfg(feature = "seeded-bugs")]
pub fn settle_with(
    replica: &mut Replica,
    writer: &mut Writer,
    params: &Params,
    run: &Run<'_>,
    bug: SeededBug,
) -> Vec<Fact> {
    let base = baseline(replica, run.scope, run.now, params, |_| fixed::ONE);
    let entry = Entry {
        replica,
        writer,
        bug: Some(bug),
    };
    entry.settle(run, base)
}

/// Where a run is written down.
struct Entry<'a> {
    replica: &'a mut Replica,
    writer: &'a mut Writer,
    #[cfg(feature = "seeded-bugs")]
    bug: Option<SeededBug>,
}

impl Entry<'_> {
    /// Credits a run to its scope and to those above.
    fn settle(mut self, run: &Run<'_>, base: f64) -> Vec<Fact> {
        let scopes = lineage(self.replica, run.scope);
        let mut facts = Vec::with_capacity(scopes.len() * (run.shown.len() + 1));
        for scope in scopes {
            self.credit(scope, run, base, &mut facts);
        }
        facts
    }

    /// Whether the run is evidence for this signal.
    #[cfg(not(feature = "seeded-bugs"))]
    const fn is_evidence(&self, shown: &Shown) -> bool {
        let _ = self;
        !shown.own
    }

    /// Whether the run is evidence for this signal.
    #[cfg(feature = "seeded-bugs")]
    fn is_evidence(&self, shown: &Shown) -> bool {
        !shown.own || self.bug == Some(SeededBug::SelfCredit)
    }

    /// Whether the signal counts as shown.
    #[cfg(not(feature = "seeded-bugs"))]
    const fn is_exposed(&self, shown: &Shown) -> bool {
        let _ = self;
        shown.kept
    }

    /// Whether the signal counts as shown.
    #[cfg(feature = "seeded-bugs")]
    fn is_exposed(&self, shown: &Shown) -> bool {
        shown.kept || self.bug == Some(SeededBug::WithoutExposure)
    }

    /// Credits a run to one scope and to the signals in it.
    fn credit(&mut self, scope: ScopeId, run: &Run<'_>, base: f64, facts: &mut Vec<Fact>) {
        let y = debiased(run.y, run.class);
        let expected: f64 = run
            .shown
            .iter()
            .filter(|shown| shown.kept)
            .map(|shown| shown.mean)
            .sum();
        let y_fixed = fixed::from_f64(y);
        let rest = fixed::from_f64(y - expected);
        facts.push(
            self.writer
                .scope_cell(self.replica, scope, run.now, |cell| match run.arm {
                    Arm::Control => count(&mut cell.control_n, &mut cell.control_y, y_fixed),
                    Arm::Treated => {
                        cell.slow = cell.slow.with(y_fixed, rest);
                        cell.fast = cell.fast.with(y_fixed, rest);
                    }
                }),
        );
        if run.arm == Arm::Control {
            return;
        }
        for shown in run.shown {
            if !self.is_evidence(shown) {
                continue;
            }
            let exposed = self.is_exposed(shown);
            let key = CellKey {
                signal: shown.signal,
                scope,
                bundle: run.bundle,
            };
            let adv = fixed::from_f64(y - base - (expected - shown.mean));
            facts.push(self.writer.cell(self.replica, key, run.now, |cell| {
                if !exposed {
                    count(&mut cell.held_n, &mut cell.held_y, y_fixed);
                    return;
                }
                cell.slow = cell.slow.with(y_fixed, adv);
                cell.fast = cell.fast.with(y_fixed, adv);
                cell.total = cell.total.saturating_add(1);
                cell.harm = cell.harm.saturating_add(u8::from(run.harm));
            }));
        }
    }
}

/// One more run and its outcome; the sum of outcomes stays between none and all.
fn count(runs: &mut u32, outcomes: &mut u32, y: i64) {
    *runs = runs.saturating_add(1 << 16);
    let sum = (i64::from(*outcomes) + y).clamp(0, i64::from(*runs));
    *outcomes = u32::try_from(sum).unwrap_or(u32::MAX);
}

#[cfg(test)]
mod tests;
