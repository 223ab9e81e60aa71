//! Kinship: how far what is known of a kind of task holds for the special kinds below it.
//!
//! A signal's gains in sibling scopes scatter around what it gains in the scope above them, with a variance tau². So a
//! special scope expects of a signal what the siblings have seen of it, each counting for at most 0.25 / tau² runs: a
//! sibling where it is shown all the time, because it is good there, does not speak for those where it is not.
//!
//! How large tau² is shows in the evidence itself. It is the value by which the siblings would best have foretold what
//! the leader of each scope gains there (the predictive likelihood of a scope left out, maximal over a grid). Only leaders
//! are asked, for what is chosen hangs on them. Rejected: moments of all means (`DerSimonian` and Laird 1986). Signals that
//! lose are given up after a run or two and look alike everywhere, and where a kind of task is so easy that everything
//! works, everything agrees; of both there is more than of leaders, and scopes that have nothing in common passed for kin.
//! A likelihood is also not misled by learners that stop when they are unlucky.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, ScopePath};

use crate::evidence::{self, Evidence, Reader, Reading};
use crate::fact::ScopeId;
use crate::params::Params;
use crate::posterior::{self, Posterior};

/// Least and most runs that a sibling scope is worth.
const RUNS: (f64, f64) = (0.3, 300.0);

/// Values that are tried between the two.
const STEPS: u32 = 24;

/// In how many leaders' stead the recommended number of runs speaks: it decides where there are none, and no more.
const PRIOR_WEIGHT: f64 = 0.05;

/// Least runs of a signal in a scope for its mean to be compared.
const RUNS_MIN: f64 = 1.0;

/// Least runs that have come in since the last look for them to be read.
const FRESH_MIN: f64 = 0.5;

/// Over how many scopes runs are taken to be spread of which that is not known yet.
const SPREAD: f64 = 8.0;

/// What sibling scopes say of each other, as it was at the last look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kinship {
    families: BTreeMap<ScopeId, Family>,
}

/// The scopes right below one.
#[derive(Debug, Clone, PartialEq, Default)]
struct Family {
    tau2: f64,
    /// By signal, and by the bundle for which it is read.
    members: BTreeMap<(SignalId, BundleClass), Member>,
}

/// What a signal adds in one scope.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mean {
    scope: ScopeId,
    gain: f64,
    /// Its variance for the luck of runs.
    variance: f64,
}

/// One signal in all scopes of a family.
#[derive(Debug, Clone, PartialEq, Default)]
struct Member {
    means: Vec<Mean>,
    /// The probability that two runs come from the same scope.
    together: f64,
    /// What was known in the scope above: it sums what is known in those below.
    seen: Evidence,
}

/// A sum of means, each weighed by its inverse variance.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    weight: f64,
    mean: f64,
}

impl Sum {
    fn add(&mut self, mean: f64, variance: f64) {
        self.weight += variance.recip();
        self.mean += mean / variance;
    }

    /// The expectation and its variance, if this was expected before.
    fn with(self, mean: f64, variance: f64) -> (f64, f64) {
        let precision = variance.recip() + self.weight;
        ((mean / variance + self.mean) / precision, precision.recip())
    }
}

impl Kinship {
    /// Before anything is known.
    pub const fn blank() -> Self {
        Self {
            families: BTreeMap::new(),
        }
    }

    /// What the facts say to a reader. The bundle that it reads for plays no part.
    pub fn of(reading: &Reading<'_>) -> Self {
        let mut told: BTreeMap<(ScopeId, SignalId), (BTreeSet<ScopeId>, BTreeSet<BundleClass>)> =
            BTreeMap::new();
        for key in reading.replica.signal_keys() {
            let above = reading.replica.scope(key.scope).and_then(ScopePath::parent);
            let Some(above) = above else { continue };
            let (scopes, bundles) = told.entry((ScopeId::of(&above), key.signal)).or_default();
            scopes.insert(key.scope);
            bundles.insert(key.bundle);
        }
        let mut families: BTreeMap<ScopeId, Family> = BTreeMap::new();
        for ((above, signal), (scopes, bundles)) in &told {
            for bundle in bundles {
                let reader = Reader {
                    bundle: *bundle,
                    ..reading.by
                };
                if let Some(member) = Member::of(&reader.of(reading.replica), *signal, *above, scopes) {
                    let family = families.entry(*above).or_default();
                    family.members.insert((*signal, *bundle), member);
                }
            }
        }
        for family in families.values_mut() {
            family.tau2 = tau2(&family.members, reading.by.params);
        }
        Self { families }
    }

