//! Embeddings as a second vote: eight bits per number, compared by their angle.
//!
//! They come from outside, for this crate asks nobody; a signal without one is voted on by its runs of characters.

/// Most numbers of a vector.
pub const DIMENSIONS_MAX: usize = 4096;

/// A direction of meaning: a vector scaled so that its largest number is 127 or -127.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    numbers: Box<[i8]>,
    norm_bits: u32,
}

impl Vector {
    /// A vector of these numbers; `None` where they are none, too many, or all zero.
    pub fn new(numbers: impl Into<Box<[i8]>>) -> Option<Self> {
        let numbers = numbers.into();
        let norm = (dot(&numbers, &numbers) as f32).sqrt();
        let is_good = (1..=DIMENSIONS_MAX).contains(&numbers.len()) && norm > 0.0;
        is_good.then(|| Self {
            numbers,
            norm_bits: norm.to_bits(),
        })
    }

    /// Its numbers.
    pub fn numbers(&self) -> &[i8] {
        &self.numbers
    }

    /// The cosine of the angle between two vectors; `None` where their numbers of dimensions differ, for then two
    /// models have made them.
    pub fn cosine(&self, other: &Self) -> Option<f32> {
        (self.numbers.len() == other.numbers.len()).then(|| {
            let norms = f32::from_bits(self.norm_bits) * f32::from_bits(other.norm_bits);
            dot(&self.numbers, &other.numbers) as f32 / norms
        })
    }

    /// How much two vectors say the same: their cosine, and nothing where that is below `least`; `None` as for
    /// [`Vector::cosine`]. Models give texts that have nothing in common cosines well above zero, each its own.
    pub fn similarity(&self, other: &Self, least: f64) -> Option<f32> {
        let cosine = self.cosine(other)?;
        Some(if f64::from(cosine) >= least { cosine } else { 0.0 })
    }
}

fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b)))
        .sum()
}
