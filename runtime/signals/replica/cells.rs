//! The evidence of signals, packed: 64 bytes a cell, beside others of the same key.
//!
//! Most of a replica is cells, so their key is kept once for all origins and an origin is a number of four bytes. The
//! choice rejected was one map over (key, origin), which pays for the key with every origin.

use std::collections::{BTreeSet, HashMap};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::Origin;

use super::log::{Item, Logs, node_share};
use crate::fact::{Cell, CellKey, Stamp, Sums};

/// Most origins whose evidence of one key is kept.
pub const ORIGINS_PER_KEY_MAX: usize = 4_096;

/// Milliseconds are packed into 48 bits: enough until the year 10 889.
const AT_MAX: u64 = (1 << 48) - 1;

/// A cell as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    seq: u64,
    slow_adv: i64,
    fast_adv: i64,
    /// Time, regime and harm.
    when: u64,
    /// The stream's number in 24 bits, and the era.
    place: u32,
    total: u32,
    slow: [u32; 2],
    fast: [u32; 2],
    held: [u32; 2],
}

impl Packed {
    fn new(stream: u32, cell: &Cell) -> Self {
        Self {
            seq: cell.stamp.seq,
            slow_adv: cell.slow.adv,
            fast_adv: cell.fast.adv,
            when: cell.at.min(AT_MAX) << 16 | u64::from(cell.regime) << 8 | u64::from(cell.harm),
            place: stream << 8 | u32::from(cell.era),
            total: cell.total,
            slow: [cell.slow.n, cell.slow.y],
            fast: [cell.fast.n, cell.fast.y],
            held: [cell.held_n, cell.held_y],
        }
    }

    const fn stream(&self) -> u32 {
        self.place >> 8
    }

    fn unpack(&self, inc: u32) -> Cell {
        let [.., regime, harm] = self.when.to_be_bytes();
        Cell {
            stamp: Stamp { inc, seq: self.seq },
            at: self.when >> 16,
            regime,
            harm,
            total: self.total,
            slow: Sums {
                n: self.slow[0],
                y: self.slow[1],
                adv: self.slow_adv,
            },
            fast: Sums {
                n: self.fast[0],
                y: self.fast[1],
                adv: self.fast_adv,
            },
            held_n: self.held[0],
            held_y: self.held[1],
            era: self.place.to_le_bytes()[0],
        }
    }
}

/// The evidence at one key, in order of origins.
#[derive(Debug, Clone)]
struct Slot {
    key: CellKey,
    cells: Vec<Packed>,
    /// The number of each cell's stream once more: to look for one here touches a few lines of memory, not one a cell.
    streams: Vec<u32>,
}

/// Where in a slot an origin's cell lies, or where it would.
pub(super) type Place = Result<usize, usize>;

/// All the evidence.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    index: HashMap<CellKey, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// One set of pairs: a list for each signal would be an allocation for each.
    by_signal: BTreeSet<(SignalId, u32)>,
    count: usize,
}

