//! What is on its way to the store: rows gather in one batch while the one before is being written.
//!
//! At most one batch is under way, so batches become durable in the order in which they were made, whatever the store
//! does; and what gathers meanwhile shares the next sync. Whoever waits is answered when their batch is durable.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{FactRow, KnowledgeBatch, KnowledgeError, ReceiptRow};

/// What is done when a batch is durable, or has failed.
pub(super) type Waiter = Box<dyn FnOnce(Result<(), KnowledgeError>) + Send>;

/// The batch that gathers, and who waits for it.
#[derive(Default)]
pub(super) struct Ledger {
    facts: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    issued: Vec<ReceiptRow>,
    concluded: Vec<(ReceiptId, Vec<u8>)>,
    forget_before: Option<Timestamp>,
    waiters: Vec<Waiter>,
    under_way: bool,
}

impl Ledger {
    /// Enters a row; the last value of a key counts.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.facts.insert(key, value);
    }

    /// Enters a receipt that was issued.
    pub(super) fn issue(&mut self, row: ReceiptRow) {
        self.issued.push(row);
    }

    /// Enters the end of a receipt's run.
    pub(super) fn conclude(&mut self, receipt_id: ReceiptId, conclusion: Vec<u8>) {
        self.concluded.push((receipt_id, conclusion));
    }

    /// Forgets receipts from before a time.
    pub(super) const fn forget_before(&mut self, before: Timestamp) {
        self.forget_before = Some(before);
    }

    /// Waits for everything that has been entered so far.
    pub(super) fn wait(&mut self, waiter: Waiter) {
        self.waiters.push(waiter);
    }

    /// The batch to be written now, if there is one and none is under way.
    pub(super) fn next(&mut self) -> Option<(KnowledgeBatch, Vec<Waiter>)> {
        let is_empty = self.facts.is_empty()
            && self.issued.is_empty()
            && self.concluded.is_empty()
            && self.forget_before.is_none()
            && self.waiters.is_empty();
        if self.under_way || is_empty {
            return None;
        }
        self.under_way = true;
        let facts = std::mem::take(&mut self.facts);
        let batch = KnowledgeBatch {
            facts: facts
                .into_iter()
                .map(|(key, value)| FactRow { key, value })
                .collect(),
            issued: std::mem::take(&mut self.issued),
            concluded: std::mem::take(&mut self.concluded),
            forget_before: self.forget_before.take(),
        };
        Some((batch, std::mem::take(&mut self.waiters)))
    }

    /// The batch under way has ended.
    pub(super) const fn written(&mut self) {
        self.under_way = false;
    }
}
