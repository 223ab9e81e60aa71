//! Peers as data, and what may go to whom.
//!
//! Sharing is enforced here, where facts leave: a private signal goes nowhere, a tenant's facts go to nodes that work
//! for the tenant, and to others goes only what was shared with them: the signal, its tombstone, and counts of five
//! runs or more. Rejected: a filter where facts arrive, for what has left is gone.

use std::collections::BTreeSet;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, Share};

use crate::fact::Fact;
use crate::replica::Replica;

/// Fewest runs, Q16.16, of which a count leaves its tenant.
const RUNS_TO_LEAVE: u32 = 5 << 16;

/// A node that this one talks to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Its number, as in its origins.
    pub node: u64,
    /// The tenants that it works for.
    pub tenants: BTreeSet<u32>,
    /// The groups that these have opted in to.
    pub groups: BTreeSet<u32>,
    /// Its zone.
    pub zone: u32,
}

impl Peer {
    /// Whether it may see all of an origin's facts: those of its tenants, and the runtime's own.
    pub fn serves(&self, origin: Origin) -> bool {
        origin.tenant == Origin::BUILTIN.tenant || self.tenants.contains(&origin.tenant)
    }
}

/// Whether a fact may go to a peer.
pub fn may_go(replica: &Replica, fact: &Fact, peer: &Peer) -> bool {
    let origin = fact.origin();
    let reaches = |signal: SignalId| match replica.signal(signal) {
        // Every program has the built-in ones from the start. They need not travel; what was seen of them does.
        Some(signal) if signal.author == Origin::BUILTIN => peer.serves(origin),
        Some(signal) => reach(signal.share, peer, origin),
        // Without the signal itself nobody can tell its reach; its tenant may have it, others not.
        None => peer.serves(origin),
    };
    match fact {
        Fact::Signal { signal, .. } => reach(signal.share, peer, origin),
        Fact::Cell { key, cell, .. } => {
            reaches(key.signal) && (peer.serves(origin) || cell.slow.n >= RUNS_TO_LEAVE)
        }
        Fact::Alias { alias, .. } => reaches(alias.stands) && reaches(alias.follows),
        Fact::Scope { .. } | Fact::ScopeCell { .. } => peer.serves(origin),
        // Nobody here can tell for how many runs a count of an unknown kind stands, so none leaves its tenant.
        Fact::Other { other, .. } if other.is_evidence() && !peer.serves(origin) => false,
        Fact::Other { other, .. } => other.about.map_or_else(|| peer.serves(origin), reaches),
        // Nobody may go on using what was found to do harm.
        Fact::Tomb { .. } => true,
    }
}

fn reach(share: Share, peer: &Peer, origin: Origin) -> bool {
    match share {
        Share::Private => false,
        Share::Tenant => peer.serves(origin),
        Share::Group(group) => peer.serves(origin) || peer.groups.contains(&group),
        Share::Public => true,
    }
}
