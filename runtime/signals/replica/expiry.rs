//! Dropping what has faded. Evaporation is the garbage collection: everybody drops an entry by the same rule from the
//! entry itself, and refuses it by the same rule when it comes again.
//!
//! A signal is not dropped by its own age but when its evidence is gone, and evidence may arrive after its signal. So a
//! replica keeps a retired signal as long again as evidence lives; readings and digests leave it out at once.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::Signal;

use super::{Entry, Replica, standing};
use crate::fact::{Fact, Tomb};
use crate::fixed::HALF_LIVES_MAX;

/// Facts stamped further ahead than this wait: clocks differ by seconds, lies by years.
pub const FUTURE_MS_MAX: u64 = 60_000;

/// Most living signals of one tenant below one top scope.
pub const SIGNALS_PER_TREE_MAX: usize = 4_096;

impl Replica {
    /// Age at which nothing is left of any number; never where nothing fades.
    fn horizon_ms(&self) -> u64 {
        match self.params.slow_half_life_ms {
            0 => u64::MAX,
            half_life => half_life.saturating_mul(HALF_LIVES_MAX),
        }
    }

    /// Whether a fact has faded; once it has, it stays so.
    pub(super) fn is_faded(&self, fact: &Fact, now: u64) -> bool {
        match fact {
            Fact::Cell { cell, .. } => cell.is_faded(now, &self.params),
            Fact::ScopeCell { cell, .. } => cell.is_faded(now, &self.params),
            Fact::Tomb { tomb, .. } => self.is_tomb_over(tomb, now),
            Fact::Other { other, .. } => other.is_faded(now, &self.params),
            Fact::Signal { .. } | Fact::Scope { .. } | Fact::Alias { .. } => false,
        }
    }

    /// Whether everything that a tombstone has killed has faded by itself, on whatever clock.
    pub(super) fn is_tomb_over(&self, tomb: &Tomb, now: u64) -> bool {
        now.saturating_sub(tomb.at) > self.horizon_ms().saturating_add(2 * FUTURE_MS_MAX)
    }

    /// Whether a signal is old and has no evidence left.
    pub fn is_retired(&self, id: SignalId, now: u64) -> bool {
        let Some(held) = self.signals.get(&id) else {
            return true;
        };
        let latest = held.claims.all().iter().map(|(_, (_, signal))| signal.created.0);
        let age = now.saturating_sub(latest.max().unwrap_or(0));
        age > self.horizon_ms() && !self.has_evidence(id, now)
    }

    fn has_evidence(&self, id: SignalId, now: u64) -> bool {
        self.cells.slots_of(id).any(|slot| {
            let mut cells = self.cells.in_slot(Some(slot), &self.logs);
            cells.any(|(_, cell)| !cell.is_faded(now, &self.params))
        })
    }

    /// Drops what has faded and takes in what has waited for its time. Answers how many entries were dropped. It may be
    /// called at any time and as often as one likes: readings at one time are the same before and after.
    pub fn collect(&mut self, now: u64) -> usize {
        self.take_due(now);
        let mut dropped = 0;
        for slot in self.cells.slots() {
            let (params, key) = (&self.params, *self.cells.key_of(slot));
            let gone = self
                .cells
                .drop_from(slot, &mut self.logs, |_, cell| cell.is_faded(now, params));
            dropped += gone.len();
            for (origin, _) in gone {
                self.tell_gone(Entry::Cell(key, origin));
            }
        }
        for entry in self.faded_entries(now) {
            dropped += usize::from(self.remove(entry).is_some());
            if let Entry::Tomb(target, _) = entry {
                self.ask_again(target);
            }
        }
        self.logs.forget_silent(now.saturating_sub(self.horizon_ms()));
        dropped
    }

    fn faded_entries(&self, now: u64) -> Vec<Entry> {
        let scope_cells = self.scope_cells.iter().flat_map(|(scope, claims)| {
            let faded = claims
                .all()
                .iter()
                .filter(|(_, cell)| cell.is_faded(now, &self.params));
            faded.map(|(origin, _)| Entry::ScopeCell(*scope, *origin))
        });
        let tombs = self.tombs.iter().flat_map(|(target, claims)| {
            let over = claims
                .all()
                .iter()
                .filter(|(_, (_, tomb))| self.is_tomb_over(tomb, now));
            over.map(|(origin, _)| Entry::Tomb(*target, *origin))
        });
        let unseen = self.signals.iter().filter(|(id, held)| {
            now.saturating_sub(held.seen) > self.horizon_ms() && self.is_retired(**id, now)
        });
        let signals = unseen.flat_map(|(id, held)| {
            let claims = held.claims.all().iter();
            claims.map(|(origin, _)| Entry::Signal(*id, *origin))
        });
        let others = self.others.faded(now, &self.params);
        scope_cells.chain(tombs).chain(signals).chain(others).collect()
    }

    /// What a tombstone has kept out is asked for again when it is over: others may hold what was written since. Not of
    /// this node's own stream: who fell behind there would hide from all others what it has written later.
    fn ask_again(&mut self, target: crate::fact::Target) {
        for (stream, least) in self.kept_out.remove(&target).unwrap_or_default() {
            let log = self.logs.find_mut(stream).filter(|log| !log.is_own);
            if let Some(log) = log {
                log.head = log.head.min(least.saturating_sub(1));
            }
        }
    }

    fn take_due(&mut self, now: u64) {
        while let Some(entry) = self.parked.first_entry() {
            if entry.key().0 > now.saturating_add(FUTURE_MS_MAX) {
                return;
            }
            let fact = entry.remove();
            self.merge(fact, now);
        }
    }

    /// Signals beyond [`SIGNALS_PER_TREE_MAX`] of a tenant below a top scope: those of the least worth, which the
    /// caller knows. A reading: nothing is dropped, so replicas stay equal whatever each thinks of worth.
    pub fn over_cap(&self, now: u64, worth: impl Fn(&Signal) -> f64) -> Vec<SignalId> {
        let mut trees: BTreeMap<(u32, &str), Vec<(f64, SignalId)>> = BTreeMap::new();
        for held in self.signals.values() {
            let Some(signal) = standing(&held.claims) else {
                continue;
            };
            if self.is_dead(signal.id) || self.is_retired(signal.id, now) {
                continue;
            }
            let path = signal.scope.as_str();
            let top = path.split_once('/').map_or(path, |(top, _)| top);
            let tree = trees.entry((signal.author.tenant, top)).or_default();
            tree.push((worth(signal), signal.id));
        }
        let mut over = Vec::new();
        for mut tree in trees.into_values() {
            if tree.len() > SIGNALS_PER_TREE_MAX {
                tree.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                over.extend(tree[SIGNALS_PER_TREE_MAX..].iter().map(|(_, id)| *id));
            }
        }
        over
    }
}
