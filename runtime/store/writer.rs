//! The writer: one thread, one connection, and many appends in one commit.
//!
//! Whoever appends encodes and compresses on its own thread, puts the result into a bounded queue and waits. The
//! writer drains what is queued into one transaction, commits it with one sync, and answers only then; while it syncs,
//! the next group gathers by itself, so no timer is needed. Fence and order are checked against the head that this
//! thread holds and once more by the UPDATE of the lease row in the same transaction. A refused append changes nothing
//! for the others of its group. A failed write, commit, checkpoint or sync ends the thread for good: everybody who waits
//! hears that the outcome is unknown, and nothing is acknowledged after it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::store::{Lease, Snapshot, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::blobs::PreparedBlob;
use crate::failure::{Health, write_failure};
use crate::journal::{AckGate, FrameHeader};
use crate::leases::LeaseRow;
use crate::metrics;
use crate::options::StoreOptions;
use crate::projector::Inbox;
use crate::schema;

mod group;

/// How long the writer is idle before it copies its log into the database.
const IDLE: Duration = Duration::from_secs(1);

/// Turns that the writer gives others while nothing comes and it expects more; some ten microseconds.
const GATHER_TURNS_MAX: u32 = 64;

/// Jobs whose heads are kept in memory.
const KEPT_HEADS_MAX: usize = 4_096;

/// Pages that a commit writes beside the rows: those of the lease rows and of the trees above them.
const COMMIT_OVERHEAD_BYTES: u64 = 4 * 4096;

/// The page at the end of a job's frames, which every commit that appends to it writes again.
const JOB_OVERHEAD_BYTES: u64 = 4096;

/// An append that is ready to be written.
#[derive(Debug)]
pub(crate) struct PreparedAppend {
    /// What the chain covers beside the body.
    pub(crate) header: FrameHeader,
    /// The encoded events.
    pub(crate) body: Vec<u8>,
    /// Bodies that become durable with it.
    pub(crate) blobs: Vec<PreparedBlob>,
}

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Appends one frame.
    Append(PreparedAppend),
    /// Gives a job to a new owner.
    TakeLease {
        /// The job.
        job_id: JobId,
        /// The new owner.
        holder: NodeId,
    },
    /// Keeps a fold.
    PutSnapshot {
        /// The job.
        job_id: JobId,
        /// The fold.
        snapshot: Snapshot,
    },
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => {
                append.body.len() + append.blobs.iter().map(PreparedBlob::stored_bytes).sum::<usize>()
            }
            Self::TakeLease { .. } => 0,
            Self::PutSnapshot { snapshot, .. } => snapshot.state.len(),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is durable.
    Done,
    /// The lease is durable.
    Leased(Lease),
}

type Answer = Result<Written, StoreError>;

struct Command {
    work: Work,
    bytes: usize,
    reply: oneshot::Sender<Answer>,
}

/// The way into the writer's queue.
pub(crate) struct WriterHandle {
    queue: RwLock<Option<SyncSender<Command>>>,
    gauge: Arc<QueueGauge>,
    health: Arc<Health>,
    queue_max: usize,
    queue_bytes_max: usize,
}

/// How much waits in the queue.
#[derive(Debug, Default)]
struct QueueGauge {
    bytes: AtomicUsize,
    appends: AtomicUsize,
}

impl QueueGauge {
    fn enter(&self, bytes: usize) -> usize {
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed)
    }

    fn leave(&self, bytes: usize) {
        self.appends.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn report(&self) {
        ::metrics::gauge!(metrics::QUEUE).set(self.appends.load(Ordering::Relaxed) as f64);
    }
}

impl WriterHandle {
    /// Queues some work and waits until it is durable or refused. A full queue refuses at once.
    pub(crate) async fn submit(&self, work: Work) -> Answer {
        let reply = self.enqueue(work)?;
        reply.await.unwrap_or_else(|_| Err(self.health.gone()))
    }

