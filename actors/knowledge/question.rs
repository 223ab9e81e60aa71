//! What waits until it is known what the store holds of a receipt; then it is decided from memory alone.

use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{Ask, Conclusion, KnowledgeError};
use anthill_contracts::signal::Receipt;
use anthill_signals::retrieval::Vector;

use super::Reply;

/// What waits for the store's word on a receipt.
pub(super) enum Question {
    /// What a run is to be shown.
    Recall {
        ask: Box<Ask>,
        vector: Option<Vector>,
        reply: Reply<Receipt>,
    },
    /// How a run ended.
    Conclude {
        conclusion: Box<Conclusion>,
        reply: Reply<()>,
    },
}

impl Question {
    /// The receipt that it is about.
    pub(super) const fn receipt_id(&self) -> ReceiptId {
        match self {
            Self::Recall { ask, .. } => ask.receipt_id,
            Self::Conclude { conclusion, .. } => conclusion.receipt.receipt_id,
        }
    }

    /// Answers that it cannot be decided.
    pub(super) fn fail(self, error: KnowledgeError) {
        // Whoever is gone by now needs no answer.
        match self {
            Self::Recall { reply, .. } => drop(reply.send(Err(error))),
            Self::Conclude { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// Tells how the model of a run was chosen, where it was.
pub(super) fn told(receipt: &Receipt) {
    let Some(model) = &receipt.model else { return };
    for other in &receipt.weighed {
        tracing::debug!(
            task_id = %receipt.task_id,
            model = %other.model,
            taken = other.model == *model,
            success = f64::from(other.success_micro) / 1e6,
            cost_usd_micro = other.cost_usd_micro,
            "model weighed"
        );
    }
}
