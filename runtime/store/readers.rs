//! Reading: a small pool of read-only connections, and answers that never depend on how far the projector is.
//!
//! A read of the process that also writes has waited for the projector and takes the tables as they are. Every other
//! read (a second process beside a running one, a projector that could not) compares cursor and head, and folds the
//! journal of a job that lags in memory. That costs a walk over one journal and is always right.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::Frame;
use anthill_contracts::id::{JobId, TenantId};
use anthill_contracts::store::{
    ArtifactRow, JobFilter, JobRow, Memo, Snapshot, StepRow, StoreError, TaskRow,
};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::Semaphore;

use crate::blobs::{self, BlobFolder};
use crate::failure::read_failure;
use crate::fold::{Delta, JobFold, MemoEntry, join_reviews};
use crate::frames;
use crate::leases::{self, LeaseRow};
use crate::schema;
use crate::views;
use crate::writer::snapshot_hash;

/// Rows of a job list where the filter names no number.
const JOBS_DEFAULT: usize = 100;

/// Rows of a job list at most.
const JOBS_MAX: usize = 10_000;

/// Whether the tables are known to hold everything that the read must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// They do.
    CaughtUp,
    /// They may lag, be damaged, or be missing.
    Doubtful,
}

/// The pool.
#[derive(Debug)]
pub(crate) struct Readers {
    dir: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<Reader>>,
    closed: AtomicBool,
    folder: Arc<BlobFolder>,
}

impl Readers {
    pub(crate) fn new(dir: PathBuf, readers_max: usize, folder: Arc<BlobFolder>) -> Self {
        let permits = Semaphore::new(readers_max.max(1));
        Self {
            dir,
            permits,
            idle: Mutex::default(),
            closed: AtomicBool::new(false),
            folder,
        }
    }

