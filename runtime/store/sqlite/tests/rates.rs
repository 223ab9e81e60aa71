//! How fast appends are, beside the floor of the same machine in the same moment. Run by hand:
//! `cargo test -p anthill-store rates -- --ignored --nocapture`.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use futures::future::join_all;

use super::*;
use crate::encoding::encode_events;

/// Groups per slice; slices of the store and of the floor take turns, because a disk's mood changes by the second.
const GROUPS: u64 = 8;
const SLICES: u64 = 40;

/// Bytes of a frame beside its body: number, epoch, time, hash.
const HEADER_BYTES: usize = 8 + 8 + 8 + 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn rates_of_appends_against_the_floor() {
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a folder on the disk");
    for window in [1_u64, 4, 16, 64, 256, 1024] {
        let store = open(&folder.path().join(format!("w{window}")));
        let mut file = File::create(folder.path().join("floor")).expect("a file");
        let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
        let (mut took, mut floor) = (Duration::ZERO, Duration::ZERO);
        for slice in 0..SLICES {
            took += appends(&store, epoch, (slice * GROUPS * window + 1, window)).await;
            floor += plain_writes(&mut file, window);
        }
        store.close().expect("a clean end");
        let frames = (SLICES * GROUPS * window) as f64;
        let (rate, floor_rate) = (frames / took.as_secs_f64(), frames / floor.as_secs_f64());
        let ratio = rate / floor_rate * 100.0;
        eprintln!("group of {window:5}: {rate:9.0} frames/s, floor {floor_rate:9.0}, {ratio:5.1} %");
    }
}

/// One job's lead appends a group of frames, waits for all of it, and appends the next.
async fn appends(store: &SqliteStore, epoch: u64, (first, window): (u64, u64)) -> Duration {
    let clock = SystemClock::new();
    for group in 0..GROUPS {
        let seqs = first + group * window..first + (group + 1) * window;
        let appends: Vec<_> = seqs
            .map(|seq| store.append(result_frame(job(1), epoch, seq)))
            .collect();
        for done in join_all(appends).await {
            done.expect("it is durable");
        }
    }
    clock.mono()
}

/// The same bytes in the same groups, written to a plain file and synced.
fn plain_writes(file: &mut File, window: u64) -> Duration {
    let body = encode_events(&result_frame(job(1), 1, 1).events).expect("events encode");
    let window = usize::try_from(window).expect("a small number");
    let group = vec![7_u8; (body.len() + HEADER_BYTES) * window];
    let clock = SystemClock::new();
    for _ in 0..GROUPS {
        file.write_all(&group).expect("a write");
        file.sync_data().expect("a sync");
    }
    clock.mono()
}
