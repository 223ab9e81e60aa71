//! Ids by their beginning: nobody types 26 characters.

use anthill_contracts::artifact::ArtifactVersion;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::JobId;
use anthill_contracts::store::{ArtifactRow, JobFilter, Store};

use crate::console::Failure;

/// Jobs that are read at once while one is searched for.
const PAGE_ROWS: usize = 1000;

/// The one job whose id begins like this, with or without `job_`.
pub(super) async fn job(store: &dyn Store, beginning: &str) -> Result<JobId, Failure> {
    if let Ok(id) = beginning.parse::<JobId>() {
        return match store.job(id).await? {
            Some(_) => Ok(id),
            None => Err(not_found(beginning)),
        };
    }
    let wanted = normalized(beginning, JobId::PREFIX);
    let mut found: Option<JobId> = None;
    let mut filter = JobFilter {
        rows_max: PAGE_ROWS,
        ..JobFilter::default()
    };
    loop {
        let page = store.jobs(filter.clone()).await?;
        for row in &page {
            if !row.job_id.to_string().starts_with(&wanted) {
                continue;
            }
            if let Some(other) = found {
                return Err(ambiguous(beginning, &[other.to_string(), row.job_id.to_string()]));
            }
            found = Some(row.job_id);
        }
        match page.last() {
            Some(last) if page.len() == PAGE_ROWS => filter.before = Some(last.job_id),
            _ => return found.ok_or_else(|| not_found(beginning)),
        }
    }
}

/// The versions, oldest first, of the one artifact with this name, or whose id begins like this.
pub(super) fn artifact<'a>(rows: &'a [ArtifactRow], text: &str) -> Result<Vec<&'a ArtifactRow>, Failure> {
    let wanted = normalized(text, "artifact");
    let fits = |version: &ArtifactVersion| {
        version.name == text || version.artifact_id.to_string().starts_with(&wanted)
    };
    let versions: Vec<&ArtifactRow> = rows.iter().filter(|row| fits(&row.version)).collect();
    let Some(first) = versions.first() else {
        return Err(Problem::new(
            &codes::ARTIFACT_NOT_FOUND,
            format!("there is no artifact `{text}`"),
        )
        .into());
    };
    match versions
        .iter()
        .find(|row| row.version.artifact_id != first.version.artifact_id)
    {
        Some(other) => {
            let ids = [
                first.version.artifact_id.to_string(),
                other.version.artifact_id.to_string(),
            ];
            Err(ambiguous(text, &ids))
        }
        None => Ok(versions),
    }
}

fn normalized(text: &str, prefix: &str) -> String {
    let body = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .unwrap_or(text);
    format!("{prefix}_{}", body.to_ascii_uppercase())
}

fn not_found(beginning: &str) -> Failure {
    Problem::new(&codes::JOB_NOT_FOUND, format!("there is no job `{beginning}`")).into()
}

fn ambiguous(beginning: &str, ids: &[String]) -> Failure {
    let message = format!("`{beginning}` may mean {}", ids.join(" or "));
    Problem::new(&codes::ID_AMBIGUOUS, message).into()
}
