//! Whatever is changed behind the store's back is seen, and named by job and frame.

use anthill_contracts::store::{AuditFlaw, Snapshot};

use super::*;
use crate::conformance::{Lead, samples};
use crate::directory::JOURNAL_FILE;

const FRAMES: u64 = 6;

/// A closed store with two jobs of six frames, the first with a body and a snapshot.
async fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(open(folder.path()));
    for number in [1, 2] {
        let mut lead = Lead::take(&store, job(number)).await;
        for _ in 0..FRAMES {
            let task_id = TaskId::derive(lead.job_id, "read", None);
            let step = JobEvent::StepRecorded {
                task_id,
                step: samples::model_step(task_id, 0),
            };
            lead.append(
                vec![step],
                vec![samples::body("request"), samples::body("answer")],
            )
            .await;
        }
        let snapshot = Snapshot {
            seq: 3,
            state: b"a fold of three frames".to_vec(),
        };
        store
            .put_snapshot(lead.job_id, snapshot)
            .await
            .expect("it is kept");
    }
    folder
}

/// Changes the file and answers what the audit finds.
async fn flaws_after(change: &str) -> Vec<AuditFlaw> {
    let folder = written().await;
    let conn = tamper(folder.path(), JOURNAL_FILE);
    conn.execute_batch(change)
        .unwrap_or_else(|error| panic!("{change}: {error}"));
    drop(conn);
    let store = SqliteStore::open_read_only(folder.path()).expect("it opens");
    store.verify(None).await.expect("the audit runs").flaws
}

async fn check(change: &str, seq: u64) {
    let flaws = flaws_after(change).await;
    let found: Vec<_> = flaws.iter().map(|flaw| (flaw.job_id, flaw.seq)).collect();
    assert_eq!(found, [(job(1), seq)], "{change}: {flaws:?}");
}

/// The key of a frame of the first job.
fn key(seq: u64) -> u64 {
    1 << 32 | seq
}

#[tokio::test]
async fn sound_journals_have_no_flaw() {
    assert_eq!(flaws_after("").await, []);
}

#[tokio::test]
async fn changed_frames_are_named() {
    for seq in [1, 4, FRAMES] {
        let at = key(seq);
        check(&format!("UPDATE frames SET at = at + 1 WHERE id = {at}"), seq).await;
        check(&format!("UPDATE frames SET epoch = 0 WHERE id = {at}"), seq).await;
        check(
            &format!("UPDATE frames SET hash = zeroblob(32) WHERE id = {at}"),
            seq,
        )
        .await;
        check(
            &format!("UPDATE frames SET hash = zeroblob(7) WHERE id = {at}"),
            seq,
        )
        .await;
        check(
            &format!("UPDATE frames SET body = CAST(body || x'00' AS BLOB) WHERE id = {at}"),
            seq,
        )
        .await;
        check(&format!("UPDATE frames SET body = x'' WHERE id = {at}"), seq).await;
    }
}

#[tokio::test]
async fn deleted_inserted_and_swapped_frames_are_named() {
    check(&format!("DELETE FROM frames WHERE id = {}", key(1)), 1).await;
    check(&format!("DELETE FROM frames WHERE id = {}", key(4)), 4).await;
    check(&format!("DELETE FROM frames WHERE id = {}", key(FRAMES)), FRAMES).await;
    check(
        &format!(
            "DELETE FROM frames WHERE id BETWEEN {} AND {}",
            key(1),
            key(FRAMES)
        ),
        1,
    )
    .await;
    let insert = "INSERT INTO frames SELECT id + 1, epoch, at, body, hash FROM frames WHERE id =";
    check(&format!("{insert} {}", key(FRAMES)), FRAMES + 1).await;
    let (left, right) = (key(3), key(4));
    let swap = format!(
        "UPDATE frames SET id = 0 WHERE id = {left}; UPDATE frames SET id = {left} WHERE id = {right};
         UPDATE frames SET id = {right} WHERE id = 0;"
    );
    check(&swap, 3).await;
    let graft = format!(
        "UPDATE frames SET (epoch, at, body, hash) =
        (SELECT epoch, at, body, hash FROM frames WHERE id = {}) WHERE id = {}",
        2_u64 << 32 | 5,
        key(5)
    );
    check(&graft, 5).await;
}