    /// Lets the writer finish what is queued and end.
    pub(crate) fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn enqueue(&self, work: Work) -> Result<oneshot::Receiver<Answer>, StoreError> {
        self.health.check()?;
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| self.health.gone())?;
        let (reply, answer) = oneshot::channel();
        let bytes = work.bytes();
        let waiting = self.gauge.enter(bytes);
        // A single append above the bound still passes an empty queue, or it could never be written.
        let is_full = waiting > 0 && waiting + bytes > self.queue_bytes_max;
        let sent = if is_full {
            Err(self.busy())
        } else {
            self.send(queue, Command { work, bytes, reply })
        };
        if sent.is_err() {
            self.gauge.leave(bytes);
        }
        sent.map(|()| answer)
    }

    fn send(&self, queue: &SyncSender<Command>, command: Command) -> Result<(), StoreError> {
        match queue.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(self.busy()),
            Err(TrySendError::Disconnected(_)) => Err(self.health.gone()),
        }
    }

    fn busy(&self) -> StoreError {
        ::metrics::counter!(metrics::APPENDS, "outcome" => "busy").increment(1);
        StoreError::Busy {
            queue_max: self.queue_max,
        }
    }
}

/// The thread's own state.
pub(crate) struct Writer {
    conn: Connection,
    queue: Receiver<Command>,
    gauge: Arc<QueueGauge>,
    health: Arc<Health>,
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
    options: StoreOptions,
    heads: HashMap<JobId, LeaseRow>,
    /// A command that did not fit the last group.
    next: Option<Command>,
    last_group: usize,
    log_bytes: u64,
}

/// What the writer shares with the rest of the store.
pub(crate) struct WriterPorts {
    /// Stops the store after a failure.
    pub(crate) health: Arc<Health>,
    /// Hears what is durable.
    pub(crate) inbox: Arc<Inbox>,
    /// Times commits.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Writer {
    /// Opens the journal, and makes its tables where there are none.
    pub(crate) fn open(
        dir: &Path,
        options: StoreOptions,
        ports: WriterPorts,
    ) -> Result<(Self, WriterHandle), StoreError> {
        let conn = schema::open_journal(dir, &options)?;
        let (sender, queue) = sync_channel(options.queue_max);
        let gauge = Arc::new(QueueGauge::default());
        let handle = WriterHandle {
            queue: RwLock::new(Some(sender)),
            gauge: Arc::clone(&gauge),
            health: Arc::clone(&ports.health),
            queue_max: options.queue_max,
            queue_bytes_max: options.queue_bytes_max,
        };
        let WriterPorts { health, inbox, clock } = ports;
        let heads = HashMap::new();
        let writer = Self {
            conn,
            queue,
            gauge,
            health,
            inbox,
            clock,
            options,
            heads,
            next: None,
            last_group: 0,
            log_bytes: 0,
        };
        Ok((writer, handle))
    }

    /// Works until the queue is closed or a write fails. Gives its connection back, to be closed after all others:
    /// the last one to go takes the log's file with it.
    pub(crate) fn run(mut self) -> Connection {
        let ended = self.work();
        self.inbox.close();
        if ended.is_err() {
            // Closing would copy the log into the database, over a disk that has just failed, and delete the log that
            // still holds every acknowledged frame.
            let kept = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.conn.set_db_config(kept, true);
        }
        self.conn
    }

    fn work(&mut self) -> Result<(), Stopped> {
        while let Some(group) = self.next_group()? {
            // The store may also have been stopped from outside, by a blob that could not be synced.
            self.health.check().map_err(|_| Stopped)?;
            self.write(group)?;
            if self.log_bytes >= self.options.checkpoint_bytes {
                self.checkpoint("PASSIVE")?;
            }
        }
        self.checkpoint("TRUNCATE")
    }

    /// Waits for some work and takes what else is there, up to the bounds of one commit.
    fn next_group(&mut self) -> Result<Option<Vec<Command>>, Stopped> {
        let first = match self.next.take() {
            Some(command) => command,
            None => match self.wait()? {
                Some(command) => command,
                None => return Ok(None),
            },
        };
        let group = self.gather(first);
        for command in &group {
            self.gauge.leave(command.bytes);
        }
        self.gauge.report();
        Ok(Some(group))
    }

    /// Takes what is queued behind the first command, up to the bounds of one commit.
    ///
    /// Whoever was answered by the last commit is likely to come again at once. So a group that is still smaller than
    /// the last one gives them a moment, without a timer: as long as they keep coming, and a few turns more. Otherwise
    /// the first to come back would be synced alone, and everybody else behind it.
    fn gather(&mut self, first: Command) -> Vec<Command> {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        let mut turns = 0;
        while group.len() < self.options.batch_max {
            match self.queue.try_recv() {
                Ok(command) if bytes + command.bytes > self.options.batch_bytes_max => {
                    self.next = Some(command);
                    break;
                }
                Ok(command) => {
                    bytes += command.bytes;
                    group.push(command);
                    turns = 0;
                }
                Err(_) if group.len() < self.last_group && turns < GATHER_TURNS_MAX => {
                    std::thread::yield_now();
                    turns += 1;
                }
                Err(_) => break,
            }
        }
        self.last_group = group.len();
        group
    }

