//! A replica: the facts that one node holds, and nothing but facts.
//!
//! Merging keeps, entry by entry, the value with the larger stamp. What is derived from facts lies elsewhere. Chosen:
//! one slot per (key, origin), with the stamp (incarnation, count) inside. Rejected: wall clocks as order, which lose
//! writes when a clock steps back, and decay inside the merge, which makes the result depend on the order of arrival.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath, Signal};

use crate::fact::{Alias, Cell, CellKey, Fact, ScopeCell, ScopeId, Stamp, Target, Tomb};

/// The facts of one node.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    signals: BTreeMap<SignalId, (Stamp, Arc<Signal>)>,
    scopes: BTreeMap<ScopeId, (Origin, Stamp, ScopePath)>,
    cells: HashMap<CellKey, Vec<(Origin, Cell)>>,
    scope_cells: BTreeMap<ScopeId, Vec<(Origin, ScopeCell)>>,
    aliases: BTreeSet<Alias>,
    tombs: BTreeMap<Target, (Stamp, Tomb)>,
    heads: BTreeMap<Origin, Stamp>,
}

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It was news.
    News,
    /// The replica had it, or something newer.
    Known,
    /// A tombstone covers it.
    Dead,
}

impl Replica {
    /// Takes a fact in.
    pub fn merge(&mut self, fact: Fact) -> Merged {
        let (origin, stamp) = (fact.origin(), fact.stamp());
        if self.is_dead(&fact) {
            return Merged::Dead;
        }
        let is_news = match fact {
            Fact::Cell { origin, key, cell } => put(self.cells.entry(key).or_default(), origin, cell),
            Fact::ScopeCell { origin, scope, cell } => {
                put(self.scope_cells.entry(scope).or_default(), origin, cell)
            }
            Fact::Signal { stamp, signal } => self.put_signal(stamp, *signal),
            Fact::Scope { origin, stamp, path } => {
                let id = ScopeId::of(&path);
                let known = self.scopes.contains_key(&id);
                self.scopes.entry(id).or_insert((origin, stamp, path));
                !known
            }
            Fact::Alias { alias, .. } => self.aliases.insert(alias),
            Fact::Tomb { stamp, tomb } => {
                let known = self.tombs.contains_key(&tomb.target);
                self.tombs.entry(tomb.target).or_insert((stamp, tomb));
                !known
            }
        };
        let head = self.heads.entry(origin).or_default();
        *head = (*head).max(stamp);
        if is_news { Merged::News } else { Merged::Known }
    }

    fn put_signal(&mut self, stamp: Stamp, signal: Signal) -> bool {
        // Several may find the same signal; the first in time, then the smaller origin, counts as its author.
        let rank = |signal: &Signal| (signal.created, signal.author);
        match self.signals.get_mut(&signal.id) {
            Some((_, held)) if rank(held) <= rank(&signal) => false,
            Some(held) => {
                *held = (stamp, Arc::new(signal));
                true
            }
            None => {
                self.signals.insert(signal.id, (stamp, Arc::new(signal)));
                true
            }
        }
    }

    fn is_dead(&self, fact: &Fact) -> bool {
        let _ = (fact, &self.tombs);
        false
    }

    /// A signal.
    pub fn signal(&self, id: SignalId) -> Option<&Arc<Signal>> {
        self.signals.get(&id).map(|(_, signal)| signal)
    }

    /// Every signal, by id.
    pub fn signals(&self) -> impl Iterator<Item = &Arc<Signal>> {
        self.signals.values().map(|(_, signal)| signal)
    }

    /// The path of a scope.
    pub fn scope(&self, id: ScopeId) -> Option<&ScopePath> {
        self.scopes.get(&id).map(|(_, _, path)| path)
    }

    /// The evidence at a key, by origin.
    pub fn cells(&self, key: &CellKey) -> &[(Origin, Cell)] {
        self.cells.get(key).map_or(&[], Vec::as_slice)
    }

    /// The evidence of a scope, by origin.
    pub fn scope_cells(&self, scope: ScopeId) -> &[(Origin, ScopeCell)] {
        self.scope_cells.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// One origin's evidence at a key.
    pub fn cell(&self, key: &CellKey, origin: Origin) -> Option<&Cell> {
        let cells = self.cells(key);
        let place = cells.binary_search_by_key(&origin, |(of, _)| *of).ok()?;
        Some(&cells[place].1)
    }

    /// One origin's evidence of a scope.
    pub fn scope_cell(&self, scope: ScopeId, origin: Origin) -> Option<&ScopeCell> {
        let cells = self.scope_cells(scope);
        let place = cells.binary_search_by_key(&origin, |(of, _)| *of).ok()?;
        Some(&cells[place].1)
    }

    /// The largest stamp seen of an origin.
    pub fn head(&self, origin: Origin) -> Stamp {
        self.heads.get(&origin).copied().unwrap_or_default()
    }

    /// Every key that holds evidence, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &CellKey> {
        self.cells.keys()
    }
}

/// Keeps the newer of two values of one entry. True where that is the new one.
fn put<T: Stamped>(entries: &mut Vec<(Origin, T)>, origin: Origin, value: T) -> bool {
    match entries.binary_search_by_key(&origin, |(of, _)| *of) {
        Ok(place) if entries[place].1.stamp() >= value.stamp() => false,
        Ok(place) => {
            entries[place].1 = value;
            true
        }
        Err(place) => {
            entries.insert(place, (origin, value));
            true
        }
    }
}

/// An entry with an order of its values.
trait Stamped {
    fn stamp(&self) -> Stamp;
}

impl Stamped for Cell {
    fn stamp(&self) -> Stamp {
        self.stamp
    }
}

impl Stamped for ScopeCell {
    fn stamp(&self) -> Stamp {
        self.stamp
    }
}
