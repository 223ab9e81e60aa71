//! `anthill artifact`: what jobs made, version by version.

use anthill_contracts::artifact::Review;
use anthill_contracts::codes;
use anthill_contracts::digest::Blob;
use anthill_contracts::fault::Problem;
use anthill_contracts::store::{ArtifactRow, Store};
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use crate::boot;
use crate::cli::{ArtifactCommand, Common, prefix};
use crate::console::{Console, Failure};
use crate::words;

/// Lines around a change.
const CONTEXT_LINES: usize = 3;

/// Carries out one of the commands.
pub(super) fn perform(
    common: &Common,
    command: ArtifactCommand,
    console: &mut Console,
) -> Result<u8, Failure> {
    let config = common.begin(None)?.config;
    boot::block_on(async {
        let store = boot::open_read_only(&config)?;
        match command {
            ArtifactCommand::List { job } => list(&*store, &job, console).await,
            ArtifactCommand::Show {
                job,
                artifact,
                version,
            } => {
                let rows = rows_of(&*store, &job).await?;
                let versions = prefix::artifact(&rows, &artifact)?;
                let row = pick(&versions, version)?;
                show(&*store, row, console).await
            }
            ArtifactCommand::Diff {
                job,
                artifact,
                from,
                to,
            } => {
                let rows = rows_of(&*store, &job).await?;
                let versions = prefix::artifact(&rows, &artifact)?;
                let newer = pick(&versions, to)?;
                let older = pick(
                    &versions,
                    Some(from.unwrap_or(newer.version.version.saturating_sub(1))),
                )?;
                diff(&*store, [older, newer], console).await
            }
        }
    })
}

async fn rows_of(store: &dyn Store, job: &str) -> Result<Vec<ArtifactRow>, Failure> {
    let job_id = prefix::job(store, job).await?;
    Ok(store.artifacts(job_id).await?)
}

async fn list(store: &dyn Store, job: &str, console: &mut Console) -> Result<u8, Failure> {
    let rows = rows_of(store, job).await?;
    if console.is_json() {
        console.document(&json!({ "artifacts": rows }))?;
        return Ok(0);
    }
    let mut table = words::table([
        "ARTIFACT", "NAME", "VERSION", "BYTES", "CONTRACT", "MODEL", "TRUST", "REVIEW",
    ]);
    for row in &rows {
        let version = &row.version;
        table.add_row([
            version.artifact_id.to_string(),
            version.name.clone(),
            version.version.to_string(),
            words::count(version.bytes),
            version.contract.clone(),
            version.model.clone(),
            format!("{:?}", version.trust).to_lowercase(),
            row.reviews.iter().map(verdict).collect::<Vec<_>>().join(" "),
        ]);
    }
    console.line(words::rows(&table))?;
    Ok(0)
}

fn verdict(review: &Review) -> String {
    if review.accepted() {
        return "accepted".to_owned();
    }
    let mut reasons: Vec<String> = review
        .findings
        .iter()
        .map(|finding| finding.reason.to_string())
        .collect();
    reasons.dedup();
    format!("rejected:{}", reasons.join(","))
}

fn pick<'a>(versions: &[&'a ArtifactRow], wanted: Option<u32>) -> Result<&'a ArtifactRow, Failure> {
    let found = match wanted {
        Some(number) => versions.iter().find(|row| row.version.version == number),
        None => versions.iter().max_by_key(|row| row.version.version),
    };
    found.copied().ok_or_else(|| {
        let numbers: Vec<String> = versions
            .iter()
            .map(|row| row.version.version.to_string())
            .collect();
        let message = match wanted {
            Some(0) if versions.len() == 1 => {
                "there is only one version, nothing to compare it with".to_owned()
            }
            number => format!(
                "there is no version {}; there are: {}",
                number.unwrap_or_default(),
                numbers.join(", ")
            ),
        };
        Problem::new(&codes::ARTIFACT_NOT_FOUND, message).into()
    })
}

async fn show(store: &dyn Store, row: &ArtifactRow, console: &mut Console) -> Result<u8, Failure> {
    let body = store.blob(row.version.body).await?;
    if console.is_json() {
        console.document(&json!({ "artifact": row, "body": body_value(&body) }))?;
    } else {
        console.line(readable(&body).trim_end())?;
    }
    Ok(0)
}

/// A body as JSON where it is JSON, else as text.
fn body_value(body: &Blob) -> serde_json::Value {
    serde_json::from_slice(body.bytes())
        .unwrap_or_else(|_| String::from_utf8_lossy(body.bytes()).into_owned().into())
}

/// A body as people and line-wise comparisons want it: JSON with one value per line.
fn readable(body: &Blob) -> String {
    serde_json::from_slice::<serde_json::Value>(body.bytes())
        .and_then(|value| serde_json::to_string_pretty(&value))
        .map_or_else(
            |_| String::from_utf8_lossy(body.bytes()).into_owned(),
            |text| text + "\n",
        )
}

async fn diff(store: &dyn Store, pair: [&ArtifactRow; 2], console: &mut Console) -> Result<u8, Failure> {
    let [older, newer] = pair;
    let before = readable(&store.blob(older.version.body).await?);
    let after = readable(&store.blob(newer.version.body).await?);
    let diff = TextDiff::from_lines(&before, &after);
    let names = pair.map(|row| format!("{} version {}", row.version.name, row.version.version));
    if console.is_json() {
        let text = diff
            .unified_diff()
            .context_radius(CONTEXT_LINES)
            .header(&names[0], &names[1])
            .to_string();
        console.document(&json!({ "from": older, "to": newer, "diff": text }))?;
        return Ok(0);
    }
    console.line(format!("--- {}\n+++ {}", names[0], names[1]))?;
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        console.coloured("\u{1b}[36m", &hunk.header().to_string(), "")?;
        for change in hunk.iter_changes() {
            let colour = match change.tag() {
                ChangeTag::Equal => "",
                ChangeTag::Delete => "\u{1b}[31m",
                ChangeTag::Insert => "\u{1b}[32m",
            };
            let line = change.value().trim_end_matches('\n');
            console.coloured(colour, &format!("{}{line}", change.tag()), "")?;
        }
    }
    Ok(0)
}
