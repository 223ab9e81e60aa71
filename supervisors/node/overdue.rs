//! What jobs of an earlier process had to teach and nobody took in: told when their data directory is opened again.
//!
//! A lead gives up on a knowledge that is away for some seconds, and a process can die before it has told everything;
//! the job has ended all the same, so no later lead tells the rest. The receipts that the knowledge itself holds open
//! say where something is missing, and the journals what. That needs no mark in the journal of a job that has ended:
//! what was told is no longer open. The choice rejected was to search the journals: there are more of them, and most
//! have nothing to tell.
//!
//! It happens beside the jobs of this process and not before them, newest first, and within bounds: what is left is
//! found by the next opening.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anthill_actors::knowledge::KnowledgeHandle;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::JobId;
use anthill_contracts::knowledge::{Conclusion, Knowledge, KnowledgeError};
use anthill_contracts::signal::Receipt;
use anthill_contracts::store::{JobRow, Store, StoreError};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::lead::journal::fold;
use crate::lead::machine::Lead;
use crate::lead::shell::tell;
use crate::metrics;

/// Most open receipts that are looked at in one opening.
const RECEIPTS_MAX: usize = 16_384;

/// Most jobs that are told of in one opening.
const JOBS_MAX: usize = 64;

/// Ends that may be given up before the knowledge is left alone until the next opening.
const GIVEN_UP_MAX: u32 = 3;

/// How long a node that stops waits for it: a short job ends before its predecessors are told of.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// The task that tells; with the last clone of its node it is aborted.
#[derive(Clone)]
pub(super) struct Overdue(Arc<Mutex<JoinSet<()>>>);

impl Overdue {
    /// Begins to tell; what is issued from `now` on belongs to jobs that tell for themselves.
    pub(super) fn begin(store: Arc<dyn Store>, knowledge: KnowledgeHandle, now: Timestamp) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move {
            match catch_up(&*store, &knowledge, now).await {
                Ok(0) => {}
                Ok(told) => info!(told, "the knowledge was told how runs of earlier jobs ended"),
                Err(error) => warn!(%error, "runs of earlier jobs are not told of"),
            }
        });
        Self(Arc::new(Mutex::new(task)))
    }

    /// Waits a little for what is under way, and ends it.
    pub(super) async fn end(&self) {
        let mut task = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let in_time = tokio::time::timeout(END_TIME_MAX, task.join_next()).await;
        if in_time.is_err() {
            debug!("the rest is told of when the data directory is opened again");
        }
    }
}

/// Tells how runs ended that nobody has told of, and answers how many.
async fn catch_up(
    store: &dyn Store,
    knowledge: &KnowledgeHandle,
    now: Timestamp,
) -> Result<usize, KnowledgeError> {
    let receipts = knowledge.open_receipts(now, RECEIPTS_MAX).await?;
    let jobs = by_job(receipts.into_iter().filter(|receipt| receipt.at < now));
    let (mut told, mut ended, mut given_up) = (0, 0, 0);
    for (job_id, receipts) in jobs {
        let row = match store.job(job_id).await {
            // One that goes on tells for itself; of one that is gone nobody knows anything.
            Ok(row) => row.filter(|row| row.status.is_terminal()),
            Err(error) => {
                debug!(%job_id, %error, "job not looked up");
                None
            }
        };
        let Some(row) = row else { continue };
        ended += 1;
        let ends = match ends_of(store, &row, receipts).await {
            Ok(ends) => ends,
            Err(error) => {
                warn!(%job_id, %error, "journal not read, its runs are not told of");
                continue;
            }
        };
        for end in ends {
            if tell(knowledge as &dyn Knowledge, end).await {
                metrics::conclusion_caught_up();
                told += 1;
            } else {
                metrics::conclusion_given_up("opening");
                given_up += 1;
            }
            if given_up >= GIVEN_UP_MAX {
                return Ok(told);
            }
        }
        if ended >= JOBS_MAX {
            break;
        }
    }
    Ok(told)
}

/// The receipts of each job, in the order in which the jobs come up.
fn by_job(receipts: impl Iterator<Item = Receipt>) -> Vec<(JobId, Vec<Receipt>)> {
    let mut places = BTreeMap::new();
    let mut jobs: Vec<(JobId, Vec<Receipt>)> = Vec::new();
    for receipt in receipts {
        let place = *places.entry(receipt.job_id).or_insert(jobs.len());
        match jobs.get_mut(place) {
            Some((_, of_job)) => of_job.push(receipt),
            None => jobs.push((receipt.job_id, vec![receipt])),
        }
    }
    jobs
}

/// How the runs behind these receipts of an ended job ended. One that its journal does not know was shown to nobody,
/// because its lead had gone by the time of the answer: it ends without an outcome, and is not found again.
async fn ends_of(
    store: &dyn Store,
    row: &JobRow,
    receipts: Vec<Receipt>,
) -> Result<Vec<Conclusion>, StoreError> {
    let job = fold(store, row.job_id).await?;
    let share = job
        .spec
        .as_ref()
        .map(|spec| spec.knowledge.share)
        .unwrap_or_default();
    let open: BTreeSet<_> = receipts.iter().map(|receipt| receipt.receipt_id).collect();
    let at = row.updated_at;
    let ends: Vec<Conclusion> = Lead::untold(job, at)
        .into_iter()
        .filter(|end| open.contains(&end.receipt.receipt_id))
        .map(|end| Conclusion {
            receipt: *end.receipt,
            outcomes: end.outcomes,
            spent: end.spent,
            proposals: end.proposals,
            share,
            at,
        })
        .collect();
    let known: BTreeSet<_> = ends.iter().map(|end| end.receipt.receipt_id).collect();
    let unknown = receipts
        .into_iter()
        .filter(move |receipt| !known.contains(&receipt.receipt_id))
        .map(|receipt| Conclusion {
            receipt,
            outcomes: Vec::new(),
            spent: None,
            proposals: Vec::new(),
            share,
            at,
        });
    Ok(ends.into_iter().chain(unknown).collect())
}
