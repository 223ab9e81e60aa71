//! The consistency test: a reweighted comparison of each origin with the pool of the others.
//!
//! Liars that agree with each other pull the pool towards them. So all passes but the last compare with the two thirds
//! of the origins that agree best (least trimmed squares, Rousseeuw 1984): as long as fewer than a third lie, that core
//! gets purer with every pass. The last pass compares everybody with the core.

use crate::params::Params;

use super::claims::{Claim, Claims};

/// Least runs of an origin at a key for the key to count in its test.
const RUNS_MIN: f64 = 1.0;

/// Least runs of the others at a key for the key to count.
const OTHERS_MIN: f64 = 3.0;

/// By how much what an origin took for granted without the signal may differ from what the others did, without being
/// held against it: the yield of a scope rises while it is learned, and who came early saw less of it.
const BASELINE_SLACK: f64 = 0.25;

/// Least keys of an origin, and least such origins, for the usual disagreement to be told.
const USUAL_KEYS_MIN: f64 = 8.0;
const USUAL_ORIGINS_MIN: usize = 4;

/// What the test says of one origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// By how many standard deviations its disagreement exceeds what chance gives.
    pub z: f64,
    /// How far it is believed, 0 to 1.
    pub weight: f64,
}

/// Judges every origin of a pool by iteratively reweighted comparison: Pearson's chi-square of its claims against the
/// pool of the others, in units of the usual disagreement.
pub fn judge(claims: &Claims, params: &Params) -> Vec<Verdict> {
    let mut weights = vec![1.0; claims.origins().len()];
    for _ in 1..params.trust_passes {
        weights = core(&deviations(claims, &weights), claims.own());
    }
    let verdict = |(place, z): (usize, f64)| {
        let fall = (params.trust_z_none - z) / (params.trust_z_none - params.trust_z_full);
        let weight = if claims.own() == Some(place) {
            1.0
        } else {
            fall.clamp(0.0, 1.0)
        };
        Verdict { z, weight }
    };
    let deviations = deviations(claims, &weights);
    deviations.into_iter().enumerate().map(verdict).collect()
}

/// One for the two thirds that agree best and for the own origin, nothing for the rest.
fn core(deviations: &[f64], own: Option<usize>) -> Vec<f64> {
    let count = deviations.len();
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| deviations[*a].total_cmp(&deviations[*b]).then(a.cmp(b)));
    let mut weights = vec![0.0; count];
    for place in places.into_iter().take(count - count / 3).chain(own) {
        weights[place] = 1.0;
    }
    weights
}

/// The sum of squares of one origin, over its keys.
#[derive(Debug, Clone, Copy, Default)]
struct Square {
    sum: f64,
    keys: f64,
    variance: f64,
}

/// The pool at one key.
#[derive(Debug, Clone, Copy, Default)]
struct Pool {
    n: f64,
    y: f64,
    adv: f64,
}

impl Pool {
    fn add(&mut self, claim: &Claim, weight: f64) {
        self.n += weight * claim.n;
        self.y += weight * claim.y;
        self.adv += weight * claim.adv;
    }
}

/// By how many standard deviations each origin's disagreement exceeds the usual.
fn deviations(claims: &Claims, weights: &[f64]) -> Vec<f64> {
    let mut squares = vec![Square::default(); weights.len()];
    for key in claims.keys() {
        let bounded = |claim: &Claim| weights[claim.origin] * (key.bound / claim.n).min(1.0);
        let mut pool = Pool::default();
        for claim in key.claims.iter().filter(|claim| claim.n > 0.0) {
            pool.add(claim, bounded(claim));
        }
        for claim in key.claims.iter().filter(|claim| claim.n >= RUNS_MIN) {
            let mut others = pool;
            others.add(claim, -bounded(claim));
            if others.n >= OTHERS_MIN {
                squares[claim.origin].add(claim, &others);
            }
        }
    }
    let usual = usual(&squares);
    let deviation = |square: &Square| {
        if square.keys > 0.0 {
            (square.sum / usual - square.keys) / square.variance.sqrt()
        } else {
            0.0
        }
    };
    squares.iter().map(deviation).collect()
}

impl Square {
    fn add(&mut self, claim: &Claim, others: &Pool) {
        // Half a success and half a failure more (Jeffreys 1946), so that a pool without failures is not certain.
        let p = ((others.y + 0.5) / (others.n + 1.0)).clamp(0.001, 0.999);
        let spread = p * (1.0 - p) * claim.n;
        self.sum += (claim.y - claim.n * p).powi(2) / (spread * (1.0 + claim.n / others.n));
        self.keys += 1.0;
        // The variance of a squared standardised binomial: 2, and more where successes or failures are rare.
        self.variance += 2.0 + (1.0 / spread - 6.0 / claim.n).max(0.0);
        // Outcome minus advantage is what an origin expected without the signal. Whoever reports the outcomes of all
        // others and other advantages gives itself away by it.
        let expected = (claim.y - claim.adv) / claim.n - (others.y - others.adv) / others.n;
        let excess = (expected.abs() - BASELINE_SLACK).max(0.0);
        self.sum += excess * excess * claim.n * claim.n / spread;
    }
}

/// The usual disagreement in units of chance, at least one: where the work of all origins differs, all disagree more,
/// and only who does so beyond the others stands out.
fn usual(squares: &[Square]) -> f64 {
    let mut ratios: Vec<f64> = squares
        .iter()
        .filter(|square| square.keys >= USUAL_KEYS_MIN)
        .map(|square| square.sum / square.keys)
        .collect();
    if ratios.len() < USUAL_ORIGINS_MIN {
        return 1.0;
    }
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2].max(1.0)
}
