//! Entries of one name by several origins: of each origin the value with the larger stamp, in order of origins.

use std::sync::Arc;

use anthill_contracts::signal::{Origin, ScopePath, Signal};
use serde::Serialize;

use crate::fact::{Cell, ScopeCell, Stamp, Tomb, is_zone};

/// A value with its place in the order of its origin.
pub(super) trait Stamped: PartialEq {
    /// The place.
    fn stamp(&self) -> Stamp;

    /// Orders two values of one place.
    fn hash(&self) -> [u8; 32];

    /// Orders the values of a zone before their place does: several publish for it, and the one who knows more is the
    /// newer.
    fn knows(&self) -> (u64, u32) {
        (0, 0)
    }
}

/// Hashes a value's content.
pub(super) fn content_hash(value: &impl Serialize) -> [u8; 32] {
    let bytes = rmp_serde::to_vec(value).expect("facts are plain data");
    *blake3::hash(&bytes).as_bytes()
}

macro_rules! stamped {
    ($($value:ty as $plain:ty),*) => {
        $(impl Stamped for (Stamp, $value) {
            fn stamp(&self) -> Stamp {
                self.0
            }

            fn hash(&self) -> [u8; 32] {
                let plain: &$plain = &self.1;
                content_hash(plain)
            }
        })*
    };
}

stamped!(Arc<Signal> as Signal, ScopePath as ScopePath, () as (), Tomb as Tomb);

impl Stamped for ScopeCell {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn hash(&self) -> [u8; 32] {
        content_hash(self)
    }

    fn knows(&self) -> (u64, u32) {
        (self.at, self.slow.n)
    }
}

impl Stamped for Cell {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn hash(&self) -> [u8; 32] {
        content_hash(self)
    }

    fn knows(&self) -> (u64, u32) {
        (self.at, self.total)
    }
}

/// Which of two values of one entry is the newer. A node's by its stamp; a zone's by how late and how much it knows,
/// then by count and publisher, for no single count orders what two publishers write.
pub(super) fn newness<T: Stamped>(origin: Origin, value: &T) -> ((u64, u32), Stamp, u32) {
    let stamp = value.stamp();
    if is_zone(origin) {
        let by_count = Stamp {
            inc: 0,
            seq: stamp.seq,
        };
        (value.knows(), by_count, stamp.inc)
    } else {
        ((0, 0), stamp, 0)
    }
}

/// How a value compares with the one that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// None is held, or an older one with this stamp.
    Newer(Option<Stamp>),
    /// The same, or older.
    Known,
    /// Another value under the same stamp.
    Contradicts,
}

/// What each origin has written of one thing.
#[derive(Debug, Clone)]
pub(super) struct Claims<T>(Vec<(Origin, T)>);

impl<T> Default for Claims<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Stamped> Claims<T> {
    /// Every claim, in order of origins.
    pub(super) fn all(&self) -> &[(Origin, T)] {
        &self.0
    }

    fn place(&self, origin: Origin) -> Result<usize, usize> {
        self.0.binary_search_by_key(&origin, |(of, _)| *of)
    }

    /// One origin's claim.
    pub(super) fn get(&self, origin: Origin) -> Option<&T> {
        Some(&self.0[self.place(origin).ok()?].1)
    }

    /// Puts a value in place of its origin's where it is the newer; of two in one place the one with the larger hash.
    /// Answers how it compares with the one that was held.
    pub(super) fn settle(&mut self, origin: Origin, value: T) -> Order {
        let held = match self.place(origin) {
            Ok(place) => &mut self.0[place].1,
            Err(place) => {
                self.0.insert(place, (origin, value));
                return Order::Newer(None);
            }
        };
        let order = newness(origin, held).cmp(&newness(origin, &value));
        if order.is_gt() || *held == value {
            return Order::Known;
        }
        let before = held.stamp();
        if order.is_lt() {
            *held = value;
            return Order::Newer(Some(before));
        }
        if held.hash() < value.hash() {
            *held = value;
        }
        Order::Contradicts
    }

    /// Drops one origin's claim.
    pub(super) fn remove(&mut self, origin: Origin) {
        if let Ok(place) = self.place(origin) {
            self.0.remove(place);
        }
    }
}
