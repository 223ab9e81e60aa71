//! What one replica asks of another: versions, and the pieces of streams that answer them.
//!
//! A piece says from where to where it reaches, because a stream has holes where entries were written again: only the
//! reach tells a hole from a loss. A pushed fact carries no reach, so it cannot hide what is missing before it.

use serde::{Deserialize, Serialize};

use super::log::Log;
use super::{Item, Merged, PARKED_MAX, Replica, Stream, Versions};
use crate::fact::{Fact, Stamp};
use anthill_contracts::signal::{Origin, SignalBody};

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
    /// The facts, oldest first within a stream.
    pub facts: Vec<Fact>,
}

/// How much of a stream somebody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// All but evidence: what nodes of other zones get.
    Shared,
    /// Nothing.
    Nothing,
}

impl Replica {
    /// How far this replica has come with the parts of streams that somebody gets.
    pub fn versions_of(&self, part: impl Fn(Stream) -> Part) -> Versions {
        let heads = self.logs.iter().map(|log| (log.stream, come_to(log, &part)));
        heads.filter(|(_, head)| *head > 0).collect()
    }

    /// How far this replica has come with each stream.
    pub fn versions(&self) -> Versions {
        self.logs.versions()
    }

    /// The largest stamp that this replica has come to with an origin.
    pub fn head(&self, origin: Origin) -> Stamp {
        let mut streams = self.logs.iter().rev();
        let last = streams.find(|log| log.stream.origin == origin && log.head > 0);
        last.map_or(Stamp::default(), |log| Stamp {
            inc: log.stream.inc,
            seq: log.head,
        })
    }

    /// A replica of facts that were kept, come as far as it was when they were kept. Facts and versions must have been
    /// kept together; without versions it asks for everything again.
    pub fn restore(&mut self, facts: impl IntoIterator<Item = Fact>, versions: &Versions, now: u64) {
        for fact in facts {
            self.merge(fact, now);
        }
        for (stream, head) in versions {
            if self.logs.intern(*stream).is_none() {
                continue;
            }
            if let Some(log) = self.logs.find_mut(*stream) {
                log.head = log.head.max(*head);
            }
        }
    }

    /// Takes in an answer to this replica's versions; `each` hears what became of every fact.
    pub fn absorb(&mut self, delta: Delta, now: u64, mut each: impl FnMut(&Fact, Merged)) {
        let mut stuck = Versions::new();
        for fact in delta.facts {
            let (stream, seq) = (fact.stream(), fact.stamp().seq);
            let merged = self.merge(&fact, now);
            if merged == Merged::Full && self.parked.len() >= PARKED_MAX {
                let least = stuck.entry(stream).or_insert(seq);
                *least = (*least).min(seq);
            }
            each(&fact, merged);
        }
        for span in delta.spans {
            // Nothing of this piece could be taken. Whoever did not note that would ask for it for ever.
            let Some(log) = self.logs.find_or_idle(span.stream, now) else {
                continue;
            };
            let upto = stuck
                .get(&span.stream)
                .map_or(span.upto, |seq| span.upto.min(seq.saturating_sub(1)));
            if log.head >= span.after {
                log.come_to(upto);
            }
        }
    }

    /// What somebody with these versions misses, oldest first within a stream and without gaps, at most `bytes_max` of
    /// encoded facts, but at least one fact where there is any. Streams share the bytes, beginning with another each
    /// time the versions have moved, so that no busy stream starves the rest.
    pub fn delta(&self, theirs: &Versions, bytes_max: usize) -> Delta {
        self.delta_of(theirs, bytes_max, |_| Part::Whole)
    }

