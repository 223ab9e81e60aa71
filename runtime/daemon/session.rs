//! One job in this process, from its first frame to its summary.
//!
//! The session owns the node and the store, feeds the view, and turns signals into an orderly stop: the first one
//! pauses the job durably and says how to go on, the second one ends the process at once. Both are safe: what was
//! acknowledged is on the disk in either case.

pub(crate) mod signals;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anthill_contracts::brief::Brief;
use anthill_contracts::budget::Limits;
use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::JobId;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::{JobRow, JobStatus, Store as _};
use anthill_store::{KnowledgeDb, SqliteStore};
use anthill_supervisors::node::{JobRun, Node};
use anthill_supervisors::watch::{JobEnd, JobUpdate, JobWatch};
use tokio::task::JoinSet;

use crate::boot::{self, Ground};
use crate::cli::Setting;
use crate::console::{Console, Failure};
use crate::export;
use crate::own_output;
use crate::session::signals::Signals;
use crate::telemetry::{self, MetricsServer};
use crate::view::summary::{ResultSummary, Summary, code_of, standing};
use crate::view::{Audience, View};

/// Exit code of a process that a signal ended.
const KILLED_EXIT: i32 = 130;

/// A running node with its view.
pub struct Session<'a> {
    node: Node,
    store: Arc<SqliteStore>,
    knowledge: Arc<KnowledgeDb>,
    clock: Arc<dyn Clock>,
    view: View,
    console: &'a mut Console,
    data_dir: PathBuf,
    _metrics: Option<MetricsServer>,
}

impl<'a> Session<'a> {
    /// Opens the data directory, starts the node, and serves metrics where that is wanted.
    pub(crate) async fn open(
        setting: &Setting,
        audience: Audience,
        console: &'a mut Console,
    ) -> Result<Self, Failure> {
        let config = &setting.config;
        let view = View::new(audience, setting.bars.clone());
        let metrics = match config.telemetry.metrics_socket()? {
            Some(address) => Some(telemetry::serve_metrics(address).await?),
            None => None,
        };
        if let Some(server) = &metrics {
            view.say(&format!("metrics: http://{}/metrics", server.address()));
        }
        let clock = boot::clock();
        let models = boot::models(config, Arc::clone(&clock))?;
        let store = boot::open_store(config, Arc::clone(&clock))?;
        let knowledge = boot::open_knowledge(config)?;
        let ground = Ground {
            store: Arc::clone(&store) as _,
            knowledge: Arc::clone(&knowledge) as _,
            models,
            clock: Arc::clone(&clock),
        };
        let node = boot::node(config, ground).await?;
        Ok(Self {
            node,
            store,
            knowledge,
            clock,
            view,
            console,
            data_dir: config.data.dir.clone(),
            _metrics: metrics,
        })
    }

    /// Carries a new job out to its end and answers with the exit code.
    pub async fn run(self, spec: JobSpec, out: Option<PathBuf>) -> Result<u8, Failure> {
        let folder = out.unwrap_or_else(|| export::default_folder(&spec.name));
        export::prepare(&folder)?;
        own_output::remember(&self.data_dir, &folder).await?;
        let started = self.clock.mono();
        match self.node.submit(spec).await {
            Ok(run) => self.follow(run, &folder, started).await,
            Err(problem) => self.refuse(problem).await,
        }
    }

    /// Goes on with a job and answers with the exit code.
    pub async fn resume(
        mut self,
        job_id: JobId,
        (topup, out): (Option<Limits>, Option<PathBuf>),
    ) -> Result<u8, Failure> {
        let row = self.row(job_id).await?;
        let folder = out.unwrap_or_else(|| export::default_folder(&row.name));
        export::prepare(&folder)?;
        own_output::remember(&self.data_dir, &folder).await?;
        let started = self.clock.mono();
        if self.has_unwritten_result(&row, &folder).await? {
            return self.conclude(&row, &folder, started).await;
        }
        self.show_past(job_id, row.seq).await?;
        match self.node.resume(job_id, topup).await {
            Ok(run) => self.follow(run, &folder, started).await,
            Err(problem) => self.refuse(problem).await,
        }
    }

    /// Ends a job for good.
    pub async fn cancel(self, job_id: JobId) -> Result<u8, Failure> {
        if let Err(problem) = self.node.cancel(job_id).await {
            return self.refuse(problem).await;
        }
        self.close().await?;
        if self.console.is_json() {
            self.console
                .document(&serde_json::json!({ "job_id": job_id, "status": "cancelled" }))?;
        } else {
            self.console.line(format!("{job_id} is cancelled"))?;
        }
        Ok(0)
    }

    async fn refuse(self, problem: Problem) -> Result<u8, Failure> {
        // What closing says follows from the problem; the first cause is what helps.
        let _ = self.close().await;
        Err(problem.into())
    }

    async fn close(&self) -> Result<(), Failure> {
        self.node.stop().await;
        let learned = self.knowledge.close();
        self.store.close()?;
        Ok(learned.map_err(Problem::from)?)
    }

