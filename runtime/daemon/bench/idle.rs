//! `bench idle`: what an agent costs that waits. It owns no task and no mailbox: it is a row of its job's state.

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::store::JobStatus;
use anthill_supervisors::watch::JobUpdate;
use serde::Serialize;

use super::process::resident_bytes;
use super::{BenchOptions, Rig};

/// What one parked agent costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Idle {
    /// `idle`.
    pub bench: &'static str,
    /// One row for each number of agents.
    pub rows: Vec<IdleRow>,
}

/// Some parked agents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdleRow {
    /// Agents that wait.
    pub agents: usize,
    /// Growth of the process's memory for each of them, in bytes.
    pub bytes_per_agent: f64,
    /// What the aim is.
    pub bytes_per_agent_max: f64,
}

/// The aim: two kibibytes.
const BYTES_MAX: f64 = 2048.0;

/// Runs the bench for each number of agents.
pub async fn idle(options: &BenchOptions, counts: &[usize]) -> Result<Idle, Problem> {
    let mut rows = Vec::with_capacity(counts.len());
    for agents in counts {
        rows.push(parked(options, *agents).await?);
    }
    Ok(Idle { bench: "idle", rows })
}

/// Lets a job fan out to one agent that never ends and many that wait for its place.
async fn parked(options: &BenchOptions, agents: usize) -> Result<IdleRow, Problem> {
    let rig = Rig::with_documents(&options.dir, "idle", agents).await?;
    // A small job first: the parts of the tree that every job needs are not counted.
    let mut warm = rig.node.submit(super::noop_job(8, 8)?).await?;
    warm.watch.end().await;
    let spec = super::parked_job(&rig.dir)?;
    let before = resident_bytes();
    let mut run = rig.node.submit(spec).await?;
    while let Some(update) = run.watch.next().await? {
        let JobUpdate::Events(frame) = update else { break };
        // The one agent asks its model: all the others are known, and wait.
        if frame.events.iter().any(|event| event.kind() == "budget_reserved") {
            break;
        }
    }
    let grown = resident_bytes() - before;
    let end = rig.node.cancel(run.job_id).await?;
    rig.stop().await?;
    if end.status != JobStatus::Cancelled {
        return Err(Problem::new(&codes::DEFECT, "the agents did not wait"));
    }
    Ok(IdleRow {
        agents,
        bytes_per_agent: grown.max(0.0) / agents as f64,
        bytes_per_agent_max: BYTES_MAX,
    })
}
