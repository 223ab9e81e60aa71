//! What each incarnation has written, by its count: the order in which others ask for it.
//!
//! An item stands for an entry that the replica holds at that count; where the entry is written again, its item moves
//! to the later count. So a stream is read without gaps by skipping what is no longer there, and an answer costs as much
//! as it carries. Streams are numbered, and cells name theirs by number.

use std::collections::{BTreeMap, btree_map};

use super::{Entry, Stream, Versions};

/// Most streams that a replica follows; beyond it facts of unknown origins are refused.
pub const STREAMS_MAX: usize = 65_536;

/// Streams without a living entry are forgotten only where there are more than this.
const IDLE_STREAMS_MAX: usize = 4_096;

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// In the slot of a key of cells.
    Slot(u32),
    /// Elsewhere.
    Entry(Entry),
}

/// One stream.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) stream: Stream,
    /// Its number, by which cells name it.
    pub(super) number: u32,
    /// Everything up to here was taken in.
    pub(super) head: u64,
    /// When something of it came in last.
    pub(super) seen: u64,
    /// Whether this node's own writer writes it.
    pub(super) is_own: bool,
    cells: BTreeMap<u64, u32>,
    rest: BTreeMap<u64, Entry>,
}

impl Log {
    /// Items after one count and up to another, oldest first.
    pub(super) fn between(&self, after: u64, upto: u64) -> impl Iterator<Item = (u64, Item)> + '_ {
        let from = after.saturating_add(1);
        let upto = upto.max(from);
        let mut cells = self.cells.range(from..=upto).peekable();
        let mut rest = self.rest.range(from..=upto).peekable();
        std::iter::from_fn(move || {
            let cell_first = match (cells.peek(), rest.peek()) {
                (Some((a, _)), Some((b, _))) => a <= b,
                (cell, _) => cell.is_some(),
            };
            if cell_first {
                cells.next().map(|(seq, slot)| (*seq, Item::Slot(*slot)))
            } else {
                rest.next().map(|(seq, entry)| (*seq, Item::Entry(*entry)))
            }
        })
    }

    /// What other zones get of it, after a count, oldest first: everything but evidence.
    pub(super) fn shared_after(&self, after: u64) -> impl Iterator<Item = (u64, Item)> + '_ {
        let rest = self.rest.range(after.saturating_add(1)..);
        rest.filter(|(seq, entry)| **seq <= self.head && !entry.is_evidence())
            .map(|(seq, entry)| (*seq, Item::Entry(*entry)))
    }

    /// The count of the last that other zones get; 0 where there is nothing for them.
    pub(super) fn shared_head(&self) -> u64 {
        let mut shared = self.rest.range(..=self.head).rev();
        let last = shared.find(|(_, entry)| !entry.is_evidence());
        last.map_or(0, |(seq, _)| *seq)
    }

    /// Moves the head to a count, and on over entries that came before their turn.
    pub(super) fn come_to(&mut self, seq: u64) {
        self.head = self.head.max(seq);
        while let Some(next) = self.head.checked_add(1) {
            if !self.cells.contains_key(&next) && !self.rest.contains_key(&next) {
                return;
            }
            self.head = next;
        }
    }

    /// How many entries stand in it.
    pub(super) fn len(&self) -> usize {
        self.cells.len() + self.rest.len()
    }

    /// Notes an entry. True where another entry stands under this count already: its origin has counted twice.
    pub(super) fn note(&mut self, seq: u64, item: Item) -> bool {
        match item {
            Item::Slot(slot) => {
                let before = self.cells.insert(seq, slot);
                before.is_some_and(|held| held != slot) || self.rest.contains_key(&seq)
            }
            Item::Entry(entry) => {
                let before = self.rest.insert(seq, entry);
                before.is_some_and(|held| held != entry) || self.cells.contains_key(&seq)
            }
        }
    }

    /// Forgets an entry, where it is this one that stands under the count.
    pub(super) fn forget(&mut self, seq: u64, item: Item) {
        match item {
            Item::Slot(slot) => take_out(&mut self.cells, seq, &slot),
            Item::Entry(entry) => take_out(&mut self.rest, seq, &entry),
        }
    }

    /// Bytes that it takes: nodes of the maps are at least half full.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.cells.len() * node_share(size_of::<u64>() + size_of::<u32>())
            + self.rest.len() * node_share(size_of::<u64>() + size_of::<Entry>())
    }
}