    async fn row(&self, job_id: JobId) -> Result<JobRow, Failure> {
        let row = self.store.job(job_id).await?;
        Ok(row.ok_or_else(|| Problem::new(&codes::JOB_NOT_FOUND, format!("there is no job {job_id}")))?)
    }

    /// Brings the view to where the job stood, without a word.
    async fn show_past(&mut self, job_id: JobId, last_seq: u64) -> Result<(), Failure> {
        const PAGE_FRAMES: usize = 500;
        while self.view.progress().last_seq() < last_seq {
            let from = self.view.progress().last_seq() + 1;
            let frames = self.store.frames(job_id, from, PAGE_FRAMES).await?;
            if frames.is_empty() {
                break;
            }
            for frame in &frames {
                self.view.past(frame);
            }
        }
        Ok(())
    }

    async fn follow(
        mut self,
        run: JobRun,
        folder: &Path,
        started: std::time::Duration,
    ) -> Result<u8, Failure> {
        let JobRun { job_id, mut watch } = run;
        let end = self.watch(job_id, &mut watch).await;
        self.node.stop().await;
        self.view.close();
        if let Some(problem) = end?.problem {
            return self.refuse(problem).await;
        }
        let row = self.row(job_id).await?;
        self.conclude(&row, folder, started).await
    }

    /// Whether a job has ended well and its process could not say so any more.
    async fn has_unwritten_result(&self, row: &JobRow, folder: &Path) -> Result<bool, Failure> {
        match row.output {
            Some(digest) if row.status == JobStatus::Succeeded => {
                let body = self.store.blob(digest).await?;
                Ok(!export::holds(folder, body.bytes())?)
            }
            _ => Ok(false),
        }
    }

    /// Writes the result of a job that runs no more, tells of it, and answers with the exit code.
    async fn conclude(
        self,
        row: &JobRow,
        folder: &Path,
        started: std::time::Duration,
    ) -> Result<u8, Failure> {
        let result = self.export(row, folder).await;
        let elapsed = self.clock.mono().saturating_sub(started);
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let (result, export_failure) = match result {
            Ok(result) => (result, None),
            Err(failure) => (None, Some(failure)),
        };
        let shown = Summary::new(row, elapsed_ms, result).print(self.console);
        self.close().await?;
        if let Some(failure) = export_failure {
            return Err(failure);
        }
        let exit = verdict(row)?;
        match self.view.lost().map_or(shown, Err) {
            // The job is done; a reader that left early changes nothing about how it ended.
            Ok(()) | Err(Failure::ReaderGone) => Ok(exit),
            Err(failure) => Err(failure),
        }
    }

    /// Shows what happens until the run ends.
    async fn watch(&mut self, job_id: JobId, watch: &mut JobWatch) -> Result<JobEnd, Failure> {
        let mut signals = Signals::listen()?;
        let mut stopping = JoinSet::new();
        loop {
            tokio::select! {
                update = watch.next() => match update? {
                    Some(JobUpdate::Events(frame)) => self.view.frame(&frame, self.console)?,
                    Some(JobUpdate::Live { task_id, delta }) => self.view.delta(task_id, &delta),
                    Some(JobUpdate::Ended(end)) => return Ok(end),
                    None => return Err(Problem::new(&codes::DEFECT, "the job's lead ended without a word").into()),
                },
                () = signals.next() => {
                    if !stopping.is_empty() {
                        self.view.close();
                        kill_process();
                    }
                    let hint = format!("stopping in order; resume with: anthill job resume {job_id}; once more kills");
                    self.view.say(&hint);
                    let node = self.node.clone();
                    stopping.spawn(async move { node.stop().await });
                }
            }
        }
    }

    /// Writes the result to its folder, where there is one.
    async fn export(&self, row: &JobRow, folder: &Path) -> Result<Option<ResultSummary>, Failure> {
        let Some(digest) = row.output else {
            return Ok(None);
        };
        let body = self.store.blob(digest).await?;
        let summary = match serde_json::from_slice::<Brief>(body.bytes()) {
            Ok(brief) => ResultSummary::new(&brief, export::write(folder, &brief).await?, row.status),
            Err(_) => ResultSummary::other(export::write_other(folder, body.bytes()).await?, row.status),
        };
        Ok(Some(summary))
    }
}

/// Ends the process without waiting for anybody: every acknowledged frame is on the disk already.
#[expect(
    clippy::disallowed_methods,
    reason = "the second signal asks for exactly this"
)]
fn kill_process() -> ! {
    std::process::exit(KILLED_EXIT)
}

/// The exit code of a job that ended well, else the line that says why it did not.
fn verdict(row: &JobRow) -> Result<u8, Failure> {
    let Some(code) = code_of(row) else {
        return Ok(0);
    };
    let reason = row
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let detail = row.detail.as_deref().filter(|detail| !detail.is_empty());
    let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
    let standing = standing(row.status, row.reason);
    let message = format!("{} `{}` {standing}{reason}{detail}", row.job_id, row.name);
    Err(Problem::new(code, message).into())
}