    /// The same of the parts of streams that somebody gets.
    pub fn delta_of(&self, theirs: &Versions, bytes_max: usize, part: impl Fn(Stream) -> Part) -> Delta {
        let has = |log: &Log| theirs.get(&log.stream).copied().unwrap_or(0);
        let mut logs: Vec<(&Log, u64)> = self
            .logs
            .iter()
            .map(|log| (log, come_to(log, &part)))
            .filter(|(log, head)| *head > has(log))
            .collect();
        if logs.is_empty() {
            return Delta::default();
        }
        let turn = theirs.values().fold(0_u64, |sum, head| sum.wrapping_add(*head));
        let places = logs.len();
        logs.rotate_left(usize::try_from(turn % places as u64).expect("less than a length"));
        let mut delta = Delta::default();
        let mut bytes = 0;
        for (index, (log, upto)) in logs.into_iter().enumerate() {
            if bytes >= bytes_max && !delta.facts.is_empty() {
                break;
            }
            let share = bytes_max.saturating_sub(bytes) / (places - index);
            let span = Span {
                stream: log.stream,
                after: has(log),
                upto,
            };
            bytes += match part(log.stream) {
                Part::Whole => self.add_piece(log.between(span.after, upto), (log, span), share, &mut delta),
                _ => self.add_piece(log.shared_after(span.after), (log, span), share, &mut delta),
            };
        }
        delta
    }

    /// Adds these items of a stream, about `bytes_max` of them; answers how many bytes that are.
    fn add_piece(
        &self,
        items: impl Iterator<Item = (u64, Item)>,
        (log, mut span): (&Log, Span),
        bytes_max: usize,
        delta: &mut Delta,
    ) -> usize {
        let mut bytes = 0;
        let mut last = span.after;
        for (seq, item) in items {
            let Some(fact) = self.fact_of(log, item) else {
                continue;
            };
            let size = encoded_bytes(&fact);
            if bytes > 0 && bytes + size > bytes_max {
                span.upto = last;
                break;
            }
            bytes += size;
            last = seq;
            delta.facts.push(fact);
        }
        if bytes > 0 || span.after > 0 {
            delta.spans.push(span);
        }
        bytes
    }

    fn fact_of(&self, log: &Log, item: Item) -> Option<Fact> {
        match item {
            Item::Slot(slot) => {
                let origin = log.stream.origin;
                let place = self.cells.place(slot, log.number, &self.logs).ok()?;
                let cell = self.cells.at(slot, place, &self.logs);
                let key = *self.cells.key_of(slot);
                Some(Fact::Cell { origin, key, cell })
            }
            Item::Entry(entry) => self.fact(entry),
        }
    }

    /// The facts of [`Replica::delta`] alone.
    pub fn missing(&self, theirs: &Versions, bytes_max: usize) -> Vec<Fact> {
        self.delta(theirs, bytes_max).facts
    }
}

/// How far a stream has come with the part that somebody gets.
fn come_to(log: &Log, part: &impl Fn(Stream) -> Part) -> u64 {
    match part(log.stream) {
        Part::Whole => log.head,
        Part::Shared => log.shared_head(),
        Part::Nothing => 0,
    }
}

/// Bytes of a fact as it is sent, at most. Encoding each fact to know it would cost more than sending it.
fn encoded_bytes(fact: &Fact) -> usize {
    match fact {
        Fact::Signal { signal, .. } => {
            let body = match &signal.body {
                SignalBody::Text { text } => text.len(),
                SignalBody::Action { schema, args } => schema.len() + args.len(),
            };
            let require = signal.trigger.require.iter();
            let required: usize = require.map(|(key, value)| key.len() + value.len() + 10).sum();
            let lists = signal.trigger.terms.len() * 5 + signal.parents.len() * 18;
            200 + body + required + lists + signal.source.len() + signal.scope.as_str().len()
        }
        Fact::Scope { path, .. } => 48 + path.as_str().len(),
        Fact::Cell { .. } => 170,
        Fact::ScopeCell { cell, .. } => 140 + cell.votes.len() * 21,
        Fact::Alias { .. } | Fact::Tomb { .. } => 80,
        Fact::Other { other, .. } => 80 + other.key.len() + other.content.len(),
    }
}
