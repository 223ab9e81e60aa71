//! The `SQLite` engine of the store's port: what opens, what closes, and who does what.
//!
//! ```text
//! append ──> encode, compress ──> queue ──> writer thread ──> journal.db   (synchronous=FULL)
//!                                               └─ announces ──> projector thread ──> views.db
//! read ────> waits for the projector ──> blocking pool ──> read-only connections to both
//! ```

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anthill_contracts::clock::Clock;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::Frame;
use anthill_contracts::id::{JobId, NodeId, TenantId};
use anthill_contracts::store::{
    Append, ArtifactRow, AuditReport, JobFilter, JobRow, Lease, Memo, Snapshot, StepRow, Store, StoreError,
    TaskRow,
};
use futures::future::BoxFuture;
use rusqlite::Connection;

use crate::audit;
use crate::blobs::BlobFolder;
use crate::directory::{self, Claim};
use crate::encoding::{BODY_BYTES_MAX, encode_events};
use crate::failure::{Health, stopped};
use crate::journal::FrameHeader;
use crate::options::StoreOptions;
use crate::projector::{Inbox, Projector};
use crate::readers::{Readers, Tables};
use crate::writer::{PreparedAppend, Work, Writer, WriterHandle, WriterPorts, Written};

/// Bodies above this many bytes together are compressed on the blocking pool and not on the caller's thread.
const PREPARE_INLINE_BYTES_MAX: usize = 32 * 1024;

/// Journal, blobs and projections in one data directory.
pub struct SqliteStore {
    readers: Arc<Readers>,
    folder: Arc<BlobFolder>,
    path: String,
    owner: Option<Owner>,
}

/// What a store that may write has beside what every store has.
struct Owner {
    writer: WriterHandle,
    inbox: Arc<Inbox>,
    health: Arc<Health>,
    threads: Mutex<Option<Threads>>,
}

/// Dropped in this order: the lock goes last.
struct Threads {
    writer: JoinHandle<Connection>,
    projector: JoinHandle<()>,
    claim: Claim,
}

impl SqliteStore {
    /// Opens a data directory for this process alone, and makes it where there is none.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, options: StoreOptions) -> Result<Self, StoreError> {
        let claim = directory::claim(dir)?;
        let folder = Arc::new(BlobFolder::new(&claim.path));
        folder.sweep()?;
        let health = Arc::new(Health::default());
        let inbox = Arc::new(Inbox::new(options.project_linger));
        let readers_max = options.readers_max;
        let ports = WriterPorts {
            health: Arc::clone(&health),
            inbox: Arc::clone(&inbox),
            clock,
        };
        let (writer, handle) = Writer::open(&claim.path, options, ports)?;
        let projector = Projector::open(&claim.path, Arc::clone(&inbox))?;
        let readers = Arc::new(Readers::new(claim.path.clone(), readers_max, Arc::clone(&folder)));
        let path = claim.path.display().to_string();
        let threads = Threads {
            writer: spawn("anthill-store-writer", &path, move || writer.run())?,
            projector: spawn("anthill-store-projector", &path, move || projector.run())?,
            claim,
        };
        tracing::info!(path, "the store is open");
        let owner = Owner {
            writer: handle,
            inbox,
            health,
            threads: Mutex::new(Some(threads)),
        };
        Ok(Self {
            readers,
            folder,
            path,
            owner: Some(owner),
        })
    }

    /// Opens a data directory for reading, also beside a process that writes to it. Takes no lock and makes nothing.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = directory::find(dir)?;
        let folder = Arc::new(BlobFolder::new(&path));
        let readers_max = StoreOptions::default().readers_max;
        let readers = Arc::new(Readers::new(path.clone(), readers_max, Arc::clone(&folder)));
        readers.warm_up()?;
        Ok(Self {
            readers,
            folder,
            path: path.display().to_string(),
            owner: None,
        })
    }

    /// Writes what is queued, ends the threads and gives the directory free. Blocks; in an actor, call it on the
    /// blocking pool. Dropping the store does the same. Answers the failure that stopped the store, if one did.
    pub fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let Some(owner) = &self.owner else { return Ok(()) };
        owner.writer.close();
        let threads = owner
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Threads {
            writer,
            projector,
            claim,
        }) = threads
        else {
            return owner.health.verdict();
        };
        let journal = writer.join();
        if journal.is_err() {
            owner
                .health
                .stop(stopped("the writer thread has panicked".to_owned()));
            owner.inbox.close();
        }
        if projector.join().is_err() {
            tracing::error!("the projector thread has panicked");
        }
        drop(journal);
        tracing::info!(path = self.path, "the store is closed");
        drop(claim);
        owner.health.verdict()
    }

    fn owner(&self) -> Result<&Owner, StoreError> {
        self.owner.as_ref().ok_or_else(|| StoreError::NotWritable {
            path: self.path.clone(),
            detail: "it was opened for reading only".to_owned(),
        })
    }

    /// Encodes an append on the caller's side of the queue, so that the writer only writes.
    async fn prepare(&self, append: Append) -> Result<PreparedAppend, StoreError> {
        if i64::try_from(append.at.0).is_err() {
            return Err(StoreError::Invalid {
                detail: format!("{} is no time", append.at.0),
            });
        }
        let folder = Arc::clone(&self.folder);
        let bytes: usize = append.blobs.iter().map(|blob| blob.bytes().len()).sum();
        if bytes <= PREPARE_INLINE_BYTES_MAX {
            return prepare(&folder, &append);
        }
        let prepared = tokio::task::spawn_blocking(move || prepare(&folder, &append)).await;
        prepared.unwrap_or_else(|error| {
            Err(StoreError::Stopped {
                detail: error.to_string(),
            })
        })
    }

    async fn write(&self, work: Work) -> Result<Written, StoreError> {
        self.owner()?.writer.submit(work).await
    }

    /// Waits for the projector where there is one.
    async fn tables(&self, job_id: Option<JobId>) -> Tables {
        let caught_up = match &self.owner {
            Some(owner) => owner.inbox.caught_up(job_id).await,
            None => false,
        };
        if caught_up {
            Tables::CaughtUp
        } else {
            Tables::Doubtful
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `close`; here it has been logged.
        let _ = self.close();
    }
}