    fn wait(&mut self) -> Result<Option<Command>, Stopped> {
        loop {
            match self.queue.recv_timeout(IDLE) {
                Ok(command) => return Ok(Some(command)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.log_bytes > 0 => self.checkpoint("PASSIVE")?,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Writes a group in one transaction and answers once that is durable.
    fn write(&mut self, group: Vec<Command>) -> Result<(), Stopped> {
        let size = group.len();
        let mut replies = Vec::with_capacity(size);
        let mut works = Vec::with_capacity(size);
        for command in group {
            replies.push(command.reply);
            works.push(command.work);
        }
        match self.commit(works) {
            Ok((answers, report)) => {
                self.log_bytes += report.log_bytes();
                // Before the answers, so that whoever hears of a frame also finds it in the tables.
                self.inbox.announce(report.jobs.iter().copied(), report.frames);
                report.count(size);
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever went away finds the frame in the journal.
                    let _ = reply.send(answer);
                }
                Ok(())
            }
            Err(failure) => {
                self.health.stop(failure.clone());
                ::metrics::counter!(metrics::APPENDS, "outcome" => "failed").increment(size as u64);
                for reply in replies {
                    let _ = reply.send(Err(failure.clone()));
                }
                Err(Stopped)
            }
        }
    }

    fn commit(&mut self, works: Vec<Work>) -> Result<(Vec<Answer>, Report), StoreError> {
        if self.heads.len() > KEPT_HEADS_MAX {
            self.heads.clear();
        }
        let behavior = TransactionBehavior::Immediate;
        let tx = self
            .conn
            .transaction_with_behavior(behavior)
            .map_err(|error| write_failure(&error))?;
        let mut gate = AckGate::default();
        let mut group = group::Group::new(&tx, &mut self.heads);
        for work in works {
            gate.hold(group.take(work)?);
        }
        let report = group.finish()?;
        let began = self.clock.mono();
        tx.commit().map_err(|error| write_failure(&error))?;
        ::metrics::histogram!(metrics::COMMIT).record(self.clock.mono().saturating_sub(began).as_secs_f64());
        Ok((gate.synced(), report))
    }

    fn checkpoint(&mut self, mode: &str) -> Result<(), Stopped> {
        let began = self.clock.mono();
        let done = schema::checkpoint(&self.conn, mode);
        ::metrics::histogram!(metrics::CHECKPOINT)
            .record(self.clock.mono().saturating_sub(began).as_secs_f64());
        let is_whole = done.map_err(|error| {
            self.health.stop(write_failure(&error));
            Stopped
        })?;
        // Where a reader held a part back, the rest is tried again after a quarter of the usual distance.
        self.log_bytes = if is_whole {
            0
        } else {
            self.options.checkpoint_bytes / 4 * 3
        };
        Ok(())
    }
}

/// The writer is done for; the health says why.
struct Stopped;

/// What a group brought.
#[derive(Debug, Default)]
struct Report {
    jobs: Vec<JobId>,
    frames: u64,
    refused: u64,
    frame_bytes: u64,
    blob_bytes: u64,
}

impl Report {
    /// About what the group added to the write-ahead log.
    fn log_bytes(&self) -> u64 {
        let jobs = self.jobs.len() as u64 * JOB_OVERHEAD_BYTES;
        self.frame_bytes + self.blob_bytes + jobs + COMMIT_OVERHEAD_BYTES
    }

    fn count(&self, size: usize) {
        ::metrics::histogram!(metrics::BATCH).record(size as f64);
        ::metrics::counter!(metrics::APPENDS, "outcome" => "committed").increment(self.frames);
        ::metrics::counter!(metrics::APPENDS, "outcome" => "refused").increment(self.refused);
        ::metrics::counter!(metrics::FRAMES).increment(self.frames);
        ::metrics::counter!(metrics::BYTES, "kind" => "frame").increment(self.frame_bytes);
        ::metrics::counter!(metrics::BYTES, "kind" => "blob").increment(self.blob_bytes);
    }
}

/// The hash that guards a snapshot.
pub(crate) fn snapshot_hash(job_id: JobId, seq: u64, state: &[u8]) -> Digest {
    Digest::of_parts([
        b"snapshot v1".as_slice(),
        job_id.as_bytes(),
        &seq.to_le_bytes(),
        state,
    ])
}

#[cfg(test)]
mod tests;
