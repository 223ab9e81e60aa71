//! Pooling: how much evidence from elsewhere may count, where origins honestly differ.
//!
//! What works for others works here only as far as their work is alike. How alike it is shows in the evidence itself:
//! means of one signal at different origins differ by chance, and by what their work differs. The second part, tau², is
//! estimated from the first; evidence from elsewhere then counts for at most 0.25 / tau² runs, for beyond that many the
//! difference between origins outweighs the noise of runs. Rejected: a cap that is set by hand, which is wrong by a
//! factor of twenty on one side or the other.

use std::collections::BTreeMap;

use anthill_contracts::signal::Origin;

use crate::fact::{CellKey, ScopeId};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

/// Least runs of an origin at a key for its mean to be compared.
const RUNS_MIN: f64 = 2.0;

/// Sums over the keys of one scope, for the estimator of `DerSimonian` and Laird (1986).
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    /// Weighted squared deviations of origins' means.
    q: f64,
    /// What they are expected to be where origins do not differ.
    degrees: f64,
    /// By how much they rise per unit of tau².
    slope: f64,
}

/// Most runs that evidence from elsewhere counts for, by scope; infinite where nothing says that origins differ.
pub fn caps(
    replica: &Replica,
    weights: &BTreeMap<Origin, i64>,
    now: u64,
    params: &Params,
) -> BTreeMap<ScopeId, f64> {
    let mut keys: Vec<&CellKey> = replica.signal_keys().collect();
    keys.sort_unstable();
    let mut spreads: BTreeMap<ScopeId, Spread> = BTreeMap::new();
    for key in keys {
        let means: Vec<(f64, f64)> = replica
            .cells(key)
            .filter(|(origin, _)| weights.get(origin).is_some_and(|weight| *weight > 0))
            .map(|(_, cell)| cell.slow_at(now, params))
            .map(|sums| (fixed::to_f64(i64::from(sums.n)), fixed::to_f64(i64::from(sums.y))))
            .filter(|(n, _)| *n >= RUNS_MIN)
            .collect();
        add(spreads.entry(key.scope).or_default(), &means);
    }
    spreads
        .into_iter()
        .map(|(scope, spread)| (scope, cap(spread, params)))
        .collect()
}

/// Adds what the origins' runs and outcomes at one key say of the spread between origins.
fn add(spread: &mut Spread, counts: &[(f64, f64)]) {
    if counts.len() < 2 {
        return;
    }
    let n: f64 = counts.iter().map(|(n, _)| n).sum();
    let y: f64 = counts.iter().map(|(_, y)| y).sum();
    let p = (y + 0.5) / (n + 1.0);
    let noise = p * (1.0 - p);
    let squares: f64 = counts.iter().map(|(n, _)| n * n).sum();
    spread.q += counts.iter().map(|(n, y)| (y - n * p).powi(2) / n).sum::<f64>() / noise;
    spread.degrees += counts.len() as f64 - 1.0;
    spread.slope += (n - squares / n) / noise;
}

fn cap(spread: Spread, params: &Params) -> f64 {
    // One standard error is given to chance, so that origins which do not differ are not kept apart by it.
    let excess = spread.q - spread.degrees - (2.0 * spread.degrees).sqrt();
    if excess <= 0.0 {
        return f64::INFINITY;
    }
    (params.noise_var * spread.slope / excess).max(params.remote_cap_min)
}
