//! The knowledge of one node as a pure machine: what a run is shown, what its end teaches, and what people see of it.
//!
//! It holds the replica, one writer per tenant, and what may be forgotten: views, the index, counts of what is under
//! way. Every verb takes the time and answers the facts that it wrote; who calls it makes them durable and passes them
//! on. So the actor, the command line and the experiments run the same code. The way rejected was an actor that thinks:
//! its choices could only be tested through mailboxes.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::{ReceiptId, SignalId};
use anthill_contracts::signal::{
    BundleClass, Origin, Polarity, ScopePath, Share, Signal, SignalBody, Trigger,
};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::dedup;
use crate::dedup::near::NearDuplicates;
use crate::fact::{Alias, Fact, Stamp, Target, Why};
use crate::params::Params;
use crate::replica::{Delta, Merged, Replica, Span, Versions};
use crate::retrieval::Index;
use crate::view::View;
use crate::writer::Writer;

mod choose;
mod cut;
mod learn;
mod meaning;
mod report;
mod revoke;
mod route;
mod seam;
mod shipped;

pub use choose::{Considered, Verdict};
pub use cut::{Frozen, FrozenError};
pub use learn::{Concluded, Contributed, Contribution, Refusal};
pub use report::{ExposureRow, Interval, Life, Query, QueryAnswer, Relative, SignalRow, Stats, TenantView};
pub use revoke::{Revocation, Revoked};
pub use route::ModelRow;
pub use shipped::{SHIPPED_RUNS_MAX, Shipped};

/// How long a view of the facts is good for.
pub const VIEW_MS: u64 = 10_000;

/// How long a run that never ends counts as under way.
const UNDER_WAY_MS_MAX: u64 = 60 * 60 * 1000;

/// Something that every program of this version knows from the start; it has to prove itself like any other signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builtin {
    /// For which kind of task.
    pub scope: ScopePath,
    /// Advice or warning.
    pub polarity: Polarity,
    /// What it says.
    pub body: SignalBody,
    /// For which tasks of the scope.
    pub trigger: Trigger,
    /// Where it comes from, for people.
    pub source: String,
    /// What was measured of it, by kind of task.
    pub measured: Vec<Shipped>,
}

/// What a base is made of.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// The facts that were kept, in any order.
    pub facts: Vec<Fact>,
    /// The node's number; it is the node's in all origins, and never another node's.
    pub node: u64,
    /// The incarnation of an origin that has not written yet.
    pub inc: u32,
    /// How far each stream of facts had come; without it a count that was used could be used again.
    pub versions: Versions,
    /// What is known from the start.
    pub builtins: Vec<Builtin>,
    /// The numbers.
    pub params: Params,
    /// Groups that this node's tenants have joined.
    pub groups: BTreeSet<u32>,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// What became of facts from elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Those that were news, to be kept and passed on.
    pub facts: Vec<Fact>,
    /// How many were known already.
    pub known: usize,
    /// How many a tombstone covers.
    pub dead: usize,
    /// How many lie in the future.
    pub parked: usize,
    /// How many were refused: private ones of others, and signals whose id is not their content's.
    pub refused: usize,
}

/// What a tick did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticked {
    /// Facts that were written: warnings that mirror refuted advice.
    pub facts: Vec<Fact>,
    /// Entries that were dropped because their weight has faded.
    pub dropped: usize,
}

/// Counts of what happened since the base was opened; the facts themselves do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Runs that asked.
    pub recalls: u64,
    /// Of these, runs of the control arm.
    pub control: u64,
    /// Signals that were shown.
    pub shown: u64,
    /// Of these, signals with few runs behind them.
    pub novel: u64,
    /// Signals that were chosen and withheld.
    pub withheld: u64,
    /// Runs that ended with an outcome.
    pub concluded: u64,
    /// Proposals that became signals.
    pub proposed: u64,
    /// Proposals that were refused.
    pub refused: u64,
    /// Votes for a new regime.
    pub votes: u64,
    /// Facts from elsewhere that were refused.
    pub poisoned: u64,
}

/// The knowledge of one node.
pub struct KnowledgeBase {
    params: Params,
    groups: Vec<u32>,
    node: u64,
    inc: u32,
    replica: Replica,
    writers: BTreeMap<u32, Writer>,
    index: Index,
    near: NearDuplicates,
    views: BTreeMap<u32, (u64, View)>,
    /// Per receipt under way: since when, and what it was shown.
    under_way: BTreeMap<ReceiptId, (u64, Vec<SignalId>)>,
    builtin: BTreeSet<SignalId>,
    /// What the program has measured of them.
    shipped: BTreeMap<SignalId, Vec<Shipped>>,
    counts: Counts,
}

