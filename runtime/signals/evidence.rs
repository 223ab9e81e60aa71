//! Evidence: the sums over origins at one key, weighed and decayed; the start of every reading.
//!
//! Weights are whole numbers, and whole numbers are summed, so the order of origins plays no part and equal facts read
//! equal everywhere. Only the last step, a cap on what comes from elsewhere, is made in floating point. Rejected: a
//! running sum that is kept up to date with each merge, which depends on the order of arrival as soon as it decays.
//!
//! All origins of a key are summed. To sum only the 64 with the most runs (`Replica::cells_read`) cost a tenth of the
//! time of a reading of eight origins, for the sake of keys that more than 64 share; there the caps on what comes from
//! elsewhere bound the sum already.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use crate::fact::{Cell, CellKey, ScopeId, Sums};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;
use crate::view::View;

/// What is known of a signal in one scope: sums over all origins, weighed, at one time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Runs.
    pub n: f64,
    /// Sum of outcomes.
    pub y: f64,
    /// Sum of observed advantages.
    pub adv: f64,
}

/// Who reads, and when: what the reader thinks of the facts, and with what it is going to act on them.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// What the reader thinks of the facts.
    pub view: &'a View,
    /// With what the run will be made that this is read for.
    pub bundle: BundleClass,
    /// When, in milliseconds since 1970.
    pub now: u64,
    /// The numbers of the layer.
    pub params: &'a Params,
}

impl<'a> Reader<'a> {
    /// The reading of these facts.
    pub const fn of(self, replica: &'a Replica) -> Reading<'a> {
        Reading { replica, by: self }
    }
}

/// A reader and the facts before it.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The facts.
    pub replica: &'a Replica,
    /// Who reads them.
    pub by: Reader<'a>,
}

/// The evidence of a signal in a scope with the slow half-life: what its expected gain is read from.
pub fn slow(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> Evidence {
    read(reading, signal, scope, Cell::slow_at)
}

/// The same with the fast half-life: how it has done of late.
pub fn fast(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> Evidence {
    read(reading, signal, scope, Cell::fast_at)
}

/// How much a run with one bundle says about a run with another, Q16.16: all where they are equal.
pub fn bundle_weight(of: BundleClass, here: BundleClass, params: &Params) -> i64 {
    if of == here {
        fixed::ONE
    } else if of.family == here.family {
        fixed::from_f64(params.weight_same_family)
    } else {
        fixed::from_f64(params.weight_other_family)
    }
}

/// The sums at a key at a time; `weight` says how far an origin is believed, Q16.16.
///
/// Whole numbers are summed, so the order of origins plays no part.
pub fn at(
    replica: &Replica,
    key: &CellKey,
    now: u64,
    params: &Params,
    weight: impl Fn(Origin) -> i64,
) -> Evidence {
    let mut total = Total::default();
    for (origin, cell) in replica.cells(key) {
        total.add(cell.slow_at(now, params), weight(origin));
    }
    total.evidence()
}

/// Sums the cells of a signal in a scope over bundles and origins.
fn read(
    reading: &Reading<'_>,
    signal: SignalId,
    scope: ScopeId,
    sums_at: impl Fn(&Cell, u64, &Params) -> Sums,
) -> Evidence {
    let Reader {
        view,
        bundle: here,
        now,
        params,
    } = reading.by;
    let (mut own, mut remote) = (Total::default(), Total::default());
    for bundle in view.bundles(scope, here) {
        let key = CellKey {
            signal,
            scope,
            bundle,
        };
        let alike = bundle_weight(bundle, here, params);
        let (regime, bound) = (view.regime(scope, signal), view.bound(&key));
        for (origin, cell) in reading.replica.cells(&key) {
            let keep = regime.keep(&cell, params);
            let believed = view.weight(origin);
            let weight = if keep == fixed::ONE && believed == fixed::ONE {
                alike
            } else {
                alike * believed / fixed::ONE * keep / fixed::ONE
            };
            if weight == 0 {
                continue;
            }
            let sums = sums_at(&cell, now, params);
            if origin == view.own() {
                own.add(sums, weight);
            } else {
                remote.add(sums, weight * bound.share(origin, sums.n) / fixed::ONE);
            }
        }
    }
    let (own, remote) = (own.evidence(), remote.evidence());
    own.plus(remote.at_most(view.cap(scope)))
}

/// Sums in Q16.16.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    n: i64,
    y: i64,
    adv: i64,
}

impl Total {
    fn add(&mut self, sums: Sums, weight: i64) {
        let (n, y) = (i64::from(sums.n), i64::from(sums.y));
        // An advantage beyond -1 and 1 per run can be no observation.
        let adv = sums.adv.clamp(-2 * n, 2 * n);
        if weight == fixed::ONE {
            self.n += n;
            self.y += y;
            self.adv += adv;
        } else {
            self.n += n * weight / fixed::ONE;
            self.y += y * weight / fixed::ONE;
            self.adv += adv * weight / fixed::ONE;
        }
    }

    fn evidence(self) -> Evidence {
        Evidence {
            n: fixed::to_f64(self.n),
            y: fixed::to_f64(self.y),
            adv: fixed::to_f64(self.adv),
        }
    }
}

impl Evidence {
    /// The mean outcome; `None` without runs.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0.0).then(|| (self.y / self.n).clamp(0.0, 1.0))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            n: self.n + other.n,
            y: self.y + other.y,
            adv: self.adv + other.adv,
        }
    }

    /// What is in this and not in `part`.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self {
            n: self.n - part.n,
            y: self.y - part.y,
            adv: self.adv - part.adv,
        }
    }

    /// The same evidence, worth no more runs than this.
    #[must_use]
    pub fn at_most(self, runs: f64) -> Self {
        if self.n <= runs {
            return self;
        }
        let share = runs / self.n;
        Self {
            n: runs,
            y: self.y * share,
            adv: self.adv * share,
        }
    }
}

#[cfg(test)]
mod tests;
