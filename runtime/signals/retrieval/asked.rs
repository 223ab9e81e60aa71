//! What is asked: a task as it comes, and what of its text is looked for.
//!
//! A text is cut and its terms are weighed once for each question; the rankings read the result. Rejected: cutting it
//! anew for each ranking.

use std::collections::BTreeMap;

use anthill_contracts::signal::{Origin, ScopePath, Share, Signal, SignalBody};

use super::postings::{Found, query_terms};
use super::{Entry, Index, Vector, is_within, reaches, words};

/// Most bytes of a task's text that are looked at.
pub const QUERY_BYTES_MAX: usize = 4096;

/// What is asked: a task, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The kind of task; signals of its ancestors fit, too.
    pub scope: &'a ScopePath,
    /// What the task is about; its first [`QUERY_BYTES_MAX`] bytes count. Without words everything fits that the gate
    /// lets through.
    pub text: &'a str,
    /// Its embedding, where there is one.
    pub vector: Option<&'a Vector>,
    /// Values of the task that triggers may require.
    pub state: &'a BTreeMap<String, String>,
    /// The tenant that the task belongs to, and the node that it runs on.
    pub reader: Origin,
    /// Groups that the tenant has joined.
    pub groups: &'a [u32],
    /// Schemas of the actions that can be followed.
    pub schemas: &'a [String],
    /// Whether words can be followed.
    pub reads_text: bool,
}

impl Query<'_> {
    /// Whether a signal may be shown for this task at all, its relevance aside.
    pub(super) fn admits(&self, signal: &Signal) -> bool {
        let is_followed = match &signal.body {
            SignalBody::Text { .. } => self.reads_text,
            SignalBody::Action { schema, .. } => self.schemas.contains(schema),
        };
        is_followed
            && is_within(self.scope, &signal.scope)
            && is_seen(signal.author, signal.share, self)
            && requirements_hold(signal, self.state)
    }
}

/// Whether what this author shares so far may be seen by the one who asks. Everybody sees what is built in.
pub(super) fn is_seen(author: Origin, share: Share, query: &Query<'_>) -> bool {
    reaches(author, share, query.reader, query.groups)
}

pub(super) fn requirements_hold(signal: &Signal, state: &BTreeMap<String, String>) -> bool {
    let mut required = signal.trigger.require.iter();
    required.all(|(key, value)| state.get(key) == Some(value))
}

/// What of a task's text is looked for.
pub(super) struct Asked<'a> {
    /// Every word, sorted.
    pub(super) all: Vec<u32>,
    pub(super) words: Vec<Found<'a>>,
    pub(super) grams: Vec<Found<'a>>,
    /// By word, sorted: what it says to hold it, as a share of all words.
    shares: Vec<(u32, f64)>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(index: &'a Index, query: &Query<'_>) -> Self {
        let text = beginning(query.text);
        let lower = text.to_lowercase();
        let named = words::named(&lower);
        let words: Vec<u32> = named.iter().map(|(word, _)| *word).collect();
        let pairs = words::pairs(&words).collect();
        let mut all = words.clone();
        all.sort_unstable();
        all.dedup();
        let mut terms = query_terms(words, 1.0);
        let mut shares: Vec<(u32, f64)> = terms
            .iter()
            .map(|term| (term.term, f64::from(term.weight * index.words.idf(term.term))))
            .collect();
        let grams = telling_grams(&named, text, &shares, index.tuning.grams_max);
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        for (_, share) in &mut shares {
            *share /= sum.max(f64::MIN_POSITIVE);
        }
        shares.retain(|(word, _)| index.words.frequency(*word) > 0);
        terms.extend(query_terms(pairs, index.tuning.pair_weight));
        let visits_max = index.tuning.visits_max;
        Self {
            all,
            words: index.words.rarest(terms, visits_max),
            grams: index.grams.rarest(query_terms(grams, 1.0), visits_max),
            shares,
        }
    }

    /// Whether a trigger's terms are met: it has none, or the task has one of them.
    pub(super) fn has_any_of(&self, terms: &[u32]) -> bool {
        terms.is_empty() || terms.iter().any(|term| self.all.binary_search(term).is_ok())
    }

    /// How much a signal and the task have in common: the share of the task's words, by what they tell, or of the
    /// signal's words, whichever is more.
    pub(super) fn match_with(&self, entry: &Entry) -> f64 {
        let mut terms = entry.terms.iter().peekable();
        let (mut of_task, mut count) = (0.0, 0.0);
        for (word, share) in &self.shares {
            // Both are in order, so each is gone through once.
            while terms.next_if(|term| *term < word).is_some() {}
            if terms.peek() == Some(&word) {
                of_task += share;
                count += 1.0;
            }
        }
        let of_signal: f64 = count / entry.terms.len().max(1) as f64;
        of_signal.max(of_task)
    }
}

/// The runs of characters of a text. Of a text with more than `max` of them those of whole words are kept, the most
/// telling words first; what no signal holds tells the most, for only its runs can find what it resembles.
fn telling_grams(named: &[(u32, &str)], text: &str, shares: &[(u32, f64)], max: usize) -> Vec<u32> {
    let all = words::grams(text);
    if all.len() <= max {
        return all;
    }
    let mut parts: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (word, part) in named {
        parts.entry(*word).or_default().push(part);
    }
    let mut order = shares.to_vec();
    order.sort_unstable_by(|(left, a), (right, b)| b.total_cmp(a).then(left.cmp(right)));
    let mut kept = Vec::with_capacity(max);
    for part in order.iter().filter_map(|(word, _)| parts.get(word)).flatten() {
        let before = kept.len();
        words::grams_of(part, &mut kept);
        if kept.len() > max {
            kept.truncate(before);
            break;
        }
    }
    kept
}

/// As much of a text as is looked at.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUERY_BYTES_MAX)]
}
