//! Inverted lists with BM25 over them (Robertson and Walker 1994), kept up to date signal by signal.
//!
//! Our own and not the crate `bm25`, which the tools use for the inputs of one job: its embedder fixes the average length
//! when it is built and stores the weights that follow from it, its scorer visits every document for a query, and it
//! counts a term's documents anew each time. Here a posting holds only place and count; lengths and frequencies enter at
//! the query, so inserting and removing touch nothing but the signal's own lists.

use std::collections::HashMap;

/// Most signals of an index: a place has 24 bits of a posting.
pub(super) const SLOTS_MAX: usize = 1 << 24;

const COUNT_MAX: u32 = 255;

/// See [`full`]; texts repeat their terms, so once is not all that can be expected.
const FULL: f32 = 4.0;

/// The constants of BM25.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Saturation {
    /// How soon a term's repetitions stop to count.
    pub(super) k1: f32,
    /// How much a long text is discounted.
    pub(super) b: f32,
}

/// A term of a query and its weight there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct QueryTerm {
    pub(super) term: u32,
    pub(super) weight: f32,
}

/// A term of a query that some text holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// As in [`Postings::lists`].
    list: &'a [u32],
    /// How much it says that a text holds it, by its weight in the query.
    gain: f32,
}

/// Which texts hold a term, and how often.
#[derive(Debug, Clone)]
pub(super) struct Postings {
    saturation: Saturation,
    /// By term: place in the upper 24 bits, count in the lower 8; in order of places.
    lists: HashMap<u32, Vec<u32>>,
    /// By place: number of terms.
    lengths: Vec<u32>,
    texts: usize,
    length_sum: u64,
}

impl Postings {
    pub(super) fn new(saturation: Saturation) -> Self {
        Self {
            saturation,
            lists: HashMap::new(),
            lengths: Vec::new(),
            texts: 0,
            length_sum: 0,
        }
    }

    /// Other constants from now on.
    pub(super) const fn saturate(&mut self, saturation: Saturation) {
        self.saturation = saturation;
    }

    /// Puts a text in at a free place; its length need not be the number of its terms.
    pub(super) fn insert(&mut self, slot: u32, length: usize, mut terms: Vec<u32>) {
        let place = slot as usize;
        if self.lengths.len() <= place {
            self.lengths.resize(place + 1, 0);
        }
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.lengths[place] = length;
        self.length_sum += u64::from(length);
        self.texts += 1;
        terms.sort_unstable();
        for run in terms.chunk_by(|a, b| a == b) {
            let count = u32::try_from(run.len()).unwrap_or(u32::MAX).min(COUNT_MAX);
            let list = self.lists.entry(run[0]).or_default();
            let posting = (slot << 8) | count;
            match list.last() {
                Some(end) if *end > posting => {
                    let at = list.partition_point(|held| *held < posting);
                    list.insert(at, posting);
                }
                _ => list.push(posting),
            }
        }
    }

    /// Takes a text out; the terms are those that it was put in with.
    pub(super) fn remove(&mut self, slot: u32, mut terms: Vec<u32>) {
        let length = std::mem::take(&mut self.lengths[slot as usize]);
        self.length_sum -= u64::from(length);
        self.texts -= 1;
        terms.sort_unstable();
        terms.dedup();
        for term in terms {
            let Some(list) = self.lists.get_mut(&term) else {
                continue;
            };
            let at = list.partition_point(|held| held >> 8 < slot);
            if list.get(at).is_some_and(|held| held >> 8 == slot) {
                list.remove(at);
            }
            if list.is_empty() {
                self.lists.remove(&term);
            }
        }
    }

    /// In how many texts a term stands.
    pub(super) fn frequency(&self, term: u32) -> usize {
        self.lists.get(&term).map_or(0, Vec::len)
    }

    /// How much it says that a text holds a term; never negative.
    pub(super) fn idf(&self, term: u32) -> f32 {
        self.idf_of(self.frequency(term))
    }

    fn idf_of(&self, frequency: usize) -> f32 {
        let (all, held) = (self.texts as f32, frequency as f32);
        (1.0 + (all - held + 0.5) / (held + 0.5)).ln()
    }

    /// The terms that some text holds, the rarest first, as many as keep the number of postings to visit within a bound;
    /// the rarest term is always among them.
    pub(super) fn rarest(&self, terms: Vec<QueryTerm>, visits_max: usize) -> Vec<Found<'_>> {
        let mut known: Vec<(u32, Found<'_>)> = Vec::with_capacity(terms.len());
        for QueryTerm { term, weight } in terms {
            if let Some(list) = self.lists.get(&term) {
                let gain = weight * self.idf_of(list.len());
                known.push((term, Found { list, gain }));
            }
        }
        known.sort_unstable_by_key(|(term, found)| (found.list.len(), *term));
        let mut visits = 0;
        let within = known.iter().take_while(|(_, found)| {
            visits += found.list.len();
            visits <= visits_max
        });
        let count = within.count().max(1);
        known.into_iter().take(count).map(|(_, found)| found).collect()
    }

    /// BM25 of every text for these terms, by place; 0 where none of them stands.
    pub(super) fn scores(&self, terms: &[Found<'_>]) -> Vec<f32> {
        let mut scores = vec![0.0_f32; self.lengths.len()];
        let Saturation { k1, b } = self.saturation;
        let average = (self.length_sum as f32 / self.texts.max(1) as f32).max(1.0);
        let norms: Vec<f32> = self
            .lengths
            .iter()
            .map(|length| k1 * (1.0 - b + b * *length as f32 / average))
            .collect();
        for Found { list, gain } in terms {
            let gain = gain * (k1 + 1.0);
            for posting in *list {
                let place = (posting >> 8) as usize;
                let count = (posting & COUNT_MAX) as f32;
                scores[place] += gain * count / (count + norms[place]);
            }
        }
        scores
    }
}

#[cfg(test)]
impl Found<'_> {
    /// How many postings its scoring visits.
    pub(super) const fn visits(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
impl Postings {
    /// Terms, postings, texts and words that are held.
    pub(super) fn held(&self) -> (usize, usize, usize, u64) {
        let postings = self.lists.values().map(Vec::len).sum();
        (self.lists.len(), postings, self.texts, self.length_sum)
    }
}

/// What a text is measured by that these terms are to be found in: [`FULL`] times what one of average length scores that
/// holds each of them once.
pub(super) fn full(terms: &[Found<'_>]) -> f32 {
    terms.iter().map(|found| found.gain).sum::<f32>() * FULL
}

/// The terms of a query with their weights: the first counts whole, repetitions ever less.
pub(super) fn query_terms(mut terms: Vec<u32>, weight: f32) -> Vec<QueryTerm> {
    terms.sort_unstable();
    terms
        .chunk_by(|a, b| a == b)
        .map(|run| QueryTerm {
            term: run[0],
            weight: weight * (1.0 + (run.len() as f32).ln()),
        })
        .collect()
}
