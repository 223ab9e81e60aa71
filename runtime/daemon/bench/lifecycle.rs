//! `bench lifecycle`: many jobs of one no-op task each, from their spec to their durable end.

use std::time::Duration;

use anthill_contracts::event::Frame;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::JobId;
use futures::StreamExt as _;
use serde::Serialize;

use super::floor::Batches;
use super::process::cpu_seconds;
use super::{BenchOptions, Rig, Spread, noop_job, quantile, recorder, scraped};

/// What one job costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifecycle {
    /// `lifecycle`.
    pub bench: &'static str,
    /// Jobs of one repetition.
    pub n: usize,
    /// Counted repetitions.
    pub repetitions: usize,
    /// Jobs at once.
    pub parallel: usize,
    /// Jobs a second.
    pub jobs_per_second: Spread,
    /// Milliseconds from the submission of a job to its durable end, half of the jobs.
    pub job_ms_p50: f64,
    /// The same, 99 of 100 jobs.
    pub job_ms_p99: f64,
    /// Microseconds of processor time for a job, all threads together.
    pub cpu_us_per_job: Spread,
    /// Bytes of journal for a job.
    pub bytes_per_job: f64,
    /// Appends in one commit, on average: commits are shared between jobs.
    pub appends_per_commit: f64,
    /// Jobs a second if the disk were all: the same bytes, synced in batches of that size, to a plain file.
    pub floor_jobs_per_second: Spread,
    /// Our rate as a share of the floor's, pair by pair.
    pub ratio_to_floor: Spread,
}

struct Repetition {
    took: Duration,
    cpu: f64,
    floor: Duration,
    bytes: usize,
    job_ms: Vec<f64>,
}

/// Runs the bench.
pub async fn lifecycle(options: &BenchOptions) -> Result<Lifecycle, Problem> {
    let counts = recorder();
    let rig = Rig::start(&options.dir, "lifecycle").await?;
    let mut measured = Vec::new();
    let mut per_commit = 1.0;
    for repetition in 0..=options.repetitions {
        let before = counts
            .as_ref()
            .map(|handle| commits(&handle.render()))
            .unwrap_or_default();
        let (job_ids, mut outcome) = once(&rig, options).await?;
        let after = counts
            .as_ref()
            .map(|handle| commits(&handle.render()))
            .unwrap_or_default();
        per_commit = ((after.1 - before.1) / (after.0 - before.0).max(1.0)).max(1.0);
        floor(&rig, &job_ids, per_commit, &mut outcome).await?;
        // The first one warms up.
        if repetition > 0 {
            measured.push(outcome);
        }
    }
    rig.stop().await?;
    Ok(report(options, &measured, per_commit))
}

/// Commits so far, and appends in them.
fn commits(scrape: &str) -> (f64, f64) {
    let count = scraped(scrape, "anthill_store_batch_appends_count").unwrap_or_default();
    (
        count,
        scraped(scrape, "anthill_store_batch_appends_sum").unwrap_or_default(),
    )
}

async fn once(rig: &Rig, options: &BenchOptions) -> Result<(Vec<JobId>, Repetition), Problem> {
    let spec = noop_job(1, 1)?;
    let (began, cpu_before) = (rig.clock.mono(), cpu_seconds());
    let jobs = futures::stream::iter(0..options.n).map(|_| one_job(rig, spec.clone()));
    let ended: Vec<Result<(JobId, f64), Problem>> =
        jobs.buffer_unordered(options.parallel.max(1)).collect().await;
    let took = rig.clock.mono().saturating_sub(began);
    let cpu = cpu_seconds() - cpu_before;
    let (job_ids, job_ms) = ended
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    Ok((
        job_ids,
        Repetition {
            took,
            cpu,
            floor: Duration::ZERO,
            bytes: 0,
            job_ms,
        },
    ))
}

async fn one_job(rig: &Rig, spec: anthill_contracts::spec::JobSpec) -> Result<(JobId, f64), Problem> {
    let began = rig.clock.mono();
    let mut run = rig.node.submit(spec).await?;
    let end = run.watch.end().await;
    end.problem.map_or(Ok(()), Err)?;
    let took = rig.clock.mono().saturating_sub(began);
    Ok((run.job_id, took.as_secs_f64() * 1e3))
}

/// Writes the same bytes to a plain file, in batches as large as the commits were.
async fn floor(rig: &Rig, jobs: &[JobId], per_commit: f64, outcome: &mut Repetition) -> Result<(), Problem> {
    let mut frames: Vec<Frame> = Vec::new();
    for job_id in jobs {
        frames.extend(rig.store().frames(*job_id, 1, 64).await?);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small count"
    )]
    let batches = Batches::of(&frames, per_commit.round() as usize)?;
    outcome.bytes = batches.bytes();
    outcome.floor = batches.write(&rig.dir, &*rig.clock)?;
    Ok(())
}

fn report(options: &BenchOptions, measured: &[Repetition], per_commit: f64) -> Lifecycle {
    let n = options.n as f64;
    let spread = |figure: fn(&Repetition, f64) -> f64| {
        Spread::of(measured.iter().map(|repetition| figure(repetition, n)).collect())
    };
    let mut job_ms: Vec<f64> = measured
        .iter()
        .flat_map(|repetition| repetition.job_ms.clone())
        .collect();
    job_ms.sort_by(f64::total_cmp);
    Lifecycle {
        bench: "lifecycle",
        n: options.n,
        repetitions: measured.len(),
        parallel: options.parallel,
        jobs_per_second: spread(|repetition, n| n / repetition.took.as_secs_f64()),
        job_ms_p50: quantile(&job_ms, 0.5),
        job_ms_p99: quantile(&job_ms, 0.99),
        cpu_us_per_job: spread(|repetition, n| repetition.cpu * 1e6 / n),
        bytes_per_job: spread(|repetition, n| repetition.bytes as f64 / n).median,
        appends_per_commit: per_commit,
        floor_jobs_per_second: spread(|repetition, n| n / repetition.floor.as_secs_f64()),
        ratio_to_floor: spread(|repetition, _| {
            repetition.floor.as_secs_f64() / repetition.took.as_secs_f64()
        }),
    }
}
