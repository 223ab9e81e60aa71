//! How fast appends are, beside the floor of the same machine in the same moment. Run by hand:
//! `cargo test -p anthill-store rates -- --ignored --nocapture`.

use std::fs::File;
use std::io::Write;
use std::task::Poll;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use futures::stream::{FuturesOrdered, StreamExt};

use super::*;
use crate::encoding::encode_events;

const FRAMES: u64 = 8_192;

/// Bytes of a frame beside its body: number, epoch, time, hash.
const HEADER_BYTES: usize = 8 + 8 + 8 + 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn rates_of_appends_against_the_floor() {
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a folder on the disk");
    for window in [1_usize, 4, 16, 64, 256, 1024] {
        let frames = if window == 1 { FRAMES / 16 } else { FRAMES };
        let mut ratios = Vec::new();
        for round in 0..3 {
            let store = open(&folder.path().join(format!("w{window}-{round}")));
            let took = appends(&store, frames, window).await;
            store.close().expect("a clean end");
            let floor = floor(&folder.path().join("floor"), frames, window);
            let (rate, floor_rate) = (
                frames as f64 / took.as_secs_f64(),
                frames as f64 / floor.as_secs_f64(),
            );
            ratios.push((rate / floor_rate * 100.0, rate, floor_rate));
        }
        ratios.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (ratio, rate, floor_rate) = ratios[1];
        eprintln!("window {window:5}: {rate:9.0} frames/s, floor {floor_rate:9.0}, {ratio:5.1} %");
    }
}

/// One job's lead keeps `window` appends in flight.
async fn appends(store: &SqliteStore, frames: u64, window: usize) -> Duration {
    let job_id = job(1);
    let epoch = store.take_lease(job_id, node()).await.expect("a lease").epoch;
    let clock = SystemClock::new();
    let mut flying = FuturesOrdered::new();
    for seq in 1..=frames {
        if flying.len() == window {
            let landed: Option<Result<(), StoreError>> = flying.next().await;
            landed.expect("one is flying").expect("it is durable");
        }
        flying.push_back(store.append(result_frame(job_id, epoch, seq)));
        // Polled once, so that it is queued in its turn.
        std::future::poll_fn(|cx| {
            if let Poll::Ready(Some(landed)) = flying.poll_next_unpin(cx) {
                landed.expect("it is durable");
            }
            Poll::Ready(())
        })
        .await;
    }
    while let Some(landed) = flying.next().await {
        landed.expect("it is durable");
    }
    clock.mono()
}

/// The same bytes in the same groups, written to a plain file and synced.
fn floor(path: &Path, frames: u64, window: usize) -> Duration {
    let body = encode_events(&result_frame(job(1), 1, 1).events).expect("events encode");
    let group = vec![7_u8; (body.len() + HEADER_BYTES) * window];
    let mut file = File::create(path).expect("a file");
    let clock = SystemClock::new();
    for _ in 0..frames / window as u64 {
        file.write_all(&group).expect("a write");
        file.sync_data().expect("a sync");
    }
    clock.mono()
}
