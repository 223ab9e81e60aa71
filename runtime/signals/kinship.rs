//! Kinship: how far what is known of a kind of task holds for the special kinds below it.
//!
//! A special scope leans on the one above as on some runs of its own. How many shows in the evidence itself: what a
//! signal adds differs between sibling scopes by chance, and by what the siblings differ. The second part, tau², is
//! estimated from the first over all signals; the scope above is then worth 0.25 / tau² runs, for beyond that many the
//! difference between siblings outweighs the noise of runs. Rejected: one number for all scopes, which is too much where
//! siblings have nothing in common, and far too little where they are alike.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin, ScopePath};

use crate::evidence;
use crate::fact::{CellKey, ScopeId};
use crate::params::Params;
use crate::posterior;
use crate::replica::Replica;

/// Least and most runs that a scope is worth to those below it.
const RUNS: (f64, f64) = (1.0, 50.0);

/// How much evidence the recommended number of runs counts for in the estimate, in inverse variances of a mean: so much
/// as a few means of four runs each.
const PRIOR_WEIGHT: f64 = 100.0;

/// Least runs of a signal in a scope for its mean to be compared.
const RUNS_MIN: f64 = 1.0;

/// Sums over the signals of one family of scopes, for the estimator of `DerSimonian` and Laird (1986).
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    /// Weighted squared deviations of the scopes' means.
    q: f64,
    /// What they are expected to be where scopes do not differ.
    degrees: f64,
    /// By how much they rise per unit of tau².
    slope: f64,
}

/// What one signal adds in one scope: the mean, and its inverse variance.
type Mean = (f64, f64);

/// Runs that each scope is worth to those below it; scopes without any below are left out. `weight` says how far an
/// origin is believed, Q16.16.
pub fn leanings(
    replica: &Replica,
    now: u64,
    params: &Params,
    weight: impl Fn(Origin) -> i64,
) -> BTreeMap<ScopeId, f64> {
    let mut families: BTreeMap<(ScopeId, SignalId, BundleClass), Vec<Mean>> = BTreeMap::new();
    let mut keys: Vec<&CellKey> = replica.signal_keys().collect();
    keys.sort_unstable();
    for key in keys {
        let above = replica.scope(key.scope).and_then(ScopePath::parent);
        let Some(above) = above else { continue };
        if let Some(mean) = mean(replica, key, now, params, &weight) {
            let family = (ScopeId::of(&above), key.signal, key.bundle);
            families.entry(family).or_default().push(mean);
        }
    }
    let mut spreads: BTreeMap<ScopeId, Spread> = BTreeMap::new();
    for ((above, ..), means) in &families {
        spreads.entry(*above).or_default().add(means);
    }
    spreads
        .into_iter()
        .map(|(above, spread)| (above, spread.runs(params)))
        .collect()
}

/// What a signal adds at a key, over all origins.
fn mean(
    replica: &Replica,
    key: &CellKey,
    now: u64,
    params: &Params,
    weight: &impl Fn(Origin) -> i64,
) -> Option<Mean> {
    let evidence = evidence::at(replica, key, now, params, weight);
    (evidence.n >= RUNS_MIN).then(|| {
        let mean = (evidence.adv / evidence.n).clamp(-1.0, 1.0);
        (mean, evidence.n / posterior::noise(evidence, params))
    })
}

impl Spread {
    /// Adds what one signal's means in sibling scopes say.
    fn add(&mut self, means: &[Mean]) {
        let total: f64 = means.iter().map(|(_, weight)| weight).sum();
        if means.len() < 2 || total <= 0.0 {
            return;
        }
        let pooled = means.iter().map(|(mean, weight)| mean * weight).sum::<f64>() / total;
        let squares: f64 = means.iter().map(|(_, weight)| weight * weight).sum();
        self.q += means
            .iter()
            .map(|(mean, weight)| weight * (mean - pooled).powi(2))
            .sum::<f64>();
        self.degrees += means.len() as f64 - 1.0;
        self.slope += total - squares / total;
    }

    /// Runs that the scope above is worth.
    fn runs(&self, params: &Params) -> f64 {
        let expected = params.noise_var / params.backoff_runs.max(f64::MIN_POSITIVE);
        let tau2 = (self.q - self.degrees + PRIOR_WEIGHT * expected) / (self.slope + PRIOR_WEIGHT);
        let (least, most) = RUNS;
        (params.noise_var / tau2.max(f64::MIN_POSITIVE)).clamp(least, most)
    }
}

#[cfg(test)]
mod tests;
