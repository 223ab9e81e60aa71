//! Trust: how far each origin's claims are believed, judged by what everybody else has seen.
//!
//! Whoever lies must disagree with those who do not. So the claims of each origin are compared, key by key, with the
//! pool of the others; who deviates more than chance allows counts less, and the pool is made anew without them, a few
//! times over. Only claims of the current regime are compared, for otherwise honest laggards of a turned world look like
//! liars. Chosen: a reading that each node makes for itself from facts. Rejected: reputations that are gossiped, which
//! liars would gossip, too, and a cap on strength alone, which does not ask whether a claim is true.

use std::collections::BTreeMap;

use anthill_contracts::signal::Origin;

use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

mod claims;
mod consistency;

pub use claims::{Claim, Claims};
pub use consistency::{Verdict, judge};

/// How far each origin that has left evidence is believed, in Q16.16; one for `own`, whose receipts are its own.
///
/// Origins are judged among those of their tenant, where runs of one scope are alike. What crosses tenants is bounded
/// by [`crate::pooling::caps`], because there a deviation may be an honest difference.
pub fn weights(replica: &Replica, own: Origin, now: u64, params: &Params) -> BTreeMap<Origin, i64> {
    let mut weights = BTreeMap::new();
    for (_, pool) in claims::pools(replica, own, now, params) {
        let verdicts = judge(&pool, params);
        weights.extend(
            pool.origins()
                .iter()
                .zip(verdicts)
                .map(|(origin, verdict)| (*origin, fixed::from_f64(verdict.weight))),
        );
    }
    weights.insert(own, fixed::ONE);
    weights
}

#[cfg(test)]
mod tests;
