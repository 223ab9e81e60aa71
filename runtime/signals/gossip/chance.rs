//! Chance from a seed: which peers a round talks to. Equal seeds give equal runs.

/// A sequence of numbers that look drawn, by Steele, Lea and Flood's split-mix generator (2014).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A place in a list of this length; the bias of the remainder is below 2^-40 for any list of peers.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        let length = length.max(1) as u64;
        usize::try_from(self.draw() % length).expect("a place in a list is a usize")
    }

    /// True with this probability.
    pub(crate) const fn is(&mut self, probability: f64) -> bool {
        ((self.draw() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// At most `count` different things of a list.
    pub(crate) fn some<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut left = from.to_vec();
        let mut chosen = Vec::new();
        while chosen.len() < count && !left.is_empty() {
            let place = self.below(left.len());
            chosen.push(left.swap_remove(place));
        }
        chosen
    }
}
