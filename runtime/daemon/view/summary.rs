//! What stands at the end: what came out and where, what it cost, what reuse saved, what was left out, what to do next.

use std::path::PathBuf;

use anthill_contracts::brief::{Brief, Skipped};
use anthill_contracts::budget::Amount;
use anthill_contracts::codes::{self, Code};
use anthill_contracts::id::JobId;
use anthill_contracts::store::{JobRow, JobStatus};
use anthill_contracts::task::ReasonCode;
use serde::Serialize;

use crate::console::{Console, Failure};
use crate::view::score::Score;
use crate::words;

/// Most skipped or unused files that are named to people; the brief names all of them.
const FILES_SHOWN_MAX: usize = 10;

/// The end of a job, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The job.
    pub job_id: JobId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Why, where it did not end well.
    pub reason: Option<ReasonCode>,
    /// For people, where it did not end well.
    pub detail: Option<String>,
    /// The program's exit code.
    pub exit: u8,
    /// Tasks that ended well.
    pub tasks_succeeded: u64,
    /// Of these, tasks whose work was taken from an earlier job.
    pub tasks_reused: u64,
    /// Tasks in all.
    pub tasks: u64,
    /// What it cost, over all runs of this job.
    pub spent: Amount,
    /// What reuse saved.
    pub saved: Amount,
    /// How good the work was found, where anything of it was.
    pub score: Option<Score>,
    /// Milliseconds of this run.
    pub elapsed_ms: u64,
    /// What came out, where something did.
    pub result: Option<ResultSummary>,
    /// The command that goes on with the job, where one does.
    pub resume: Option<String>,
}

/// What came out.
#[derive(Debug, Serialize)]
pub struct ResultSummary {
    /// Files that were written.
    pub files: Vec<PathBuf>,
    /// Whether the job has not reached its end.
    pub partial: bool,
    /// Sections of the brief.
    pub sections: u64,
    /// Claims of the brief.
    pub claims: u64,
    /// Quotations that carry them.
    pub citations: u64,
    /// Documents that were read and answered nothing.
    pub unused: Vec<String>,
    /// Files that were not read, and why.
    pub skipped: Vec<Skipped>,
}

impl ResultSummary {
    /// A result that is no brief.
    pub fn other(files: Vec<PathBuf>, status: JobStatus) -> Self {
        Self::new(&Brief::default(), files, status)
    }

    /// The counts of a brief.
    pub fn new(brief: &Brief, files: Vec<PathBuf>, status: JobStatus) -> Self {
        Self {
            files,
            partial: status != JobStatus::Succeeded,
            sections: brief.sections.len() as u64,
            claims: brief
                .sections
                .iter()
                .map(|section| section.claims.len() as u64)
                .sum(),
            citations: brief.citations.len() as u64,
            unused: brief.unused.clone(),
            skipped: brief.skipped.clone(),
        }
    }
}

/// The word for how a job stands. One that has its result and misses documents in it has not merely stopped on its way.
pub const fn standing(status: JobStatus, reason: Option<ReasonCode>) -> &'static str {
    match (status, reason) {
        (JobStatus::Paused, Some(ReasonCode::DocumentsUnread)) => "partial",
        _ => status.as_str(),
    }
}

/// The code of a job's end; `None` where it ended well.
pub fn code_of(job: &JobRow) -> Option<&'static Code> {
    match (job.status, job.reason) {
        (JobStatus::Succeeded, _) => None,
        (JobStatus::Paused, Some(ReasonCode::BudgetExhausted(_))) => Some(&codes::JOB_PARTIAL),
        (JobStatus::Paused, Some(ReasonCode::DocumentsUnread)) => Some(&codes::JOB_UNREAD),
        (_, Some(ReasonCode::DescriptorsExhausted)) => Some(&codes::DESCRIPTORS_EXHAUSTED),
        (JobStatus::Paused | JobStatus::Running, Some(ReasonCode::Interrupted) | None) => {
            Some(&codes::INTERRUPTED)
        }
        (JobStatus::Paused | JobStatus::Failed, Some(ReasonCode::ModelError)) => {
            // The journal keeps the provider's own code at the head of what it said.
            let told = job.detail.as_deref().and_then(code_within);
            Some(told.unwrap_or(&codes::MODEL_UNAVAILABLE))
        }
        (JobStatus::Failed | JobStatus::Paused, Some(ReasonCode::InputChanged)) => {
            // What was never there to read has a code of its own.
            let told = job.detail.as_deref().and_then(code_within);
            Some(told.unwrap_or(&codes::INPUT_CHANGED))
        }
        (JobStatus::Failed, Some(ReasonCode::InputUnreadable)) => Some(&codes::INPUT_UNREADABLE),
        (JobStatus::Failed, Some(ReasonCode::PlanInvalid)) => Some(&codes::PLAN_INVALID),
        (JobStatus::Cancelled, _) => Some(&codes::JOB_CANCELLED),
        (JobStatus::Failed | JobStatus::Paused | JobStatus::Running, _) => Some(&codes::JOB_FAILED),
    }
}

