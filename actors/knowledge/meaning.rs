//! Embeddings: the task's before the actor is asked, those of signals beside it, batch by batch.
//!
//! An embedder is somebody else's server, so nothing waits for it: a task's text without an answer is looked for by its
//! words, and a signal without one is found by its words. Batches shrink while they fail and the next one begins behind
//! the last, so one text that no model takes is left alone in the end, and a server that is away is asked for one text
//! per tick. What it has answered is kept beside the facts, by model and text, so that a restart asks for nothing again.
//! Errors are logged by their code, for what a server says may repeat the text that it was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::{Ask, Embedder, KnowledgeError};
use anthill_contracts::signal::SignalBody;
use anthill_signals::retrieval::{QUERY_BYTES_MAX, Vector};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::{KnowledgeMessage, KnowledgeState, kept};
use crate::mailbox::Mail;
use crate::metrics;

/// Longest wait for the embedding of a task's text.
pub(super) const TASK_DEADLINE: Duration = Duration::from_secs(1);

/// Longest wait for the embeddings of a batch of signals.
const BATCH_DEADLINE: Duration = Duration::from_mins(1);

/// Signals of a batch.
const BATCH_MAX: usize = 64;

/// What a task's text means; `None` where nobody says so in time, or where words would not be followed anyway.
pub(super) async fn of_task(embedder: &dyn Embedder, ask: &Ask) -> Option<Vector> {
    if !ask.reads_text || ask.text.trim().is_empty() {
        return None;
    }
    let text = &ask.text[..ask.text.floor_char_boundary(QUERY_BYTES_MAX)];
    let answer = timeout(TASK_DEADLINE, embedder.embed(vec![text.to_owned()])).await;
    let vector = whole(answer.unwrap_or(Err(KnowledgeError::Away)), 1);
    metrics::knowledge_embedded("task", &vector, 1);
    match vector {
        Ok(mut vectors) => vectors.pop(),
        Err(error) => {
            tracing::debug!(task_id = %ask.task_id, code = error.code().id, "the task is looked for by its words alone");
            None
        }
    }
}

/// An answer with one usable vector per text.
fn whole(answer: Result<Vec<Vec<i8>>, KnowledgeError>, texts: usize) -> Result<Vec<Vector>, KnowledgeError> {
    let vectors: Option<Vec<Vector>> = answer?.into_iter().map(Vector::new).collect();
    let is_whole = |vectors: &Vec<Vector>| vectors.len() == texts;
    vectors.filter(is_whole).ok_or_else(|| KnowledgeError::Refused {
        detail: "the embedder did not give one direction per text".to_owned(),
    })
}

/// Most embeddings that are kept; of more signals those beyond are asked for again after a restart.
const KEPT_MAX: usize = 16_384;

/// How far the embedding of signals has come.
pub(super) struct Embedding {
    /// What an earlier process has kept, by the keys of the rows; until the actor has begun.
    kept: BTreeMap<Vec<u8>, Vec<i8>>,
    /// How many are kept now.
    rows: usize,
    /// Signals of the next batch.
    batch: usize,
    /// The last one that was asked for.
    after: Option<SignalId>,
    under_way: Option<AbortHandle>,
}

impl Embedding {
    /// With what an earlier process has kept.
    pub(super) const fn with(kept: BTreeMap<Vec<u8>, Vec<i8>>) -> Self {
        Self {
            kept,
            rows: 0,
            batch: BATCH_MAX,
            after: None,
            under_way: None,
        }
    }
}

impl KnowledgeState {
    /// Takes over the embeddings that an earlier process has kept, and drops those that no signal needs any more: its
    /// signal is gone, or another model is asked now. Without an embedder they stay for the next process that has one.
    pub(super) fn take_kept_vectors(&mut self) {
        let Some(embedder) = &self.arguments.embedder else {
            return;
        };
        let maker = embedder.maker();
        let kept = std::mem::take(&mut self.embedding.kept);
        let mut used = BTreeSet::new();
        for (signal, text) in self.base.without_vector(usize::MAX, None) {
            let key = kept::vector_key(&maker, &text);
            if let Some(vector) = kept.get(&key).cloned().and_then(Vector::new) {
                self.base.set_vector(signal, vector);
                // Signals of two scopes may say the same.
                used.insert(key);
            }
        }
        self.embedding.rows = used.len();
        for key in kept.into_keys().filter(|key| !used.contains(key)) {
            self.ledger.put(key, None);
        }
    }

    /// Enters embeddings into the batch that gathers, as far as there is room for them.
    fn keep_vectors(&mut self, answered: &[(SignalId, Vec<i8>)]) {
        let Some(embedder) = &self.arguments.embedder else {
            return;
        };
        let maker = embedder.maker();
        for (id, numbers) in answered {
            let signal = self.base.replica().signal(*id);
            let Some(SignalBody::Text { text }) = signal.map(|signal| &signal.body) else {
                continue;
            };
            if self.embedding.rows >= KEPT_MAX {
                return;
            }
            self.embedding.rows += 1;
            let key = kept::vector_key(&maker, text);
            self.ledger.put(key, Some(kept::vector_value(numbers)));
        }
    }

    /// Asks for the next embeddings that are missing, unless a batch is under way.
    pub(super) fn embed_signals(&mut self) {
        let Some(embedder) = self.arguments.embedder.clone() else {
            return;
        };
        let Embedding {
            batch,
            after,
            under_way,
            ..
        } = &mut self.embedding;
        if under_way.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let mut wanted = self.base.without_vector(*batch, *after);
        if wanted.is_empty() && after.take().is_some() {
            wanted = self.base.without_vector(*batch, None);
        }
        if wanted.is_empty() {
            return;
        }
        let myself = self.myself.clone();
        *under_way = Some(self.tasks.spawn(async move {
            let (signals, texts): (Vec<SignalId>, Vec<String>) = wanted.into_iter().unzip();
            let answer = timeout(BATCH_DEADLINE, embedder.embed(texts)).await;
            let vectors = answer.unwrap_or(Err(KnowledgeError::Away));
            // An actor that is gone needs no vectors; the next one asks anew.
            let _ = myself.send_message(Mail::own(KnowledgeMessage::SignalsEmbedded { signals, vectors }));
        }));
    }

    /// Takes in what the embedder has answered. After a success the next batch follows at once, after a failure with
    /// the next tick or signal.
    pub(super) fn on_signals_embedded(
        &mut self,
        signals: &[SignalId],
        vectors: Result<Vec<Vec<i8>>, KnowledgeError>,
    ) {
        self.embedding.under_way = None;
        self.embedding.after = signals.last().copied();
        let numbers = vectors.clone().unwrap_or_default();
        let vectors = whole(vectors, signals.len());
        metrics::knowledge_embedded("signal", &vectors, signals.len());
        match vectors {
            Ok(vectors) => {
                let answered: Vec<(SignalId, Vec<i8>)> = signals.iter().copied().zip(numbers).collect();
                self.keep_vectors(&answered);
                self.cuts.changed();
                for (signal, vector) in signals.iter().zip(vectors) {
                    // One that is gone by now needs none.
                    self.base.set_vector(*signal, vector);
                }
                self.embedding.batch = (2 * self.embedding.batch).min(BATCH_MAX);
                self.embed_signals();
            }
            Err(error) => {
                let code = error.code().id;
                if self.embedding.batch == BATCH_MAX {
                    tracing::warn!(code, signals = signals.len(), "signals are not embedded for now");
                }
                self.embedding.batch = (self.embedding.batch / 2).max(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
