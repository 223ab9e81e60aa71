//! `anthill explain`: the page of an error code, or what a reason code means.

use anthill_contracts::budget::Dimension;
use anthill_contracts::codes::{self, Code};
use anthill_contracts::fault::Problem;
use anthill_contracts::task::ReasonCode;
use serde_json::json;

use crate::console::{Console, Failure};
use crate::document;
use crate::words;

/// Explains one code, or lists all of them.
pub(super) fn explain(code: Option<&str>, console: &mut Console) -> Result<u8, Failure> {
    match code {
        Some(text) => explain_one(text, console)?,
        None if console.is_json() => {
            let errors: Vec<_> = codes::ALL.iter().copied().map(error_entry).collect();
            let reasons: Vec<_> = reasons().map(reason_entry).collect();
            console.document(&json!({ "errors": errors, "reasons": reasons }))?;
        }
        None => list(console)?,
    }
    Ok(0)
}

fn explain_one(text: &str, console: &mut Console) -> Result<(), Failure> {
    if let Some(code) = codes::find(text) {
        return if console.is_json() {
            console.document(&error_entry(code))
        } else {
            console.line(code.page.trim_end())
        };
    }
    if let Ok(reason) = text.to_ascii_lowercase().parse::<ReasonCode>() {
        return if console.is_json() {
            console.document(&reason_entry(reason))
        } else {
            console.line(format!("# {reason}\n\n{}", meaning(reason)))
        };
    }
    Err(unknown(text).into())
}

fn unknown(text: &str) -> Problem {
    let upper = text.to_ascii_uppercase();
    let names: Vec<String> = reasons().map(|reason| reason.to_string()).collect();
    let known = codes::ALL
        .iter()
        .map(|code| code.id)
        .filter(|_| upper.starts_with("AH"));
    let nearest = document::nearest(&upper, known)
        .or_else(|| document::nearest(&text.to_ascii_lowercase(), names.iter().map(String::as_str)));
    let hint = nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    Problem::new(&codes::CODE_UNKNOWN, format!("there is no code `{text}`{hint}"))
}

fn list(console: &mut Console) -> Result<(), Failure> {
    let mut errors = words::table(["CODE", "EXIT", "ERROR"]);
    for code in codes::ALL {
        errors.add_row([code.id.to_owned(), code.exit.to_string(), code.title.to_owned()]);
    }
    console.line(words::rows(&errors))?;
    console.line("")?;
    let mut table = words::table(["REASON", "MEANING"]);
    for reason in reasons() {
        table.add_row([reason.to_string(), meaning(reason)]);
    }
    console.line(words::rows(&table))?;
    console.line("\nA page on each: anthill explain CODE")
}

fn reasons() -> impl Iterator<Item = ReasonCode> {
    let budget = Dimension::ALL.into_iter().map(ReasonCode::BudgetExhausted);
    ReasonCode::PLAIN.iter().copied().chain(budget)
}

fn error_entry(code: &Code) -> serde_json::Value {
    json!({
        "code": code.id,
        "title": code.title,
        "remedy": code.remedy,
        "exit": code.exit,
        "page": code.page,
    })
}

fn reason_entry(reason: ReasonCode) -> serde_json::Value {
    json!({ "reason": reason, "meaning": meaning(reason) })
}

/// What a reason code means and what can be done. Every code must stand here, so there is no arm for the rest.
fn meaning(reason: ReasonCode) -> String {
    let text = match reason {
        ReasonCode::BudgetExhausted(dimension) => {
            return format!(
                "The budget's limit on {dimension} was reached; go on with `anthill job resume JOB --budget {dimension}=LIMIT`. Where a task's detail names a limit of its own, that one has to be raised."
            );
        }
        ReasonCode::ToolTimeout => "A tool did not answer in time; resume the job to try again.",
        ReasonCode::PolicyDenied => "Policy forbids it; ask for less, or have the policy changed.",
        ReasonCode::ContractViolation => {
            "An answer did not fit the output contract, also after it was asked to mend it."
        }
        ReasonCode::CriticRejected => {
            "The critic refused the work in every round; see the reviews with `anthill artifact list JOB`."
        }
        ReasonCode::QuoteNotFound => "A quotation does not stand in its source at its place.",
        ReasonCode::ClaimUncited => "A claim has no citation.",
        ReasonCode::TooLong => "A text is longer than `output` in the job file allows.",
        ReasonCode::OpinionRejected => "A model that reviewed the work did not accept it.",
        ReasonCode::DependencyFailed => "A task that this one needs did not succeed; see that one's reason.",
        ReasonCode::NodeLost => "The process that ran it went away; resume the job.",
        ReasonCode::ModelError => {
            "The model's provider refused or failed for good; the task's detail says what it said."
        }
        ReasonCode::Poison => "The same input killed its worker again and again, and is set aside.",
        ReasonCode::Stalled => "There was no progress for too long.",
        ReasonCode::Cancelled => "Somebody cancelled it.",
        ReasonCode::Interrupted => "The process was told to stop; go on with `anthill job resume JOB`.",
        ReasonCode::InputChanged => {
            "An input file is gone or has other content than when the job listed it, and is set aside; let the files stand still and resume the job, or run it again."
        }
        ReasonCode::DocumentsUnread => {
            "Some documents could not be read, and the result is made of the rest; `anthill job resume JOB` tries just these again."
        }
        ReasonCode::InputUnreadable => {
            "The operating system does not let anybody read an input file; change its permissions and resume the job."
        }
        ReasonCode::DescriptorsExhausted => {
            "The process may not open any more files; raise the limit with `ulimit -n` and resume the job."
        }
        ReasonCode::PlanInvalid => "No plan passed validation; see why with `anthill job events JOB`.",
        ReasonCode::Defect => "The runtime itself is at fault; report it with the log.",
        ReasonCode::KnownBad => {
            "A guard that was learned did not let a tool call run; see it with `anthill knowledge show SIGNAL`."
        }
        ReasonCode::PromptTooLong => {
            "The prompt is longer than the model can take; use a model with a longer context, or a smaller `work.chunk_bytes`."
        }
        ReasonCode::AnswerCut => {
            "The model's answer was cut off at its token limit; the task's detail says which limit that was."
        }
        ReasonCode::AnswerRefused => {
            "The model refused to answer, or a content filter withheld the answer; it is not asked again."
        }
    };
    text.to_owned()
}
