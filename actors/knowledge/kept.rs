//! How the knowledge lies in its store: facts as rows, one row for the node itself, receipts and their ends as bytes.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{Conclusion, FactRow, KnowledgeError, ReceiptRow, Spent};
use anthill_contracts::signal::{Outcome, Proposal, Receipt, Share};
use anthill_signals::codec;
use anthill_signals::fact::Fact;
use anthill_signals::replica::Versions;
use serde::{Deserialize, Serialize};

/// Key of the row of the node itself; no key of a fact begins so.
const NODE_KEY: &[u8] = &[0xff, b'n'];

/// Who the node is in its facts, and how far it has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeRow {
    /// Its number in all its origins.
    pub(super) node: u64,
    /// The incarnation in which its origins began.
    pub(super) inc: u32,
    /// How far each stream of facts has come.
    pub(super) versions: Versions,
}

/// The end of a run as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConclusionRow {
    outcomes: Vec<Outcome>,
    proposals: Vec<Proposal>,
    share: Share,
    at: Timestamp,
    #[serde(default)]
    spent: Option<Spent>,
}

/// Everything that was kept and could be read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) node: Option<NodeRow>,
    pub(super) facts: Vec<Fact>,
    /// Keys of the rows that hold facts.
    pub(super) keys: std::collections::BTreeSet<Vec<u8>>,
    /// Rows that could not be read.
    pub(super) damaged: usize,
    /// Rows of a newer program; they stay where they are.
    pub(super) newer: usize,
}

impl Kept {
    /// Reads rows; what cannot be read is told and left out.
    pub(super) fn read(rows: &[FactRow]) -> Self {
        let mut kept = Self::default();
        for row in rows {
            let value = row.value.as_deref().unwrap_or_default();
            if row.key == NODE_KEY {
                match decode(value) {
                    Ok(node) => kept.node = Some(node),
                    Err(error) => kept.tell(&row.key, &error),
                }
                continue;
            }
            match codec::fact(&row.key, value) {
                Ok(fact) => {
                    kept.facts.push(fact);
                    kept.keys.insert(row.key.clone());
                }
                Err(codec::Flaw::Newer) => kept.newer += 1,
                Err(flaw) => kept.tell(&row.key, &flaw),
            }
        }
        kept
    }

    fn tell(&mut self, key: &[u8], error: &dyn std::fmt::Display) {
        self.damaged += 1;
        tracing::error!(?key, %error, "a row of the knowledge is damaged and left out");
    }
}

/// The row of the node.
pub(super) fn node_row(node: &NodeRow) -> (Vec<u8>, Vec<u8>) {
    (NODE_KEY.to_vec(), encode(node))
}

/// The row of a receipt that was issued.
pub(super) fn receipt_row(receipt: &Receipt) -> ReceiptRow {
    ReceiptRow {
        receipt_id: receipt.receipt_id,
        at: receipt.at,
        receipt: encode(receipt),
        conclusion: None,
    }
}

/// The receipt of a row.
pub(super) fn receipt_of(row: &ReceiptRow) -> Result<Receipt, KnowledgeError> {
    decode(&row.receipt).map_err(|detail| damaged(row.receipt_id, &detail))
}

/// The end of a run, as bytes.
pub(super) fn conclusion_bytes(conclusion: &Conclusion) -> Vec<u8> {
    encode(&ConclusionRow {
        outcomes: conclusion.outcomes.clone(),
        proposals: conclusion.proposals.clone(),
        share: conclusion.share,
        at: conclusion.at,
        spent: conclusion.spent,
    })
}

fn damaged(receipt_id: ReceiptId, detail: &str) -> KnowledgeError {
    KnowledgeError::Damaged {
        detail: format!("{receipt_id}: {detail}"),
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("writing plain data to memory cannot fail")
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}
