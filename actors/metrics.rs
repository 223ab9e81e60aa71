//! Metrics of the agents, by constant names and with bounded labels.

use metrics::{counter, describe_counter};

/// Tool calls that ended, by outcome.
pub const TOOL_CALLS_TOTAL: &str = "anthill_actors_tool_calls_total";

/// Agents that ended, by kind and outcome.
pub const AGENTS_TOTAL: &str = "anthill_actors_agents_total";

/// Versions that were posted to a blackboard.
pub const ARTIFACT_VERSIONS_TOTAL: &str = "anthill_actors_artifact_versions_total";

/// Reviews, by verdict.
pub const REVIEWS_TOTAL: &str = "anthill_actors_reviews_total";

/// Tells the recorder what each metric means.
pub fn describe() {
    describe_counter!(TOOL_CALLS_TOTAL, "Tool calls that ended, by outcome");
    describe_counter!(AGENTS_TOTAL, "Agents that ended, by kind and outcome");
    describe_counter!(
        ARTIFACT_VERSIONS_TOTAL,
        "Versions that were posted to a blackboard"
    );
    describe_counter!(REVIEWS_TOTAL, "Reviews, by verdict");
}

pub(crate) fn tool_call(outcome: &'static str) {
    counter!(TOOL_CALLS_TOTAL, "outcome" => outcome).increment(1);
}

pub(crate) fn agent(kind: &'static str, outcome: &'static str) {
    counter!(AGENTS_TOTAL, "kind" => kind, "outcome" => outcome).increment(1);
}

pub(crate) fn artifact_version() {
    counter!(ARTIFACT_VERSIONS_TOTAL).increment(1);
}

pub(crate) fn review(verdict: &'static str) {
    counter!(REVIEWS_TOTAL, "verdict" => verdict).increment(1);
}
