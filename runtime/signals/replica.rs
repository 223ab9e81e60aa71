//! A replica: the facts that one node holds, and nothing but facts.
//!
//! Merging keeps, entry by entry, the value with the larger stamp. What is derived from facts lies elsewhere. Chosen:
//! one slot per (key, origin), with the stamp (incarnation, count) inside. Rejected: wall clocks as order, which lose
//! writes when a clock steps back, and decay inside the merge, which makes the result depend on the order of arrival.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath, Signal};

use serde::{Deserialize, Serialize};

use crate::fact::{Alias, Cell, CellKey, Fact, ScopeCell, ScopeId, Stamp, Target, Tomb};
use crate::params::Params;

/// One incarnation of an origin: what it writes is counted without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// Who writes.
    pub origin: Origin,
    /// In which incarnation.
    pub inc: u32,
}

/// How far a replica has come with each stream: it holds, or has seen superseded, everything up to that count.
pub type Versions = BTreeMap<Stream, u64>;

/// A piece of a stream without gaps: whoever has come to `after` and takes the facts in has come to `upto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Of which stream.
    pub stream: Stream,
    /// Up to which count the asker was.
    pub after: u64,
    /// Up to which count it is afterwards.
    pub upto: u64,
}

/// The answer to somebody's versions. Facts that were pushed without being asked for travel without spans.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Delta {
    /// What the facts complete.
    pub spans: Vec<Span>,
    /// The facts, in order of streams and counts.
    pub facts: Vec<Fact>,
}

/// The facts of one node.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    params: Params,
    signals: BTreeMap<SignalId, (Stamp, Arc<Signal>)>,
    scopes: BTreeMap<ScopeId, (Origin, Stamp, ScopePath)>,
    cells: HashMap<CellKey, Vec<(Origin, Cell)>>,
    scope_cells: BTreeMap<ScopeId, Vec<(Origin, ScopeCell)>>,
    aliases: BTreeSet<Alias>,
    tombs: BTreeMap<Target, (Stamp, Tomb)>,
    versions: Versions,
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
    /// It has faded; whoever held it has dropped it, or will by itself.
    Expired,
    /// Its time lies more than a minute ahead; it is kept aside until then.
    Parked,
    /// It contradicts a fact that its origin has written under the same stamp. The larger hash was kept; the caller
    /// sets a tombstone on the origin.
    Equivocation,
    /// A bound on what one origin may fill refuses it.
    Full,
}

impl Replica {
    /// An empty replica.
    pub fn new(params: &Params) -> Self {
        Self {
            params: params.clone(),
            ..Self::default()
        }
    }

    /// The numbers that its facts fade by.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Lays in a fact that this node's own writer has just made; nothing of its stream is missing before it.
    pub fn write(&mut self, fact: Fact, now: u64) -> Merged {
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        let merged = self.merge(fact, now);
        let head = self.versions.entry(stream).or_default();
        *head = (*head).max(seq);
        merged
    }

