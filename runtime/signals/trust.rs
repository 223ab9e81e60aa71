//! Trust: how far each origin's claims are believed, judged by what everybody else has seen.
//!
//! Whoever lies must disagree with those who do not. So the claims of each origin are compared, key by key, with the
//! pool of the others; who deviates more than chance allows counts less, and the pool is made anew without them, a few
//! times over. How much is claimed cannot be checked so; it is bounded by what others can show. Only claims of the current regime are compared, for otherwise honest laggards of a turned world look like
//! liars. Chosen: a reading that each node makes for itself from facts. Rejected: reputations that are gossiped, which
//! liars would gossip, too, and a cap on strength alone, which does not ask whether a claim is true.

use std::collections::BTreeMap;

use anthill_contracts::signal::Origin;

use crate::fact::{CellKey, ScopeId};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

mod bounds;
mod claims;
mod consistency;
mod quorum;

pub use claims::{Claim, Claims, KeyClaims};
pub use consistency::{Verdict, judge};
pub use quorum::carries;

/// How far one reader believes whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trust {
    weights: BTreeMap<Origin, i64>,
    bounds: bounds::Bounds,
    /// Bounds at keys that nobody had evidence for, by scope.
    fresh: BTreeMap<ScopeId, Vec<(bounds::Crowd, u32)>>,
}

impl Trust {
    /// Everybody is believed, whatever they claim.
    pub const fn blank() -> Self {
        Self {
            weights: BTreeMap::new(),
            bounds: BTreeMap::new(),
            fresh: BTreeMap::new(),
        }
    }

    /// What the facts say to the reader `own`, whose own receipts are beyond doubt.
    ///
    /// Origins are judged among those of their tenant, where runs of one scope are alike. What crosses tenants is
    /// bounded here by its volume and by [`crate::pooling::caps`], because there a deviation may be an honest
    /// difference.
    pub fn of(replica: &Replica, own: Origin, now: u64, params: &Params) -> Self {
        let held = claims::held(replica, own.tenant, now, params);
        let active = bounds::active(&held);
        let mut bounds = bounds::within(&held, &active);
        let mut weights = BTreeMap::new();
        for pool in claims::pools(replica, &held, &bounds, own) {
            let verdicts = judge(&pool, params);
            weights.extend(
                pool.origins()
                    .iter()
                    .zip(verdicts)
                    .map(|(origin, verdict)| (*origin, fixed::from_f64(verdict.weight))),
            );
        }
        weights.insert(own, fixed::ONE);
        let weight = |origin: Origin| weights.get(&origin).copied().unwrap_or(fixed::ONE);
        bounds::across(&mut bounds, &held, own.tenant, weight);
        let fresh = bounds::fresh(&active, own.tenant);
        Self {
            weights,
            bounds,
            fresh,
        }
    }

    /// How far each origin that has left evidence is believed, Q16.16.
    pub const fn weights(&self) -> &BTreeMap<Origin, i64> {
        &self.weights
    }

    /// Most runs that a claim of one origin counts for at a key, Q16.16, by tenant of the origin.
    pub fn bound(&self, key: &CellKey) -> Bound<'_> {
        let of_key = self.bounds.get(key).or_else(|| self.fresh.get(&key.scope));
        Bound(of_key.map_or(&[], Vec::as_slice))
    }
}

/// Most runs that a claim of one origin counts for at one key, by tenant of the origin. It does not bind the reader's
/// own claims.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a>(&'a [(bounds::Crowd, u32)]);

impl Bound<'_> {
    /// The share of a claim of `n` runs that counts, Q16.16 like `n`.
    pub fn share(self, origin: Origin, n: u32) -> i64 {
        if self.0.is_empty() {
            return fixed::ONE;
        }
        let bound = bounds::bound_in(self.0, bounds::crowd(origin));
        if n <= bound {
            fixed::ONE
        } else {
            i64::from(bound) * fixed::ONE / i64::from(n)
        }
    }
}

/// How far each origin that has left evidence is believed, in Q16.16; one for `own`. See [`Trust::of`].
pub fn weights(replica: &Replica, own: Origin, now: u64, params: &Params) -> BTreeMap<Origin, i64> {
    Trust::of(replica, own, now, params).weights
}

#[cfg(test)]
mod tests;
