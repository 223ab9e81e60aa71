//! The knowledge as a port: what agents of a job ask of it, what they leave there, and where its facts are kept.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::codes::{self, Code};
use crate::digest::Digest;
use crate::fault::Problem;
use crate::id::{JobId, ReceiptId, TaskId, TenantId};
use crate::model::{ModelName, Price};
use crate::signal::{BundleClass, Outcome, Proposal, Receipt, ScopePath, Share};
use crate::spec::Quality;

/// The knowledge as it was at one moment, as a job's journal names it.
///
/// Everything that is chosen for a job is read from the knowledge as it was when the job began. So what other tasks and
/// other jobs teach meanwhile, and in which order they end, changes nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cut {
    /// What was known: equal for equal knowledge, whoever has gathered it and whenever.
    pub digest: Digest,
    /// The moment; evidence has faded as far as it had by then.
    pub at: Timestamp,
}

/// What one agent of a task wants to know before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The id of the receipt that answers it; asking again under one id is answered with the first receipt.
    pub receipt_id: ReceiptId,
    /// The job.
    pub job_id: JobId,
    /// The task.
    pub task_id: TaskId,
    /// What the task is, by its content alone: goal, plan node, agent, document. Everything that is drawn by lot is drawn
    /// from this and from the cut.
    pub seed: Digest,
    /// The moment as of which the knowledge is read; `None` as it is now.
    pub cut: Option<Cut>,
    /// How many tasks of the job are of this task's node: those beside it draw by themselves, and are shown new signals
    /// the more seldom the more they are.
    pub peers: u32,
    /// The tenant.
    pub tenant: TenantId,
    /// The kind of task.
    pub scope: ScopePath,
    /// With what the run is made.
    pub bundle: BundleClass,
    /// What the task is about: the goal, instructions, headings. Never kept.
    pub text: String,
    /// Values of the task that triggers may require.
    pub state: BTreeMap<String, String>,
    /// Schemas of the actions that this agent can follow; other actions are not chosen.
    pub schemas: Vec<String>,
    /// Whether it can read words; a program that cannot is shown no texts.
    pub reads_text: bool,
    /// Most tokens of everything that is shown.
    pub tokens_max: u32,
    /// Most signals that are shown.
    pub slots_max: u32,
    /// The models between which the run is routed, in the order in which ties are decided; none where its model is
    /// settled. What the other fields say holds for the model that is used where nothing is chosen.
    pub models: Vec<ModelOption>,
    /// The share of success that is enough for a model to be taken for its cost.
    pub quality_min: Quality,
}

/// A model that a run may be made with, and what of the run depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOption {
    /// The model.
    pub model: ModelName,
    /// With what the run would be made.
    pub bundle: BundleClass,
    /// What it costs; one whose price nobody has written down counts as free.
    pub price: Option<Price>,
    /// Values of the task that this model changes, in the place of those of [`Ask::state`].
    pub state: BTreeMap<String, String>,
    /// As [`Ask::schemas`].
    pub schemas: Vec<String>,
    /// As [`Ask::reads_text`].
    pub reads_text: bool,
}

/// What a run has spent: facts, which every node multiplies with its own prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens sent to models.
    pub tokens_in: u64,
    /// Tokens written by models.
    pub tokens_out: u64,
}

/// How the run behind a receipt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// What it was shown.
    pub receipt: Receipt,
    /// What is known of its quality, one per class of evidence; the surest counts.
    pub outcomes: Vec<Outcome>,
    /// What its agent proposes; more than [`crate::signal::PROPOSALS_PER_RUN_MAX`] are cut off.
    pub proposals: Vec<Proposal>,
    /// How far the proposals may travel.
    pub share: Share,
    /// When it ended.
    pub at: Timestamp,
    /// What the run has spent; `None` where that is not known.
    pub spent: Option<Spent>,
}

/// What agents and leads need of the knowledge.
pub trait Knowledge: Send + Sync {
    /// Holds the knowledge for a job as it is now, and answers when that is durable. A job for which it is held already
    /// is answered with what is held.
    fn cut(&self, job_id: JobId) -> BoxFuture<'_, Result<Cut, KnowledgeError>>;