impl Store for SqliteStore {
    fn take_lease(&self, job_id: JobId, holder: NodeId) -> BoxFuture<'_, Result<Lease, StoreError>> {
        Box::pin(async move {
            match self.write(Work::TakeLease { job_id, holder }).await? {
                Written::Leased(lease) => Ok(lease),
                Written::Done => unreachable!("a lease is answered with a lease"),
            }
        })
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let owner = self.owner()?;
            owner.health.check()?;
            let prepared = self
                .prepare(append)
                .await
                .inspect_err(|error| stop_on(&owner.health, error))?;
            owner.writer.submit(Work::Append(prepared)).await.map(drop)
        })
    }

    fn frames(
        &self,
        job_id: JobId,
        from_seq: u64,
        frames_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Frame>, StoreError>> {
        Box::pin(
            self.readers
                .run(move |reader| reader.frames(job_id, from_seq, frames_max)),
        )
    }

    fn put_snapshot(&self, job_id: JobId, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let bytes = snapshot.state.len();
            if bytes > BODY_BYTES_MAX {
                let detail = format!("a snapshot of {bytes} bytes, at most {BODY_BYTES_MAX} fit");
                return Err(StoreError::Invalid { detail });
            }
            self.write(Work::PutSnapshot { job_id, snapshot }).await.map(drop)
        })
    }

    fn snapshot(&self, job_id: JobId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>> {
        Box::pin(self.readers.run(move |reader| reader.snapshot(job_id)))
    }

    fn blob(&self, digest: Digest) -> BoxFuture<'_, Result<Blob, StoreError>> {
        Box::pin(self.readers.run(move |reader| reader.blob(digest)))
    }

    fn memo(&self, tenant: TenantId, key: Digest) -> BoxFuture<'_, Result<Option<Memo>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(None).await;
            self.readers
                .run(move |reader| reader.memo(&tenant, key, tables))
                .await
        })
    }

    fn jobs(&self, filter: JobFilter) -> BoxFuture<'_, Result<Vec<JobRow>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(None).await;
            self.readers.run(move |reader| reader.jobs(&filter, tables)).await
        })
    }

    fn job(&self, job_id: JobId) -> BoxFuture<'_, Result<Option<JobRow>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(Some(job_id)).await;
            self.readers.run(move |reader| reader.job(job_id, tables)).await
        })
    }

    fn tasks(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<TaskRow>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(Some(job_id)).await;
            self.readers.run(move |reader| reader.tasks(job_id, tables)).await
        })
    }

    fn steps(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<StepRow>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(Some(job_id)).await;
            self.readers.run(move |reader| reader.steps(job_id, tables)).await
        })
    }

    fn artifacts(&self, job_id: JobId) -> BoxFuture<'_, Result<Vec<ArtifactRow>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables(Some(job_id)).await;
            self.readers
                .run(move |reader| reader.artifacts(job_id, tables))
                .await
        })
    }

    fn verify(&self, job_id: Option<JobId>) -> BoxFuture<'_, Result<AuditReport, StoreError>> {
        Box::pin(self.readers.run(move |reader| audit::verify(reader, job_id)))
    }
}

fn prepare(folder: &BlobFolder, append: &Append) -> Result<PreparedAppend, StoreError> {
    let header = FrameHeader {
        job_id: append.job_id,
        seq: append.seq,
        epoch: append.epoch,
        at: append.at,
    };
    let body = encode_events(&append.events)?;
    let blobs = append
        .blobs
        .iter()
        .map(|blob| folder.prepare(blob))
        .collect::<Result<_, _>>()?;
    Ok(PreparedAppend { header, body, blobs })
}

/// A body that could not be made durable is a failed write like any other.
fn stop_on(health: &Health, error: &StoreError) {
    if !matches!(error, StoreError::Invalid { .. }) {
        health.stop(error.clone());
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    path: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map_err(|error| StoreError::NotWritable {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
