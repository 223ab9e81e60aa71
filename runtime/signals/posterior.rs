//! The posterior: what a signal is expected to add to an outcome, and how sure that is.
//!
//! A scope leans on the scope above it as on a few runs of its own, so a special kind of task starts with what is known
//! of the general one. Rejected: helpful and harmful counters, which praise whatever is shown for easy tasks, and the
//! mean outcome with the signal, which is not comparable between signals that are shown for different tasks.

use anthill_contracts::id::SignalId;

use crate::evidence::{self, Evidence, Reading};
use crate::fact::ScopeId;
use crate::params::Params;

/// What a signal is expected to add to an outcome between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// The expected gain.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// Runs that it is known from in this scope, decayed and weighed.
    pub runs: f64,
    /// What these runs contribute to the inverse variance.
    pub seen: f64,
}

impl Posterior {
    /// Before anything is known.
    pub const fn prior(params: &Params) -> Self {
        Self {
            mean: 0.0,
            sd: params.prior_sd,
            runs: 0.0,
            seen: 0.0,
        }
    }

    /// The same after as many runs more, seen elsewhere, with this gain. They are no runs of the scope, and draws stay as
    /// wide as for whatever is concluded from elsewhere.
    #[must_use]
    pub fn leaning(self, runs: f64, gain: f64, params: &Params) -> Self {
        let (own, more) = (self.sd.powi(2).recip(), runs / params.noise_var);
        Self {
            mean: (self.mean * own + gain * more) / (own + more),
            sd: (own + more).recip().sqrt(),
            ..self
        }
    }

    /// The probability that the gain lies above a value, if it is normally distributed.
    pub fn above(&self, value: f64) -> f64 {
        if self.sd <= 0.0 {
            return f64::from(u8::from(self.mean > value));
        }
        normal_below((self.mean - value) / self.sd)
    }
}

/// The posterior of a signal in a scope, leaning on the scopes above.
pub fn of(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> Posterior {
    let mut scopes: Vec<ScopeId> = match reading.replica.scope(scope) {
        Some(path) => path.lineage().map(|path| ScopeId::of(&path)).collect(),
        None => vec![scope],
    };
    scopes.reverse();
    let params = reading.by.params;
    let mut expected = Posterior::prior(params);
    for pair in scopes.windows(2) {
        let kinship = reading.by.view.kinship();
        expected = kinship.expected(reading, signal, (pair[0], pair[1]), expected);
    }
    updated(expected, evidence::slow(reading, signal, scope), params)
}

/// What is expected after this evidence.
fn updated(expected: Posterior, evidence: Evidence, params: &Params) -> Posterior {
    let (noise, prior) = (noise(evidence, params), expected.sd.powi(2));
    let precision = 1.0 / prior + evidence.n / noise;
    Posterior {
        mean: (expected.mean / prior + evidence.adv / noise) / precision,
        sd: precision.recip().sqrt(),
        runs: evidence.n,
        seen: evidence.n / noise,
    }
}

/// The variance of one outcome around its expectation: that of its mean, which two imagined runs keep off the ends.
pub(crate) fn noise(evidence: Evidence, params: &Params) -> f64 {
    let mean = (evidence.y.max(0.0) + 1.0) / (evidence.n + 2.0);
    (mean * (1.0 - mean)).clamp(params.noise_var / 25.0, params.noise_var)
}

/// The standard normal distribution function (Abramowitz and Stegun 1964, 26.2.17; off by less than 1e-7).
fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [
        1.330_274_429,
        -1.821_255_978,
        1.781_477_937,
        -0.356_563_782,
        0.319_381_530,
    ]
    .into_iter()
    .fold(0.0, |sum, factor| (sum + factor) * t);
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests;