    /// Lets go of what is held for a job that has ended. What cannot be told is let go of later by itself.
    fn release(&self, job_id: JobId);

    /// Chooses what a run is shown. The receipt is kept before it is answered.
    fn recall(&self, ask: Ask) -> BoxFuture<'_, Result<Receipt, KnowledgeError>>;

    /// Takes in how a run ended. Answers when the facts are durable; a second conclusion of one receipt changes
    /// nothing.
    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), KnowledgeError>>;
}

/// Turns texts into directions of meaning, so that a signal is found that says the same in other words.
pub trait Embedder: Send + Sync {
    /// One vector per text, in order, all of one length. The texts go to the provider that the node's configuration
    /// names and to nobody else, and an error never repeats them. [`KnowledgeError::Busy`] and
    /// [`KnowledgeError::Away`] may pass.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<i8>>, KnowledgeError>>;

    /// What makes them: directions of two makers cannot be compared, and those of one maker can be kept.
    fn maker(&self) -> String;
}

/// One row of facts: a key that sorts, and a value that only the knowledge itself understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` removes the row.
    pub value: Option<Vec<u8>>,
}

/// What becomes durable together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnowledgeBatch {
    /// Facts that are new, changed or gone.
    pub facts: Vec<FactRow>,
    /// Receipts that were issued, encoded.
    pub issued: Vec<ReceiptRow>,
    /// Receipts that were concluded.
    pub concluded: Vec<(ReceiptId, Vec<u8>)>,
    /// Receipts issued before this are dropped.
    pub forget_before: Option<Timestamp>,
}

/// One receipt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    /// Its id.
    pub receipt_id: ReceiptId,
    /// When it was issued.
    pub at: Timestamp,
    /// The receipt, encoded.
    pub receipt: Vec<u8>,
    /// Its outcome, encoded; `None` while the run goes on.
    pub conclusion: Option<Vec<u8>>,
}

/// Where facts and receipts are kept. Everything acknowledged survives the death of the process.
pub trait KnowledgeStore: Send + Sync {
    /// Every fact, in order of keys.
    fn load_facts(&self) -> BoxFuture<'_, Result<Vec<FactRow>, KnowledgeError>>;

    /// One receipt.
    fn receipt(&self, receipt_id: ReceiptId) -> BoxFuture<'_, Result<Option<ReceiptRow>, KnowledgeError>>;

    /// Receipts issued from a time on, oldest first, at most `rows_max`.
    fn receipts_since(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>>;

    /// Receipts issued from a time on whose runs have not ended as far as is known, newest first, at most `rows_max`.
    fn open_receipts(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>>;

    /// Makes a batch durable, whole or not at all. Batches become durable in the order in which they are given.
    fn commit(&self, batch: KnowledgeBatch) -> BoxFuture<'_, Result<(), KnowledgeError>>;
}

/// Failed to ask or to tell the knowledge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnowledgeError {
    /// Too much is waiting.
    #[error("the knowledge is busy")]
    Busy,
    /// Its actor is away; it comes back by itself.
    #[error("the knowledge is away")]
    Away,
    /// What was held for a job is not there any more.
    #[error("the knowledge that the job began with is not held any more")]
    CutGone,
    /// Its files cannot be read or written.
    #[error("the knowledge is not kept: {detail}")]
    NotKept {
        /// What the disk or the database said.
        detail: String,
    },
    /// What is kept does not decode.
    #[error("the knowledge is damaged: {detail}")]
    Damaged {
        /// Where and what.
        detail: String,
    },
    /// A rule refuses it.
    #[error("refused: {detail}")]
    Refused {
        /// Which rule, and what would fit it.
        detail: String,
    },
}

impl KnowledgeError {
    /// The stable code.
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::Busy | Self::Away | Self::CutGone => &codes::KNOWLEDGE_AWAY,
            Self::NotKept { .. } => &codes::KNOWLEDGE_NOT_KEPT,
            Self::Damaged { .. } => &codes::KNOWLEDGE_DAMAGED,
            Self::Refused { .. } => &codes::SIGNAL_REFUSED,
        }
    }
}

impl From<KnowledgeError> for Problem {
    fn from(error: KnowledgeError) -> Self {
        Self::new(error.code(), &error)
    }
}
