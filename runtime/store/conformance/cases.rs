//! Cases on writing: leases, fences, order, durability, bodies.

use std::sync::Arc;

use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::Frame;
use anthill_contracts::id::JobId;
use anthill_contracts::store::{Snapshot, Store, StoreError};
use futures::future::join_all;

use super::{Lead, Subject, samples, tick};
use crate::encoding::encode_events;
use crate::journal::{FrameHeader, GENESIS, chain};

/// Epochs rise with every lease, over restarts too, and each job has its own.
pub async fn epochs_rise_for_ever(subject: Subject) {
    let (first, second) = (JobId::new(1, 1), JobId::new(1, 2));
    assert_eq!(Lead::take(&subject.store, first).await.epoch, 1);
    let mut lead = Lead::take(&subject.store, first).await;
    assert_eq!(lead.epoch, 2);
    lead.append(tick(1), Vec::new()).await;
    drop(lead);
    let subject = subject.reopen();
    let lead = Lead::take(&subject.store, first).await;
    assert_eq!(
        (lead.epoch, lead.seq),
        (3, 1),
        "epoch and last frame outlive a restart"
    );
    assert_eq!(Lead::take(&subject.store, second).await.epoch, 1);
}

/// A lower epoch is refused for ever, and so is one that was never granted.
pub async fn only_the_owner_appends(subject: Subject) {
    let job_id = JobId::new(2, 1);
    let mut old = Lead::take(&subject.store, job_id).await;
    old.append(tick(1), Vec::new()).await;
    let mut owner = Lead::take(&subject.store, job_id).await;
    let refused = |epoch| {
        Err(StoreError::Fenced {
            job_id,
            epoch,
            current: 2,
        })
    };
    assert_eq!(
        old.try_append(1, 2, tick(2), Vec::new()).await,
        refused(1),
        "the old lead is fenced off"
    );
    assert_eq!(
        old.try_append(3, 2, tick(2), Vec::new()).await,
        refused(3),
        "nobody has epoch 3"
    );
    owner.append(tick(2), Vec::new()).await;
    assert_eq!(
        old.try_append(1, 3, tick(3), Vec::new()).await,
        refused(1),
        "also in its turn"
    );
    let stranger = Lead {
        store: Arc::clone(&subject.store),
        job_id: JobId::new(2, 2),
        epoch: 0,
        seq: 0,
    };
    let refusal = stranger.try_append(0, 1, tick(1), Vec::new()).await;
    assert!(
        matches!(refusal, Err(StoreError::Fenced { current: 0, .. })),
        "without a lease: {refusal:?}"
    );
    drop((old, owner, stranger));
    let subject = subject.reopen();
    let late = Lead {
        store: Arc::clone(&subject.store),
        job_id,
        epoch: 1,
        seq: 2,
    };
    assert_eq!(
        late.try_append(1, 3, tick(3), Vec::new()).await,
        refused(1),
        "after a restart too"
    );
    assert_eq!(numbers(&frames(&subject.store, job_id).await), [1, 2]);
}

