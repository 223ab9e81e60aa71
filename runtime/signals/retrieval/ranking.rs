//! Ranks the signals that the gate lets through: actions by their scopes, texts by two votes that are fused.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::SignalBody;

use super::asked::{Asked, Query};
use super::postings::full;
use super::{ACTIONS_MAX, CANDIDATES_MAX, Entry, Index, Vector};

impl Index {
    /// The signals that fit a task, the most relevant first, with their relevance from 0 to 1: every action that fits
    /// with 1, and at most [`CANDIDATES_MAX`] texts.
    pub fn candidates(&self, query: &Query<'_>) -> Vec<(SignalId, f64)> {
        let asked = Asked::of(self, query);
        let mut found = self.fitting_actions(query, &asked);
        if query.reads_text {
            found.extend(self.fitting_texts(query, &asked));
        }
        found
    }

    fn fitting_actions(&self, query: &Query<'_>, asked: &Asked<'_>) -> Vec<(SignalId, f64)> {
        let of_lineage = query.scope.lineage().filter_map(|scope| self.actions.get(&scope));
        let entries = of_lineage.flatten().filter_map(|id| self.entry(*id));
        entries
            .filter(|entry| query.admits(&entry.signal) && asked.has_any_of(&entry.terms))
            .map(|entry| (entry.signal.id, 1.0))
            .take(ACTIONS_MAX)
            .collect()
    }

    fn fitting_texts(&self, query: &Query<'_>, asked: &Asked<'_>) -> Vec<(SignalId, f64)> {
        if asked.all.is_empty() && query.vector.is_none() {
            return self.admitted_texts(query);
        }
        let open = self.open(query);
        let word_scores = self.words.scores(&asked.words);
        let gram_scores = self.grams.scores(&asked.grams);
        let first = self.ranked(&word_scores, &open);
        let second = self.second_vote(&gram_scores, &open, query.vector);
        let weight = self.tuning.second_weight;
        let mut fused: BTreeMap<u32, f32> = BTreeMap::new();
        for (weight, ranking) in [(1.0, &first), (weight, &second)] {
            for (rank, slot) in (1_u16..).zip(ranking) {
                *fused.entry(*slot).or_default() += weight / (self.tuning.rank_offset + f32::from(rank));
            }
        }
        let best = (1.0 + weight) / (self.tuning.rank_offset + 1.0);
        let mut found: Vec<(f32, &Entry)> = fused
            .into_iter()
            .filter_map(|(slot, score)| Some((score / best, self.entries[slot as usize].as_ref()?)))
            .collect();
        found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.signal.id.cmp(&right.signal.id)));
        let gram_full = full(&asked.grams).max(f32::MIN_POSITIVE);
        let fits = |entry: &Entry| {
            let place = self.places[&entry.signal.id] as usize;
            let grams = gram_scores.get(place).map_or(0.0, |score| score / gram_full);
            let nearness = query.vector.map_or(0.0, |vector| self.nearness(entry, vector));
            asked.match_with(entry).max(f64::from(grams.max(nearness))) >= self.relevance_min
        };
        found
            .into_iter()
            .filter(|(_, entry)| fits(entry))
            .take(CANDIDATES_MAX)
            .map(|(score, entry)| (entry.signal.id, f64::from(score.min(1.0))))
            .collect()
    }

    /// How near an embedding is to that of a task; nothing where the signal has none, or one of another model.
    fn nearness(&self, entry: &Entry, vector: &Vector) -> f32 {
        let held = entry.vector.as_ref();
        held.and_then(|held| held.similarity(vector, self.similarity_min))
            .unwrap_or(0.0)
    }

    /// Every text that the gate lets through, for a task without words.
    fn admitted_texts(&self, query: &Query<'_>) -> Vec<(SignalId, f64)> {
        let texts = self.entries.iter().flatten().map(|entry| &entry.signal);
        let mut found: Vec<(SignalId, f64)> = texts
            .filter(|signal| matches!(signal.body, SignalBody::Text { .. }) && query.admits(signal))
            .map(|signal| (signal.id, 1.0))
            .collect();
        found.sort_unstable_by_key(|(id, _)| *id);
        found.truncate(CANDIDATES_MAX);
        found
    }

    /// Runs of characters rank what has no embedding; embeddings the rest. A text has a rank in one of the two only.
    fn second_vote(&self, gram_scores: &[f32], open: &[bool], vector: Option<&Vector>) -> Vec<u32> {
        let Some(vector) = vector else {
            return self.ranked(gram_scores, open);
        };
        let mut cosines = vec![0.0_f32; self.entries.len()];
        let mut without = gram_scores.to_vec();
        without.resize(self.entries.len(), 0.0);
        for (place, entry) in self.entries.iter().enumerate().filter(|(place, _)| open[*place]) {
            let held = entry.as_ref().and_then(|entry| entry.vector.as_ref());
            if let Some(nearness) = held.and_then(|held| held.similarity(vector, self.similarity_min)) {
                cosines[place] = nearness;
                without[place] = 0.0;
            }
        }
        let (near, alike) = (self.ranked(&cosines, open), self.ranked(&without, open));
        let rounds = near.len().max(alike.len());
        (0..rounds)
            .flat_map(|rank| [near.get(rank), alike.get(rank)])
            .flatten()
            .copied()
            .collect()
    }

    /// The open places with the largest scores, in order; equal scores by id.
    fn ranked(&self, scores: &[f32], open: &[bool]) -> Vec<u32> {
        let depth = self.tuning.depth;
        let id = |slot: u32| self.entries[slot as usize].as_ref().map(|entry| entry.signal.id);
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then_with(|| id(a.1).cmp(&id(b.1)));
        let mut ranked: Vec<(f32, u32)> = Vec::with_capacity(4 * depth);
        let mut least = 0.0;
        for ((slot, score), is_open) in (0_u32..).zip(scores).zip(open) {
            if *score <= 0.0 || *score < least || !is_open {
                continue;
            }
            ranked.push((*score, slot));
            if ranked.len() == 4 * depth {
                // What is below the best so far never comes back.
                let (_, worst, _) = ranked.select_nth_unstable_by(depth - 1, order);
                least = worst.0;
                ranked.truncate(depth);
            }
        }
        ranked.sort_unstable_by(order);
        ranked.truncate(depth);
        ranked.into_iter().map(|(_, slot)| slot).collect()
    }
}
