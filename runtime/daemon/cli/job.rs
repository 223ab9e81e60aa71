//! `anthill job`: what jobs there are, how they stand, what happened to them.

use anthill_contracts::event::Frame;
use anthill_contracts::store::{JobFilter, JobRow, Store, TaskRow};
use serde_json::{Value, json};

use crate::boot;
use crate::cli::{Common, JobCommand, StateFilter, prefix, run};
use crate::console::{Console, Failure};
use crate::view;
use crate::view::score::{self, Score};
use crate::view::summary::standing;
use crate::words;

/// Frames that are read at once.
const PAGE_FRAMES: usize = 500;

/// Most characters of an event's fields on a line for people.
const FIELDS_CHARS_MAX: usize = 160;

/// Carries out one of the commands.
pub(super) fn perform(common: &Common, command: JobCommand, console: &mut Console) -> Result<u8, Failure> {
    match command {
        JobCommand::Resume { job, ending } => return run::resume(common, &job, (ending, console)),
        JobCommand::Cancel { job } => return run::cancel(common, &job, console),
        JobCommand::List { .. } | JobCommand::Show { .. } | JobCommand::Events { .. } => {}
    }
    let config = common.begin(None)?.config;
    boot::block_on(async {
        let store = boot::open_read_only(&config)?;
        match command {
            JobCommand::List { state, limit } => list(&*store, (state, limit), console).await,
            JobCommand::Show { job } => show(&*store, &job, console).await,
            JobCommand::Events { job, from } => events(&*store, (&job, from), console).await,
            JobCommand::Resume { .. } | JobCommand::Cancel { .. } => unreachable!("carried out above"),
        }
    })
}

async fn list(
    store: &dyn Store,
    (state, limit): (Option<StateFilter>, u32),
    console: &mut Console,
) -> Result<u8, Failure> {
    let filter = JobFilter {
        state: state.map(Into::into),
        rows_max: limit as usize,
        ..JobFilter::default()
    };
    let jobs = store.jobs(filter).await?;
    if console.is_json() {
        let jobs: Vec<Value> = jobs.iter().map(with_score).collect();
        console.document(&json!({ "jobs": jobs }))?;
        return Ok(0);
    }
    let mut table = words::table([
        "JOB",
        "NAME",
        "STATE",
        "REASON",
        "TASKS",
        "REUSED",
        "SCORE",
        "COST",
        "SUBMITTED",
    ]);
    for job in &jobs {
        table.add_row([
            job.job_id.to_string(),
            job.name.clone(),
            standing(job.status, job.reason).to_owned(),
            job.reason.map_or_else(String::new, |reason| reason.to_string()),
            format!("{}/{}", job.tasks_succeeded, job.tasks),
            job.tasks_reused.to_string(),
            job.score
                .as_ref()
                .map_or_else(String::new, |sums| Score::of(sums).short()),
            words::cost(&job.spent),
            words::moment(job.submitted_at),
        ]);
    }
    console.line(words::rows(&table))?;
    Ok(0)
}

/// A job as a program reads it: its score with what follows from the sums.
fn with_score(job: &JobRow) -> Value {
    let mut value = json!(job);
    value["score"] = json!(job.score.as_ref().map(Score::of));
    value
}

async fn show(store: &dyn Store, job: &str, console: &mut Console) -> Result<u8, Failure> {
    let job_id = prefix::job(store, job).await?;
    let row = store.job(job_id).await?;
    let tasks = store.tasks(job_id).await?;
    if console.is_json() {
        console.document(&json!({ "job": row.as_ref().map(with_score), "tasks": tasks }))?;
        return Ok(0);
    }
    if let Some(row) = row {
        show_head(&row, console)?;
    }
    console.line("")?;
    show_tasks(&tasks, console)?;
    Ok(0)
}

