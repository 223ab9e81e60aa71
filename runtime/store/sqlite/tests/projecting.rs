//! The projections can be lost, broken or swapped; what is read stays the same.

use anthill_contracts::digest::Digest;
use anthill_contracts::store::{ArtifactRow, JobFilter, JobRow, Memo, StepRow, TaskRow};

use super::*;
use crate::conformance::{Lead, samples};
use crate::directory::{JOURNAL_FILE, VIEWS_FILE};

const JOBS: u128 = 3;

/// Everything that can be read of the projections.
type Rows = (
    Vec<JobRow>,
    Vec<Vec<TaskRow>>,
    Vec<Vec<StepRow>>,
    Vec<Vec<ArtifactRow>>,
    Option<Memo>,
);

async fn rows(store: &SqliteStore) -> Rows {
    let (mut tasks, mut steps, mut artifacts) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..JOBS {
        tasks.push(store.tasks(job(number)).await.expect("a read"));
        steps.push(store.steps(job(number)).await.expect("a read"));
        artifacts.push(store.artifacts(job(number)).await.expect("a read"));
    }
    let memo = store
        .memo(samples::spec("default").tenant, Digest::of(b"memo"))
        .await
        .expect("a read");
    (
        store.jobs(JobFilter::default()).await.expect("a read"),
        tasks,
        steps,
        artifacts,
        memo,
    )
}

/// A closed store with some jobs in which everything happened, and its rows.
async fn written(dir: &Path) -> Rows {
    let store = Arc::new(open(dir));
    let handle: Arc<dyn Store> = store.clone();
    for number in 0..JOBS {
        let mut lead = Lead::take(&handle, job(number)).await;
        for _ in 0..=number {
            for event in samples::events() {
                lead.append(vec![event], Vec::new()).await;
            }
        }
    }
    let rows = rows(&store).await;
    assert_eq!(rows.0.len(), 3);
    assert!(rows.4.is_some() && rows.2.iter().all(|steps| !steps.is_empty()));
    rows
}

#[tokio::test]
async fn rows_are_the_same_after_the_tables_were_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = written(folder.path()).await;
    std::fs::remove_file(folder.path().join(VIEWS_FILE)).expect("it is deleted");
    let reader = SqliteStore::open_read_only(folder.path()).expect("it opens");
    assert_eq!(rows(&reader).await, expected, "folded from the journal");
    drop(reader);
    assert_eq!(rows(&open(folder.path())).await, expected, "projected anew");
}

#[tokio::test]
async fn rows_are_the_same_after_the_tables_were_broken() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = written(folder.path()).await;
    let views = folder.path().join(VIEWS_FILE);
    std::fs::write(&views, "scribble".repeat(3_000)).expect("it is overwritten");
    let reader = SqliteStore::open_read_only(folder.path()).expect("it opens");
    assert_eq!(rows(&reader).await, expected, "folded from the journal");
    drop(reader);
    assert_eq!(rows(&open(folder.path())).await, expected, "projected anew");
    for change in [
        "PRAGMA user_version = 77",
        "UPDATE jobs SET row = '{}'; UPDATE tasks SET row = 'no json'",
        "DELETE FROM cursors; DELETE FROM tasks",
        "UPDATE cursors SET seq = 2, head = zeroblob(32)",
        "UPDATE cursors SET seq = 100000",
    ] {
        tamper(folder.path(), VIEWS_FILE)
            .execute_batch(change)
            .expect("it is changed");
        assert_eq!(rows(&open(folder.path())).await, expected, "{change}");
    }
}

#[tokio::test]
async fn tables_of_another_journal_are_not_believed() {
    let (folder, other) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("another"),
    );
    let expected = written(folder.path()).await;
    let store: Arc<dyn Store> = Arc::new(open(other.path()));
    // The same jobs with other content, and a job that the first store never had.
    for number in 0..=JOBS {
        let mut lead = Lead::take(&store, job(number)).await;
        for _ in 0..30 {
            let submitted = JobEvent::JobSubmitted {
                spec: Box::new(samples::spec("other")),
            };
            lead.append(vec![submitted], Vec::new()).await;
        }
    }
    drop(store);
    std::fs::copy(other.path().join(VIEWS_FILE), folder.path().join(VIEWS_FILE)).expect("it is put there");
    assert_eq!(rows(&open(folder.path())).await, expected);
}

#[tokio::test]
async fn a_damaged_journal_hides_no_other_job() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path()).await;
    std::fs::remove_file(folder.path().join(VIEWS_FILE)).expect("it is deleted");
    let change = format!("UPDATE frames SET at = 0 WHERE id = {}", 2_u64 << 32 | 3);
    tamper(folder.path(), JOURNAL_FILE)
        .execute_batch(&change)
        .expect("it is changed");
    let store = open(folder.path());
    let listed = store.jobs(JobFilter::default()).await.expect("a read");
    let ids: Vec<_> = listed.iter().map(|row| row.job_id).collect();
    assert_eq!(ids, [job(2), job(0)]);
    let asked = store.job(job(1)).await;
    assert!(
        matches!(&asked, Err(StoreError::Corrupt { detail }) if detail.contains("frame 3")),
        "{asked:?}"
    );
    assert!(store.job(job(2)).await.expect("a read").is_some());
}

#[tokio::test]
async fn a_long_journal_is_projected_in_several_rounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    let frames = 21_000;
    for first in (1..=frames).step_by(1_000) {
        let appends = (first..first + 1_000).map(|seq| store.append(result_frame(job(1), epoch, seq)));
        for done in futures::future::join_all(appends).await {
            done.expect("it is durable");
        }
    }
    store.close().expect("a clean end");
    drop(store);
    std::fs::remove_file(folder.path().join(VIEWS_FILE)).expect("it is deleted");
    let store = open(folder.path());
    assert_eq!(
        store.tasks(job(1)).await.expect("a read").len() as u64,
        frames + 1
    );
}
