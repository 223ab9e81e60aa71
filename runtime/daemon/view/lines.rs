//! Progress as lines: one for each note, or one JSON object for each event.

use anthill_contracts::codes;
use anthill_contracts::event::Frame;
use anthill_contracts::fault::Problem;
use anthill_contracts::task::TaskStatus;
use serde_json::{Value, json};

use crate::console::{Console, Failure};
use crate::view::progress::{Note, TaskEnd};
use crate::words;

/// Most characters of a detail within a line.
const DETAIL_CHARS_MAX: usize = 200;

/// Prints each event of a frame as one JSON object.
pub fn events(frame: &Frame, console: &mut Console) -> Result<(), Failure> {
    for event in &frame.events {
        let value = serde_json::to_value(event).map_err(|error| Problem::new(&codes::DEFECT, error))?;
        // The journal's form names the kind outside of the fields; a reader of lines wants it as a field.
        let fields = match value {
            Value::Object(tagged) => tagged
                .into_iter()
                .next()
                .map_or(Value::Null, |(_, fields)| fields),
            other => other,
        };
        console.object(&json!({
            "job_id": frame.job_id,
            "seq": frame.seq,
            "at": frame.at,
            "event": event.kind(),
            "fields": fields,
        }))?;
    }
    Ok(())
}

/// A note as a line, where it is worth one.
pub(super) fn line(note: &Note) -> Option<String> {
    let text = match note {
        Note::Submitted(title) => format!("{} `{}` begins with {}", title.job_id, title.name, title.model),
        Note::Resumed { job_id, epoch } => format!("{job_id} goes on, lead {epoch}"),
        Note::Planned { nodes, author } => format!("plan: {} (by {author})", nodes.join(" -> ")),
        Note::PlanRefused { reasons } => format!("plan refused: {}", reasons.join("; ")),
        Note::Expanded { node, items } => format!("{node}: {}", words::counted(*items, "item")),
        Note::Rejected { task, reasons } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            format!("{task}: sent back by the critic ({})", reasons.join(", "))
        }
        Note::Retried { task, detail } => {
            format!(
                "{task}: crashed and is tried again ({})",
                words::shortened(detail, DETAIL_CHARS_MAX)
            )
        }
        Note::TaskEnded(end) => task_ended(end),
        Note::Exhausted(dimension) => format!("budget: the limit on {dimension} is reached"),
        // The summary says it, and more.
        Note::Ended { .. } => return None,
    };
    Some(text)
}

fn task_ended(end: &TaskEnd) -> String {
    let (position, total) = end.position;
    let place = match total {
        Some(1) => String::new(),
        Some(total) => format!(" {position}/{total}"),
        None => format!(" {position}"),
    };
    let mut parts = vec![format!("{}{place}: {}", end.task, end.status)];
    if let Some(reason) = end.reason {
        parts.push(format!(" ({reason})"));
    }
    if let Some(model) = &end.model {
        parts.push(format!(" with {model}"));
    }
    if end.reused {
        parts.push(", reused".to_owned());
    } else if end.status == TaskStatus::Succeeded && !end.spent.is_zero() {
        parts.push(format!(", {}", words::cost(&end.spent)));
    }
    if !end.detail.is_empty() {
        parts.push(format!(": {}", words::shortened(&end.detail, DETAIL_CHARS_MAX)));
    }
    parts.concat()
}