    /// Runs a read on the blocking pool.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| closed())?;
        let pool = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let reader = pool.take()?;
            let answer = read(&reader);
            pool.put_back(reader);
            answer
        });
        task.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Closes the idle connections and refuses further reads.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.permits.close();
        self.lock().clear();
    }

    /// Opens one reader and keeps it, so that a directory that cannot be read is refused at once.
    pub(crate) fn warm_up(&self) -> Result<(), StoreError> {
        let reader = self.take()?;
        self.put_back(reader);
        Ok(())
    }

    fn take(&self) -> Result<Reader, StoreError> {
        let idle = self.lock().pop();
        match idle {
            Some(reader) => Ok(reader),
            None => Reader::open(&self.dir, Arc::clone(&self.folder)),
        }
    }

    fn put_back(&self, reader: Reader) {
        let mut idle = self.lock();
        if !self.closed.load(Ordering::SeqCst) {
            idle.push(reader);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> StoreError {
    StoreError::Stopped {
        detail: "the store is closed".to_owned(),
    }
}

/// One pair of read-only connections.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) journal: Connection,
    pub(crate) folder: Arc<BlobFolder>,
    views: Option<Connection>,
}

/// Everything that a journal says, folded in memory.
struct Folded {
    fold: JobFold,
    delta: Delta,
}

impl Reader {
    fn open(dir: &std::path::Path, folder: Arc<BlobFolder>) -> Result<Self, StoreError> {
        let journal = schema::open_journal_to_read(dir)?;
        let views = schema::open_views_to_read(dir).ok().filter(views::are_known);
        Ok(Self {
            journal,
            folder,
            views,
        })
    }

    /// Frames from a number on.
    pub(crate) fn frames(
        &self,
        job_id: JobId,
        from: u64,
        frames_max: usize,
    ) -> Result<Vec<Frame>, StoreError> {
        let tx = self.begin()?;
        let Some(lease) = leases::load(&tx, job_id)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        if frames_max == 0 {
            return Ok(found);
        }
        let walked = frames::walk(&tx, &lease, from.max(1), |frame| {
            found.push(frame);
            Ok(if found.len() < frames_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        });
        walked.map_err(|error| error.of(job_id))?;
        Ok(found)
    }

    /// The newest snapshot. A damaged one is passed over, because the journal holds everything that was in it.
    pub(crate) fn snapshot(&self, job_id: JobId) -> Result<Option<Snapshot>, StoreError> {
        let tx = self.begin()?;
        let Some(lease) = leases::load(&tx, job_id)? else {
            return Ok(None);
        };
        match load_snapshot(&tx, &lease) {
            Ok(snapshot) => Ok(snapshot),
            Err(error) => {
                tracing::warn!(%job_id, %error, "a damaged snapshot is passed over");
                Ok(None)
            }
        }
    }

    /// A body.
    pub(crate) fn blob(&self, digest: Digest) -> Result<Blob, StoreError> {
        blobs::read(&self.journal, &self.folder, digest)
    }

    /// One job.
    pub(crate) fn job(&self, job_id: JobId, tables: Tables) -> Result<Option<JobRow>, StoreError> {
        self.of_job(
            job_id,
            tables,
            |views| views::job(views, job_id),
            |folded| folded.fold.job().cloned(),
        )
    }

    /// Its tasks.
    pub(crate) fn tasks(&self, job_id: JobId, tables: Tables) -> Result<Vec<TaskRow>, StoreError> {
        self.of_job(
            job_id,
            tables,
            |views| views::tasks(views, job_id),
            |folded| folded.fold.tasks().to_vec(),
        )
    }

    /// Its steps.
    pub(crate) fn steps(&self, job_id: JobId, tables: Tables) -> Result<Vec<StepRow>, StoreError> {
        let folded = |folded: Folded| folded.delta.steps.into_iter().map(|(_, step)| step).collect();
        self.of_job(job_id, tables, |views| views::steps(views, job_id), folded)
    }

    /// Its artifacts.
    pub(crate) fn artifacts(&self, job_id: JobId, tables: Tables) -> Result<Vec<ArtifactRow>, StoreError> {
        let folded = |folded: Folded| join_reviews(folded.delta.artifacts, folded.delta.reviews);
        self.of_job(job_id, tables, |views| views::artifacts(views, job_id), folded)
    }

    /// Jobs, newest first.
    pub(crate) fn jobs(&self, filter: &JobFilter, tables: Tables) -> Result<Vec<JobRow>, StoreError> {
        let rows_max = if filter.rows_max == 0 {
            JOBS_DEFAULT
        } else {
            filter.rows_max.min(JOBS_MAX)
        };
        if tables == Tables::CaughtUp
            && let Some(rows) = self.look(|views| views::jobs(views, filter, rows_max))
        {
            return Ok(rows);
        }
        let lagging = self.lagging()?;
        let listed = self.look(|views| views::jobs(views, filter, rows_max + lagging.len()));
        let to_fold = if listed.is_some() {
            lagging
        } else {
            self.with_frames()?
        };
        let is_folded = |row: &JobRow| to_fold.iter().any(|lease| lease.job_id == row.job_id);
        let mut rows = listed.unwrap_or_default();
        rows.retain(|row| !is_folded(row));
        for lease in &to_fold {
            // One damaged journal must not hide all the others; whoever asks for that job is told.
            let Ok(Some(folded)) = self.fold(lease.job_id) else {
                continue;
            };
            rows.extend(folded.fold.job().filter(|row| passes(filter, row)).cloned());
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.job_id));
        rows.truncate(rows_max);
        Ok(rows)
    }

    /// The newest finished work under a key.
    pub(crate) fn memo(
        &self,
        tenant: &TenantId,
        key: Digest,
        tables: Tables,
    ) -> Result<Option<Memo>, StoreError> {
        let find = |views: &Connection| views::memo(views, tenant, key);
        if tables == Tables::CaughtUp
            && let Some(entry) = self.look(find)
        {
            return Ok(entry.map(|entry| entry.memo));
        }
        // Before the tables are asked, so that what the projector takes in meanwhile is found in one or the other.
        let lagging = self.lagging()?;
        let listed = self.look(find);
        let to_fold = if listed.is_some() {
            lagging
        } else {
            self.with_frames()?
        };
        let mut found: Vec<MemoEntry> = listed.flatten().into_iter().collect();
        for lease in to_fold {
            let Ok(Some(folded)) = self.fold(lease.job_id) else {
                continue;
            };
            let fitting = |entry: &MemoEntry| entry.tenant == *tenant && entry.key == key;
            found.extend(folded.delta.memos.into_iter().filter(fitting));
        }
        let newest = found
            .into_iter()
            .max_by_key(|entry| (entry.at, entry.memo.job_id, entry.memo.task_id));
        Ok(newest.map(|entry| entry.memo))
    }

    /// A read transaction on the journal: head and frames of one moment.
    pub(crate) fn begin(&self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        self.journal.unchecked_transaction().map_err(read_failure)
    }

    fn of_job<T: Default>(
        &self,
        job_id: JobId,
        tables: Tables,
        listed: impl Fn(&Connection) -> rusqlite::Result<T>,
        folded: impl Fn(Folded) -> T,
    ) -> Result<T, StoreError> {
        if (tables == Tables::CaughtUp || self.is_even(job_id)?)
            && let Some(rows) = self.look(listed)
        {
            return Ok(rows);
        }
        Ok(self.fold(job_id)?.map(folded).unwrap_or_default())
    }

    /// What the tables say, or nothing where they cannot be read.
    fn look<T>(&self, listed: impl Fn(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        match listed(self.views.as_ref()?) {
            Ok(rows) => Some(rows),
            Err(error) => {
                tracing::warn!(%error, "the projections cannot be read; the journal is folded instead");
                None
            }
        }
    }

    fn is_even(&self, job_id: JobId) -> Result<bool, StoreError> {
        let Some(lease) = leases::load(&self.journal, job_id)? else {
            return Ok(true);
        };
        let cursor = self.look(|views| views::cursor(views, job_id)).flatten();
        Ok(cursor.is_some_and(|cursor| (cursor.seq, cursor.head) == (lease.head.last_seq, lease.head.head)))
    }

    /// Jobs that the tables do not show as they are.
    fn lagging(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let cursors: HashMap<_, _> = self
            .look(views::cursors)
            .unwrap_or_default()
            .into_iter()
            .collect();
        let mut leases = self.with_frames()?;
        leases.retain(|lease| {
            let cursor = cursors.get(&lease.job_id).map(|cursor| (cursor.seq, cursor.head));
            cursor != Some((lease.head.last_seq, lease.head.head))
        });
        Ok(leases)
    }

    /// Jobs with a journal. A damaged lease row is passed over; whoever asks for that job is told.
    fn with_frames(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let leases = leases::load_all(&self.journal)?
            .into_iter()
            .filter_map(Result::ok);
        Ok(leases.filter(|lease| lease.head.last_seq > 0).collect())
    }

    fn fold(&self, job_id: JobId) -> Result<Option<Folded>, StoreError> {
        let tx = self.begin()?;
        let Some(lease) = leases::load(&tx, job_id)? else {
            return Ok(None);
        };
        let mut folded = Folded {
            fold: JobFold::new(job_id),
            delta: Delta::default(),
        };
        let walked = frames::walk(&tx, &lease, 1, |frame| {
            folded.fold.apply(frame, &mut folded.delta);
            Ok(ControlFlow::Continue(()))
        });
        walked.map_err(|error| error.of(job_id))?;
        Ok(Some(folded))
    }
}

/// The snapshot of a job, checked.
pub(crate) fn load_snapshot(conn: &Connection, lease: &LeaseRow) -> Result<Option<Snapshot>, StoreError> {
    let sql = "SELECT seq, state, hash FROM snapshots WHERE job_no = ?1";
    let mut statement = conn.prepare_cached(sql).map_err(read_failure)?;
    let row = statement
        .query_row([lease.job_no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional();
    let Some((seq, state, hash)): Option<(u64, Vec<u8>, [u8; 32])> = row.map_err(read_failure)? else {
        return Ok(None);
    };
    if Digest::from_bytes(hash) == snapshot_hash(lease.job_id, seq, &state) && seq <= lease.head.last_seq {
        return Ok(Some(Snapshot { seq, state }));
    }
    let detail = format!("the snapshot of job {} is not what was written", lease.job_id);
    Err(StoreError::Corrupt { detail })
}

fn passes(filter: &JobFilter, row: &JobRow) -> bool {
    filter.tenant.as_ref().is_none_or(|tenant| *tenant == row.tenant)
        && filter.state.is_none_or(|state| state == row.status)
        && filter.before.is_none_or(|before| row.job_id < before)
}
