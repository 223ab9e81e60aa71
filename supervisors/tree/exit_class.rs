//! Reads a supervision event of ractor as an [`Exit`].

use ractor::ActorProcessingErr;

use crate::strategy::{CrashKind, Escalation, Exit, InputKey};

/// The reason with which a supervisor stops its children.
pub(super) const SHUTDOWN: &str = "shutdown";

/// ractor reports kills as terminations with one of these reasons; only the words tell them from normal exits.
const KILLED: [&str; 2] = ["killed", "actor_task_cancelled"];

/// An actor ended without an error.
pub(super) fn of_termination(reason: Option<&str>, input: Option<InputKey>) -> Exit {
    match reason {
        // A drained actor has worked off its queue and stopped: its work is done.
        None | Some("normal" | "Drained") => Exit::Normal,
        Some(SHUTDOWN) => Exit::Shutdown,
        Some(reason) if reason.starts_with("shutdown:") => Exit::Shutdown,
        Some(reason) if KILLED.contains(&reason) => Exit::Killed { input },
        Some(reason) => Exit::Failed {
            kind: CrashKind::Logic,
            message: reason.to_owned(),
            input,
        },
    }
}

/// An actor returned an error or panicked.
pub(super) fn of_failure(error: &ActorProcessingErr, input: Option<InputKey>) -> Exit {
    let message = error.to_string();
    let kind = if error.downcast_ref::<Escalation>().is_some() {
        CrashKind::Escalated
    } else if is_panic(error, &message) {
        CrashKind::Transient
    } else {
        CrashKind::Logic
    };
    Exit::Failed { kind, message, input }
}

/// ractor turns a panic into an error that is nothing but its text, whose debug form is that text in quotes. The
/// errors of our actors are typed, and look different. The answer only labels a report; restarts do not hang on it.
fn is_panic(error: &ActorProcessingErr, message: &str) -> bool {
    error.source().is_none() && format!("{error:?}") == format!("{message:?}")
}

#[cfg(test)]
mod tests;