/// Numbers have no gap and none is used twice.
pub async fn frames_follow_each_other(subject: Subject) {
    let job_id = JobId::new(3, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    lead.append(tick(1), Vec::new()).await;
    lead.append(tick(2), Vec::new()).await;
    for seq in [0, 1, 2, 4, u64::MAX] {
        let refusal = lead.try_append(lead.epoch, seq, tick(9), Vec::new()).await;
        assert_eq!(refusal, Err(StoreError::OutOfOrder { job_id, seq, last: 2 }));
    }
    lead.append(tick(3), Vec::new()).await;
    let frames = frames(&subject.store, job_id).await;
    assert_eq!(numbers(&frames), [1, 2, 3]);
    assert_eq!(frames[1].events, tick(2), "no content was replaced");
}

/// A frame holds at least one event.
pub async fn what_cannot_be_stored_is_refused(subject: Subject) {
    let mut lead = Lead::take(&subject.store, JobId::new(4, 1)).await;
    let refusal = lead.try_append(1, 1, Vec::new(), Vec::new()).await;
    assert!(matches!(refusal, Err(StoreError::Invalid { .. })), "{refusal:?}");
    lead.append(tick(1), Vec::new()).await;
}

/// Frames come back as they were written, in pages, over restarts.
pub async fn frames_come_back_in_order(subject: Subject) {
    let job_id = samples::job_id();
    let mut lead = Lead::take(&subject.store, job_id).await;
    for event in samples::events() {
        lead.append(vec![event], Vec::new()).await;
    }
    drop(lead);
    let subject = subject.reopen();
    let all = frames(&subject.store, job_id).await;
    let events: Vec<_> = all.iter().flat_map(|frame| frame.events.clone()).collect();
    assert_eq!(events, samples::events());
    assert!(
        all.iter()
            .all(|frame| frame.epoch == 1 && frame.at.0 == 1_000 + frame.seq)
    );
    let page = |from, max| subject.store.frames(job_id, from, max);
    assert_eq!(
        numbers(&page(0, 2).await.expect("a page")),
        [1, 2],
        "0 means from the first"
    );
    assert_eq!(page(5, 3).await.expect("a page"), all[4..7]);
    assert!(page(all.len() as u64 + 1, 10).await.expect("a page").is_empty());
    assert!(page(1, 0).await.expect("a page").is_empty());
}

/// Each hash covers the one before it, the header and the body.
pub async fn frames_are_chained(subject: Subject) {
    let job_id = JobId::new(5, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    for number in 1..=3 {
        lead.append(tick(number), Vec::new()).await;
    }
    let mut prev = GENESIS;
    for frame in frames(&subject.store, job_id).await {
        let header = FrameHeader {
            job_id,
            seq: frame.seq,
            epoch: frame.epoch,
            at: frame.at,
        };
        let body = encode_events(&frame.events).expect("what was decoded encodes");
        prev = chain(prev, &header, &body);
        assert_eq!(frame.hash, prev, "frame {}", frame.seq);
    }
    assert_ne!(prev, GENESIS);
}

/// Bodies of every size come back, and one body is one body however often it is written.
pub async fn bodies_come_back_by_content(subject: Subject) {
    let mut lead = Lead::take(&subject.store, JobId::new(6, 1)).await;
    let mut blobs = Vec::new();
    for bytes in [0, 1, 127, 128, 5_000, 256 * 1024, 256 * 1024 + 1, 1_500_000] {
        blobs.push(Blob::new(vec![b'a'; bytes]));
        blobs.push(Blob::new(noise(bytes)));
    }
    lead.append(tick(1), blobs.clone()).await;
    lead.append(tick(2), blobs.clone()).await;
    drop(lead);
    let subject = subject.reopen();
    for blob in blobs {
        let found = subject
            .store
            .blob(blob.digest())
            .await
            .expect("the body is there");
        assert_eq!(found, blob, "{} bytes", blob.bytes().len());
    }
    let digest = Digest::of(b"nobody wrote this");
    assert_eq!(
        subject.store.blob(digest).await,
        Err(StoreError::NoBlob { digest })
    );
}

/// A newer snapshot replaces an older one and never the other way round.
pub async fn the_newest_snapshot_is_kept(subject: Subject) {
    let job_id = JobId::new(7, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    lead.append(tick(1), Vec::new()).await;
    lead.append(tick(2), Vec::new()).await;
    drop(lead);
    let store = &subject.store;
    assert_eq!(store.snapshot(job_id).await, Ok(None));
    let at = |seq, state: &[u8]| Snapshot {
        seq,
        state: state.to_vec(),
    };
    store
        .put_snapshot(job_id, at(1, b"one"))
        .await
        .expect("a snapshot is kept");
    store
        .put_snapshot(job_id, at(2, b"two"))
        .await
        .expect("a newer one as well");
    store
        .put_snapshot(job_id, at(1, b"late"))
        .await
        .expect("an older one is no error");
    let ahead = store.put_snapshot(job_id, at(3, b"ahead")).await;
    assert!(
        matches!(ahead, Err(StoreError::OutOfOrder { last: 2, .. })),
        "{ahead:?}"
    );
    let unknown = JobId::new(7, 2);
    let refusal = store.put_snapshot(unknown, at(0, b"")).await;
    assert_eq!(refusal, Err(StoreError::NoJob { job_id: unknown }));
    let subject = subject.reopen();
    assert_eq!(subject.store.snapshot(job_id).await, Ok(Some(at(2, b"two"))));
}

/// Many leads append at once; everything that was acknowledged is there after a restart.
pub async fn appends_of_many_jobs_last(subject: Subject) {
    const JOBS: u128 = 20;
    const FRAMES: u32 = 15;
    let leads = (0..JOBS).map(|number| async move { JobId::new(8, number) });
    let jobs = join_all(leads).await;
    let work = jobs.iter().map(|job_id| {
        let store = Arc::clone(&subject.store);
        async move {
            let mut lead = Lead::take(&store, *job_id).await;
            for number in 1..=FRAMES {
                lead.append(tick(number), vec![samples::body(&format!("{job_id} {number}"))])
                    .await;
            }
        }
    });
    join_all(work).await;
    let subject = subject.reopen();
    for job_id in jobs {
        let frames = frames(&subject.store, job_id).await;
        assert_eq!(frames.len(), FRAMES as usize);
        let body = samples::body(&format!("{job_id} {FRAMES}"));
        assert_eq!(subject.store.blob(body.digest()).await, Ok(body));
    }
}

/// Appends that are refused ride in one group with appends that are not.
pub async fn a_refusal_harms_nobody_else(subject: Subject) {
    let mut good = Lead::take(&subject.store, JobId::new(9, 1)).await;
    let bad = Lead::take(&subject.store, JobId::new(9, 2)).await;
    for number in 1..=20 {
        let body = samples::body(&format!("refused {number}"));
        let wrong = bad.try_append(bad.epoch, 7, tick(number), vec![body]);
        let (refusal, ()) = futures::join!(wrong, good.append(tick(number), Vec::new()));
        assert!(
            matches!(refusal, Err(StoreError::OutOfOrder { .. })),
            "{refusal:?}"
        );
    }
    assert_eq!(frames(&subject.store, good.job_id).await.len(), 20);
    assert!(frames(&subject.store, bad.job_id).await.is_empty());
}

/// The whole journal of a job.
pub(super) async fn frames(store: &Arc<dyn Store>, job_id: JobId) -> Vec<Frame> {
    store
        .frames(job_id, 1, usize::MAX)
        .await
        .expect("the journal is read")
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.seq).collect()
}

/// Bytes that do not compress, always the same.
fn noise(bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new()
        .update(b"noise")
        .finalize_xof()
        .fill(&mut out);
    out
}
