//! What every engine of the store's port must do, as a suite that an engine runs on itself.
//!
//! An engine hands over a way to make an empty store and a way to close and reopen one. Every case says in its name
//! what holds; a case that fails panics with what it found. Cases use ids of their own, so an engine on a shared
//! server may run them in one database.

use std::sync::Arc;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Blob;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::JobId;
use anthill_contracts::store::{Append, Store, StoreError};

pub mod cases;
pub mod reading;
pub mod samples;

/// Closes a store (it is handed the last handle) and opens what it left.
pub type Reopen = Box<dyn Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send>;

/// A store under test.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How to close and open it.
    pub reopen: Reopen,
}

impl Subject {
    /// Closes and opens the store.
    #[must_use]
    pub fn reopen(self) -> Self {
        let store = (self.reopen)(self.store);
        Self {
            store,
            reopen: self.reopen,
        }
    }
}

/// Runs every case, each on an empty store.
pub async fn run(make: impl Fn() -> Subject) {
    cases::epochs_rise_for_ever(make()).await;
    cases::only_the_owner_appends(make()).await;
    cases::frames_follow_each_other(make()).await;
    cases::what_cannot_be_stored_is_refused(make()).await;
    cases::frames_come_back_in_order(make()).await;
    cases::frames_are_chained(make()).await;
    cases::bodies_come_back_by_content(make()).await;
    cases::the_newest_snapshot_is_kept(make()).await;
    cases::appends_of_many_jobs_last(make()).await;
    cases::a_refusal_harms_nobody_else(make()).await;
    reading::unknown_things_are_empty(make()).await;
    reading::a_job_is_read_as_it_was_written(make()).await;
    reading::a_paused_job_runs_again(make()).await;
    reading::jobs_are_listed_newest_first(make()).await;
    reading::memos_are_found_by_their_tenant(make()).await;
    reading::reads_see_what_was_acknowledged(make()).await;
    reading::an_audit_counts_what_it_walked(make()).await;
    reading::an_audit_names_a_missing_body(make()).await;
}

/// A job's single writer, as a lead is one.
pub struct Lead {
    store: Arc<dyn Store>,
    /// The job.
    pub job_id: JobId,
    /// The fence.
    pub epoch: u64,
    /// Number of the last frame.
    pub seq: u64,
}

impl Lead {
    /// Takes the lease of a job.
    pub async fn take(store: &Arc<dyn Store>, job_id: JobId) -> Self {
        let lease = store
            .take_lease(job_id, samples::node_id())
            .await
            .expect("a lease is granted");
        Self {
            store: Arc::clone(store),
            job_id,
            epoch: lease.epoch,
            seq: lease.last_seq,
        }
    }

    /// Appends one frame.
    pub async fn append(&mut self, events: Vec<JobEvent>, blobs: Vec<Blob>) {
        self.try_append(self.epoch, self.seq + 1, events, blobs)
            .await
            .expect("the owner may append");
        self.seq += 1;
    }

    /// Tries to append a frame under any epoch and number.
    pub async fn try_append(
        &self,
        epoch: u64,
        seq: u64,
        events: Vec<JobEvent>,
        blobs: Vec<Blob>,
    ) -> Result<(), StoreError> {
        let (job_id, at) = (self.job_id, Timestamp(1_000 + seq % 1_000_000));
        self.store
            .append(Append {
                job_id,
                epoch,
                seq,
                at,
                events: events.into(),
                blobs,
            })
            .await
    }
}

/// An event that needs nothing else.
fn tick(number: u32) -> Vec<JobEvent> {
    vec![JobEvent::PlanRefused {
        proposal: number,
        reasons: vec![format!("reason {number}")],
    }]
}
