//! A store that does not always do what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::Frame;
use anthill_contracts::id::{JobId, NodeId, TenantId};
use anthill_contracts::store::{
    Append, ArtifactRow, AuditReport, JobFilter, JobRow, Lease, Memo, Snapshot, StepRow, Store, StoreError,
    TaskRow,
};
use futures::future::BoxFuture;

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What is wrong with the store.
#[derive(Clone, Copy)]
pub(super) enum Whim {
    /// Every frame with a number that five divides is refused a few times, because the queue is full.
    Busy,
    /// An append of this frame panics, once.
    PanicsAt(u64),
}

/// A store in front of another one.
pub(super) struct Fickle {
    pub(super) store: Arc<dyn Store>,
    pub(super) whim: Whim,
    pub(super) shown: AtomicU32,
}

impl Fickle {
    pub(super) fn before(store: Arc<dyn Store>, whim: Whim) -> Arc<Self> {
        Arc::new(Self {
            store,
            whim,
            shown: AtomicU32::new(0),
        })
    }

    fn refuses(&self, seq: u64) -> Option<StoreError> {
        match self.whim {
            Whim::Busy if seq.is_multiple_of(5) => {
                let shown = self.shown.fetch_add(1, Ordering::Relaxed);
                (shown % 3 != 2).then_some(StoreError::Busy { queue_max: 1 })
            }
            Whim::PanicsAt(at) if at == seq => {
                let shown = self.shown.fetch_add(1, Ordering::Relaxed);
                assert!(shown > 0, "the store is mad");
                None
            }
            _ => None,
        }
    }
}

impl Store for Fickle {
    fn append(&self, append: Append) -> Answer<'_, ()> {
        Box::pin(async move {
            match self.refuses(append.seq) {
                Some(error) => Err(error),
                None => self.store.append(append).await,
            }
        })
    }

    fn take_lease(&self, job_id: JobId, holder: NodeId) -> Answer<'_, Lease> {
        self.store.take_lease(job_id, holder)
    }

    fn frames(&self, job_id: JobId, from_seq: u64, frames_max: usize) -> Answer<'_, Vec<Frame>> {
        self.store.frames(job_id, from_seq, frames_max)
    }

    fn put_snapshot(&self, job_id: JobId, snapshot: Snapshot) -> Answer<'_, ()> {
        self.store.put_snapshot(job_id, snapshot)
    }

    fn snapshot(&self, job_id: JobId) -> Answer<'_, Option<Snapshot>> {
        self.store.snapshot(job_id)
    }

    fn blob(&self, digest: Digest) -> Answer<'_, Blob> {
        self.store.blob(digest)
    }

    fn memo(&self, tenant: TenantId, key: Digest) -> Answer<'_, Option<Memo>> {
        self.store.memo(tenant, key)
    }

    fn jobs(&self, filter: JobFilter) -> Answer<'_, Vec<JobRow>> {
        self.store.jobs(filter)
    }

    fn job(&self, job_id: JobId) -> Answer<'_, Option<JobRow>> {
        self.store.job(job_id)
    }

    fn tasks(&self, job_id: JobId) -> Answer<'_, Vec<TaskRow>> {
        self.store.tasks(job_id)
    }

    fn steps(&self, job_id: JobId) -> Answer<'_, Vec<StepRow>> {
        self.store.steps(job_id)
    }

    fn artifacts(&self, job_id: JobId) -> Answer<'_, Vec<ArtifactRow>> {
        self.store.artifacts(job_id)
    }

    fn verify(&self, job_id: Option<JobId>) -> Answer<'_, AuditReport> {
        self.store.verify(job_id)
    }
}
