//! Facts and receipts in memory: for benches and tests, where nothing has to outlive the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{FactRow, KnowledgeBatch, KnowledgeError, KnowledgeStore, ReceiptRow};
use futures::future::BoxFuture;

/// A store that forgets everything with its process. Clones of its `Arc` are one store, so what one node has left in
/// it the next one finds.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    facts: BTreeMap<Vec<u8>, Vec<u8>>,
    receipts: BTreeMap<ReceiptId, ReceiptRow>,
}

impl MemoryStore {
    fn with<T>(&self, look: impl FnOnce(&mut Rows) -> T) -> T {
        look(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rows {
    fn commit(&mut self, batch: KnowledgeBatch) {
        for row in batch.facts {
            match row.value {
                Some(value) => {
                    self.facts.insert(row.key, value);
                }
                None => {
                    self.facts.remove(&row.key);
                }
            }
        }
        for issued in batch.issued {
            self.receipts.entry(issued.receipt_id).or_insert(issued);
        }
        for (receipt_id, conclusion) in batch.concluded {
            if let Some(row) = self.receipts.get_mut(&receipt_id) {
                row.conclusion.get_or_insert(conclusion);
            }
        }
        if let Some(before) = batch.forget_before {
            self.receipts.retain(|_, row| row.at >= before);
        }
    }

    fn facts(&self) -> Vec<FactRow> {
        let row = |(key, value): (&Vec<u8>, &Vec<u8>)| FactRow {
            key: key.clone(),
            value: Some(value.clone()),
        };
        self.facts.iter().map(row).collect()
    }

    fn receipts_since(&self, from: Timestamp, rows_max: usize) -> Vec<ReceiptRow> {
        let mut rows: Vec<ReceiptRow> = self
            .receipts
            .values()
            .filter(|row| row.at >= from)
            .cloned()
            .collect();
        rows.sort_by_key(|row| (row.at, row.receipt_id));
        rows.truncate(rows_max);
        rows
    }
}

impl KnowledgeStore for MemoryStore {
    fn load_facts(&self) -> BoxFuture<'_, Result<Vec<FactRow>, KnowledgeError>> {
        Box::pin(async move { Ok(self.with(|rows| rows.facts())) })
    }

    fn receipt(&self, receipt_id: ReceiptId) -> BoxFuture<'_, Result<Option<ReceiptRow>, KnowledgeError>> {
        Box::pin(async move { Ok(self.with(|rows| rows.receipts.get(&receipt_id).cloned())) })
    }

    fn receipts_since(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        Box::pin(async move { Ok(self.with(|rows| rows.receipts_since(from, rows_max))) })
    }

    fn open_receipts(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        Box::pin(async move {
            let mut rows = self.with(|rows| rows.receipts_since(from, usize::MAX));
            rows.retain(|row| row.conclusion.is_none());
            rows.reverse();
            rows.truncate(rows_max);
            Ok(rows)
        })
    }

    fn commit(&self, batch: KnowledgeBatch) -> BoxFuture<'_, Result<(), KnowledgeError>> {
        // Taken in at the call and not at the first poll: batches count in the order in which they are given.
        self.with(|rows| rows.commit(batch));
        Box::pin(async { Ok(()) })
    }
}
