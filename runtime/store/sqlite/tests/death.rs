//! Sudden death: what was acknowledged is there when the next process opens the directory.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

const JOBS: u128 = 4;
const KILLS: usize = 6;

/// Runs this test binary again as a process of its own, which appends until it is killed.
fn start_writer(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "sqlite::tests::death::writer_that_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("its input");
    writeln!(stdin, "{}", dir.display()).expect("it is told where");
    child
}

/// The other process: says `ack JOB SEQ` after each append that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by `a_killed_process_loses_nothing_that_it_acknowledged`"]
async fn writer_that_is_killed() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).expect("where to write");
    let store = open(Path::new(dir.trim()));
    let writers = (0..JOBS).map(|number| {
        let store = &store;
        async move {
            let lease = store.take_lease(job(number), node()).await.expect("a lease");
            for seq in lease.last_seq + 1.. {
                store
                    .append(result_frame(job(number), lease.epoch, seq))
                    .await
                    .expect("it is durable");
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nack {number} {seq}")
                    .and_then(|()| out.flush())
                    .expect("somebody listens");
            }
        }
    });
    futures::future::join_all(writers).await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acked = [0_u64; JOBS as usize];
    for kill in 1..=KILLS {
        let mut child = start_writer(folder.path());
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let acks = lines.map_while(Result::ok).filter_map(|line| {
            let (number, seq) = line.strip_prefix("ack ")?.split_once(' ')?;
            Some((number.parse::<usize>().ok()?, seq.parse::<u64>().ok()?))
        });
        for (count, (number, seq)) in acks.enumerate() {
            acked[number] = seq;
            if count == 0 {
                check_that_it_is_owned(folder.path(), child.id());
            }
            if count == 7 * kill {
                child.kill().expect("it is killed");
            }
        }
        child.wait().expect("it is gone");
        check_that_acked_frames_last(folder.path(), &acked).await;
    }
    assert!(
        acked.iter().sum::<u64>() > 7 * KILLS as u64,
        "it did write: {acked:?}"
    );
}

fn check_that_it_is_owned(dir: &Path, pid: u32) {
    let refused = open_with(dir, StoreOptions::default())
        .err()
        .expect("another process has it");
    let StoreError::InUse { holder, .. } = refused else {
        panic!("{refused:?}")
    };
    assert!(holder.contains(&format!("process {pid} ")), "{holder}");
}

async fn check_that_acked_frames_last(dir: &Path, acked: &[u64]) {
    let store = open(dir);
    for (number, seq) in (0..JOBS).zip(acked) {
        let frames = store
            .frames(job(number), 1, usize::MAX)
            .await
            .expect("the journal is read");
        assert!(
            frames.len() as u64 >= *seq,
            "job {number}: {} frames, {seq} acknowledged",
            frames.len()
        );
        assert_eq!(
            store.tasks(job(number)).await.expect("the tasks").is_empty(),
            frames.is_empty()
        );
    }
    assert_eq!(store.verify(None).await.expect("an audit").flaws, []);
}

/// What a power cut leaves is at least what was synced: the files of a store that nobody closed.
#[tokio::test]
async fn files_copied_from_a_running_store_hold_everything_acknowledged() {
    let (folder, copy) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("another"),
    );
    let store = open(folder.path());
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    for seq in 1..=50 {
        store
            .append(result_frame(job(1), epoch, seq))
            .await
            .expect("it is durable");
    }
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("a copy");
    }
    let other = open(copy.path());
    assert_eq!(other.frames(job(1), 1, 100).await.expect("the journal").len(), 50);
    assert_eq!(other.tasks(job(1)).await.expect("the tasks").len(), 51);
    assert_eq!(
        other.take_lease(job(1), node()).await.expect("a lease").epoch,
        epoch + 1
    );
}
