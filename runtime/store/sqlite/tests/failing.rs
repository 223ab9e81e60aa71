//! Failed writes stop the store; full queues and refusals do not.

use futures::future::join_all;

use super::*;
use crate::directory::JOURNAL_FILE;

fn tick(number: u64) -> Vec<JobEvent> {
    vec![JobEvent::PlanRefused {
        proposal: 1,
        reasons: vec![format!("{number} {}", "x".repeat(2_000))],
    }]
}

#[tokio::test]
async fn a_full_disk_stops_the_store_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = StoreOptions {
        database_bytes_max: Some(200_000),
        ..StoreOptions::default()
    };
    let store = open_with(folder.path(), small).expect("it opens");
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    let mut acked = 0;
    let failure = loop {
        match store.append(frame(job(1), (epoch, acked + 1), tick(acked))).await {
            Ok(()) => acked += 1,
            Err(failure) => break failure,
        }
    };
    assert!(matches!(failure, StoreError::DiskFull { .. }), "{failure:?}");
    assert!(acked > 10, "{acked} frames fitted");
    for later in [
        store.append(frame(job(1), (epoch, acked + 1), tick(1))).await,
        store.take_lease(job(2), node()).await.map(drop),
    ] {
        assert!(matches!(later, Err(StoreError::Stopped { .. })), "{later:?}");
    }
    assert_eq!(
        store
            .frames(job(1), 1, usize::MAX)
            .await
            .expect("reads go on")
            .len() as u64,
        acked
    );
    assert!(
        matches!(store.close(), Err(StoreError::DiskFull { .. })),
        "closing tells why it had stopped"
    );
    drop(store);
    let store = open(folder.path());
    let lease = store.take_lease(job(1), node()).await.expect("a lease");
    assert_eq!(
        (lease.epoch, lease.last_seq),
        (epoch + 1, acked),
        "nothing acknowledged is gone, nothing invented"
    );
    store
        .append(frame(job(1), (lease.epoch, acked + 1), tick(acked)))
        .await
        .expect("there is room again");
    assert_eq!(store.verify(None).await.expect("an audit").flaws, []);
}

#[tokio::test]
async fn everybody_in_a_failed_group_hears_that_it_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut epochs = Vec::new();
    for number in 0..8 {
        epochs.push(
            store
                .take_lease(job(number), node())
                .await
                .expect("a lease")
                .epoch,
        );
    }
    let conn = tamper(folder.path(), JOURNAL_FILE);
    let trigger =
        "CREATE TRIGGER broken BEFORE INSERT ON frames BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END";
    conn.execute_batch(trigger).expect("a trigger");
    let appends = (0..8)
        .zip(&epochs)
        .map(|(number, epoch)| store.append(frame(job(number), (*epoch, 1), tick(1))));
    for answer in join_all(appends).await {
        let told = matches!(&answer, Err(StoreError::Stopped { detail }) if detail.contains("on fire"));
        assert!(told, "{answer:?}");
    }
    conn.execute_batch("DROP TRIGGER broken")
        .expect("the cause is gone");
    let later = store.append(frame(job(1), (1, 1), tick(1))).await;
    assert!(
        matches!(later, Err(StoreError::Stopped { .. })),
        "a stopped store stays stopped: {later:?}"
    );
    drop((store, conn));
    let store = open(folder.path());
    store
        .append(frame(job(1), (1, 1), tick(1)))
        .await
        .expect("a new process goes on under the same lease");
}

#[tokio::test]
async fn a_body_whose_file_cannot_be_written_stops_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    std::fs::write(folder.path().join("blobs"), "in the way").expect("a file where a folder should be");
    let large = Append {
        blobs: vec![Blob::new(vec![7; 300_000])],
        ..frame(job(1), (epoch, 1), tick(1))
    };
    assert!(store.append(large).await.is_err());
    let later = store.append(frame(job(1), (epoch, 1), tick(1))).await;
    assert!(matches!(later, Err(StoreError::Stopped { .. })), "{later:?}");
    assert!(store.frames(job(1), 1, 10).await.expect("reads go on").is_empty());
}

/// The writer is held up by a lock on the file, as a slow disk would.
#[tokio::test]
async fn a_full_queue_refuses_at_once_and_keeps_what_it_took() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = StoreOptions {
        queue_max: 4,
        ..StoreOptions::default()
    };
    let store = open_with(folder.path(), options).expect("it opens");
    let conn = tamper(folder.path(), JOURNAL_FILE);
    conn.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let mut leases = futures::stream::FuturesUnordered::new();
    let mut busy = 0;
    for number in 0..10 {
        let mut lease = store.take_lease(job(number), node());
        match futures::future::poll_immediate(&mut lease).await {
            Some(Err(StoreError::Busy { queue_max: 4 })) => busy += 1,
            Some(other) => panic!("nothing else can be answered yet: {other:?}"),
            None => leases.push(lease),
        }
    }
    assert!(
        (1..=6).contains(&busy),
        "the writer holds what it took, the queue four more: {busy} refused"
    );
    conn.execute_batch("ROLLBACK").expect("the lock is free");
    while let Some(lease) = futures::StreamExt::next(&mut leases).await {
        lease.expect("what was taken is done");
    }
    store
        .take_lease(job(20), node())
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn bytes_in_the_queue_are_bounded_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = StoreOptions {
        queue_bytes_max: 5_000,
        ..StoreOptions::default()
    };
    let store = open_with(folder.path(), options).expect("it opens");
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    let conn = tamper(folder.path(), JOURNAL_FILE);
    conn.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    // The first is taken by the writer; of the others two fit.
    let appends = (1..=6).map(|seq| store.append(frame(job(1), (epoch, seq), tick(seq))));
    let (answers, ()) = futures::join!(join_all(appends), async {
        conn.execute_batch("ROLLBACK").expect("the lock is free");
    });
    let busy = answers
        .iter()
        .filter(|answer| matches!(answer, Err(StoreError::Busy { .. })))
        .count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy >= 1 && done >= 2 && busy + done == 6, "{answers:?}");
    let large = JobEvent::PlanRefused {
        proposal: 1,
        reasons: vec!["x".repeat(50_000)],
    };
    let next = done as u64 + 1;
    store
        .append(frame(job(1), (epoch, next), vec![large]))
        .await
        .expect("one that is too large passes alone");
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.close().expect("a clean end");
    store.close().expect("closing twice is fine");
    assert!(matches!(
        store.take_lease(job(1), node()).await,
        Err(StoreError::Stopped { .. })
    ));
    assert!(matches!(store.job(job(1)).await, Err(StoreError::Stopped { .. })));
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !names.iter().any(|name| name.to_string_lossy().ends_with("-wal")),
        "nothing is left to recover: {names:?}"
    );
    open(folder.path());
}