#[tokio::test]
async fn changed_lease_rows_are_named() {
    let change = |column: &str| format!("UPDATE leases SET {column} WHERE job_no = 1");
    check(&change("epoch = epoch - 1"), 0).await;
    check(&change("epoch = epoch + 1"), 0).await;
    check(&change("seal = zeroblob(32)"), 0).await;
    let head = format!(
        "last_seq = 4, head = (SELECT hash FROM frames WHERE id = {})",
        key(4)
    );
    check(&change(&head), 0).await;
    let flaws = flaws_after("DELETE FROM leases WHERE job_no = 1").await;
    assert_eq!(flaws.len(), 1, "frames that belong to nobody are told: {flaws:?}");
}

#[tokio::test]
async fn changed_bodies_and_snapshots_are_named() {
    let flaws = flaws_after("UPDATE blobs SET body = x'00' WHERE blob_no = 1").await;
    let found: Vec<_> = flaws.iter().map(|flaw| (flaw.job_id, flaw.seq)).collect();
    assert_eq!(found, [(job(1), 1), (job(2), 1)], "both jobs name this body");
    check("UPDATE snapshots SET state = x'00' WHERE job_no = 1", FRAMES).await;
    check("UPDATE snapshots SET seq = 4 WHERE job_no = 1", FRAMES).await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over_because_the_journal_has_it_all() {
    let folder = written().await;
    tamper(folder.path(), JOURNAL_FILE)
        .execute("UPDATE snapshots SET state = x'00'", [])
        .expect("changed");
    let store = open(folder.path());
    assert_eq!(store.snapshot(job(1)).await, Ok(None));
    assert_eq!(store.frames(job(1), 1, 100).await.expect("the journal").len(), 6);
}

#[tokio::test]
async fn a_read_of_a_damaged_frame_is_an_error_and_the_other_job_is_read() {
    let folder = written().await;
    let change = format!("UPDATE frames SET at = 5 WHERE id = {}", key(3));
    tamper(folder.path(), JOURNAL_FILE)
        .execute_batch(&change)
        .expect("changed");
    let store = open(folder.path());
    let read = store.frames(job(1), 1, 100).await;
    assert!(
        matches!(&read, Err(StoreError::Corrupt { detail }) if detail.contains("frame 3")),
        "{read:?}"
    );
    assert_eq!(
        store
            .frames(job(1), 1, 2)
            .await
            .expect("the frames before it")
            .len(),
        2
    );
    assert_eq!(
        store.frames(job(2), 1, 100).await.expect("the other job").len(),
        6
    );
}

#[tokio::test]
async fn nobody_writes_behind_a_damaged_lease() {
    let folder = written().await;
    tamper(folder.path(), JOURNAL_FILE)
        .execute_batch("UPDATE leases SET epoch = 0 WHERE job_no = 1")
        .expect("changed");
    let store = open(folder.path());
    let refused = store.take_lease(job(1), node()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    let later = store.take_lease(job(2), node()).await;
    assert!(matches!(later, Err(StoreError::Stopped { .. })), "{later:?}");
}

/// The file itself: a flipped byte anywhere ends in the same frames or in an error, never in other frames.
#[tokio::test]
async fn a_flipped_byte_of_the_file_never_changes_what_is_read() {
    let folder = written().await;
    let whole = std::fs::read(folder.path().join(JOURNAL_FILE)).expect("the file");
    let sound = SqliteStore::open_read_only(folder.path()).expect("it opens");
    let frames = sound.frames(job(1), 1, 100).await.expect("the journal");
    drop(sound);
    let other = tempfile::tempdir().expect("a folder");
    let (mut seen, mut tried) = (0, 0);
    for position in (0..whole.len()).step_by(41) {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        std::fs::write(other.path().join(JOURNAL_FILE), flipped).expect("a copy");
        tried += 1;
        let Ok(store) = SqliteStore::open_read_only(other.path()) else {
            seen += 1;
            continue;
        };
        match store.frames(job(1), 1, 100).await {
            // No lease row, no job: the audit sees the frames without an owner.
            Ok(read) if read.is_empty() => {
                let audit = store.verify(None).await;
                assert!(
                    audit.is_err() || audit.is_ok_and(|report| !report.flaws.is_empty()),
                    "byte {position}"
                );
                seen += 1;
            }
            Ok(read) => assert_eq!(read, frames, "byte {position}"),
            Err(_) => seen += 1,
        }
    }
    assert!(
        seen > 20 && seen < tried,
        "{seen} of {tried} flips fell into what is read"
    );
}
