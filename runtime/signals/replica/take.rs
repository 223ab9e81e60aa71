//! Taking facts in: what is refused, what is newer, and what a tombstone drops.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use anthill_contracts::signal::{Origin, SIGNAL_TEXT_BYTES_MAX, Signal, SignalBody};

use super::claims::{Claims, Order, Stamped, content_hash, newness};
use super::expiry::FUTURE_MS_MAX;
use super::{Entry, Item, Merged, Replica, Stream};
use crate::fact::{Cell, CellKey, Fact, ScopeId, Stamp, Target, Tomb, VOTES_MAX, Why, is_zone};

/// Most living entries of one stream.
pub const ENTRIES_PER_STREAM_MAX: usize = 262_144;

/// Most origins that stand as finders of one signal; the earliest do.
pub const CLAIMS_MAX: usize = 16;

/// Most facts that wait for their time.
pub const PARKED_MAX: usize = 1_024;

/// Most bytes of an action's arguments.
const ARGS_BYTES_MAX: usize = 4_096;

impl Replica {
    /// Lays in a fact that this node's own writer has just made; nothing of its stream is missing before it.
    pub fn write(&mut self, fact: impl Borrow<Fact>, now: u64) -> Merged {
        let fact = fact.borrow();
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        let merged = self.take(fact, now);
        if let Some(log) = self.logs.find_mut(stream) {
            log.head = log.head.max(seq);
            log.is_own = true;
        }
        merged
    }

    /// Takes a fact in that arrived alone, such as a pushed one. What its stream has before it may still be missing, so
    /// the versions move only where it is the next.
    pub fn merge(&mut self, fact: impl Borrow<Fact>, now: u64) -> Merged {
        let fact = fact.borrow();
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        let merged = self.take(fact, now);
        let Some(log) = self.logs.find_mut(stream) else {
            return merged;
        };
        // A fact that found no room to wait in has to be asked for again.
        let waits = merged == Merged::Full && self.parked.len() >= PARKED_MAX;
        if log.head.checked_add(1) == Some(seq) && !waits {
            log.come_to(seq);
        }
        merged
    }

    fn take(&mut self, fact: &Fact, now: u64) -> Merged {
        if !is_sound(fact) {
            self.refused += 1;
            return Merged::Full;
        }
        let stream = fact.stream();
        let Some(number) = self.logs.intern(stream) else {
            self.refused += 1;
            return Merged::Full;
        };
        let log = self.logs.at_mut(number);
        log.seen = log.seen.max(now);
        if is_ahead(fact, now) {
            return self.park(fact.clone());
        }
        if self.is_faded(fact, now) {
            return Merged::Expired;
        }
        if let Some(target) = self.cover(fact, now) {
            self.keep_out(target, stream, fact.stamp().seq);
            return Merged::Dead;
        }
        if self.logs.at(number).len() >= ENTRIES_PER_STREAM_MAX && self.fact(fact.entry()).is_none() {
            self.refused += 1;
            return Merged::Full;
        }
        match self.lay_in(fact, number, now) {
            // Of several publishers two may know the same; no origin has lied.
            Merged::Equivocation if is_zone(stream.origin) => Merged::News,
            merged => merged,
        }
    }

    fn lay_in(&mut self, fact: &Fact, number: u32, now: u64) -> Merged {
        let entry = fact.entry();
        let (origin, stamp) = (fact.origin(), fact.stamp());
        let order = match fact {
            Fact::Cell { key, cell, .. } => return self.lay_in_cell(*key, number, *cell, now),
            Fact::Signal { stamp, signal } => {
                let value = (*stamp, Arc::new(Signal::clone(signal)));
                let held = self.signals.entry(signal.id).or_default();
                held.seen = held.seen.max(now);
                held.claims.settle(origin, value)
            }
            Fact::Scope { path, .. } => {
                let claims = self.scopes.entry(ScopeId::of(path)).or_default();
                claims.settle(origin, (stamp, path.clone()))
            }
            Fact::ScopeCell { scope, cell, .. } => self
                .scope_cells
                .entry(*scope)
                .or_default()
                .settle(origin, cell.clone()),
            Fact::Alias { alias, .. } => self
                .aliases
                .entry(*alias)
                .or_default()
                .settle(origin, (stamp, ())),
            Fact::Tomb { tomb, .. } => self
                .tombs
                .entry(tomb.target)
                .or_default()
                .settle(origin, (stamp, *tomb)),
            Fact::Other { other, .. } => {
                if !self.others.has_room(origin, other) {
                    self.refused += 1;
                    return Merged::Full;
                }
                self.others.settle(origin, stamp, other)
            }
        };
        let merged = self.note(order, entry, stamp, number);
        match fact {
            Fact::Signal { .. } => self.keep_earliest(entry),
            Fact::Tomb { tomb, .. } => self.bury(tomb),
            _ => {}
        }
        merged
    }

