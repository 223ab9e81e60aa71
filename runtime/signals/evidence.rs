//! Evidence: the sums over origins at one key, weighed and decayed; the start of every reading.

use anthill_contracts::signal::Origin;

use crate::fact::CellKey;
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

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
    let (mut n, mut y, mut adv) = (0_i64, 0_i64, 0_i64);
    for (origin, cell) in replica.cells(key) {
        let sums = cell.slow_at(now, params);
        let weight = weight(origin);
        n += i64::from(sums.n) * weight / fixed::ONE;
        y += i64::from(sums.y) * weight / fixed::ONE;
        adv += sums.adv * weight / fixed::ONE;
    }
    Evidence {
        n: fixed::to_f64(n),
        y: fixed::to_f64(y),
        adv: fixed::to_f64(adv),
    }
}