impl Cells {
    /// Every key, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &CellKey> {
        let filled = self.slots.iter().filter(|slot| !slot.cells.is_empty());
        filled.map(|slot| &slot.key)
    }

    /// Keys of a signal, in order.
    pub(super) fn keys_of(&self, signal: SignalId) -> Vec<CellKey> {
        let slots = self.slots_of(signal);
        let mut keys: Vec<CellKey> = slots.map(|slot| self.slots[slot as usize].key).collect();
        keys.sort_unstable();
        keys
    }

    /// How many cells there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The slot of a key.
    pub(super) fn slot(&self, key: &CellKey) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The key and the cells of a slot, by origin.
    pub(super) fn in_slot<'a>(
        &'a self,
        slot: Option<u32>,
        logs: &'a Logs,
    ) -> impl ExactSizeIterator<Item = (Origin, Cell)> + 'a {
        let cells = slot.map_or(&[][..], |slot| &self.slots[slot as usize].cells);
        cells.iter().map(|packed| {
            let stream = logs.at(packed.stream()).stream;
            (stream.origin, packed.unpack(stream.inc))
        })
    }

    /// The key of a slot.
    pub(super) fn key_of(&self, slot: u32) -> &CellKey {
        &self.slots[slot as usize].key
    }

    /// One origin's cell in a slot.
    pub(super) fn get(&self, slot: u32, origin: Origin, logs: &Logs) -> Option<Cell> {
        let cells = &self.slots[slot as usize].cells;
        let place = Self::search(cells, origin, logs).ok()?;
        Some(cells[place].unpack(logs.at(cells[place].stream()).stream.inc))
    }

    /// Where in a slot the cell of a stream's origin lies; it may be of an earlier stream.
    pub(super) fn place(&self, slot: u32, stream: u32, logs: &Logs) -> Place {
        let held = &self.slots[slot as usize];
        match held.streams.iter().position(|number| *number == stream) {
            Some(place) => Ok(place),
            None => Self::search(&held.cells, logs.at(stream).stream.origin, logs),
        }
    }

    /// The cell at a place of a slot.
    pub(super) fn at(&self, slot: u32, place: usize, logs: &Logs) -> Cell {
        let packed = &self.slots[slot as usize].cells[place];
        packed.unpack(logs.at(packed.stream()).stream.inc)
    }

    fn search(cells: &[Packed], origin: Origin, logs: &Logs) -> Place {
        cells.binary_search_by(|packed| logs.at(packed.stream()).stream.origin.cmp(&origin))
    }

    /// The slot of a key, made where there is none.
    pub(super) fn open(&mut self, key: CellKey) -> u32 {
        if let Some(slot) = self.index.get(&key) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                key,
                cells: Vec::new(),
                streams: Vec::new(),
            });
            u32::try_from(self.slots.len() - 1).expect("bounded by the entries of all streams")
        });
        self.slots[slot as usize].key = key;
        self.index.insert(key, slot);
        self.by_signal.insert((key.signal, slot));
        slot
    }

    /// Puts a cell where [`Cells::place`] has found that it belongs; false where the key has too many origins.
    pub(super) fn put(&mut self, slot: u32, place: Place, stream: u32, cell: &Cell) -> bool {
        let Slot { cells, streams, .. } = &mut self.slots[slot as usize];
        let packed = Packed::new(stream, cell);
        match place {
            Ok(place) => {
                cells[place] = packed;
                streams[place] = stream;
            }
            Err(_) if cells.len() >= ORIGINS_PER_KEY_MAX => return false,
            Err(place) => {
                if cells.len() == cells.capacity() {
                    // By an eighth, not by half: most of the memory of a replica is here.
                    cells.reserve_exact(cells.len() / 8 + 1);
                    streams.reserve_exact(cells.len() / 8 + 1);
                }
                cells.insert(place, packed);
                streams.insert(place, stream);
                self.count += 1;
            }
        }
        true
    }

    /// Drops the cells of a slot that `drops` names, and the slot with the last of them. Answers who was dropped.
    pub(super) fn drop_from(
        &mut self,
        slot: u32,
        logs: &mut Logs,
        drops: impl Fn(Origin, &Cell) -> bool,
    ) -> Vec<(Origin, Cell)> {
        let mut gone = Vec::new();
        let held = &mut self.slots[slot as usize];
        held.cells.retain(|packed| {
            let log = logs.at_mut(packed.stream());
            let cell = packed.unpack(log.stream.inc);
            if !drops(log.stream.origin, &cell) {
                return true;
            }
            log.forget(packed.seq, Item::Slot(slot));
            gone.push((log.stream.origin, cell));
            false
        });
        held.streams.clear();
        held.streams.extend(held.cells.iter().map(Packed::stream));
        self.count -= gone.len();
        if held.cells.is_empty() {
            self.close(slot);
        }
        gone
    }

    fn close(&mut self, slot: u32) {
        let held = &mut self.slots[slot as usize];
        held.cells = Vec::new();
        held.streams = Vec::new();
        let key = held.key;
        if self.index.remove(&key).is_none() {
            return;
        }
        self.free.push(slot);
        self.by_signal.remove(&(key.signal, slot));
    }

    /// Every slot that is in use.
    pub(super) fn slots(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.index.values().copied().collect();
        slots.sort_unstable();
        slots
    }

    /// Slots of a signal.
    pub(super) fn slots_of(&self, signal: SignalId) -> impl Iterator<Item = u32> + '_ {
        let slots = self.by_signal.range((signal, 0)..=(signal, u32::MAX));
        slots.map(|(_, slot)| *slot)
    }

    /// Bytes that they take, spare room and the allocator's own words included.
    pub(super) fn memory_bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let cells: usize = self.slots.iter().map(|slot| slot.cells.capacity()).sum();
        let streams: usize = self.slots.iter().map(|slot| slot.streams.capacity()).sum();
        let map = self.index.capacity() * 8 / 7 * (size_of::<(CellKey, u32)>() + 1);
        cells * size_of::<Packed>()
            + streams * size_of::<u32>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.slots.len() * 2 * ALLOCATION
            + map
            + self.free.capacity() * size_of::<u32>()
            + self.by_signal.len() * node_share(size_of::<(SignalId, u32)>())
    }
}
