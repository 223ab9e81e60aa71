//! The metrics of this crate. Labels are bounded: strategy, kind of slot, kind of crash; never a name or an id.

use anthill_actors::agent::AgentKind;
use metrics::{counter, describe_counter};

use crate::child_spec::Strategy;
use crate::strategy::{Cause, CrashKind, Exit, Outcome, SupervisorEvent};

/// Restarts of children, by `strategy` and `kind`.
pub const RESTARTS: &str = "anthill_supervisors_restarts_total";
/// Supervisors that restarted too often and failed upward, by `strategy`.
pub const ESCALATIONS: &str = "anthill_supervisors_escalations_total";
/// Children that could not be killed, by `strategy` and `kind`.
pub const ORPHANS: &str = "anthill_supervisors_orphans_total";
/// Children left down because of a poisonous input, by `strategy` and `kind`.
pub const QUARANTINES: &str = "anthill_supervisors_quarantines_total";
/// Abnormal exits, by `crash` (`transient`, `poison`, `logic`, `escalated`, `killed`, `start`) and `kind`.
pub const CRASHES: &str = "anthill_supervisors_crashes_total";

/// Runs of jobs that ended, by `status`.
pub const JOB_RUNS: &str = "anthill_supervisors_job_runs_total";
/// Ends of runs that the knowledge did not take in before the deadline, by `occasion`: `run` or `opening`.
pub const CONCLUSIONS_GIVEN_UP: &str = "anthill_supervisors_given_up_conclusions_total";
/// Ends of runs of an earlier process that were told when its data directory was opened again.
pub const CONCLUSIONS_CAUGHT_UP: &str = "anthill_supervisors_caught_up_conclusions_total";
/// Agents that were shown nothing because the knowledge did not answer before the deadline, by `agent`.
pub const RECALL_TIMEOUTS: &str = "anthill_supervisors_recall_timeouts_total";
/// Frames that leads have had acknowledged.
pub const FRAMES: &str = "anthill_supervisors_frames_total";

/// All names above, for the test that compares dashboards and alerts with them.
pub const ALL: [&str; 10] = [
    RESTARTS,
    ESCALATIONS,
    ORPHANS,
    QUARANTINES,
    CRASHES,
    JOB_RUNS,
    FRAMES,
    CONCLUSIONS_GIVEN_UP,
    CONCLUSIONS_CAUGHT_UP,
    RECALL_TIMEOUTS,
];

/// Tells the recorder what each metric means.
pub fn describe() {
    describe_counter!(RESTARTS, "Restarts of children, by strategy and kind");
    describe_counter!(
        ESCALATIONS,
        "Supervisors that restarted too often and failed upward, by strategy"
    );
    describe_counter!(ORPHANS, "Children that could not be killed, by strategy and kind");
    describe_counter!(
        QUARANTINES,
        "Children left down because of a poisonous input, by strategy and kind"
    );
    describe_counter!(CRASHES, "Abnormal exits, by crash and kind");
    describe_counter!(JOB_RUNS, "Runs of jobs that ended, by status");
    describe_counter!(FRAMES, "Frames that leads have had acknowledged");
    describe_counter!(
        CONCLUSIONS_GIVEN_UP,
        "Ends of runs that the knowledge did not take in before the deadline, by occasion"
    );
    describe_counter!(
        CONCLUSIONS_CAUGHT_UP,
        "Ends of runs of an earlier process that were told when its data directory was opened again"
    );
    describe_counter!(
        RECALL_TIMEOUTS,
        "Agents that were shown nothing because the knowledge did not answer before the deadline"
    );
    begin_at_zero();
}

/// A counter that appears with its first event shows no increase, and its alert stays silent.
fn begin_at_zero() {
    for occasion in ["run", "opening"] {
        counter!(CONCLUSIONS_GIVEN_UP, "occasion" => occasion).increment(0);
    }
    for kind in [AgentKind::Planner, AgentKind::Worker, AgentKind::Critic] {
        counter!(RECALL_TIMEOUTS, "agent" => kind.as_str()).increment(0);
    }
}

pub(crate) fn conclusion_given_up(occasion: &'static str) {
    counter!(CONCLUSIONS_GIVEN_UP, "occasion" => occasion).increment(1);
}

pub(crate) fn conclusion_caught_up() {
    counter!(CONCLUSIONS_CAUGHT_UP).increment(1);
}

pub(crate) fn recall_timed_out(agent: &'static str) {
    counter!(RECALL_TIMEOUTS, "agent" => agent).increment(1);
}

pub(crate) fn job_ended(status: &'static str) {
    counter!(JOB_RUNS, "status" => status).increment(1);
}

pub(crate) fn frame_appended() {
    counter!(FRAMES).increment(1);
}

/// Counts what an event tells.
pub(crate) fn record(strategy: Strategy, event: &SupervisorEvent) {
    let strategy = strategy.label();
    match event {
        SupervisorEvent::ChildRestarting { kind, cause, .. } => {
            counter!(RESTARTS, "strategy" => strategy, "kind" => kind.label()).increment(1);
            if let Some(crash) = crash_of_cause(cause) {
                counter!(CRASHES, "crash" => crash, "kind" => kind.label()).increment(1);
            }
        }
        SupervisorEvent::ChildEnded { kind, exit, .. } => {
            if let Some(crash) = crash_label(exit) {
                counter!(CRASHES, "crash" => crash, "kind" => kind.label()).increment(1);
            }
        }
        SupervisorEvent::ChildQuarantined { kind, .. } => {
            counter!(QUARANTINES, "strategy" => strategy, "kind" => kind.label()).increment(1);
            counter!(CRASHES, "crash" => "poison", "kind" => kind.label()).increment(1);
        }
        SupervisorEvent::ChildOrphaned { kind, .. } => {
            counter!(ORPHANS, "strategy" => strategy, "kind" => kind.label()).increment(1);
        }
        SupervisorEvent::Ended {
            outcome: Outcome::Escalated(_),
        } => {
            counter!(ESCALATIONS, "strategy" => strategy).increment(1);
        }
        SupervisorEvent::Ended { .. } => {}
    }
}

fn crash_of_cause(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::Exited(exit) => crash_label(exit),
        Cause::StartFailed(_) => Some("start"),
    }
}

fn crash_label(exit: &Exit) -> Option<&'static str> {
    match exit {
        Exit::Normal | Exit::Shutdown => None,
        Exit::Killed { .. } => Some("killed"),
        Exit::Failed {
            kind: CrashKind::Transient,
            ..
        } => Some("transient"),
        Exit::Failed {
            kind: CrashKind::Poison,
            ..
        } => Some("poison"),
        Exit::Failed {
            kind: CrashKind::Logic,
            ..
        } => Some("logic"),
        Exit::Failed {
            kind: CrashKind::Escalated,
            ..
        } => Some("escalated"),
    }
}