/// The first code that a text names.
fn code_within(text: &str) -> Option<&'static Code> {
    text.split(|character: char| !character.is_ascii_alphanumeric())
        .find_map(codes::find)
}

impl Summary {
    /// The end of a job as its row tells it.
    pub fn new(row: &JobRow, elapsed_ms: u64, result: Option<ResultSummary>) -> Self {
        let exit = code_of(row).map_or(0, |code| code.exit);
        Self {
            job_id: row.job_id,
            name: row.name.clone(),
            status: row.status,
            reason: row.reason,
            detail: row.detail.clone(),
            exit,
            tasks_succeeded: row.tasks_succeeded,
            tasks_reused: row.tasks_reused,
            tasks: row.tasks,
            spent: row.spent,
            saved: row.saved,
            score: row.score.as_ref().map(Score::of),
            elapsed_ms,
            result,
            resume: resume_command(row),
        }
    }

    /// Prints it: one object for a program, some lines for a person.
    pub fn print(&self, console: &mut Console) -> Result<(), Failure> {
        if console.is_json() {
            return console.object(&serde_json::json!({ "summary": self }));
        }
        console.line(self.head())?;
        if let Some(result) = &self.result {
            print_result(result, console)?;
        }
        let tasks = format!(
            "{} of {}",
            words::count(self.tasks_succeeded),
            words::counted(self.tasks, "task")
        );
        let time = words::time(self.elapsed_ms);
        console.line(format!(
            "  work     {tasks} done in {time}, {}",
            words::amount(&self.spent)
        ))?;
        if let Some(score) = &self.score {
            for line in score.lines() {
                console.line(format!("  {line}"))?;
            }
        }
        if self.tasks_reused > 0 {
            let reused = words::counted(self.tasks_reused, "task");
            let wall = match self.saved.wall_ms {
                0 => String::new(),
                milliseconds => format!(", {}", words::time(milliseconds)),
            };
            console.line(format!(
                "  reused   {reused}, which saved {}{wall}",
                words::amount(&self.saved)
            ))?;
        }
        if let Some(detail) = &self.detail {
            console.line(format!("  why      {}", words::shortened(detail, 400)))?;
        }
        match &self.resume {
            Some(command) => console.line(format!("  next     {command}")),
            None => console.line(format!("  next     anthill job show {}", self.job_id)),
        }
    }

    fn head(&self) -> String {
        let reason = self
            .reason
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        let standing = standing(self.status, self.reason);
        format!("{} `{}` {standing}{reason}", self.job_id, self.name)
    }
}

/// How to go on, where that is possible.
fn resume_command(row: &JobRow) -> Option<String> {
    if row.status.is_terminal() {
        return None;
    }
    let budget = match row.reason {
        Some(ReasonCode::BudgetExhausted(dimension)) => format!(" --budget {dimension}=LIMIT"),
        _ => String::new(),
    };
    Some(format!("anthill job resume {}{budget}", row.job_id))
}

fn print_result(result: &ResultSummary, console: &mut Console) -> Result<(), Failure> {
    let partial = if result.partial { "partial, " } else { "" };
    let claims = words::counted(result.claims, "claim");
    let sections = words::counted(result.sections, "section");
    let citations = words::counted(result.citations, "quotation");
    console.line(format!(
        "  result   {partial}{claims} in {sections}, backed by {citations}"
    ))?;
    for file in &result.files {
        console.line(format!("           {}", file.display()))?;
    }
    files("unused", "read, but not used", &result.unused, console)?;
    let skipped: Vec<String> = result
        .skipped
        .iter()
        .map(|file| format!("{} ({})", file.path, file.reason.words()))
        .collect();
    files("skipped", "not read", &skipped, console)
}

fn files(word: &str, meaning: &str, names: &[String], console: &mut Console) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    console.line(format!(
        "  {word:8} {}, {meaning}:",
        words::counted(names.len() as u64, "file")
    ))?;
    for name in names.iter().take(FILES_SHOWN_MAX) {
        console.line(format!("           {}", words::name(name)))?;
    }
    if names.len() > FILES_SHOWN_MAX {
        console.line(format!(
            "           and {} more, see brief.json",
            names.len() - FILES_SHOWN_MAX
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
