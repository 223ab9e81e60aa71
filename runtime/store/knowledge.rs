//! What a node has learned, in a `SQLite` file of its own beside the journal.
//!
//! Facts are rows that replace each other, receipts are kept for a month; neither belongs to a job, so neither belongs
//! into the journal, whose frames last as long as their jobs. One thread writes: it takes what is queued, writes it in
//! one transaction with one sync, and answers then. Batches are queued at the call, so they become durable in the order
//! of calls. After the first failed write nothing is taken in any more, as with the journal. Every row carries a hash;
//! one that does not fit it is told as damaged, and spoils nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{FactRow, KnowledgeBatch, KnowledgeError, KnowledgeStore, ReceiptRow};
use anthill_contracts::store::StoreError;
use futures::future::BoxFuture;
use rusqlite::Connection;

use crate::directory::{self, Claim, KNOWLEDGE_FILE};
use crate::failure::{Health, io_failure};
use crate::options::StoreOptions;
use writer::{Writer, WriterHandle};

mod tables;
mod writer;

/// Facts and receipts of one node.
pub struct KnowledgeDb {
    path: PathBuf,
    reader: Arc<Mutex<Option<Connection>>>,
    owner: Option<Owner>,
}

/// What a database that may be written to has beside what every one has.
struct Owner {
    writer: WriterHandle,
    health: Arc<Health>,
    thread: Mutex<Option<(JoinHandle<()>, Claim)>>,
}

impl KnowledgeDb {
    /// Opens the knowledge of a data directory for this process alone, and makes it where there is none. Of the options
    /// those of queue, batch, checkpoint and size count.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, KnowledgeError> {
        let claim = directory::claim_knowledge(dir).map_err(meaning)?;
        let conn = tables::open(&claim.path, &options).map_err(meaning)?;
        let health = Arc::new(Health::default());
        let (writer, handle) = Writer::new(conn, options, Arc::clone(&health));
        let path = claim.path.join(KNOWLEDGE_FILE);
        let thread = std::thread::Builder::new()
            .name("anthill-knowledge-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| meaning(io_failure(&path, &error)))?;
        Ok(Self {
            path,
            reader: Arc::default(),
            owner: Some(Owner {
                writer: handle,
                health,
                thread: Mutex::new(Some((thread, claim))),
            }),
        })
    }

    /// Opens the knowledge of a data directory for reading, also beside a process that writes to it. Takes no lock and
    /// makes nothing; `None` where nothing was ever learned.
    pub fn open_read_only(dir: &Path) -> Result<Option<Self>, KnowledgeError> {
        let path = dir.join(KNOWLEDGE_FILE);
        match std::fs::metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(meaning(io_failure(&path, &error))),
        }
        let Some(conn) = tables::open_to_read(&path).map_err(meaning)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path,
            reader: Arc::new(Mutex::new(Some(conn))),
            owner: None,
        }))
    }

    /// Writes what is queued and ends the thread. Blocks; dropping the database does the same. Answers the failure that
    /// stopped it, if one did.
    pub fn close(&self) -> Result<(), KnowledgeError> {
        let Some(owner) = &self.owner else { return Ok(()) };
        owner.writer.close();
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = owner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((thread, claim)) = thread {
            if thread.join().is_err() {
                owner.health.stop(crate::failure::stopped(
                    "the knowledge's writer thread has panicked".to_owned(),
                ));
            }
            drop(claim);
        }
        owner.health.verdict().map_err(meaning)
    }

    /// Reads on the blocking pool.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, KnowledgeError> {
        let (path, reader) = (self.path.clone(), Arc::clone(&self.reader));
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let conn = match reader.take() {
                Some(conn) => conn,
                None => tables::open_to_read(&path)?.ok_or_else(|| StoreError::NoData {
                    path: path.display().to_string(),
                })?,
            };
            read(reader.insert(conn))
        });
        let read = reading.await.unwrap_or_else(|error| {
            Err(StoreError::Stopped {
                detail: error.to_string(),
            })
        });
        read.map_err(meaning)
    }
}

impl Drop for KnowledgeDb {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `close`; here it has been logged.
        let _ = self.close();
    }
}

impl KnowledgeStore for KnowledgeDb {
    fn load_facts(&self) -> BoxFuture<'_, Result<Vec<FactRow>, KnowledgeError>> {
        Box::pin(self.read(tables::facts))
    }

    fn receipt(&self, receipt_id: ReceiptId) -> BoxFuture<'_, Result<Option<ReceiptRow>, KnowledgeError>> {
        Box::pin(self.read(move |conn| tables::receipt(conn, receipt_id)))
    }

    fn receipts_since(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        Box::pin(self.read(move |conn| tables::receipts_since(conn, from, rows_max)))
    }

    fn open_receipts(
        &self,
        from: Timestamp,
        rows_max: usize,
    ) -> BoxFuture<'_, Result<Vec<ReceiptRow>, KnowledgeError>> {
        Box::pin(self.read(move |conn| tables::open_receipts(conn, from, rows_max)))
    }

    fn commit(&self, batch: KnowledgeBatch) -> BoxFuture<'_, Result<(), KnowledgeError>> {
        let Some(owner) = &self.owner else {
            let detail = "it was opened for reading only".to_owned();
            return Box::pin(async { Err(KnowledgeError::NotKept { detail }) });
        };
        let queued = owner.writer.queue(batch);
        Box::pin(async move {
            let answer = queued?;
            match answer.await {
                Ok(outcome) => outcome,
                Err(_) => Err(meaning(owner.health.gone())),
            }
        })
    }
}

/// What a failure of the engine means to the knowledge.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn meaning(error: StoreError) -> KnowledgeError {
    let detail = error.to_string();
    match error {
        StoreError::Busy { .. } => KnowledgeError::Busy,
        StoreError::Corrupt { .. } | StoreError::TooNew { .. } => KnowledgeError::Damaged { detail },
        _ => KnowledgeError::NotKept { detail },
    }
}

#[cfg(test)]
mod tests;
