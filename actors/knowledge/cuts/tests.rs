//! What is held for a job outlives the actor, is shared by those who began on the same, and is bounded.

use anthill_contracts::clock::SystemClock;
use anthill_contracts::id::TenantId;
use anthill_contracts::knowledge::{Knowledge as _, KnowledgeStore};
use anthill_contracts::signal::{Receipt, SignalBody};
use anthill_signals::base::Revocation;
use anthill_signals::fact::Why;

use super::*;
use crate::knowledge::kept::Kept;
use crate::knowledge::tests::{ask, builtin, conclusion, kill};
use crate::knowledge::{KnowledgeArguments, KnowledgeHandle, MemoryStore};

async fn start(store: &Arc<MemoryStore>, builtins: &[&str]) -> (KnowledgeHandle, ractor::ActorCell) {
    let store = Arc::clone(store);
    let arguments = KnowledgeArguments {
        builtins: builtins.iter().map(|name| builtin(name)).collect(),
        ..KnowledgeArguments::new(store, Arc::new(SystemClock::new()), 42)
    };
    let handle = KnowledgeHandle::vacant(&arguments);
    let (cell, _) = handle.occupy_alone(arguments).await.expect("it starts");
    (handle, cell)
}

const NAMES: [&str; 3] = ["lead", "centrality", "frequency"];

fn job(number: u64) -> JobId {
    JobId::new(number, 1 << 40)
}

/// What the reader of a document asks in a job that began at this moment.
fn asked(job_id: JobId, document: u32, cut: Cut) -> Ask {
    let task_id = anthill_contracts::id::TaskId::derive(job_id, "read", Some(document));
    Ask {
        job_id,
        task_id,
        receipt_id: anthill_contracts::id::ReceiptId::derive(task_id, "worker"),
        seed: Digest::of(&document.to_le_bytes()),
        cut: Some(cut),
        ..ask(document)
    }
}

async fn shown(handle: &KnowledgeHandle, job_id: JobId, cut: Cut) -> Vec<Vec<SignalBody>> {
    let mut shown = Vec::new();
    for document in 0..20 {
        let receipt = handle
            .recall(asked(job_id, document, cut))
            .await
            .expect("a receipt");
        shown.push(bodies(receipt));
    }
    shown
}

fn bodies(receipt: Receipt) -> Vec<SignalBody> {
    let exposures = receipt.exposures.into_iter();
    exposures.map(|exposure| exposure.body).collect()
}

/// Teaches with runs of other jobs.
async fn teach(handle: &KnowledgeHandle, first: u32) {
    for number in first..first + 20 {
        let receipt = handle.recall(ask(number)).await.expect("a receipt");
        let ended = conclusion(&receipt);
        handle.conclude(ended).await.expect("it is durable");
    }
}

async fn kept(store: &MemoryStore) -> Kept {
    Kept::read(&store.load_facts().await.expect("rows"))
}

#[tokio::test]
async fn a_job_reads_what_was_known_when_it_began_also_in_the_next_life() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(&store, &NAMES).await;
    teach(&handle, 0).await;
    let cut = handle.cut(job(1)).await.expect("it is held");
    assert_eq!(handle.cut(job(1)).await, Ok(cut), "asking again changes nothing");
    let half: Vec<_> = shown(&handle, job(1), cut).await;
    teach(&handle, 1_000).await;
    let later = handle.cut(job(2)).await.expect("it is held");
    assert_ne!(later.digest, cut.digest, "more is known by now");
    kill(cell).await;
    let (handle, _) = start(&store, &NAMES).await;
    assert_eq!(handle.cut(job(1)).await, Ok(cut));
    // As another agent of the same tasks, so that no receipt is on record.
    let mut again = Vec::new();
    for document in 0..20 {
        let mut ask = asked(job(1), document, cut);
        ask.receipt_id = anthill_contracts::id::ReceiptId::derive(ask.task_id, "another agent");
        again.push(bodies(handle.recall(ask).await.expect("a receipt")));
    }
    assert_eq!(again, half);
    let now = shown(&handle, job(2), later).await;
    assert_ne!(now, half, "another job draws by what is known later");
}