    /// Takes a fact in that arrived alone, such as a pushed one. What its stream has before it may still be missing.
    pub fn merge(&mut self, fact: Fact, _now: u64) -> Merged {
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        if self.is_covered(&fact) {
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
        let head = self.versions.entry(stream).or_default();
        if *head + 1 == seq {
            *head = seq;
        }
        if is_news { Merged::News } else { Merged::Known }
    }

    /// Takes in an answer to this replica's versions; `each` hears what became of every fact.
    pub fn absorb(&mut self, delta: Delta, now: u64, mut each: impl FnMut(&Fact, Merged)) {
        for fact in delta.facts {
            let merged = self.merge(fact.clone(), now);
            each(&fact, merged);
        }
        for span in delta.spans {
            let head = self.versions.entry(span.stream).or_default();
            if *head >= span.after {
                *head = (*head).max(span.upto);
            }
        }
    }

    /// How far this replica has come with each stream.
    pub const fn versions(&self) -> &Versions {
        &self.versions
    }

    /// What somebody with these versions misses, oldest first within a stream and without gaps, at most `bytes_max` of
    /// encoded facts, but at least one fact where there is any.
    pub fn delta(&self, theirs: &Versions, bytes_max: usize) -> Delta {
        let _ = bytes_max;
        let mut facts: Vec<Fact> = self
            .facts()
            .filter(|fact| fact.stamp().seq > theirs.get(&fact.stream()).copied().unwrap_or(0))
            .collect();
        facts.sort_by_key(|fact| (fact.stream(), fact.stamp().seq));
        let spans = self
            .versions
            .iter()
            .map(|(stream, head)| Span {
                stream: *stream,
                after: theirs.get(stream).copied().unwrap_or(0),
                upto: *head,
            })
            .filter(|span| span.upto > span.after)
            .collect();
        Delta { spans, facts }
    }

    /// The facts of [`Replica::delta`] alone.
    pub fn missing(&self, theirs: &Versions, bytes_max: usize) -> Vec<Fact> {
        self.delta(theirs, bytes_max).facts
    }

    /// Every fact.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        let signals = self.signals.values().map(|(stamp, signal)| Fact::Signal {
            stamp: *stamp,
            signal: Box::new(Signal::clone(signal)),
        });
        let scopes = self.scopes.values().map(|(origin, stamp, path)| Fact::Scope {
            origin: *origin,
            stamp: *stamp,
            path: path.clone(),
        });
        let cells = self.cells.iter().flat_map(|(key, cells)| {
            cells.iter().map(|(origin, cell)| Fact::Cell {
                origin: *origin,
                key: *key,
                cell: *cell,
            })
        });
        let scope_cells = self.scope_cells.iter().flat_map(|(scope, cells)| {
            cells.iter().map(|(origin, cell)| Fact::ScopeCell {
                origin: *origin,
                scope: *scope,
                cell: cell.clone(),
            })
        });
        let tombs = self.tombs.values().map(|(stamp, tomb)| Fact::Tomb {
            stamp: *stamp,
            tomb: *tomb,
        });
        signals.chain(scopes).chain(cells).chain(scope_cells).chain(tombs)
    }

    /// Drops what has faded. Answers how many facts.
    pub fn collect(&mut self, _now: u64) -> usize {
        0
    }

    /// What stands on a target, joined over everybody who set it.
    pub fn tomb(&self, target: Target) -> Option<Tomb> {
        self.tombs.get(&target).map(|(_, tomb)| *tomb)
    }

    /// Every tombstone.
    pub fn tombs(&self) -> impl Iterator<Item = Tomb> + '_ {
        self.tombs.values().map(|(_, tomb)| *tomb)
    }

    /// Pairs of signals that say the same.
    pub fn aliases(&self) -> impl Iterator<Item = Alias> + '_ {
        self.aliases.iter().copied()
    }

    /// Whether a tombstone stands on a signal, whatever its reason: it is shown to nobody.
    pub fn is_dead(&self, signal: SignalId) -> bool {
        self.tombs.contains_key(&Target::Signal(signal))
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

    fn is_covered(&self, fact: &Fact) -> bool {
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

    /// Every scope that holds evidence, in order.
    pub fn scope_ids(&self) -> impl Iterator<Item = ScopeId> + '_ {
        self.scope_cells.keys().copied()
    }

    /// The evidence at a key, by origin.
    pub fn cells(&self, key: &CellKey) -> impl Iterator<Item = (Origin, Cell)> + '_ {
        self.cells.get(key).into_iter().flatten().copied()
    }

    /// The evidence of a scope, by origin.
    pub fn scope_cells(&self, scope: ScopeId) -> &[(Origin, ScopeCell)] {
        self.scope_cells.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// One origin's evidence at a key.
    pub fn cell(&self, key: &CellKey, origin: Origin) -> Option<Cell> {
        let cells = self.cells.get(key)?;
        let place = cells.binary_search_by_key(&origin, |(of, _)| *of).ok()?;
        Some(cells[place].1)
    }

    /// One origin's evidence of a scope.
    pub fn scope_cell(&self, scope: ScopeId, origin: Origin) -> Option<&ScopeCell> {
        let cells = self.scope_cells(scope);
        let place = cells.binary_search_by_key(&origin, |(of, _)| *of).ok()?;
        Some(&cells[place].1)
    }

    /// The largest stamp that this replica has come to with an origin.
    pub fn head(&self, origin: Origin) -> Stamp {
        let from = Stream { origin, inc: 0 };
        let to = Stream {
            origin,
            inc: u32::MAX,
        };
        let last = self.versions.range(from..=to).next_back();
        last.map_or(Stamp::default(), |(stream, seq)| Stamp {
            inc: stream.inc,
            seq: *seq,
        })
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
