//! A job's journal, as its lead writes and reads it.

use std::time::Duration;

use anthill_contracts::fault::Fault;
use anthill_contracts::id::JobId;
use anthill_contracts::store::{Append, Store, StoreError};

use super::job_state::JobState;

/// Appends, and waits while the store's queue is full: the lead has nothing better to do.
pub(crate) async fn append_patiently(store: &dyn Store, append: Append) -> Result<(), StoreError> {
    const TRIES_MAX: u32 = 200;
    const WAIT: Duration = Duration::from_millis(50);
    for _ in 0..TRIES_MAX {
        match store.append(append.clone()).await {
            Err(error) if error.fault() == Fault::Transient => tokio::time::sleep(WAIT).await,
            outcome => return outcome,
        }
    }
    store.append(append).await
}

/// The fold of a job's journal, from its snapshot on where there is one that can be read.
pub(crate) async fn fold(store: &dyn Store, job_id: JobId) -> Result<JobState, StoreError> {
    const FRAMES_AT_ONCE: usize = 512;
    let snapshot = store.snapshot(job_id).await?;
    let kept =
        snapshot.and_then(|kept| Some((kept.seq, rmp_serde::from_slice::<JobState>(&kept.state).ok()?)));
    let (mut seq, mut job) = kept.unwrap_or_else(|| (0, JobState::new(job_id)));
    loop {
        let frames = store.frames(job_id, seq + 1, FRAMES_AT_ONCE).await?;
        let Some(last) = frames.last() else { return Ok(job) };
        seq = last.seq;
        frames
            .iter()
            .flat_map(|frame| &frame.events)
            .for_each(|event| job.apply(event));
    }
}
