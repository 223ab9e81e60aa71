//! Every choice of a simulated run: one generator, seeded with one number.

/// Draws numbers from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    /// The dice of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number from `low` up to and including `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high)
    }

    /// An index below `len`, which is not zero.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.usize(..len)
    }

    /// True once in `rarity` draws on average; never where that is zero.
    pub(crate) fn one_in(&mut self, rarity: u32) -> bool {
        rarity > 0 && self.0.u32(..rarity) == 0
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        self.0.shuffle(list);
    }
}
