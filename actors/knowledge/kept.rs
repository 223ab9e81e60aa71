//! How the knowledge lies in its store: facts as rows, one row for the node itself, one for each
//! guard that has blocked and one for each embedding, receipts and their ends as bytes.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, ReceiptId, SignalId};
use anthill_contracts::knowledge::{Conclusion, FactRow, KnowledgeError, ReceiptRow, Spent};
use anthill_contracts::signal::{Outcome, Proposal, Receipt, Share};
use anthill_signals::codec;
use anthill_signals::fact::Fact;
use anthill_signals::guard::Breaker;
use anthill_signals::replica::Versions;
use serde::{Deserialize, Serialize};

use super::cuts::Held;

/// Key of the row of the node itself; no key of a fact begins so.
const NODE_KEY: &[u8] = &[0xff, b'n'];

/// How the keys of rows of breakers begin; no key of a fact begins so.
const BREAKER_KEY: &[u8] = &[0xff, b'b'];

/// How the keys of rows of embeddings begin.
const VECTOR_KEY: &[u8] = &[0xff, b'v'];

/// How the keys of rows begin that say what is held for a job.
const HELD_KEY: &[u8] = &[0xff, b'h'];

/// How the keys of rows of copies of the knowledge begin.
const COPY_KEY: &[u8] = &[0xff, b'k'];

/// Bytes of such a key: its beginning, and a hash of who made it and of what.
const VECTOR_KEY_BYTES: usize = 2 + 16;

/// Bytes of a breaker's key: its beginning, the tenant, the guard's signal.
const BREAKER_KEY_BYTES: usize = 2 + 4 + 16;

/// What the calls that a guard let through have shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BreakerRow {
    blocked_since: Option<u64>,
    probes_ok: u32,
    probes_failed: u32,
}

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
    /// Breakers, by tenant and guard.
    pub(super) breakers: BTreeMap<(u32, SignalId), Breaker>,
    /// Keys of the rows that hold facts.
    pub(super) keys: std::collections::BTreeSet<Vec<u8>>,
    /// Embeddings of signals, by the keys of their rows.
    pub(super) vectors: BTreeMap<Vec<u8>, Vec<i8>>,
    /// What is held for jobs.
    pub(super) held: BTreeMap<JobId, Held>,
    /// Copies of the knowledge that jobs read, compressed, by their hash.
    pub(super) copies: BTreeMap<Digest, Vec<u8>>,
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
            if row.key.starts_with(BREAKER_KEY) {
                match breaker(&row.key, value) {
                    Ok((key, breaker)) => drop(kept.breakers.insert(key, breaker)),
                    Err(error) => kept.tell(&row.key, &error),
                }
                continue;
            }
            if row.key.starts_with(VECTOR_KEY) {
                if row.value.is_some() && row.key.len() == VECTOR_KEY_BYTES {
                    let numbers = value.iter().map(|byte| byte.cast_signed());
                    kept.vectors.insert(row.key.clone(), numbers.collect());
                } else {
                    kept.tell(&row.key, &"no embedding");
                }
                continue;
            }
            if row.key.starts_with(HELD_KEY) {
                match held(&row.key, value) {
                    Ok((job_id, held)) => drop(kept.held.insert(job_id, held)),
                    Err(error) => kept.tell(&row.key, &error),
                }
                continue;
            }
            if row.key.starts_with(COPY_KEY) {
                // One whose hash is another one is not found by the jobs that read it.
                kept.copies.insert(Digest::of(value), value.to_vec());
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

/// The row of a guard's breaker.
pub(super) fn breaker_row((tenant, signal): (u32, SignalId), breaker: &Breaker) -> (Vec<u8>, Vec<u8>) {
    let row = BreakerRow {
        blocked_since: breaker.blocked_since,
        probes_ok: breaker.probes_ok,
        probes_failed: breaker.probes_failed,
    };
    (breaker_key((tenant, signal)), encode(&row))
}

/// The key of that row.
pub(super) fn breaker_key((tenant, signal): (u32, SignalId)) -> Vec<u8> {
    [BREAKER_KEY, &tenant.to_be_bytes(), signal.as_bytes()].concat()
}

fn breaker(key: &[u8], value: &[u8]) -> Result<((u32, SignalId), Breaker), String> {
    if key.len() != BREAKER_KEY_BYTES {
        return Err(format!("a key of {} bytes", key.len()));
    }
    let (mut tenant, mut signal) = ([0; 4], [0; 16]);
    tenant.copy_from_slice(&key[2..6]);
    signal.copy_from_slice(&key[6..]);
    let row: BreakerRow = decode(value)?;
    let breaker = Breaker {
        blocked_since: row.blocked_since,
        probing_since: None,
        probes_ok: row.probes_ok,
        probes_failed: row.probes_failed,
    };
    Ok((
        (u32::from_be_bytes(tenant), SignalId::from_bytes(signal)),
        breaker,
    ))
}

/// The row that says what is held for a job.
pub(super) fn held_row(job_id: JobId, held: &Held) -> (Vec<u8>, Vec<u8>) {
    (held_key(job_id), encode(held))
}

/// The key of that row.
pub(super) fn held_key(job_id: JobId) -> Vec<u8> {
    [HELD_KEY, job_id.as_bytes()].concat()
}

fn held(key: &[u8], value: &[u8]) -> Result<(JobId, Held), String> {
    let job = key.strip_prefix(HELD_KEY).unwrap_or_default();
    let job: [u8; 16] = job
        .try_into()
        .map_err(|_| format!("a key of {} bytes", key.len()))?;
    Ok((JobId::from_bytes(job), decode(value)?))
}

/// The key of the row of a copy.
pub(super) fn copy_key(copy: Digest) -> Vec<u8> {
    [COPY_KEY, copy.as_bytes()].concat()
}

/// The key of the row of an embedding, by who made it and of what.
pub(super) fn vector_key(maker: &str, text: &str) -> Vec<u8> {
    let digest = Digest::of_parts([b"vector v1".as_slice(), maker.as_bytes(), text.as_bytes()]);
    [VECTOR_KEY, &digest.as_bytes()[..16]].concat()
}

/// Its value.
pub(super) fn vector_value(numbers: &[i8]) -> Vec<u8> {
    numbers.iter().map(|number| number.cast_unsigned()).collect()
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
