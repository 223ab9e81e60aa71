//! The thread that makes batches durable: many in one transaction, with one sync.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};

use anthill_contracts::knowledge::{KnowledgeBatch, KnowledgeError};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::{meaning, tables};
use crate::failure::{Health, write_failure};
use crate::options::StoreOptions;
use crate::schema;

type Answer = Result<(), KnowledgeError>;

struct Command {
    batch: KnowledgeBatch,
    reply: oneshot::Sender<Answer>,
}

/// The way into the writer's queue.
pub(super) struct WriterHandle {
    queue: RwLock<Option<SyncSender<Command>>>,
    health: Arc<Health>,
}

impl WriterHandle {
    /// Queues a batch; its answer comes when it is durable. A full queue refuses at once.
    pub(super) fn queue(&self, batch: KnowledgeBatch) -> Result<oneshot::Receiver<Answer>, KnowledgeError> {
        self.health.check().map_err(meaning)?;
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| meaning(self.health.gone()))?;
        let (reply, answer) = oneshot::channel();
        match queue.try_send(Command { batch, reply }) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(KnowledgeError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(meaning(self.health.gone())),
        }
    }

    /// Lets the writer finish what is queued and end.
    pub(super) fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The thread's own state.
pub(super) struct Writer {
    conn: Connection,
    queue: Receiver<Command>,
    health: Arc<Health>,
    options: StoreOptions,
    log_bytes: u64,
}

impl Writer {
    pub(super) fn new(conn: Connection, options: StoreOptions, health: Arc<Health>) -> (Self, WriterHandle) {
        let (sender, queue) = sync_channel(options.queue_max);
        let handle = WriterHandle {
            queue: RwLock::new(Some(sender)),
            health: Arc::clone(&health),
        };
        let writer = Self {
            conn,
            queue,
            health,
            options,
            log_bytes: 0,
        };
        (writer, handle)
    }

    /// Works until the queue is closed or a write fails.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let group = self.gather(first);
            let written = self.write(&group);
            if let Err(error) = &written {
                self.health.stop(write_failure(error));
            }
            let answer = written.map_err(|_| meaning(self.health.gone()));
            let is_over = answer.is_err();
            for command in group {
                // Whoever is gone by now reads it back.
                let _ = command.reply.send(answer.clone());
            }
            if is_over {
                // The log holds everything acknowledged; over a disk that has just failed it stays as it is.
                let kept = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                let _ = self.conn.set_db_config(kept, true);
                return;
            }
        }
        if let Err(error) = schema::checkpoint(&self.conn, "TRUNCATE") {
            self.health.stop(write_failure(&error));
        }
    }

    fn gather(&self, first: Command) -> Vec<Command> {
        let mut bytes = tables::bytes(&first.batch);
        let mut group = vec![first];
        while group.len() < self.options.batch_max && bytes < self.options.batch_bytes_max as u64 {
            match self.queue.try_recv() {
                Ok(command) => {
                    bytes += tables::bytes(&command.batch);
                    group.push(command);
                }
                Err(_) => break,
            }
        }
        group
    }

    fn write(&mut self, group: &[Command]) -> rusqlite::Result<()> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for command in group {
            tables::write(&tx, &command.batch)?;
            self.log_bytes += tables::bytes(&command.batch);
        }
        tx.commit()?;
        if self.log_bytes >= self.options.checkpoint_bytes {
            let is_whole = schema::checkpoint(&self.conn, "PASSIVE")?;
            // Where a reader held a part back, the rest is tried again after a quarter of the usual distance.
            self.log_bytes = if is_whole {
                0
            } else {
                self.options.checkpoint_bytes / 4 * 3
            };
        }
        Ok(())
    }
}
