//! The engine against its suite, and what is particular to it: files, locks, damage, death.

use std::path::Path;
use std::sync::Arc;

use anthill_contracts::clock::{SystemClock, Timestamp};
use anthill_contracts::digest::Blob;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{JobId, NodeId, TaskId};
use anthill_contracts::store::{Append, Store, StoreError};

use rusqlite::Connection;

use super::SqliteStore;
use crate::conformance::Subject;
use crate::options::StoreOptions;

mod damage;
mod death;
mod failing;
mod model;
mod projecting;
mod rates;
mod read_only;

/// Opens a store on the system's clock.
fn open(dir: &Path) -> SqliteStore {
    open_with(dir, StoreOptions::default()).expect("the store opens")
}

fn open_with(dir: &Path, options: StoreOptions) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(dir, Arc::new(SystemClock::new()), options)
}

fn job(number: u128) -> JobId {
    JobId::new(1_000, number)
}

fn node() -> NodeId {
    NodeId::new(1, 1)
}

/// A frame as a fan-out writes it: a task begins, and another ends.
fn result_frame(job_id: JobId, epoch: u64, seq: u64) -> Append {
    let index = u32::try_from(seq).expect("few frames");
    let task_id = TaskId::derive(job_id, "map", Some(index));
    let next = TaskId::derive(job_id, "map", Some(index + 1));
    let ended = JobEvent::TaskSucceeded {
        task_id,
        output: None,
        reused: None,
        memo: None,
    };
    let events = vec![
        ended,
        JobEvent::TaskStarted {
            task_id: next,
            attempt: 1,
        },
    ];
    Append {
        job_id,
        epoch,
        seq,
        at: Timestamp(seq),
        events: events.into(),
        blobs: Vec::new(),
    }
}

#[tokio::test]
async fn it_passes_the_suite() {
    crate::conformance::run(|| {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let store = Arc::new(open(folder.path()));
        let reopen = move |store: Arc<dyn Store>| -> Arc<dyn Store> {
            assert_eq!(Arc::strong_count(&store), 1, "the last handle is handed over");
            drop(store);
            Arc::new(open(folder.path()))
        };
        Subject {
            store,
            reopen: Box::new(reopen),
        }
    })
    .await;
}

/// A frame with some events.
fn frame(job_id: JobId, (epoch, seq): (u64, u64), events: Vec<JobEvent>) -> Append {
    Append {
        job_id,
        epoch,
        seq,
        at: Timestamp(1_000 + seq),
        events: events.into(),
        blobs: Vec::new(),
    }
}

/// A second way into the files, for tampering.
fn tamper(dir: &Path, file: &str) -> Connection {
    Connection::open(dir.join(file)).expect("the file opens")
}