/// Takes an item out, where it is this one.
fn take_out<T: PartialEq>(items: &mut BTreeMap<u64, T>, seq: u64, item: &T) {
    if let btree_map::Entry::Occupied(held) = items.entry(seq)
        && held.get() == item
    {
        held.remove();
    }
}

/// Bytes of a tree that one of its items answers for. A node holds up to 11 items and three words, the allocator's own
/// among them; one that fills in ascending order is left with six.
pub(super) const fn node_share(item: usize) -> usize {
    (11 * item + 24).div_ceil(6)
}

/// Every stream, by number and by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs {
    all: Vec<Log>,
    numbers: BTreeMap<Stream, u32>,
    /// The one asked for last: facts come stream by stream.
    last: Option<(Stream, u32)>,
}

impl Logs {
    /// The number of a stream, given one where it has none; `None` where there are too many.
    pub(super) fn intern(&mut self, stream: Stream) -> Option<u32> {
        if let Some(number) = self.number(stream) {
            return Some(number);
        }
        // Numbers have to fit the 24 bits that a cell has for them.
        let number = u32::try_from(self.all.len())
            .ok()
            .filter(|number| *number < 1 << 24)?;
        if self.numbers.len() >= STREAMS_MAX {
            return None;
        }
        self.all.push(Log {
            stream,
            number,
            head: 0,
            seen: 0,
            is_own: false,
            cells: BTreeMap::new(),
            rest: BTreeMap::new(),
        });
        self.numbers.insert(stream, number);
        Some(number)
    }

    /// A stream by its name.
    pub(super) fn find_mut(&mut self, stream: Stream) -> Option<&mut Log> {
        let number = self.number(stream)?;
        Some(self.at_mut(number))
    }

    /// The same, and made where there is none and idle ones are few: a name alone must not fill what facts need.
    pub(super) fn find_or_idle(&mut self, stream: Stream, now: u64) -> Option<&mut Log> {
        if self.number(stream).is_none() && self.numbers.len() < IDLE_STREAMS_MAX {
            let number = self.intern(stream)?;
            self.at_mut(number).seen = now;
        }
        self.find_mut(stream)
    }

    fn number(&mut self, stream: Stream) -> Option<u32> {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == stream) {
            return Some(number);
        }
        let number = *self.numbers.get(&stream)?;
        self.last = Some((stream, number));
        Some(number)
    }

    /// A stream by its number.
    pub(super) fn at(&self, number: u32) -> &Log {
        &self.all[number as usize]
    }

    /// A stream by its number.
    pub(super) fn at_mut(&mut self, number: u32) -> &mut Log {
        &mut self.all[number as usize]
    }

    /// Streams in order of origins and incarnations.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Log> {
        self.numbers.values().map(|number| self.at(*number))
    }

    /// The versions.
    pub(super) fn versions(&self) -> Versions {
        let come_to = self.iter().filter(|log| log.head > 0);
        come_to.map(|log| (log.stream, log.head)).collect()
    }

    /// Streams that have nothing left and are silent since `before` make room, where there are many. Their numbers stay
    /// taken until the replica is loaded again, because cells name streams by number.
    pub(super) fn forget_silent(&mut self, before: u64) {
        if self.numbers.len() <= IDLE_STREAMS_MAX {
            return;
        }
        self.last = None;
        let logs = &self.all;
        self.numbers.retain(|_, number| {
            let log = &logs[*number as usize];
            log.len() > 0 || log.seen >= before
        });
    }

    /// Bytes that they take.
    pub(super) fn memory_bytes(&self) -> usize {
        self.all.iter().map(Log::memory_bytes).sum::<usize>()
            + self.numbers.len() * 2 * size_of::<(Stream, u32)>()
    }
}