    /// Keeps the order of the stream in step with an entry that was settled.
    fn note(&mut self, order: Order, entry: Entry, stamp: Stamp, number: u32) -> Merged {
        let Order::Newer(before) = order else {
            return match order {
                Order::Contradicts => Merged::Equivocation,
                _ => Merged::Known,
            };
        };
        let item = Item::Entry(entry);
        self.forget(entry_origin(entry), before, item);
        if self.logs.at_mut(number).note(stamp.seq, item) {
            Merged::Equivocation
        } else {
            Merged::News
        }
    }

    /// Forgets an older place of an entry.
    fn forget(&mut self, origin: Origin, before: Option<Stamp>, item: Item) {
        let Some(Stamp { inc, seq }) = before else {
            return;
        };
        if let Some(log) = self.logs.find_mut(Stream { origin, inc }) {
            log.forget(seq, item);
        }
    }

    fn lay_in_cell(&mut self, key: CellKey, number: u32, cell: Cell, now: u64) -> Merged {
        let cell = self.received(cell, now);
        let origin = self.logs.at(number).stream.origin;
        let slot = self.cells.open(key);
        let place = self.cells.place(slot, number, &self.logs);
        let held = place.ok().map(|place| self.cells.at(slot, place, &self.logs));
        let before = held.map(|held| held.stamp);
        if let Some(held) = held {
            if held == cell || self.is_older(origin, &cell, &held) {
                return Merged::Known;
            }
            if held.stamp == cell.stamp {
                if content_hash(&cell) > content_hash(&held) {
                    self.cells.put(slot, place, number, &cell);
                }
                return Merged::Equivocation;
            }
        }
        if !self.cells.put(slot, place, number, &cell) {
            self.refused += 1;
            return Merged::Full;
        }
        if let Some(signal) = self.signals.get_mut(&key.signal) {
            signal.seen = signal.seen.max(now);
        }
        self.forget(origin, before, Item::Slot(slot));
        if self.logs.at_mut(number).note(cell.stamp.seq, Item::Slot(slot)) {
            Merged::Equivocation
        } else {
            Merged::News
        }
    }

    #[cfg(not(any(test, feature = "seeded-bugs")))]
    const fn received(&self, cell: Cell, _now: u64) -> Cell {
        let _ = self;
        cell
    }

    #[cfg(any(test, feature = "seeded-bugs"))]
    fn received(&self, cell: Cell, now: u64) -> Cell {
        if self.bugs.decay_inside_merge {
            return cell.brought_to(now, &self.params);
        }
        cell
    }

    fn is_older(&self, origin: Origin, new: &Cell, held: &Cell) -> bool {
        #[cfg(any(test, feature = "seeded-bugs"))]
        if self.bugs.merge_by_wall_clock {
            return new.at <= held.at;
        }
        let _ = self;
        newness(origin, new) < newness(origin, held)
    }

    /// Of more than [`CLAIMS_MAX`] finders of a signal the latest is dropped.
    fn keep_earliest(&mut self, entry: Entry) {
        let Entry::Signal(id, _) = entry else { return };
        let Some(held) = self.signals.get(&id) else { return };
        if held.claims.all().len() <= CLAIMS_MAX {
            return;
        }
        let ranks = held.claims.all().iter();
        let latest = ranks.max_by_key(|(origin, (_, signal))| (signal.created, *origin));
        if let Some(origin) = latest.map(|(origin, _)| *origin) {
            self.remove(Entry::Signal(id, origin));
        }
    }

