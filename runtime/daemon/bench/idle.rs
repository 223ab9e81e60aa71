//! `bench idle`: what an agent costs that waits. It owns no task and no mailbox: it is a row of its job's state.

use std::path::Path;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::store::JobStatus;
use anthill_supervisors::watch::JobUpdate;
use serde::Serialize;

use super::process::resident_bytes;
use super::{Rig, noop_job, parked_job};

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
    /// Growth of the process's memory for each of them, in bytes; what does not depend on their number (the store's
    /// caches, above all) is divided among them.
    pub bytes_per_agent: f64,
    /// Growth from a tenth of them to all of them, for each that was added: what one agent more costs.
    pub bytes_per_further_agent: f64,
    /// The aim.
    pub bytes_per_agent_max: f64,
}

/// The aim: two kibibytes.
const BYTES_MAX: f64 = 2048.0;

/// Runs the bench for each number of agents, each measurement in a process of its own: memory that was used before
/// and lies about would hide what is used now.
pub async fn idle(program: &Path, dir: &Path, counts: &[usize]) -> Result<Idle, Problem> {
    let mut rows = Vec::with_capacity(counts.len());
    for agents in counts {
        let tenth = (*agents / 10).max(1);
        let (few, all) = (
            grown(program, dir, tenth).await?,
            grown(program, dir, *agents).await?,
        );
        let further = (all - few) / (*agents - tenth).max(1) as f64;
        rows.push(IdleRow {
            agents: *agents,
            bytes_per_agent: all / *agents as f64,
            bytes_per_further_agent: further,
            bytes_per_agent_max: BYTES_MAX,
        });
    }
    Ok(Idle { bench: "idle", rows })
}

/// The growth that a child of this program measures with so many agents.
async fn grown(program: &Path, dir: &Path, agents: usize) -> Result<f64, Problem> {
    let defect = |detail: String| Problem::new(&codes::DEFECT, format!("the measuring process: {detail}"));
    let measuring = tokio::process::Command::new(program)
        .args([
            "bench",
            "idle",
            "--here",
            "--agents",
            &agents.to_string(),
            "--dir",
        ])
        .arg(dir)
        // Freed pages go back at once, so that what is held is what is needed.
        .env("MIMALLOC_PURGE_DELAY", "0")
        .kill_on_drop(true)
        .output();
    let output = measuring.await.map_err(|error| defect(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    text.trim()
        .parse()
        .map_err(|_| defect(complaint.trim().to_owned()))
}

/// Lets a job fan out to one agent that never gets its answer and many that wait for its place; answers by how many
/// bytes this process grew.
pub async fn parked(dir: &Path, agents: usize) -> Result<f64, Problem> {
    let rig = Rig::with_documents(dir, "idle", agents).await?;
    // A small job first: the parts of the tree that every job needs are not counted.
    let mut warm = rig.node.submit(noop_job(8, 8)?).await?;
    warm.watch.end().await;
    let spec = parked_job(&rig.dir)?;
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
    Ok(grown.max(0.0))
}
