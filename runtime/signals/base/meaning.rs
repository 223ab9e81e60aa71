//! Embeddings of signals: which are wanted, and where they go.
//!
//! They are a cache of what a model outside says of texts: no facts, and never gossiped. The base asks nobody; its owner
//! fetches what is missing, and keeps it. Rejected: vectors inside of signals, which would bind a fleet to one
//! model and multiply the bytes that travel.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::SignalBody;

use super::KnowledgeBase;
use crate::retrieval::Vector;

impl KnowledgeBase {
    /// Texts of signals that have no embedding yet, by id, at most `max`. They begin behind `after`, so that one that
    /// never gets an embedding does not hold up the others.
    pub fn without_vector(&self, max: usize, after: Option<SignalId>) -> Vec<(SignalId, String)> {
        let signals = self.index.without_vector(usize::MAX).into_iter();
        let later = signals.filter(|signal| after.is_none_or(|after| signal.id > after));
        let texts = later.filter_map(|signal| match &signal.body {
            SignalBody::Text { text } => Some((signal.id, text.clone())),
            SignalBody::Action { .. } => None,
        });
        texts.take(max).collect()
    }

    /// Gives a signal its embedding; whether the signal is held.
    pub fn set_vector(&mut self, signal: SignalId, vector: Vector) -> bool {
        self.index.set_vector(signal, vector)
    }
}
