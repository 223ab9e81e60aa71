//! The actor of the knowledge: what it acknowledges is kept, and counts once, whatever dies in between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::knowledge::{FactRow, Knowledge, KnowledgeBatch, KnowledgeStore};
use anthill_contracts::signal::{
    BundleClass, EvidenceClass, Outcome, Polarity, Proposal, Share, SignalBody, Trigger,
};
use anthill_contracts::spec::Quality;
use futures::future::BoxFuture;
use ractor::ActorCell;

use super::*;

mod routing;

const SCHEMA: &str = "extract_strategy";

pub(super) fn builtin(name: &str) -> Builtin {
    Builtin {
        scope: "read".parse().expect("a scope"),
        polarity: Polarity::Do,
        body: SignalBody::Action {
            schema: SCHEMA.to_owned(),
            args: format!("{{\"strategy\":\"{name}\"}}"),
        },
        trigger: Trigger::default(),
        source: "anthill".to_owned(),
        measured: Vec::new(),
    }
}

/// An actor of its own over a store.
async fn start(store: Arc<dyn KnowledgeStore>) -> (KnowledgeHandle, ActorCell) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let arguments = KnowledgeArguments {
        builtins: ["lead", "centrality", "frequency"].map(builtin).into(),
        ..KnowledgeArguments::new(store, clock, 42)
    };
    let handle = KnowledgeHandle::vacant(&arguments);
    let (cell, _) = handle.occupy_alone(arguments).await.expect("it starts");
    (handle, cell)
}

/// The actor dies as it does when its node is killed: without a word.
pub(super) async fn kill(cell: ActorCell) {
    cell.kill();
    while cell.get_status() != ractor::ActorStatus::Stopped {
        tokio::task::yield_now().await;
    }
}

/// What the run of this number asks.
pub(super) fn ask(number: u32) -> Ask {
    let job_id = JobId::new(1, u128::from(number));
    let task_id = TaskId::derive(job_id, "read", Some(number));
    Ask {
        receipt_id: ReceiptId::derive(task_id, "worker"),
        job_id,
        task_id,
        seed: Digest::of(task_id.as_bytes()),
        cut: None,
        peers: 1,
        tenant: TenantId::default(),
        scope: "read/markdown".parse().expect("a scope"),
        bundle: BundleClass::default(),
        text: "How do ants find food?".to_owned(),
        state: BTreeMap::new(),
        schemas: vec![SCHEMA.to_owned()],
        reads_text: true,
        tokens_max: 512,
        slots_max: 8,
        models: Vec::new(),
        quality_min: Quality::default(),
    }
}

pub(super) fn conclusion(receipt: &Receipt) -> Conclusion {
    Conclusion {
        receipt: receipt.clone(),
        outcomes: vec![Outcome {
            receipt_id: receipt.receipt_id,
            score_milli: 900,
            class: EvidenceClass::Verifier,
            harm: false,
            at: Timestamp(5),
        }],
        proposals: vec![Proposal {
            polarity: Polarity::Do,
            body: SignalBody::Text {
                text: format!("Look at section {} first.", receipt.task_id),
            },
            trigger: Trigger::default(),
            parents: Vec::new(),
            source: String::new(),
        }],
        share: Share::Tenant,
        at: Timestamp(5),
        spent: None,
    }
}

async fn rows(store: &MemoryStore) -> Vec<FactRow> {
    store.load_facts().await.expect("facts")
}

#[tokio::test]
async fn the_same_receipt_is_answered_again_also_by_the_next_life() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(Arc::clone(&store) as _).await;
    let mut first = Vec::new();
    for number in 0..30 {
        first.push(handle.recall(ask(number)).await.expect("a receipt"));
    }
    for receipt in &first {
        handle.conclude(conclusion(receipt)).await.expect("it is durable");
    }
    assert_eq!(handle.recall(ask(3)).await.expect("a receipt"), first[3]);
    kill(cell).await;
    assert_eq!(handle.recall(ask(3)).await, Err(KnowledgeError::Away));
    let (handle, _) = start(store).await;
    // What was learned since would choose otherwise; a resumed run is shown what it was shown.
    for (number, receipt) in (0..).zip(&first) {
        assert_eq!(&handle.recall(ask(number)).await.expect("a receipt"), receipt);
    }
}