impl KnowledgeBase {
    /// Opens the knowledge over the facts that were kept.
    pub fn open(opening: Opening) -> Self {
        let Opening {
            facts,
            node,
            inc,
            versions,
            builtins,
            params,
            groups,
            now,
        } = opening;
        let mut base = Self {
            index: Index::new(&params),
            near: NearDuplicates::default(),
            replica: Replica::new(&params),
            params,
            groups: groups.into_iter().collect(),
            node,
            inc,
            writers: BTreeMap::new(),
            views: BTreeMap::new(),
            under_way: BTreeMap::new(),
            builtin: BTreeSet::new(),
            shipped: BTreeMap::new(),
            counts: Counts::default(),
        };
        for builtin in builtins {
            base.plant(builtin, now);
        }
        base.restore(facts, &versions, now);
        base
    }

    /// The numbers that it reads with.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Groups that this node's tenants have joined.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// Numbers of the tenants for which this node has written, in order.
    pub fn tenant_numbers(&self) -> impl Iterator<Item = u32> {
        self.writers.keys().copied()
    }

    /// The facts.
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// What happened since it was opened.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// This node's origin for a tenant.
    pub const fn origin(&self, tenant: u32) -> Origin {
        Origin {
            tenant,
            node: self.node,
        }
    }

    /// How far each stream of facts has come; to be kept with the facts.
    pub fn versions(&self) -> Versions {
        let mut versions = self.replica.versions().clone();
        versions.retain(|stream, _| stream.origin != Origin::BUILTIN);
        versions
    }

