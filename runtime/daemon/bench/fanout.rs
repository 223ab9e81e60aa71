//! `bench fanout`: one job whose plan fans out to `n` no-op tasks; each result is durable before the job goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::event::{Frame, JobEvent};
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, TaskId};
use anthill_supervisors::watch::JobUpdate;
use serde::Serialize;

use super::floor::Batches;
use super::process::cpu_seconds;
use super::{BenchOptions, Rig, Spread, noop_job, quantile};

/// What one task of a fan-out costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fanout {
    /// `fanout`.
    pub bench: &'static str,
    /// Tasks of one job.
    pub n: usize,
    /// Counted repetitions.
    pub repetitions: usize,
    /// Workers at once.
    pub parallel: usize,
    /// Tasks a second, from the submission of the job to its durable end.
    pub tasks_per_second: Spread,
    /// Milliseconds from a task's durable start to its durable end, half of the tasks.
    pub task_ms_p50: f64,
    /// The same, 99 of 100 tasks.
    pub task_ms_p99: f64,
    /// Microseconds of processor time for a task, all threads together.
    pub cpu_us_per_task: Spread,
    /// Bytes of journal for a task.
    pub bytes_per_task: f64,
    /// Appends, each with one sync.
    pub frames: usize,
    /// Tasks a second if the disk were all: the same bytes, synced in the same batches, to a plain file.
    pub floor_tasks_per_second: Spread,
    /// Our rate as a share of the floor's, pair by pair.
    pub ratio_to_floor: Spread,
}

struct Repetition {
    took: Duration,
    cpu: f64,
    floor: Duration,
    bytes: usize,
    frames: usize,
}

/// Runs the bench.
pub async fn fanout(options: &BenchOptions) -> Result<Fanout, Problem> {
    let rig = Rig::start(&options.dir, "fanout").await?;
    // The first run warms up, and is the one that is watched: a watcher reads every frame back, which costs.
    let task_ms = watched(&rig, options).await?;
    let mut measured = Vec::new();
    for _ in 0..options.repetitions {
        measured.push(once(&rig, options).await?);
    }
    rig.stop().await?;
    Ok(report(options, &measured, task_ms))
}

async fn once(rig: &Rig, options: &BenchOptions) -> Result<Repetition, Problem> {
    let spec = noop_job(options.n, options.parallel)?;
    let (began, cpu_before) = (rig.clock.mono(), cpu_seconds());
    let mut run = rig.node.submit(spec).await?;
    run.watch.end().await.problem.map_or(Ok(()), Err)?;
    let took = rig.clock.mono().saturating_sub(began);
    let cpu = cpu_seconds() - cpu_before;
    let frames = journal(rig, run.job_id).await?;
    // A lead appends one frame after the other, so each frame is a batch of its own.
    let batches = Batches::of(&frames, 1)?;
    let floor = batches.write(&rig.dir, &*rig.clock)?;
    Ok(Repetition {
        took,
        cpu,
        floor,
        bytes: batches.bytes(),
        frames: frames.len(),
    })
}

/// Every frame of a job.
async fn journal(rig: &Rig, job_id: JobId) -> Result<Vec<Frame>, Problem> {
    let mut frames: Vec<Frame> = Vec::new();
    loop {
        let next = frames.last().map_or(1, |last| last.seq + 1);
        let page = rig.store().frames(job_id, next, 512).await?;
        if page.is_empty() {
            return Ok(frames);
        }
        frames.extend(page);
    }
}

/// Runs the job once under a watcher; answers how long each task took.
async fn watched(rig: &Rig, options: &BenchOptions) -> Result<Vec<f64>, Problem> {
    let mut run = rig.node.submit(noop_job(options.n, options.parallel)?).await?;
    let mut frames: Vec<(Duration, Arc<Frame>)> = Vec::new();
    while let Some(update) = run.watch.next().await? {
        match update {
            JobUpdate::Events(frame) => frames.push((rig.clock.mono(), frame)),
            JobUpdate::Live { .. } => {}
            JobUpdate::Ended(end) => end.problem.map_or(Ok(()), Err)?,
        }
    }
    Ok(task_times(&frames))
}

/// Milliseconds from each task's durable start to its durable end, as a watcher sees them.
fn task_times(frames: &[(Duration, Arc<Frame>)]) -> Vec<f64> {
    let mut started: BTreeMap<TaskId, Duration> = BTreeMap::new();
    let mut times = Vec::new();
    for (at, frame) in frames {
        for event in &frame.events {
            match event {
                JobEvent::TaskStarted { task_id, .. } => drop(started.insert(*task_id, *at)),
                JobEvent::TaskSucceeded { task_id, .. } => {
                    let since = started.get(task_id).map(|start| at.saturating_sub(*start));
                    times.extend(since.map(|time| time.as_secs_f64() * 1e3));
                }
                _ => {}
            }
        }
    }
    times
}

fn report(options: &BenchOptions, measured: &[Repetition], mut task_ms: Vec<f64>) -> Fanout {
    let n = options.n as f64;
    let spread = |figure: fn(&Repetition, f64) -> f64| {
        Spread::of(measured.iter().map(|repetition| figure(repetition, n)).collect())
    };
    task_ms.sort_by(f64::total_cmp);
    Fanout {
        bench: "fanout",
        n: options.n,
        repetitions: measured.len(),
        parallel: options.parallel,
        tasks_per_second: spread(|repetition, n| n / repetition.took.as_secs_f64()),
        task_ms_p50: quantile(&task_ms, 0.5),
        task_ms_p99: quantile(&task_ms, 0.99),
        cpu_us_per_task: spread(|repetition, n| repetition.cpu * 1e6 / n),
        bytes_per_task: spread(|repetition, n| repetition.bytes as f64 / n).median,
        frames: measured
            .iter()
            .map(|repetition| repetition.frames)
            .max()
            .unwrap_or_default(),
        floor_tasks_per_second: spread(|repetition, n| n / repetition.floor.as_secs_f64()),
        ratio_to_floor: spread(|repetition, _| {
            repetition.floor.as_secs_f64() / repetition.took.as_secs_f64()
        }),
    }
}