    fn park(&mut self, fact: Fact) -> Merged {
        if self.parked.len() >= PARKED_MAX {
            self.refused += 1;
            return Merged::Full;
        }
        let place = (fact.at(), fact.stream(), fact.stamp().seq);
        self.parked.insert(place, fact);
        Merged::Parked
    }

    /// The tombstone that keeps a fact out, if any stands.
    fn cover(&self, fact: &Fact, now: u64) -> Option<Target> {
        if self.tombs.is_empty() || matches!(fact, Fact::Tomb { .. }) {
            return None;
        }
        let origin = fact.origin();
        let about = match fact {
            Fact::Signal { signal, .. } => Some(signal.id),
            Fact::Cell { key, .. } => Some(key.signal),
            Fact::Other { other, .. } => other.about,
            _ => None,
        };
        let falls = fact.is_evidence() || matches!(fact, Fact::Other { .. });
        [
            Some(Target::Tenant(origin.tenant)),
            Some(Target::Origin(origin)),
            about.map(Target::Signal),
        ]
        .into_iter()
        .flatten()
        .find(|target| {
            self.why(*target, now).is_some_and(|why| match target {
                Target::Tenant(_) => true,
                Target::Origin(_) => falls || why == Why::Erasure,
                Target::Signal(_) => why == Why::Erasure,
            }) && !self.is_back(*target, fact)
        })
    }

    #[cfg(not(any(test, feature = "seeded-bugs")))]
    const fn is_back(&self, _target: Target, _fact: &Fact) -> bool {
        let _ = self;
        false
    }

    #[cfg(any(test, feature = "seeded-bugs"))]
    fn is_back(&self, target: Target, fact: &Fact) -> bool {
        self.bugs.tomb_resurrection && self.tomb(target).is_some_and(|tomb| fact.at() > tomb.at)
    }

    /// The strongest reason that stands on a target at a time.
    fn why(&self, target: Target, now: u64) -> Option<Why> {
        let claims = self.tombs.get(&target)?.all().iter().map(|(_, (_, tomb))| tomb);
        let standing = claims.filter(|tomb| !self.is_tomb_over(tomb, now));
        standing.map(|tomb| tomb.why).max()
    }

    fn keep_out(&mut self, target: Target, stream: Stream, seq: u64) {
        let streams = self.kept_out.entry(target).or_default();
        let least = streams.entry(stream).or_insert(seq);
        *least = (*least).min(seq);
    }

    /// Drops what a tombstone covers.
    fn bury(&mut self, tomb: &Tomb) {
        let is_erasure = tomb.why == Why::Erasure;
        let covered: Vec<Entry> = match tomb.target {
            Target::Signal(id) if is_erasure => {
                let keys = self.cells.keys_of(id);
                let cells = keys
                    .iter()
                    .flat_map(|key| self.cells_held(key).map(|(origin, _)| Entry::Cell(*key, origin)));
                let claims = self.signals.get(&id).map_or(&[][..], |held| held.claims.all());
                let signals = claims.iter().map(|(origin, _)| Entry::Signal(id, *origin));
                cells.chain(signals).chain(self.others.about(id)).collect()
            }
            Target::Signal(_) => return,
            Target::Origin(origin) => {
                let mut written = self.written_by(|stream| stream.origin == origin);
                written.retain(|entry| is_erasure || falls_with_origin(*entry));
                written
            }
            Target::Tenant(tenant) => self.written_by(|stream| stream.origin.tenant == tenant),
        };
        for entry in covered {
            if matches!(entry, Entry::Tomb(..)) {
                continue;
            }
            if let Some(stamp) = self.remove(entry) {
                let origin = entry_origin(entry);
                let stream = Stream {
                    origin,
                    inc: stamp.inc,
                };
                self.keep_out(tomb.target, stream, stamp.seq);
            }
        }
    }