#[tokio::test]
async fn jobs_that_begin_on_the_same_share_one_copy_and_the_last_one_takes_it_along() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(&store, &NAMES).await;
    let all = futures::future::join_all((0..40).map(|number| handle.cut(job(number)))).await;
    let first = all[0].clone().expect("it is held");
    assert!(all.iter().all(|cut| *cut == Ok(first)), "{all:?}");
    let rows = kept(&store).await;
    assert_eq!((rows.held.len(), rows.copies.len()), (40, 1));
    teach(&handle, 0).await;
    let other = handle.cut(job(99)).await.expect("it is held");
    assert_ne!(other, first);
    assert_eq!(kept(&store).await.copies.len(), 2);
    for number in 0..40 {
        handle.release(job(number));
    }
    // Whatever is asked next is answered behind what was let go of.
    handle.cut(job(99)).await.expect("it is held");
    let rows = kept(&store).await;
    assert_eq!((rows.held.len(), rows.copies.len()), (1, 1));
    let gone = handle.recall(asked(job(3), 1, first)).await;
    assert_eq!(gone, Err(KnowledgeError::CutGone));
    kill(cell).await;
}

#[tokio::test]
async fn a_revocation_binds_within_a_job_that_began_before_it() {
    let store = Arc::new(MemoryStore::default());
    let (handle, _) = start(&store, &NAMES).await;
    let cut = handle.cut(job(1)).await.expect("it is held");
    let mut signal = None;
    for document in 0..20 {
        let receipt = handle
            .recall(asked(job(1), document, cut))
            .await
            .expect("a receipt");
        signal = signal.or(receipt.exposures.first().map(|exposure| exposure.signal));
    }
    let signal = signal.expect("something is shown");
    let tenant = TenantId::default();
    let revoked = handle
        .revoke(Revocation::Signal(signal), Why::Quarantine, &tenant)
        .await;
    revoked.expect("it is durable");
    for document in 20..80 {
        let receipt = handle
            .recall(asked(job(1), document, cut))
            .await
            .expect("a receipt");
        assert!(receipt.exposures.iter().all(|exposure| exposure.signal != signal));
    }
}

#[tokio::test]
async fn what_cannot_be_read_any_more_is_gone_and_said_so() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(&store, &NAMES).await;
    let cut = handle.cut(job(1)).await.expect("it is held");
    kill(cell).await;
    // Another program knows other things from the start.
    let (handle, _) = start(&store, &NAMES[..2]).await;
    let gone = handle.recall(asked(job(1), 1, cut)).await;
    assert_eq!(gone, Err(KnowledgeError::CutGone));
    let next = handle.cut(job(1)).await.expect("it is held");
    assert_ne!(next, cut);
    handle.recall(asked(job(1), 1, next)).await.expect("a receipt");
}

fn held(at: u64, copy: u8) -> Held {
    Held {
        cut: Cut {
            digest: Digest::of(&[copy]),
            at: Timestamp(at),
        },
        copy: Digest::of(&[copy]),
    }
}

#[test]
fn what_is_too_old_or_too_much_goes_the_oldest_first() {
    let copies = |sizes: &[usize]| -> BTreeMap<Digest, Vec<u8>> {
        let sizes = sizes.iter().enumerate();
        sizes
            .map(|(copy, size)| (Digest::of(&[u8::try_from(copy).expect("few")]), vec![0; *size]))
            .collect()
    };
    let now = 2 * AGE_MAX_MS;
    let third = COPIES_BYTES_MAX / 3 + 1;
    let jobs = [
        (job(1), held(now - AGE_MAX_MS - 1, 0)),
        (job(2), held(now - 30, 1)),
        (job(3), held(now - 20, 2)),
        (job(4), held(now - 10, 3)),
        (job(5), held(now - 10, 9)),
    ];
    let cuts = Cuts::with(jobs.into(), copies(&[1, third, third, third]));
    let overdue = cuts.overdue(now);
    assert_eq!(overdue, [job(5), job(2), job(1)], "no copy, too much, too old");
    let many: BTreeMap<JobId, Held> = (0..JOBS_MAX as u64 + 5)
        .map(|number| (job(number), held(now - 10_000 + number, 0)))
        .collect();
    let cuts = Cuts::with(many, copies(&[1]));
    let overdue: BTreeSet<JobId> = cuts.overdue(now).into_iter().collect();
    assert_eq!(overdue, (0..5).map(job).collect());
}