    /// Every fact but the built-in ones, each origin's in its own order: what is exported and what is kept.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self.replica.facts().collect();
        facts.retain(|fact| fact.origin() != Origin::BUILTIN);
        facts.sort_by_key(|fact| (fact.origin(), fact.stamp()));
        facts
    }

    /// Facts that others may have and that somebody with these versions misses: everything but what is private.
    pub fn shared(&self, theirs: &Versions) -> Vec<Fact> {
        let is_private = |id: SignalId| {
            let signal = self.replica.signal(id);
            signal.is_some_and(|signal| signal.share == Share::Private && !self.builtin.contains(&id))
        };
        let mut facts = self.facts();
        facts.retain(|fact| {
            let is_missed = fact.stamp().seq > theirs.get(&fact.stream()).copied().unwrap_or(0);
            is_missed
                && match fact {
                    Fact::Signal { signal, .. } => !is_private(signal.id),
                    Fact::Cell { key, .. } => !is_private(key.signal),
                    Fact::Alias { alias, .. } => !is_private(alias.stands) && !is_private(alias.follows),
                    Fact::Other { other, .. } => !other.about.is_some_and(is_private),
                    Fact::Scope { .. } | Fact::ScopeCell { .. } | Fact::Tomb { .. } => true,
                }
        });
        facts
    }

    /// Takes in one fact from elsewhere.
    pub fn merge(&mut self, fact: Fact, now: u64) -> Merged {
        self.take(fact, now)
    }

    /// Takes in facts from elsewhere.
    pub fn import(&mut self, facts: Vec<Fact>, now: u64) -> Imported {
        let mut imported = Imported::default();
        for fact in facts {
            if !self.is_acceptable(&fact) {
                imported.refused += 1;
                self.counts.poisoned += 1;
                continue;
            }
            match self.take(fact.clone(), now) {
                Merged::News => imported.facts.push(fact),
                Merged::Known | Merged::Expired => imported.known += 1,
                Merged::Dead => imported.dead += 1,
                // It is kept aside by the replica until its time comes, and is asked for again after a restart.
                Merged::Parked => imported.parked += 1,
                Merged::Equivocation => {
                    imported.facts.push(fact.clone());
                    imported.facts.extend(self.accuse(fact.origin(), now));
                }
                Merged::Full => imported.refused += 1,
            }
        }
        self.views.clear();
        imported
    }

    /// Looks after what time changes: views, evidence that has faded, mirrored warnings.
    pub fn tick(&mut self, now: u64) -> Ticked {
        let dropped = self.replica.collect(now);
        self.under_way
            .retain(|_, (since, _)| now.saturating_sub(*since) < UNDER_WAY_MS_MAX);
        let tenants: Vec<u32> = self.writers.keys().copied().collect();
        let mut facts = Vec::new();
        for tenant in tenants {
            self.look_anew(tenant, now);
            facts.extend(self.second(tenant, now));
            facts.extend(self.mirror(tenant, now));
            facts.extend(self.bury_overdue(tenant, now));
        }
        Ticked { facts, dropped }
    }

    /// Whether a fact from elsewhere may be taken in at all.
    fn is_acceptable(&self, fact: &Fact) -> bool {
        let origin = fact.origin();
        if origin == Origin::BUILTIN {
            return false;
        }
        if let Fact::Signal { signal, .. } = fact {
            let is_itself = signal.id == dedup::signal_id(&signal.scope, signal.polarity, &signal.body);
            let is_private = signal.share == Share::Private && origin.node != self.node;
            if !is_itself || is_private {
                return false;
            }
        }
        codec::check(fact).is_ok()
    }

    /// Takes in the facts that were kept, without a new incarnation for this node's own.
    fn restore(&mut self, facts: Vec<Fact>, versions: &Versions, now: u64) {
        let spans = versions.iter().map(|(stream, head)| Span {
            stream: *stream,
            after: 0,
            upto: *head,
        });
        let spans = spans.collect();
        let mut signals = Vec::new();
        self.replica.absorb(Delta { spans, facts }, now, |fact, _| {
            if let Fact::Signal { signal, .. } = fact {
                signals.push(signal.id);
            }
        });
        for signal in signals {
            self.admit(signal);
        }
        let own: BTreeSet<u32> = self.own_streams().map(|origin| origin.tenant).collect();
        for tenant in own {
            self.pen(tenant);
        }
    }

    /// This node's origins that have written.
    fn own_streams(&self) -> impl Iterator<Item = Origin> {
        let streams = self.replica.versions().into_keys().map(|stream| stream.origin);
        streams.filter(|origin| origin.node == self.node && *origin != Origin::BUILTIN)
    }

    /// Sets a tombstone on an origin that has contradicted itself.
    fn accuse(&mut self, origin: Origin, now: u64) -> Vec<Fact> {
        if origin.node == self.node {
            return Vec::new();
        }
        let (writer, replica) = self.pen(origin.tenant);
        vec![writer.tomb(replica, Target::Origin(origin), Why::Equivocation, now)]
    }

    fn take(&mut self, fact: Fact, now: u64) -> Merged {
        let (origin, stamp) = (fact.origin(), fact.stamp());
        let signal = match &fact {
            Fact::Signal { signal, .. } => Some(signal.id),
            _ => None,
        };
        if origin.node == self.node {
            self.outgrow(origin.tenant, stamp);
        }
        let merged = self.replica.merge(fact, now);
        if let Some(signal) = signal {
            self.admit(signal);
        }
        merged
    }

    /// Lets a signal be found; answers which others say nearly the same.
    fn admit(&mut self, signal: SignalId) -> Vec<Alias> {
        let Some(signal) = self.replica.signal(signal) else {
            return Vec::new();
        };
        // Nobody searches for a choice of models, and two names that are alike are two models.
        if crate::route::is_choice(&signal.body) {
            return Vec::new();
        }
        self.index.insert(signal);
        self.near.insert(signal)
    }

    /// A fact of our own that we do not remember comes from a life whose end we have lost: the next one begins.
    fn outgrow(&mut self, tenant: u32, seen: Stamp) {
        let (writer, _) = self.pen(tenant);
        if seen > writer.stamp {
            writer.stamp = Stamp {
                inc: seen.inc.saturating_add(1),
                seq: 0,
            };
        }
    }

    /// The writer of a tenant's origin on this node, and the replica that it writes into.
    fn pen(&mut self, tenant: u32) -> (&mut Writer, &mut Replica) {
        let (origin, inc) = (self.origin(tenant), self.inc);
        let replica = &mut self.replica;
        let writer = self
            .writers
            .entry(tenant)
            .or_insert_with(|| Writer::resume(replica, origin, inc));
        (writer, replica)
    }

    fn view(&mut self, tenant: u32, now: u64) {
        let is_fresh = self
            .views
            .get(&tenant)
            .is_some_and(|(at, _)| now.saturating_sub(*at) < VIEW_MS);
        if !is_fresh {
            self.look_anew(tenant, now);
        }
    }

    fn look_anew(&mut self, tenant: u32, now: u64) {
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        self.views.insert(tenant, (now, view));
    }

    fn plant(&mut self, builtin: Builtin, now: u64) {
        let Builtin {
            scope,
            polarity,
            body,
            trigger,
            source,
            mut measured,
        } = builtin;
        let signal = Signal {
            id: dedup::signal_id(&scope, polarity, &body),
            tokens: learn::tokens(&body),
            scope,
            polarity,
            body,
            trigger,
            parents: Vec::new(),
            author: Origin::BUILTIN,
            born_in: None,
            created: anthill_contracts::clock::Timestamp(0),
            bundle: BundleClass::default(),
            share: Share::Private,
            source,
        };
        self.builtin.insert(signal.id);
        for one in &mut measured {
            one.runs = one.runs.min(SHIPPED_RUNS_MAX);
        }
        if !measured.is_empty() {
            self.shipped.insert(signal.id, measured);
        }
        let id = signal.id;
        let fact = Fact::Signal {
            stamp: Stamp::default(),
            signal: Box::new(signal),
        };
        self.replica.merge(fact, now);
        self.admit(id);
    }
}

#[cfg(test)]
mod tests;