    /// What is expected of a signal in the scope `below` before its own evidence there, if `prior` is expected of it in
    /// the scope `above` before that scope's evidence.
    pub fn expected(
        &self,
        reading: &Reading<'_>,
        signal: SignalId,
        (above, below): (ScopeId, ScopeId),
        prior: Posterior,
    ) -> Posterior {
        let params = reading.by.params;
        let family = self.families.get(&above);
        let tau2 = family.map_or_else(|| recommended(params), |family| family.tau2);
        let member = family.and_then(|family| family.members.get(&(signal, reading.by.bundle)));
        let mut sum = Sum::default();
        for mean in member.into_iter().flat_map(|member| &member.means) {
            // What is known in the scope itself is added to what is expected, and must not count twice.
            if mean.scope != below {
                sum.add(mean.gain, tau2 + mean.variance);
            }
        }
        // What came in since the last look is known by its sum alone.
        let seen = member.map_or_else(Evidence::default, |member| member.seen);
        let fresh = evidence::slow(reading, signal, above).without(seen);
        if fresh.n >= FRESH_MIN {
            let together =
                member.map_or_else(|| fresh.n.clamp(1.0, SPREAD).recip(), |member| member.together);
            let (mean, variance) = mean_of(fresh, params);
            sum.add(mean, tau2 * together + variance);
        }
        let (mean, variance) = sum.with(prior.mean, prior.sd.powi(2));
        // No gain is taken to be further from what is expected than gains are at all.
        let precision = params.prior_sd.powi(-2) + (tau2 + variance).recip();
        Posterior {
            mean,
            sd: precision.recip().sqrt(),
            runs: 0.0,
            seen: 0.0,
        }
    }

    /// Runs that each scope below this one is worth to its siblings.
    #[cfg(test)]
    fn runs(&self, above: ScopeId, params: &Params) -> Option<f64> {
        let family = self.families.get(&above)?;
        Some(params.noise_var / family.tau2)
    }
}

impl Member {
    /// A signal in the scopes of a family; `None` where it has hardly been shown.
    fn of(
        reading: &Reading<'_>,
        signal: SignalId,
        above: ScopeId,
        scopes: &BTreeSet<ScopeId>,
    ) -> Option<Self> {
        let (mut member, mut runs) = (Self::default(), 0.0);
        for scope in scopes {
            let evidence = evidence::slow(reading, signal, *scope);
            if evidence.n >= RUNS_MIN {
                let (gain, variance) = mean_of(evidence, reading.by.params);
                member.means.push(Mean {
                    scope: *scope,
                    gain,
                    variance,
                });
                member.together += evidence.n.powi(2);
                runs += evidence.n;
            }
        }
        member.together /= f64::max(runs, RUNS_MIN).powi(2);
        member.seen = evidence::slow(reading, signal, above);
        (!member.means.is_empty()).then_some(member)
    }
}

/// The mean gain, and its variance for the luck of runs.
fn mean_of(evidence: Evidence, params: &Params) -> (f64, f64) {
    let mean = (evidence.adv / evidence.n).clamp(-1.0, 1.0);
    (mean, posterior::noise(evidence, params) / evidence.n)
}

/// The variance between siblings that belongs to the recommended number of runs.
fn recommended(params: &Params) -> f64 {
    params.noise_var / params.backoff_runs.max(f64::MIN_POSITIVE)
}

/// The variance by which the siblings best foretell the leaders.
fn tau2(members: &BTreeMap<(SignalId, BundleClass), Member>, params: &Params) -> f64 {
    let leaders = leaders(members);
    let expected = recommended(params);
    let (least, most) = RUNS;
    let values = (0..=STEPS).map(|step| {
        let part = f64::from(step) / f64::from(STEPS);
        params.noise_var / (least * (most / least).powf(part))
    });
    let likelihood = |tau2: f64| {
        let prior = -(tau2.ln() + expected / tau2) / 2.0;
        let foretold = leaders
            .iter()
            .map(|(member, mean)| foretold(member, *mean, tau2, params));
        PRIOR_WEIGHT * prior + foretold.sum::<f64>()
    };
    let best = values
        .map(|tau2| (likelihood(tau2), tau2))
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.map_or(expected, |(_, tau2)| tau2)
}

/// In each scope the signal that surely gains most there, if it is known elsewhere, too.
fn leaders(members: &BTreeMap<(SignalId, BundleClass), Member>) -> Vec<(&Member, Mean)> {
    let mut leaders: BTreeMap<ScopeId, (&Member, Mean)> = BTreeMap::new();
    let sure = |mean: &Mean| mean.gain - mean.variance.sqrt();
    for member in members.values() {
        for mean in member.means.iter().filter(|mean| mean.gain > 0.0) {
            let leader = leaders.entry(mean.scope).or_insert((member, *mean));
            if sure(mean) > sure(&leader.1) {
                *leader = (member, *mean);
            }
        }
    }
    let known_elsewhere = leaders.into_values().filter(|(member, _)| member.means.len() > 1);
    known_elsewhere.collect()
}

/// The log of the density by which the other scopes foretell a mean.
fn foretold(member: &Member, own: Mean, tau2: f64, params: &Params) -> f64 {
    let mut sum = Sum::default();
    for mean in member.means.iter().filter(|mean| mean.scope != own.scope) {
        sum.add(mean.gain, tau2 + mean.variance);
    }
    let (mean, variance) = sum.with(0.0, params.prior_sd.powi(2));
    let variance = variance + tau2 + own.variance;
    -(variance.ln() + (own.gain - mean).powi(2) / variance) / 2.0
}

#[cfg(test)]
mod tests;
