//! Revoking: taking signals out of use, with everything that was made of them.

use anthill_contracts::id::SignalId;
use serde::{Deserialize, Serialize};

use super::{KnowledgeBase, seam};
use crate::fact::{Fact, Target, Why};

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// One signal.
    Signal(SignalId),
    /// Everything that came from a source: a document, a tool, a person.
    Source(String),
    /// Everything of a tenant, by its number.
    Tenant(u32),
}

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
    /// The signals that a revocation names.
    fn named(&self, what: &Revocation) -> Vec<SignalId> {
        let of = |signal: &anthill_contracts::signal::Signal| match what {
            Revocation::Signal(id) => signal.id == *id,
            Revocation::Source(source) => signal.source == *source,
            Revocation::Tenant(tenant) => signal.author.tenant == *tenant,
        };
        self.replica
            .signals()
            .filter(|signal| of(signal))
            .map(|signal| signal.id)
            .collect()
    }

    /// Takes signals out of use for a tenant's fleet, with everything that was made of them. They stay readable for
    /// the record; with [`Why::Erasure`] their content goes, too.
    pub fn revoke(&mut self, what: &Revocation, why: Why, tenant: u32, now: u64) -> Revoked {
        let named = self.named(what);
        let signals = seam::descendants(&self.replica, &named);
        let mut targets: Vec<Target> = signals.iter().copied().map(Target::Signal).collect();
        if let Revocation::Tenant(tenant) = what {
            targets.push(Target::Tenant(*tenant));
        }
        let facts = targets
            .into_iter()
            .map(|target| self.bury(target, why, tenant, now))
            .collect();
        self.views.clear();
        Revoked {
            named,
            signals,
            facts,
        }
    }

    fn bury(&mut self, target: Target, why: Why, tenant: u32, now: u64) -> Fact {
        let (writer, replica) = self.pen(tenant);
        let fact = writer.tomb(replica, target, why, now);
        if let Target::Signal(signal) = target
            && self.replica.signal(signal).is_none()
        {
            self.index.remove(signal);
        }
        fact
    }
}
