//! What a revocation reaches: signals, the runs that were shown them, and what those runs made and did.

use std::collections::{BTreeMap, BTreeSet};

use anthill_actors::knowledge::RevokeReport;
use anthill_contracts::id::{ArtifactId, JobId, SignalId, TaskId, ToolCallId};
use anthill_contracts::step::StepKind;
use anthill_contracts::store::Store;
use serde::Serialize;

use crate::console::{Console, Failure};
use crate::words;

/// Most lines of one kind for people; `--json` has all of them.
const LINES_MAX: usize = 20;

/// The blast radius.
#[derive(Debug, Default, Serialize)]
pub(super) struct Reach {
    /// The signals that were named.
    named: Vec<SignalId>,
    /// These and everything that was made of them; nobody is shown them any more.
    revoked: Vec<SignalId>,
    /// Tasks whose agents were shown one of them.
    tasks: Vec<ReachedTask>,
    /// Artifacts of these tasks.
    artifacts: Vec<ReachedArtifact>,
    /// Tool calls of these tasks.
    tool_calls: Vec<ReachedCall>,
}

#[derive(Debug, Serialize)]
struct ReachedTask {
    job_id: JobId,
    task_id: TaskId,
    signals: Vec<SignalId>,
}

#[derive(Debug, Serialize)]
struct ReachedArtifact {
    job_id: JobId,
    task_id: TaskId,
    artifact_id: ArtifactId,
    name: String,
    version: u32,
}

#[derive(Debug, Serialize)]
struct ReachedCall {
    job_id: JobId,
    task_id: TaskId,
    call_id: ToolCallId,
    tool: String,
    ok: bool,
}

impl Reach {
    /// Follows a revocation through the journals of this data directory.
    pub(super) async fn of(store: &dyn Store, report: &RevokeReport) -> Result<Self, Failure> {
        let mut by_job: BTreeMap<JobId, BTreeMap<TaskId, BTreeSet<SignalId>>> = BTreeMap::new();
        for run in &report.exposed {
            let tasks = by_job.entry(run.job_id).or_default();
            tasks.entry(run.task_id).or_default().extend(&run.signals);
        }
        let mut reach = Self {
            named: report.revoked.named.clone(),
            revoked: report.revoked.signals.clone(),
            ..Self::default()
        };
        for (job_id, tasks) in &by_job {
            reach.add(store, *job_id, tasks).await?;
        }
        Ok(reach)
    }

    async fn add(
        &mut self,
        store: &dyn Store,
        job_id: JobId,
        tasks: &BTreeMap<TaskId, BTreeSet<SignalId>>,
    ) -> Result<(), Failure> {
        self.tasks
            .extend(tasks.iter().map(|(task_id, signals)| ReachedTask {
                job_id,
                task_id: *task_id,
                signals: signals.iter().copied().collect(),
            }));
        for row in store.artifacts(job_id).await? {
            let version = row.version;
            if tasks.contains_key(&version.owner) {
                self.artifacts.push(ReachedArtifact {
                    job_id,
                    task_id: version.owner,
                    artifact_id: version.artifact_id,
                    name: version.name,
                    version: version.version,
                });
            }
        }
        for row in store.steps(job_id).await? {
            if let StepKind::Tool { call_id, tool, ok } = row.kind
                && tasks.contains_key(&row.task_id)
            {
                self.tool_calls.push(ReachedCall {
                    job_id,
                    task_id: row.task_id,
                    call_id,
                    tool,
                    ok,
                });
            }
        }
        Ok(())
    }

    /// Prints it.
    pub(super) fn show(&self, console: &mut Console) -> Result<u8, Failure> {
        if console.is_json() {
            console.document(self)?;
            return Ok(0);
        }
        console.line(format!(
            "{} revoked: {} named, {} made of them",
            words::counted(self.revoked.len() as u64, "signal"),
            self.named.len(),
            self.revoked.len() - self.named.len()
        ))?;
        let signals: Vec<String> = self.revoked.iter().map(ToString::to_string).collect();
        lines("", &signals, console)?;
        let tasks: Vec<String> = self
            .tasks
            .iter()
            .map(|task| format!("{} of {}", task.task_id, task.job_id))
            .collect();
        lines("tasks that were shown them", &tasks, console)?;
        let artifacts: Vec<String> = self
            .artifacts
            .iter()
            .map(|made| {
                format!(
                    "{} `{}` version {} of {}",
                    made.artifact_id, made.name, made.version, made.job_id
                )
            })
            .collect();
        lines("artifacts of these tasks", &artifacts, console)?;
        let calls: Vec<String> = self
            .tool_calls
            .iter()
            .map(|call| format!("{} `{}` of {}", call.call_id, call.tool, call.job_id))
            .collect();
        lines("tool calls of these tasks", &calls, console)?;
        Ok(0)
    }
}

fn lines(head: &str, lines: &[String], console: &mut Console) -> Result<(), Failure> {
    if !head.is_empty() {
        console.line(format!("{head}: {}", lines.len()))?;
    }
    for line in lines.iter().take(LINES_MAX) {
        console.line(format!("  {line}"))?;
    }
    if lines.len() > LINES_MAX {
        console.line(format!(
            "  and {} more; `--json` names them",
            lines.len() - LINES_MAX
        ))?;
    }
    Ok(())
}