#[tokio::test]
async fn a_receipt_is_concluded_once_also_across_lives() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(Arc::clone(&store) as _).await;
    let receipt = handle.recall(ask(1)).await.expect("a receipt");
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("it is durable");
    let after_first = rows(&store).await;
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("nothing changes");
    assert_eq!(rows(&store).await, after_first);
    kill(cell).await;
    let (handle, _) = start(Arc::clone(&store) as _).await;
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("nothing changes");
    assert_eq!(rows(&store).await, after_first);
}

#[tokio::test]
async fn what_was_never_issued_is_no_evidence() {
    let store = Arc::new(MemoryStore::default());
    let (handle, _) = start(Arc::clone(&store) as _).await;
    let other = Arc::new(MemoryStore::default());
    let (elsewhere, _) = start(other).await;
    let receipt = elsewhere.recall(ask(1)).await.expect("a receipt");
    let before = rows(&store).await;
    let refused = handle.conclude(conclusion(&receipt)).await;
    assert!(
        matches!(refused, Err(KnowledgeError::Refused { .. })),
        "{refused:?}"
    );
    assert_eq!(rows(&store).await, before);
    // A receipt that was issued counts as it was issued, whatever exposures somebody claims.
    let issued = handle.recall(ask(2)).await.expect("a receipt");
    let mut claimed = conclusion(&issued);
    claimed.receipt.exposures.clear();
    handle.conclude(claimed).await.expect("it is durable");
    let shown = issued.exposures.len() as u64;
    let seen = handle
        .stats(&TenantId::default())
        .await
        .expect("figures")
        .exposures;
    let kept = issued.exposures.iter().filter(|exposure| exposure.kept).count() as u64;
    assert!(shown == 0 || seen == kept, "{seen} of {kept} exposures counted");
}

#[tokio::test]
async fn a_node_keeps_its_number_and_its_count() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(Arc::clone(&store) as _).await;
    let receipt = handle.recall(ask(1)).await.expect("a receipt");
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("it is durable");
    let before = handle.export(Versions::new()).await.expect("a snapshot");
    kill(cell).await;
    let (handle, _) = start(Arc::clone(&store) as _).await;
    assert_eq!(handle.export(Versions::new()).await.expect("a snapshot"), before);
    let receipt = handle.recall(ask(2)).await.expect("a receipt");
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("it is durable");
    let facts = |snapshot: &[u8]| codec::read_snapshot(snapshot).expect("it is whole");
    let after = handle.export(Versions::new()).await.expect("a snapshot");
    let stamps: BTreeSet<_> = facts(&before).iter().map(Fact::stamp).collect();
    let (old, new): (Vec<_>, Vec<_>) = facts(&after)
        .into_iter()
        .partition(|fact| stamps.contains(&fact.stamp()));
    assert!(!new.is_empty());
    assert!(
        old.iter().all(|fact| facts(&before).contains(fact)),
        "a stamp was used twice"
    );
    let origins: BTreeSet<_> = new.iter().chain(&old).map(Fact::origin).collect();
    assert_eq!(origins.len(), 1, "{origins:?}");
}