fn show_head(job: &JobRow, console: &mut Console) -> Result<(), Failure> {
    let reason = job
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let standing = standing(job.status, job.reason);
    console.line(format!("{} `{}` {standing}{reason}", job.job_id, job.name))?;
    console.line(format!("  goal       {}", words::shortened(&job.goal, 200)))?;
    console.line(format!("  tenant     {}", job.tenant))?;
    console.line(format!("  submitted  {}", words::moment(job.submitted_at)))?;
    console.line(format!("  updated    {}", words::moment(job.updated_at)))?;
    console.line(format!(
        "  journal    {}, lead {}",
        words::counted(job.seq, "frame"),
        job.epoch
    ))?;
    console.line(format!("  spent      {}", words::amount(&job.spent)))?;
    if let Some(sums) = &job.score {
        for line in Score::of(sums).lines() {
            let (head, rest) = line.split_at(9);
            console.line(format!("  {head}  {rest}"))?;
        }
    }
    if job.tasks_reused > 0 {
        let reused = words::counted(job.tasks_reused, "task");
        console.line(format!(
            "  reused     {reused}, which saved {}",
            words::amount(&job.saved)
        ))?;
    }
    if let Some(detail) = &job.detail {
        console.line(format!("  why        {}", words::shortened(detail, 400)))?;
    }
    if !job.status.is_terminal() {
        console.line(format!("  next       anthill job resume {}", job.job_id))?;
    }
    Ok(())
}

fn show_tasks(tasks: &[TaskRow], console: &mut Console) -> Result<(), Failure> {
    let head = [
        "TASK", "NODE", "ITEM", "STATE", "TRY", "TIME", "SCORE", "COST", "MODEL", "REASON",
    ];
    let mut table = words::table(head);
    for task in tasks {
        let state = match &task.reused {
            Some(reuse) => format!("reused from {}", reuse.job_id),
            None => task.status.to_string(),
        };
        let time = match (task.started_at, task.ended_at) {
            (Some(start), Some(end)) => words::time(end.0.saturating_sub(start.0)),
            _ => String::new(),
        };
        let cost = match (task.spent.is_zero(), task.estimated) {
            (true, _) => String::new(),
            (false, false) => words::cost(&task.spent),
            (false, true) => format!("~{}", words::cost(&task.spent)),
        };
        let reason = match (task.reason, &task.detail) {
            (Some(reason), Some(detail)) => format!("{reason}: {}", words::shortened(detail, 80)),
            (Some(reason), None) => reason.to_string(),
            (None, _) => String::new(),
        };
        table.add_row([
            task.task_id.to_string(),
            task.node.clone(),
            words::name(task.label.as_deref().unwrap_or_default()).into_owned(),
            state,
            task.attempt.to_string(),
            time,
            task.score.as_ref().map_or_else(String::new, score::of_task),
            cost,
            task.model.as_ref().map_or_else(String::new, ToString::to_string),
            reason,
        ]);
    }
    console.line(words::rows(&table))?;
    if tasks.iter().any(|task| task.estimated) {
        console.line(
            "~ the provider did not count all tokens; the bound that was reserved for them is charged",
        )?;
    }
    Ok(())
}

async fn events(store: &dyn Store, (job, from): (&str, u64), console: &mut Console) -> Result<u8, Failure> {
    let job_id = prefix::job(store, job).await?;
    let mut next = from.max(1);
    loop {
        let frames = store.frames(job_id, next, PAGE_FRAMES).await?;
        let Some(last) = frames.last() else {
            return Ok(0);
        };
        next = last.seq + 1;
        for frame in &frames {
            if console.is_json() {
                view::print_events(frame, console)?;
            } else {
                print_frame(frame, console)?;
            }
        }
    }
}

fn print_frame(frame: &Frame, console: &mut Console) -> Result<(), Failure> {
    for event in &frame.events {
        let fields = serde_json::to_value(event).unwrap_or_default();
        let fields = fields
            .get(event.kind())
            .map_or_else(String::new, ToString::to_string);
        let fields = words::shortened(&fields, FIELDS_CHARS_MAX);
        let at = frame.at;
        console.line(format!("{:>6}  {at}  {:18} {fields}", frame.seq, event.kind()))?;
    }
    Ok(())
}
