//! Finds the signals that fit a task: a gate, two rankings, and their fusion; in less than a millisecond.
//!
//! The gate lets a signal through whose scope is the task's or an ancestor of it, whose trigger fits, and which may be
//! seen where the task runs. Two rankings follow, BM25 over words and over runs of characters; where embeddings are at
//! hand, they take the second vote. Reciprocal ranks fuse them (Cormack, Clarke and Buettcher 2009), for ranks need no
//! common scale. Actions without words are matched by scope and trigger alone.
//!
//! The index is kept up to date signal by signal and never rebuilt. Rejected: latent semantic analysis and hashed dense
//! words, which pull the fusion down. Of a task's text nothing is kept. What is dead the caller takes out.

mod gate;
mod postings;
mod vectors;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath, Share, Signal, SignalBody};

pub use vectors::{DIMENSIONS_MAX, Vector};
pub use words::term;

use crate::params::Params;
pub(crate) use gate::{is_within, reaches};
use postings::{Postings, QueryTerm, SLOTS_MAX, Saturation, query_terms};

/// Most texts that a query is answered with.
pub const CANDIDATES_MAX: usize = 64;
/// Most actions that a query is answered with, those of the most special scopes first.
pub const ACTIONS_MAX: usize = 512;
/// Most bytes of a task's text that are looked at.
pub const QUERY_BYTES_MAX: usize = 4096;

/// How the rankings are made; every number is chosen on manual pages, see [`crate::worlds::retrieval`]: on the questions
/// of one half of them, and kept where those of the other half agreed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// BM25 over words.
    pub word_k1: f32,
    /// See [`Tuning::word_k1`].
    pub word_b: f32,
    /// Weight of a pair of words beside a word.
    pub pair_weight: f32,
    /// BM25 over runs of characters.
    pub gram_k1: f32,
    /// See [`Tuning::gram_k1`].
    pub gram_b: f32,
    /// Weight of the second vote beside the first; 0 leaves it out.
    pub second_weight: f32,
    /// The constant of the reciprocal ranks: the larger, the less the first places stand out.
    pub rank_offset: f32,
    /// Ranks of each vote that count.
    pub depth: usize,
    /// Most postings that one vote visits for a query.
    pub visits_max: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            word_k1: 2.5,
            word_b: 0.9,
            pair_weight: 0.3,
            gram_k1: 8.0,
            gram_b: 1.0,
            second_weight: 0.5,
            rank_offset: 5.0,
            depth: 128,
            visits_max: 50_000,
        }
    }
}

impl Tuning {
    const fn word_saturation(&self) -> Saturation {
        Saturation {
            k1: self.word_k1,
            b: self.word_b,
        }
    }

    const fn gram_saturation(&self) -> Saturation {
        Saturation {
            k1: self.gram_k1,
            b: self.gram_b,
        }
    }
}

/// What is asked: a task, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The kind of task; signals of its ancestors fit, too.
    pub scope: &'a ScopePath,
    /// What the task is about; its first [`QUERY_BYTES_MAX`] bytes count. Without words everything fits that the gate
    /// lets through.
    pub text: &'a str,
    /// Its embedding, where there is one.
    pub vector: Option<&'a Vector>,
    /// Values of the task that triggers may require.
    pub state: &'a BTreeMap<String, String>,
    /// The tenant that the task belongs to, and the node that it runs on.
    pub reader: Origin,
    /// Groups that the tenant has joined.
    pub groups: &'a [u32],
    /// Schemas of the actions that can be followed.
    pub schemas: &'a [String],
    /// Whether words can be followed.
    pub reads_text: bool,
}

impl Query<'_> {
    /// Whether a signal may be shown for this task at all, its relevance aside.
    fn admits(&self, signal: &Signal) -> bool {
        let is_followed = match &signal.body {
            SignalBody::Text { .. } => self.reads_text,
            SignalBody::Action { schema, .. } => self.schemas.contains(schema),
        };
        is_followed
            && is_within(self.scope, &signal.scope)
            && is_seen(signal.author, signal.share, self)
            && requirements_hold(signal, self.state)
    }
}

/// Whether what this author shares so far may be seen by the one who asks. Everybody sees what is built in.
fn is_seen(author: Origin, share: Share, query: &Query<'_>) -> bool {
    reaches(author, share, query.reader, query.groups)
}

