//! Finds the signals that fit a task: a gate, two rankings, and their fusion; in less than a millisecond.
//!
//! The gate lets a signal through whose scope is the task's or an ancestor of it, whose trigger fits, and which may be
//! seen where the task runs. Two rankings follow, BM25 over words and over runs of characters; where embeddings are at
//! hand, they take the second vote. Reciprocal ranks fuse them (Cormack, Clarke and Buettcher 2009), for ranks need no
//! common scale. Actions without words are matched by scope and trigger alone.
//!
//! The index is kept up to date signal by signal and never rebuilt. Rejected: latent semantic analysis and hashed dense
//! words, which pull the fusion down. Of a task's text nothing is kept. What is dead the caller takes out.

mod asked;
mod gate;
mod postings;
mod ranking;
mod tuning;
mod vectors;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath, Share, Signal, SignalBody};

pub use asked::{QUERY_BYTES_MAX, Query};
pub use tuning::Tuning;
pub use vectors::{DIMENSIONS_MAX, Vector};
pub use words::term;

use crate::params::Params;
use asked::{beginning, is_seen, requirements_hold};
pub(crate) use gate::{is_within, reaches};
use postings::{Postings, SLOTS_MAX};

/// Most texts that a query is answered with.
pub const CANDIDATES_MAX: usize = 64;
/// Most actions that a query is answered with, those of the most special scopes first.
pub const ACTIONS_MAX: usize = 512;

/// What the gate asks of a text, small and in one row, for it is asked of every text at every query.
#[derive(Debug, Clone, Copy)]
struct Gate {
    /// Number of its scope in [`Index::scopes`].
    scope: u32,
    author: Origin,
    share: Share,
    requires: bool,
    /// Whether the place is taken by a text.
    is_text: bool,
}

impl Gate {
    const CLOSED: Self = Self {
        scope: 0,
        author: Origin::BUILTIN,
        share: Share::Private,
        requires: true,
        is_text: false,
    };
}

/// One signal of the index.
#[derive(Debug, Clone)]
struct Entry {
    signal: Arc<Signal>,
    /// Its words and the terms of its trigger, sorted.
    terms: Box<[u32]>,
    vector: Option<Vector>,
}

/// The signals of a node by what they say.
#[derive(Debug, Clone)]
pub struct Index {
    tuning: Tuning,
    relevance_min: f64,
    similarity_min: f64,
    entries: Vec<Option<Entry>>,
    /// By place, as [`Index::entries`].
    gates: Vec<Gate>,
    /// Every scope that has ever been seen, by number.
    scopes: BTreeMap<ScopePath, u32>,
    free: BTreeSet<u32>,
    places: HashMap<SignalId, u32>,
    actions: BTreeMap<ScopePath, BTreeSet<SignalId>>,
    words: Postings,
    grams: Postings,
}

impl Index {
    /// An empty index.
    pub fn new(params: &Params) -> Self {
        Self::tuned(params, Tuning::default())
    }

    /// An empty index that ranks in its own way.
    pub fn tuned(params: &Params, tuning: Tuning) -> Self {
        Self {
            tuning,
            relevance_min: params.relevance_min,
            similarity_min: params.similarity_min,
            entries: Vec::new(),
            gates: Vec::new(),
            scopes: BTreeMap::new(),
            free: BTreeSet::new(),
            places: HashMap::new(),
            actions: BTreeMap::new(),
            words: Postings::new(tuning.word_saturation()),
            grams: Postings::new(tuning.gram_saturation()),
        }
    }

    /// Ranks in another way from now on; nothing is indexed anew.
    pub fn retune(&mut self, tuning: Tuning) {
        self.words.saturate(tuning.word_saturation());
        self.grams.saturate(tuning.gram_saturation());
        self.tuning = tuning;
    }