    fn written_by(&self, is_meant: impl Fn(Stream) -> bool) -> Vec<Entry> {
        let logs = self.logs.iter().filter(|log| is_meant(log.stream));
        logs.flat_map(|log| {
            log.between(0, u64::MAX).map(|(_, item)| match item {
                Item::Slot(slot) => Entry::Cell(*self.cells.key_of(slot), log.stream.origin),
                Item::Entry(entry) => entry,
            })
        })
        .collect()
    }

    /// Drops an entry. Answers the stamp that it had.
    pub(super) fn remove(&mut self, entry: Entry) -> Option<Stamp> {
        let origin = entry_origin(entry);
        let stamp = match entry {
            Entry::Cell(key, _) => {
                let slot = self.cells.slot(&key)?;
                let gone = self.cells.drop_from(slot, &mut self.logs, |of, _| of == origin);
                gone.first().map(|(_, cell)| cell.stamp)
            }
            Entry::Signal(id, _) => {
                let held = self.signals.get_mut(&id)?;
                let stamp = take_out(&mut held.claims, origin);
                if held.claims.all().is_empty() {
                    self.signals.remove(&id);
                }
                stamp
            }
            Entry::Scope(id, _) => take_out_of(&mut self.scopes, &id, origin),
            Entry::ScopeCell(id, _) => take_out_of(&mut self.scope_cells, &id, origin),
            Entry::Alias(alias, _) => take_out_of(&mut self.aliases, &alias, origin),
            Entry::Tomb(target, _) => take_out_of(&mut self.tombs, &target, origin),
            Entry::Other(id, _) => self.others.remove(id, origin),
        };
        self.forget(origin, stamp, Item::Entry(entry));
        if stamp.is_some() {
            self.tell_gone(entry);
        }
        stamp
    }

    /// Notes that an entry was dropped, where anybody wants to know.
    pub(super) fn tell_gone(&mut self, entry: Entry) {
        if let Some(gone) = &mut self.gone {
            gone.push(entry);
        }
    }
}

/// Who wrote an entry.
const fn entry_origin(entry: Entry) -> Origin {
    match entry {
        Entry::Signal(_, origin)
        | Entry::Scope(_, origin)
        | Entry::Cell(_, origin)
        | Entry::ScopeCell(_, origin)
        | Entry::Alias(_, origin)
        | Entry::Tomb(_, origin)
        | Entry::Other(_, origin) => origin,
    }
}

/// Whether any tombstone on its origin covers an entry: evidence, which nobody believes any more, and what nobody here
/// can judge. Signals stay, for the record.
const fn falls_with_origin(entry: Entry) -> bool {
    entry.is_evidence() || matches!(entry, Entry::Other(..))
}

fn take_out<T: Stamped>(claims: &mut Claims<T>, origin: Origin) -> Option<Stamp> {
    let stamp = claims.get(origin)?.stamp();
    claims.remove(origin);
    Some(stamp)
}

fn take_out_of<K: Ord, T: Stamped>(
    map: &mut BTreeMap<K, Claims<T>>,
    key: &K,
    origin: Origin,
) -> Option<Stamp> {
    let claims = map.get_mut(key)?;
    let stamp = take_out(claims, origin);
    if claims.all().is_empty() {
        map.remove(key);
    }
    stamp
}

/// Whether a fact's time lies further ahead than clocks differ.
fn is_ahead(fact: &Fact, now: u64) -> bool {
    fact.at() > now.saturating_add(FUTURE_MS_MAX)
}

/// Whether a fact keeps within the bounds of its kind; one that does not is refused by everybody.
fn is_sound(fact: &Fact) -> bool {
    match fact {
        Fact::Signal { signal, .. } => {
            let is_short = match &signal.body {
                SignalBody::Text { text } => text.len() <= SIGNAL_TEXT_BYTES_MAX,
                SignalBody::Action { schema, args } => schema.len() + args.len() <= ARGS_BYTES_MAX,
            };
            is_short
                && signal.parents.len() <= 4
                && signal.trigger.require.len() <= 8
                && signal.trigger.terms.len() <= 16
        }
        Fact::ScopeCell { cell, .. } => cell.votes.len() <= VOTES_MAX,
        Fact::Alias { alias, .. } => alias.stands < alias.follows,
        Fact::Other { other, .. } => other.is_sound(),
        _ => true,
    }
}