fn requirements_hold(signal: &Signal, state: &BTreeMap<String, String>) -> bool {
    let mut required = signal.trigger.require.iter();
    required.all(|(key, value)| state.get(key) == Some(value))
}

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

    /// The signals that fit a task, the most relevant first, with their relevance from 0 to 1: every action that fits
    /// with 1, and at most [`CANDIDATES_MAX`] texts.
    pub fn candidates(&self, query: &Query<'_>) -> Vec<(SignalId, f64)> {
        let asked = Asked::of(self, query);
        let mut found = self.fitting_actions(query, &asked);
        if query.reads_text {
            found.extend(self.fitting_texts(query, &asked));
        }
        found
    }

    fn fitting_actions(&self, query: &Query<'_>, asked: &Asked) -> Vec<(SignalId, f64)> {
        let of_lineage = query.scope.lineage().filter_map(|scope| self.actions.get(&scope));
        let entries = of_lineage.flatten().filter_map(|id| self.entry(*id));
        entries
            .filter(|entry| query.admits(&entry.signal) && asked.has_any_of(&entry.terms))
            .map(|entry| (entry.signal.id, 1.0))
            .take(ACTIONS_MAX)
            .collect()
    }

    fn fitting_texts(&self, query: &Query<'_>, asked: &Asked) -> Vec<(SignalId, f64)> {
        if asked.all.is_empty() && query.vector.is_none() {
            return self.admitted_texts(query);
        }
        let open = self.open(query);
        let word_scores = self.words.scores(&asked.words);
        let gram_scores = self.grams.scores(&asked.grams);
        let first = self.ranked(&word_scores, &open);
        let second = self.second_vote(&gram_scores, &open, query.vector);
        let weight = self.tuning.second_weight;
        let mut fused: BTreeMap<u32, f32> = BTreeMap::new();
        for (weight, ranking) in [(1.0, &first), (weight, &second)] {
            for (rank, slot) in (1_u16..).zip(ranking) {
                *fused.entry(*slot).or_default() += weight / (self.tuning.rank_offset + f32::from(rank));
            }
        }
        let best = (1.0 + weight) / (self.tuning.rank_offset + 1.0);
        let mut found: Vec<(f32, &Entry)> = fused
            .into_iter()
            .filter_map(|(slot, score)| Some((score / best, self.entries[slot as usize].as_ref()?)))
            .collect();
        found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.signal.id.cmp(&right.signal.id)));
        let gram_full = self.grams.full(&asked.grams).max(f32::MIN_POSITIVE);
        let fits = |entry: &Entry| {
            let place = self.places[&entry.signal.id] as usize;
            let grams = gram_scores.get(place).map_or(0.0, |score| score / gram_full);
            let nearness = query.vector.map_or(0.0, |vector| self.nearness(entry, vector));
            asked.match_with(entry).max(f64::from(grams.max(nearness))) >= self.relevance_min
        };
        found
            .into_iter()
            .filter(|(_, entry)| fits(entry))
            .take(CANDIDATES_MAX)
            .map(|(score, entry)| (entry.signal.id, f64::from(score.min(1.0))))
            .collect()
    }

    /// How near an embedding is to that of a task; nothing where the signal has none, or one of another model.
    fn nearness(&self, entry: &Entry, vector: &Vector) -> f32 {
        let held = entry.vector.as_ref();
        held.and_then(|held| held.similarity(vector, self.similarity_min))
            .unwrap_or(0.0)
    }

    /// Every text that the gate lets through, for a task without words.
    fn admitted_texts(&self, query: &Query<'_>) -> Vec<(SignalId, f64)> {
        let texts = self.entries.iter().flatten().map(|entry| &entry.signal);
        let mut found: Vec<(SignalId, f64)> = texts
            .filter(|signal| matches!(signal.body, SignalBody::Text { .. }) && query.admits(signal))
            .map(|signal| (signal.id, 1.0))
            .collect();
        found.sort_unstable_by_key(|(id, _)| *id);
        found.truncate(CANDIDATES_MAX);
        found
    }

    /// Runs of characters rank what has no embedding; embeddings the rest. A text has a rank in one of the two only.
    fn second_vote(&self, gram_scores: &[f32], open: &[bool], vector: Option<&Vector>) -> Vec<u32> {
        let Some(vector) = vector else {
            return self.ranked(gram_scores, open);
        };
        let mut cosines = vec![0.0_f32; self.entries.len()];
        let mut without = gram_scores.to_vec();
        without.resize(self.entries.len(), 0.0);
        for (place, entry) in self.entries.iter().enumerate().filter(|(place, _)| open[*place]) {
            let held = entry.as_ref().and_then(|entry| entry.vector.as_ref());
            if let Some(nearness) = held.and_then(|held| held.similarity(vector, self.similarity_min)) {
                cosines[place] = nearness;
                without[place] = 0.0;
            }
        }
        let (near, alike) = (self.ranked(&cosines, open), self.ranked(&without, open));
        let rounds = near.len().max(alike.len());
        (0..rounds)
            .flat_map(|rank| [near.get(rank), alike.get(rank)])
            .flatten()
            .copied()
            .collect()
    }

    /// The open places with the largest scores, in order; equal scores by id.
    fn ranked(&self, scores: &[f32], open: &[bool]) -> Vec<u32> {
        let depth = self.tuning.depth;
        let id = |slot: u32| self.entries[slot as usize].as_ref().map(|entry| entry.signal.id);
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then_with(|| id(a.1).cmp(&id(b.1)));
        let mut ranked: Vec<(f32, u32)> = Vec::with_capacity(4 * depth);
        let mut least = 0.0;
        for ((slot, score), is_open) in (0_u32..).zip(scores).zip(open) {
            if *score <= 0.0 || *score < least || !is_open {
                continue;
            }
            ranked.push((*score, slot));
            if ranked.len() == 4 * depth {
                // What is below the best so far never comes back.
                let (_, worst, _) = ranked.select_nth_unstable_by(depth - 1, order);
                least = worst.0;
                ranked.truncate(depth);
            }
        }
        ranked.sort_unstable_by(order);
        ranked.truncate(depth);
        ranked.into_iter().map(|(_, slot)| slot).collect()
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

/// What of a task's text is looked for.
struct Asked {
    /// Every word, sorted.
    all: Vec<u32>,
    words: Vec<QueryTerm>,
    grams: Vec<QueryTerm>,
    /// By word, sorted: what it says to hold it, as a share of all words.
    shares: Vec<(u32, f64)>,
}

impl Asked {
    fn of(index: &Index, query: &Query<'_>) -> Self {
        let text = beginning(query.text);
        let words = words::words(text);
        let pairs = words::pairs(&words).collect();
        let mut all = words.clone();
        all.sort_unstable();
        all.dedup();
        let mut terms = query_terms(words, 1.0);
        let mut shares: Vec<(u32, f64)> = terms
            .iter()
            .map(|term| (term.term, f64::from(term.weight * index.words.idf(term.term))))
            .collect();
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        for (_, share) in &mut shares {
            *share /= sum.max(f64::MIN_POSITIVE);
        }
        terms.extend(query_terms(pairs, index.tuning.pair_weight));
        let visits_max = index.tuning.visits_max;
        Self {
            all,
            words: index.words.rarest(terms, visits_max),
            grams: index
                .grams
                .rarest(query_terms(words::grams(text), 1.0), visits_max),
            shares,
        }
    }

    /// Whether a trigger's terms are met: it has none, or the task has one of them.
    fn has_any_of(&self, terms: &[u32]) -> bool {
        terms.is_empty() || terms.iter().any(|term| self.all.binary_search(term).is_ok())
    }

    /// How much a signal and the task have in common: the share of the task's words, by what they tell, or of the
    /// signal's words, whichever is more.
    fn match_with(&self, entry: &Entry) -> f64 {
        let common = self
            .shares
            .iter()
            .filter(|(term, _)| entry.terms.binary_search(term).is_ok());
        let (mut of_task, mut count) = (0.0, 0.0);
        for (_, share) in common {
            of_task += share;
            count += 1.0;
        }
        let of_signal: f64 = count / entry.terms.len().max(1) as f64;
        of_signal.max(of_task)
    }
}

/// As much of a text as is looked at.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUERY_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
