//! How the rankings are made, in numbers.
//!
//! They stand in one place and are given at run time, for they are chosen by trying others. Rejected: constants beside
//! the code that they steer, which would be tried by building anew.

use super::postings::Saturation;

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
    /// Most runs of characters that are looked for, those of the most telling words first. Only a text of more than some
    /// 340 bytes has as many. At 10 000 signals, a text of 2 KiB that asks for signals cut from the same page finds them
    /// with an nDCG at 10 of .590 instead of .586 without the bound, at a 99th percentile of 0.80 ms instead of 1.09.
    pub grams_max: usize,
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
            grams_max: 1024,
        }
    }
}

impl Tuning {
    pub(super) const fn word_saturation(&self) -> Saturation {
        Saturation {
            k1: self.word_k1,
            b: self.word_b,
        }
    }

    pub(super) const fn gram_saturation(&self) -> Saturation {
        Saturation {
            k1: self.gram_k1,
            b: self.gram_b,
        }
    }
}
