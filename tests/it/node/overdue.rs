//! A knowledge that does not take in how runs end, and the node after it.

use std::sync::Arc;

use anthill_actors::knowledge::MemoryStore;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{FactRow, KnowledgeBatch, KnowledgeError, KnowledgeStore, ReceiptRow};
use anthill_contracts::store::JobStatus;
use futures::future::BoxFuture;
use serde_json::json;

use super::count;
use super::rig::{Act, Colony, colony, patiently};

/// A disk that is full by the time when the first run ends.
struct Full(Arc<MemoryStore>);

impl KnowledgeStore for Full {
    fn load_facts(&self) -> BoxFuture<'_, Result<Vec<FactRow>, KnowledgeError>> {
        self.0.load_facts()
    }

    fn receipt(&self, receipt_id: ReceiptId) -> BoxFuture<'_, Result<Option<ReceiptRow>, KnowledgeError>> {
        self.0.receipt(receipt_id)
    }

    fn receipts_since(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        self.0.receipts_since(from, rows_max)
    }

    fn open_receipts(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        self.0.open_receipts(from, rows_max)
    }

    fn commit(&self, batch: KnowledgeBatch) -> BoxFuture<'_, Result<(), KnowledgeError>> {
        if batch.concluded.is_empty() {
            return self.0.commit(batch);
        }
        let detail = "the disk is full".to_owned();
        Box::pin(async { Err(KnowledgeError::NotKept { detail }) })
    }
}

async fn open_receipts(colony: &Colony) -> usize {
    let open = colony.learned.open_receipts(Timestamp(0), usize::MAX).await;
    open.expect("it is in memory").len()
}

async fn facts(colony: &Colony) -> usize {
    colony
        .learned
        .load_facts()
        .await
        .expect("they are in memory")
        .len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_finished_job_had_to_teach_is_told_by_the_next_node() {
    let colony = colony()
        .await
        .learning_in(|learned| Arc::new(Full(learned)))
        .await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let events = colony.events(job_id).await;
    assert!(count(&events, "signal_exposed") > 0);
    assert_eq!(count(&events, "signal_credited"), 0, "nothing was taken in");
    let (open, before) = (open_receipts(&colony).await, facts(&colony).await);
    assert!(open > 0);

    let colony = colony.again(|_, _| Act::Extract).await;
    patiently(async {
        while open_receipts(&colony).await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(facts(&colony).await > before, "and it moved something");

    // A third node finds nothing to tell, and a stop does not wait for it.
    let told = facts(&colony).await;
    let colony = colony.again(|_, _| Act::Extract).await;
    patiently(colony.node.stop()).await;
    assert_eq!(facts(&colony).await, told);
}

/// A short job must not end before its predecessors were told of, whenever there was time for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_at_once_has_told() {
    let colony = colony()
        .await
        .learning_in(|learned| Arc::new(Full(learned)))
        .await;
    colony.run(json!({})).await;
    assert!(open_receipts(&colony).await > 0);
    let colony = colony.again(|_, _| Act::Extract).await;
    patiently(colony.node.stop()).await;
    assert_eq!(open_receipts(&colony).await, 0);
}
