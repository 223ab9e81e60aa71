//! Revoking: taking signals out of use, with everything that was made of them.

use anthill_contracts::id::SignalId;

use super::KnowledgeBase;
use crate::fact::{Fact, Target, Tomb, Why};
use crate::lineage;
pub use crate::lineage::Revocation;

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Revoked {
    /// The signals that are meant, in order of their ids.
    pub named: Vec<SignalId>,
    /// Those and everything that was made of them, in order of their ids.
    pub signals: Vec<SignalId>,
    /// Facts to be kept and passed on.
    pub facts: Vec<Fact>,
}

impl KnowledgeBase {
    /// Takes signals out of use for a tenant's fleet, with everything that was made of them. They stay readable for
    /// the record; with [`Why::Erasure`] their content goes, too.
    pub fn revoke(&mut self, what: &Revocation, why: Why, tenant: u32, now: u64) -> Revoked {
        let named = lineage::roots(&self.replica, what);
        let signals = lineage::reach(&self.replica, what).into_iter().collect();
        let tombs = lineage::revoke(&self.replica, what, why, self.origin(tenant), now);
        Revoked {
            named,
            signals,
            facts: self.bury(&tombs, tenant),
        }
    }

    /// Tombstones for what was made of dead signals and has come since.
    pub(super) fn bury_overdue(&mut self, tenant: u32, now: u64) -> Vec<Fact> {
        let tombs = lineage::overdue(&self.replica, self.origin(tenant), now);
        self.bury(&tombs, tenant)
    }

    fn bury(&mut self, tombs: &[Tomb], tenant: u32) -> Vec<Fact> {
        let (writer, replica) = self.pen(tenant);
        let facts = tombs
            .iter()
            .map(|tomb| writer.tomb(replica, tomb.target, tomb.why, tomb.at))
            .collect();
        for tomb in tombs {
            if let Target::Signal(signal) = tomb.target
                && self.replica.signal(signal).is_none()
            {
                self.index.remove(signal);
                self.near.remove(signal);
            }
        }
        if !tombs.is_empty() {
            self.views.clear();
        }
        facts
    }
}
