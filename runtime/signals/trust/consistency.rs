//! The consistency test: iteratively reweighted comparison of each origin with the pool of the others.

use crate::params::Params;

use super::Claims;

/// Least runs of an origin at a key for the key to count in its test.
const RUNS_MIN: f64 = 1.0;

/// Least runs of the others at a key for the key to count.
const OTHERS_MIN: f64 = 3.0;

/// What the test says of one origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// By how many standard deviations its disagreement exceeds what chance gives.
    pub z: f64,
    /// How far it is believed, 0 to 1.
    pub weight: f64,
}

/// Judges every origin of a pool by iteratively reweighted least squares on binomial counts (Holland and Welsch 1977):
/// Pearson's chi-square of its claims against the pool of the others.
pub fn judge(claims: &Claims, params: &Params) -> Vec<Verdict> {
    let start = Verdict { z: 0.0, weight: 1.0 };
    let mut verdicts = vec![start; claims.origins().len()];
    for _ in 0..params.trust_passes {
        verdicts = pass(claims, &verdicts, params);
    }
    verdicts
}

/// Sums of squares of one origin.
#[derive(Debug, Clone, Copy, Default)]
struct Square {
    sum: f64,
    keys: f64,
    variance: f64,
}

fn pass(claims: &Claims, before: &[Verdict], params: &Params) -> Vec<Verdict> {
    let mut squares = vec![Square::default(); before.len()];
    for key in claims.keys() {
        let (mut pool_n, mut pool_y) = (0.0, 0.0);
        for claim in key {
            let weight = before[claim.origin].weight;
            pool_n += weight * claim.n;
            pool_y += weight * claim.y;
        }
        for claim in key {
            let weight = before[claim.origin].weight;
            let others_n = pool_n - weight * claim.n;
            if claim.n < RUNS_MIN || others_n < OTHERS_MIN {
                continue;
            }
            // Half a success and half a failure more (Jeffreys), so that a pool without failures is not certain.
            let p = (pool_y - weight * claim.y + 0.5) / (others_n + 1.0);
            let spread = p * (1.0 - p) * claim.n;
            let square = &mut squares[claim.origin];
            square.sum += (claim.y - claim.n * p).powi(2) / (spread * (1.0 + claim.n / others_n));
            square.keys += 1.0;
            // The variance of a squared standardised binomial: 2, and more where successes or failures are rare.
            square.variance += 2.0 + (1.0 / spread - 6.0 / claim.n).max(0.0);
        }
    }
    let verdict = |(place, square): (usize, &Square)| {
        let z = if square.keys > 0.0 {
            (square.sum - square.keys) / square.variance.sqrt()
        } else {
            0.0
        };
        let fall = (params.trust_z_none - z) / (params.trust_z_none - params.trust_z_full);
        let weight = if claims.own() == Some(place) {
            1.0
        } else {
            fall.clamp(0.0, 1.0)
        };
        Verdict { z, weight }
    };
    squares.iter().enumerate().map(verdict).collect()
}
