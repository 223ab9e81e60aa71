//! The jobs that run on a node.

use std::sync::Arc;

use anthill_contracts::id::JobId;
use dashmap::DashMap;

use crate::lead::shell::LeadSlot;
use crate::watch::{Beacon, JobEnd};

/// One run of a job: what it tells, and where its lead is reached.
#[derive(Clone, Default)]
pub(crate) struct Run {
    pub(crate) beacon: Beacon,
    pub(crate) slot: Arc<LeadSlot>,
}

/// Every run, by its job. A job runs at most once at a time.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<DashMap<JobId, Run>>);

impl Runs {
    /// Begins a run, or answers the one that is not over yet.
    pub(crate) fn begin(&self, job_id: JobId) -> Result<Run, Run> {
        match self.0.entry(job_id) {
            dashmap::Entry::Occupied(occupied) => Err(occupied.get().clone()),
            dashmap::Entry::Vacant(vacant) => Ok(vacant.insert(Run::default()).clone()),
        }
    }

    /// Forgets a run of which nothing lives any more. `end` is what is said of it where its lead said nothing.
    pub(crate) fn over(&self, job_id: JobId, end: JobEnd) {
        if let Some((_, run)) = self.0.remove(&job_id) {
            run.beacon.ended(end);
            run.beacon.gone();
        }
    }

    /// Forgets every run.
    pub(crate) fn all_over(&self, end: &JobEnd) {
        for (job_id, _) in self.all() {
            self.over(job_id, end.clone());
        }
    }

    /// The run of a job.
    pub(crate) fn get(&self, job_id: JobId) -> Option<Run> {
        self.0.get(&job_id).map(|run| run.clone())
    }

    /// Every run.
    pub(crate) fn all(&self) -> Vec<(JobId, Run)> {
        self.0
            .iter()
            .map(|entry| (*entry.key(), entry.value().clone()))
            .collect()
    }
}
