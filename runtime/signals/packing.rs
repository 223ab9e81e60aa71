//! Packs signals under a cap on tokens: at most eight, the most gain for the room, nothing twice.
//!
//! Greedy by three measures of gain for the room, with an exchange of one against one at the end, and the best of the
//! three counts. It comes within a hundredth of the exact knapsack, which would have to be solved anew for every task.
//! Likeness lowers a gain by half at most, and in proportion: gains are some hundredths of an outcome while likeness
//! goes up to 1, so half of it subtracted as it is would throw out whatever shares a word with what is chosen.

use anthill_contracts::signal::Polarity;

use crate::dedup::near::jaccard;

/// What of a gain is lost next to a signal that says the same.
const LIKENESS_LOSS: f64 = 0.5;
/// Share of the tokens that warnings may take: one part in this many.
const AVOID_PARTS: u32 = 3;

/// A signal that may be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// Expected gain: relevance times the draw. Nothing at or below zero is chosen, nor what is no number.
    pub score: f64,
    /// Tokens that it takes.
    pub tokens: u32,
    /// Advice or warning; warnings take at most a third of the tokens.
    pub polarity: Polarity,
    /// Schema of an action; of actions with one schema at most one is chosen.
    pub schema: Option<&'a str>,
    /// Its hashed words, sorted, as [`crate::retrieval::Index::terms`] has them.
    pub terms: &'a [u32],
}

/// The places of the signals to show, the one with the largest score first.
pub fn pack(candidates: &[Candidate<'_>], tokens_max: u32, slots_max: u32) -> Vec<usize> {
    let room = Room {
        candidates,
        tokens_max,
        slots_max: slots_max as usize,
    };
    let mut best = (0.0, Vec::new());
    for power in [1.0, 0.5, 0.0] {
        let mut chosen = room.greedy(power);
        room.exchange(&mut chosen);
        let gain = room.gain(&chosen);
        if gain > best.0 {
            best = (gain, chosen);
        }
    }
    room.ordered(best.1)
}

/// The gain of some candidates shown together: each counts in the order of scores, less what it repeats of those before.
pub fn gain(candidates: &[Candidate<'_>], chosen: &[usize]) -> f64 {
    let room = Room {
        candidates,
        tokens_max: u32::MAX,
        slots_max: usize::MAX,
    };
    room.gain(chosen)
}

struct Room<'a> {
    candidates: &'a [Candidate<'a>],
    tokens_max: u32,
    slots_max: usize,
}

impl Room<'_> {
    /// Takes, again and again, what has the most gain by a power of its tokens.
    fn greedy(&self, power: f64) -> Vec<usize> {
        let mut chosen = Vec::new();
        let mut kept: Vec<f64> = vec![1.0; self.candidates.len()];
        loop {
            let mut best: Option<(f64, usize)> = None;
            for (place, candidate) in self.candidates.iter().enumerate() {
                let value = candidate.score * kept[place] / f64::from(candidate.tokens.max(1)).powf(power);
                let is_better = value > best.map_or(0.0, |(value, _)| value);
                if is_better && !chosen.contains(&place) && self.fits(&chosen, place) {
                    best = Some((value, place));
                }
            }
            let Some((_, place)) = best else {
                return chosen;
            };
            chosen.push(place);
            for (kept, candidate) in kept.iter_mut().zip(self.candidates) {
                let likeness = jaccard(candidate.terms, self.candidates[place].terms);
                *kept = kept.min(1.0 - LIKENESS_LOSS * likeness);
            }
        }
    }

    /// Replaces one chosen signal by one that is not chosen, or adds one, as long as that gains.
    fn exchange(&self, chosen: &mut Vec<usize>) {
        for _ in 0..self.slots_max.min(8) {
            let mut best = (self.gain(chosen), None);
            for out in 0..chosen.len() {
                let mut without = chosen.clone();
                without.swap_remove(out);
                for place in 0..self.candidates.len() {
                    if chosen.contains(&place) || !self.is_gain(place) || !self.fits(&without, place) {
                        continue;
                    }
                    without.push(place);
                    let gain = self.gain(&without);
                    if gain > best.0 * (1.0 + 1e-9) {
                        best = (gain, Some(without.clone()));
                    }
                    without.pop();
                }
            }
            let Some(better) = best.1 else {
                return;
            };
            *chosen = better;
        }
    }

    fn is_gain(&self, place: usize) -> bool {
        self.candidates[place].score > 0.0
    }

    /// Whether one more has room beside what is chosen.
    fn fits(&self, chosen: &[usize], place: usize) -> bool {
        let candidate = &self.candidates[place];
        let of = |places: &[usize], test: fn(&Candidate<'_>) -> bool| -> u64 {
            let counted = places.iter().map(|place| &self.candidates[*place]);
            let counted = counted.filter(|candidate| test(candidate));
            counted.map(|candidate| u64::from(candidate.tokens)).sum()
        };
        let tokens = u64::from(candidate.tokens);
        let is_avoid = |candidate: &Candidate<'_>| candidate.polarity == Polarity::Avoid;
        chosen.len() < self.slots_max
            && of(chosen, |_| true) + tokens <= u64::from(self.tokens_max)
            && (!is_avoid(candidate)
                || of(chosen, is_avoid) + tokens <= u64::from(self.tokens_max / AVOID_PARTS))
            && !chosen
                .iter()
                .any(|held| candidate.schema.is_some() && self.candidates[*held].schema == candidate.schema)
    }

    fn gain(&self, chosen: &[usize]) -> f64 {
        let chosen = self.ordered(chosen.to_vec());
        let mut gain = 0.0;
        for (rank, place) in chosen.iter().enumerate() {
            let candidate = &self.candidates[*place];
            let likeness = chosen[..rank]
                .iter()
                .map(|before| jaccard(candidate.terms, self.candidates[*before].terms))
                .fold(0.0, f64::max);
            gain += candidate.score * (1.0 - LIKENESS_LOSS * likeness);
        }
        gain
    }

    /// By falling score, equal ones by place.
    fn ordered(&self, mut chosen: Vec<usize>) -> Vec<usize> {
        let score = |place: &usize| self.candidates[*place].score;
        chosen.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        chosen
    }
}

#[cfg(test)]
mod tests;