    /// Takes a signal in. One that is held already is replaced, for its author and share may have changed; its vector
    /// stays.
    pub fn insert(&mut self, signal: &Arc<Signal>) {
        if let Some(entry) = self.entry_mut(signal.id) {
            if entry.signal.scope == signal.scope && entry.signal.trigger == signal.trigger {
                entry.signal = Arc::clone(signal);
                self.set_gate(signal);
                return;
            }
            self.remove(signal.id);
        }
        let slot = self.free.pop_first().unwrap_or_else(|| {
            self.entries.push(None);
            self.gates.push(Gate::CLOSED);
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        if slot as usize >= SLOTS_MAX {
            // Memory is long full before; what does not fit is not found.
            return;
        }
        let mut terms = signal.trigger.terms.clone();
        match &signal.body {
            SignalBody::Text { text } => {
                let indexed = Indexed::of(text, &signal.trigger.terms);
                terms.clone_from(&indexed.words);
                self.grams.insert(slot, indexed.grams.len(), indexed.grams);
                self.words.insert(slot, indexed.length, indexed.terms);
            }
            SignalBody::Action { .. } => {
                let of_scope = self.actions.entry(signal.scope.clone()).or_default();
                of_scope.insert(signal.id);
            }
        }
        terms.sort_unstable();
        terms.dedup();
        self.places.insert(signal.id, slot);
        self.entries[slot as usize] = Some(Entry {
            signal: Arc::clone(signal),
            terms: terms.into(),
            vector: None,
        });
        self.set_gate(signal);
    }

    fn set_gate(&mut self, signal: &Signal) {
        let next = u32::try_from(self.scopes.len()).unwrap_or(u32::MAX);
        let scope = match self.scopes.get(&signal.scope) {
            Some(scope) => *scope,
            None => *self.scopes.entry(signal.scope.clone()).or_insert(next),
        };
        self.gates[self.places[&signal.id] as usize] = Gate {
            scope,
            author: signal.author,
            share: signal.share,
            requires: !signal.trigger.require.is_empty(),
            is_text: matches!(signal.body, SignalBody::Text { .. }),
        };
    }

    /// By place: whether a text there may be shown for this task.
    fn open(&self, query: &Query<'_>) -> Vec<bool> {
        let scopes: Vec<u32> = query
            .scope
            .lineage()
            .filter_map(|scope| self.scopes.get(&scope).copied())
            .collect();
        let is_open = |(gate, entry): (&Gate, &Option<Entry>)| {
            gate.is_text
                && scopes.contains(&gate.scope)
                && is_seen(gate.author, gate.share, query)
                && (!gate.requires
                    || entry
                        .as_ref()
                        .is_some_and(|entry| requirements_hold(&entry.signal, query.state)))
        };
        self.gates.iter().zip(&self.entries).map(is_open).collect()
    }

    /// Takes a signal out; whether it was held.
    pub fn remove(&mut self, id: SignalId) -> bool {
        let Some(slot) = self.places.remove(&id) else {
            return false;
        };
        let entry = self.entries[slot as usize].take();
        self.gates[slot as usize] = Gate::CLOSED;
        self.free.insert(slot);
        let signal = entry.expect("a place that an id points to is taken").signal;
        match &signal.body {
            SignalBody::Text { text } => {
                let indexed = Indexed::of(text, &signal.trigger.terms);
                self.grams.remove(slot, indexed.grams);
                self.words.remove(slot, indexed.terms);
            }
            SignalBody::Action { .. } => {
                if let Some(of_scope) = self.actions.get_mut(&signal.scope) {
                    of_scope.remove(&id);
                    if of_scope.is_empty() {
                        self.actions.remove(&signal.scope);
                    }
                }
            }
        }
        true
    }

    /// Gives a signal its embedding; whether the signal is held.
    pub fn set_vector(&mut self, id: SignalId, vector: Vector) -> bool {
        let entry = self.entry_mut(id);
        entry.map(|entry| entry.vector = Some(vector)).is_some()
    }

    /// Every embedding that is held, by signal.
    pub fn vectors(&self) -> Vec<(SignalId, Vector)> {
        let held = self.entries.iter().flatten();
        let mut vectors: Vec<(SignalId, Vector)> = held
            .filter_map(|entry| Some((entry.signal.id, entry.vector.clone()?)))
            .collect();
        vectors.sort_by_key(|(signal, _)| *signal);
        vectors
    }

    /// Texts that have no embedding yet, by id, at most `max`.
    pub fn without_vector(&self, max: usize) -> Vec<Arc<Signal>> {
        let texts =
            self.entries.iter().flatten().filter(|entry| {
                entry.vector.is_none() && matches!(entry.signal.body, SignalBody::Text { .. })
            });
        let mut texts: Vec<Arc<Signal>> = texts.map(|entry| Arc::clone(&entry.signal)).collect();
        texts.sort_by_key(|signal| signal.id);
        texts.truncate(max);
        texts
    }

    /// How many signals are held.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The hashed words of a held signal, sorted; nothing for an action. By these two signals are compared when they are
    /// packed.
    pub fn terms(&self, id: SignalId) -> &[u32] {
        self.entry(id).map_or(&[], |entry| &entry.terms)
    }

    /// The hashed words of a task that tell it best from others, for [`anthill_contracts::signal::Trigger::terms`]: the
    /// rarest among the signals that are held.
    pub fn telling_terms(&self, text: &str, max: usize) -> Vec<u32> {
        let mut terms = words::words(beginning(text));
        terms.sort_unstable();
        terms.dedup();
        terms.sort_by_key(|term| (self.words.frequency(*term), *term));
        terms.truncate(max);
        terms
    }

    /// Tokens of every signal that is held, in no order.
    pub fn sizes(&self) -> impl Iterator<Item = (SignalId, u32)> {
        let signals = self.entries.iter().flatten().map(|entry| &entry.signal);
        signals.map(|signal| (signal.id, u32::from(signal.tokens)))
    }

    fn entry(&self, id: SignalId) -> Option<&Entry> {
        self.entries[*self.places.get(&id)? as usize].as_ref()
    }

    fn entry_mut(&mut self, id: SignalId) -> Option<&mut Entry> {
        self.entries[*self.places.get(&id)? as usize].as_mut()
    }
}

/// What of a text goes into the lists; the length is that of its words alone.
struct Indexed {
    length: usize,
    words: Vec<u32>,
    /// Words and pairs.
    terms: Vec<u32>,
    grams: Vec<u32>,
}

impl Indexed {
    fn of(text: &str, trigger: &[u32]) -> Self {
        let words = words::words(text);
        let mut terms = words.clone();
        terms.extend(words::pairs(&words));
        terms.extend(trigger);
        let length = words.len();
        let words = [&words, trigger].concat();
        Self {
            length,
            words,
            terms,
            grams: words::grams(text),
        }
    }
}

#[cfg(test)]
mod tests;