#[tokio::test]
async fn another_node_starts_warm_from_a_snapshot() {
    let (handle, _) = start(Arc::new(MemoryStore::default())).await;
    for number in 0..20 {
        let receipt = handle.recall(ask(number)).await.expect("a receipt");
        handle
            .conclude(conclusion(&receipt))
            .await
            .expect("it is durable");
    }
    let snapshot = handle.export(Versions::new()).await.expect("a snapshot");
    let store = Arc::new(MemoryStore::default());
    let (newcomer, cell) = start(Arc::clone(&store) as _).await;
    let imported = newcomer.import(&snapshot).await.expect("it is durable");
    assert!(!imported.facts.is_empty());
    let again = newcomer.import(&snapshot).await.expect("it is durable");
    assert_eq!(again.facts, Vec::new());
    let list = newcomer.list(&TenantId::default()).await.expect("a list");
    assert!(
        list.len() > 3,
        "the signals of the first node are there: {list:?}"
    );
    kill(cell).await;
    let (newcomer, _) = start(store).await;
    assert_eq!(
        newcomer.list(&TenantId::default()).await.expect("a list").len(),
        list.len()
    );
    let mut broken = snapshot;
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    let refused = newcomer.import(&broken).await;
    assert!(
        matches!(refused, Err(KnowledgeError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn revoking_tells_which_runs_were_exposed() {
    let (handle, _) = start(Arc::new(MemoryStore::default())).await;
    let mut shown = Vec::new();
    for number in 0..10 {
        let receipt = handle.recall(ask(number)).await.expect("a receipt");
        let kept = receipt.exposures.iter().find(|exposure| exposure.kept);
        shown.extend(kept.map(|exposure| (exposure.signal, receipt.task_id)));
    }
    let (signal, _) = shown[0];
    let report = handle
        .revoke(Revocation::Signal(signal), Why::Quarantine, &TenantId::default())
        .await
        .expect("it is durable");
    assert_eq!(report.revoked.signals, [signal]);
    let expected: BTreeSet<_> = shown
        .iter()
        .filter(|(of, _)| *of == signal)
        .map(|(_, task)| *task)
        .collect();
    let told: BTreeSet<_> = report.exposed.iter().map(|exposed| exposed.task_id).collect();
    assert_eq!(told, expected);
    for number in 100..140 {
        let receipt = handle.recall(ask(number)).await.expect("a receipt");
        assert!(receipt.exposures.iter().all(|exposure| exposure.signal != signal));
    }
}

/// A store whose disk fills up.
#[derive(Default)]
struct Filling {
    rows: MemoryStore,
    is_full: AtomicBool,
}

impl KnowledgeStore for Filling {
    fn load_facts(&self) -> BoxFuture<'_, Result<Vec<FactRow>, KnowledgeError>> {
        self.rows.load_facts()
    }

    fn receipt(&self, receipt_id: ReceiptId) -> BoxFuture<'_, Result<Option<ReceiptRow>, KnowledgeError>> {
        self.rows.receipt(receipt_id)
    }

    fn open_receipts(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        self.rows.open_receipts(from, rows_max)
    }

    fn receipts_since(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        self.rows.receipts_since(from, rows_max)
    }

    fn commit(&self, batch: KnowledgeBatch) -> BoxFuture<'_, Result<(), KnowledgeError>> {
        if self.is_full.load(Ordering::SeqCst) {
            let detail = "the disk is full".to_owned();
            return Box::pin(async { Err(KnowledgeError::NotKept { detail }) });
        }
        self.rows.commit(batch)
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_could_not_be_kept() {
    let store = Arc::new(Filling::default());
    let (handle, _) = start(Arc::clone(&store) as _).await;
    let receipt = handle.recall(ask(1)).await.expect("a receipt");
    store.is_full.store(true, Ordering::SeqCst);
    let unkept = |answer: &KnowledgeError| matches!(answer, KnowledgeError::NotKept { .. });
    let told = handle
        .conclude(conclusion(&receipt))
        .await
        .expect_err("it is not kept");
    assert!(unkept(&told), "{told:?}");
    // Room comes back, and still nothing is told: what memory holds is ahead of what the disk does.
    store.is_full.store(false, Ordering::SeqCst);
    let told = handle.recall(ask(2)).await.expect_err("it is not kept");
    assert!(unkept(&told), "{told:?}");
    let (handle, _) = start(store).await;
    handle
        .conclude(conclusion(&receipt))
        .await
        .expect("a new life takes it in");
}

#[tokio::test]
async fn many_runs_at_once_are_all_answered() {
    let store = Arc::new(MemoryStore::default());
    let (handle, _) = start(store).await;
    let runs = (0..300).map(|number| {
        let handle = handle.clone();
        async move {
            let receipt = handle.recall(ask(number)).await.expect("a receipt");
            handle
                .conclude(conclusion(&receipt))
                .await
                .expect("it is durable");
        }
    });
    futures::future::join_all(runs).await;
    let stats = handle.stats(&TenantId::default()).await.expect("figures");
    assert_eq!(stats.counts.concluded, 300);
}
