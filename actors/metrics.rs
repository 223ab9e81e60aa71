//! Metrics of the agents, by constant names and with bounded labels.

use anthill_contracts::signal::{Arm, Receipt};
use anthill_signals::base::{Concluded, Interval, Stats};
use metrics::{counter, describe_counter, describe_gauge, gauge};

/// Tool calls that ended, by outcome.
pub const TOOL_CALLS_TOTAL: &str = "anthill_actors_tool_calls_total";

/// Agents that ended, by kind and outcome.
pub const AGENTS_TOTAL: &str = "anthill_actors_agents_total";

/// Versions that were posted to a blackboard.
pub const ARTIFACT_VERSIONS_TOTAL: &str = "anthill_actors_artifact_versions_total";

/// Reviews, by verdict.
pub const REVIEWS_TOTAL: &str = "anthill_actors_reviews_total";

/// Signals, by state.
pub const KNOWLEDGE_SIGNALS: &str = "anthill_actors_knowledge_signals";

/// Signals that were chosen for runs, by what became of them: `shown` or `withheld`.
pub const KNOWLEDGE_EXPOSURES_TOTAL: &str = "anthill_actors_knowledge_exposures_total";

/// Runs that asked, by arm: `treated` or `control`.
pub const KNOWLEDGE_RECALLS_TOTAL: &str = "anthill_actors_knowledge_recalls_total";

/// Runs whose model was chosen by what was learned, by the provider of the model: names of models have no bound.
pub const KNOWLEDGE_ROUTED_RUNS_TOTAL: &str = "anthill_actors_knowledge_routed_runs_total";

/// Proposals of runs, by what became of them: `taken` or `refused`.
pub const KNOWLEDGE_PROPOSALS_TOTAL: &str = "anthill_actors_knowledge_proposals_total";

/// What the layer adds to the outcome of a run, by bound of the 95 % interval: `mean`, `low`, `high`.
pub const KNOWLEDGE_GAIN_RATIO: &str = "anthill_actors_knowledge_gain_ratio";

/// The same from the control arm alone.
pub const KNOWLEDGE_CONTROL_DIFFERENCE_RATIO: &str = "anthill_actors_knowledge_control_difference_ratio";

/// The gain relative to the outcome without the layer.
pub const KNOWLEDGE_LIFT_RATIO: &str = "anthill_actors_knowledge_lift_ratio";

/// Share of what was shown of late that had few runs behind it.
pub const KNOWLEDGE_NOVELTY_RATIO: &str = "anthill_actors_knowledge_novelty_ratio";

/// Below this novelty the fleet has stopped trying anything new, and an alert is due.
pub const KNOWLEDGE_NOVELTY_RATIO_MIN: f64 = 0.01;

/// Regimes that were bumped.
pub const KNOWLEDGE_REGIME_BUMPS: &str = "anthill_actors_knowledge_regime_bumps";

/// Tool calls that a guard matched, by what became of them: `blocked`, `warned`, `advised` or `probed`.
pub const KNOWLEDGE_GUARDED_CALLS_TOTAL: &str = "anthill_actors_knowledge_guarded_calls_total";

/// Bytes of facts that were exchanged, by direction: `in` or `out`.
pub const KNOWLEDGE_GOSSIP_BYTES_TOTAL: &str = "anthill_actors_knowledge_gossip_bytes_total";

/// Facts from elsewhere that were news.
pub const KNOWLEDGE_GOSSIP_ENTRIES_TOTAL: &str = "anthill_actors_knowledge_gossip_entries_total";

/// Age of the newest evidence from another node.
pub const KNOWLEDGE_REPLICA_LAG_SECONDS: &str = "anthill_actors_knowledge_replica_lag_seconds";

/// Texts that were to be embedded, by what they were and by what became of them.
pub const KNOWLEDGE_EMBEDDINGS_TOTAL: &str = "anthill_actors_knowledge_embeddings_total";

/// Rows of the store that could not be read when the knowledge was opened.
pub const KNOWLEDGE_DAMAGED_ROWS: &str = "anthill_actors_knowledge_damaged_rows";

/// Writes that failed; after the first one nothing more is taken in.
pub const KNOWLEDGE_WRITE_FAILURES_TOTAL: &str = "anthill_actors_knowledge_write_failures_total";

/// Tells the recorder what each metric means.
pub fn describe() {
    describe_counter!(TOOL_CALLS_TOTAL, "Tool calls that ended, by outcome");
    describe_counter!(AGENTS_TOTAL, "Agents that ended, by kind and outcome");
    describe_counter!(
        ARTIFACT_VERSIONS_TOTAL,
        "Versions that were posted to a blackboard"
    );
    describe_counter!(REVIEWS_TOTAL, "Reviews, by verdict");
    describe_knowledge();
}

fn describe_knowledge() {
    describe_gauge!(KNOWLEDGE_SIGNALS, "Signals, by state");
    describe_counter!(
        KNOWLEDGE_EXPOSURES_TOTAL,
        "Signals that were chosen for runs, by what became of them"
    );
    describe_counter!(KNOWLEDGE_RECALLS_TOTAL, "Runs that asked the knowledge, by arm");
    describe_counter!(
        KNOWLEDGE_ROUTED_RUNS_TOTAL,
        "Runs whose model was chosen by what was learned, by provider"
    );
    describe_counter!(
        KNOWLEDGE_PROPOSALS_TOTAL,
        "Proposals of runs, by what became of them"
    );
    describe_gauge!(
        KNOWLEDGE_GAIN_RATIO,
        "What the knowledge adds to the outcome of a run, with its interval"
    );
    describe_gauge!(
        KNOWLEDGE_CONTROL_DIFFERENCE_RATIO,
        "The same from the runs that were shown nothing"
    );
    describe_gauge!(
        KNOWLEDGE_LIFT_RATIO,
        "The gain relative to the outcome without the knowledge"
    );
    describe_gauge!(
        KNOWLEDGE_NOVELTY_RATIO,
        "Share of what was shown of late that had few runs behind it"
    );
    describe_gauge!(KNOWLEDGE_REGIME_BUMPS, "Regimes that were bumped");
    describe_counter!(
        KNOWLEDGE_GUARDED_CALLS_TOTAL,
        "Tool calls that a guard matched, by what became of them"
    );
    describe_counter!(
        KNOWLEDGE_GOSSIP_BYTES_TOTAL,
        "Bytes of facts that were exchanged, by direction"
    );
    describe_counter!(
        KNOWLEDGE_GOSSIP_ENTRIES_TOTAL,
        "Facts from elsewhere that were news"
    );
    describe_gauge!(
        KNOWLEDGE_REPLICA_LAG_SECONDS,
        "Age of the newest evidence from another node"
    );
    describe_gauge!(
        KNOWLEDGE_DAMAGED_ROWS,
        "Rows of the knowledge that could not be read when it was opened"
    );
    describe_counter!(
        KNOWLEDGE_EMBEDDINGS_TOTAL,
        "Texts that were to be embedded, by what they were and by what became of them"
    );
    describe_counter!(
        KNOWLEDGE_WRITE_FAILURES_TOTAL,
        "Writes of the knowledge that failed"
    );
    // One that appears with its first event shows no increase, and its alert stays silent.
    counter!(KNOWLEDGE_WRITE_FAILURES_TOTAL).increment(0);
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

pub(crate) fn knowledge_recalled(receipt: &Receipt) {
    let arm = match receipt.arm {
        Arm::Treated => "treated",
        Arm::Control => "control",
    };
    counter!(KNOWLEDGE_RECALLS_TOTAL, "arm" => arm).increment(1);
    for exposure in &receipt.exposures {
        let outcome = if exposure.kept { "shown" } else { "withheld" };
        counter!(KNOWLEDGE_EXPOSURES_TOTAL, "outcome" => outcome).increment(1);
    }
    if let Some(model) = &receipt.model {
        counter!(KNOWLEDGE_ROUTED_RUNS_TOTAL, "provider" => model.provider().to_owned()).increment(1);
    }
}

pub(crate) fn knowledge_concluded(concluded: &Concluded) {
    counter!(KNOWLEDGE_PROPOSALS_TOTAL, "outcome" => "taken").increment(concluded.signals.len() as u64);
    counter!(KNOWLEDGE_PROPOSALS_TOTAL, "outcome" => "refused").increment(concluded.refused.len() as u64);
}

pub(crate) fn guarded_call(verdict: &'static str) {
    counter!(KNOWLEDGE_GUARDED_CALLS_TOTAL, "verdict" => verdict).increment(1);
}

pub(crate) fn knowledge_imported(facts: usize) {
    counter!(KNOWLEDGE_GOSSIP_ENTRIES_TOTAL).increment(facts as u64);
}

pub(crate) fn knowledge_bytes(direction: &'static str, bytes: usize) {
    counter!(KNOWLEDGE_GOSSIP_BYTES_TOTAL, "direction" => direction).increment(bytes as u64);
}

pub(crate) fn knowledge_damaged(rows: usize) {
    gauge!(KNOWLEDGE_DAMAGED_ROWS).set(rows as f64);
}

/// `of` is `task` or `signal`.
pub(crate) fn knowledge_embedded<T, E>(of: &'static str, answer: &Result<T, E>, texts: usize) {
    let outcome = if answer.is_ok() { "made" } else { "failed" };
    counter!(KNOWLEDGE_EMBEDDINGS_TOTAL, "of" => of, "outcome" => outcome).increment(texts as u64);
}

pub(crate) fn knowledge_failed() {
    counter!(KNOWLEDGE_WRITE_FAILURES_TOTAL).increment(1);
}

pub(crate) fn knowledge_stats(stats: &Stats) {
    for (state, count) in &stats.signals {
        gauge!(KNOWLEDGE_SIGNALS, "state" => state.clone()).set(*count as f64);
    }
    interval(KNOWLEDGE_GAIN_RATIO, stats.gain);
    interval(KNOWLEDGE_CONTROL_DIFFERENCE_RATIO, stats.against_control);
    if let Some(lift) = stats.lift {
        gauge!(KNOWLEDGE_LIFT_RATIO).set(lift);
    }
    if let Some(novelty) = stats.novelty {
        gauge!(KNOWLEDGE_NOVELTY_RATIO).set(novelty);
    }
    if let Some(lag_ms) = stats.lag_ms {
        gauge!(KNOWLEDGE_REPLICA_LAG_SECONDS).set(lag_ms as f64 / 1000.0);
    }
    gauge!(KNOWLEDGE_REGIME_BUMPS).set(stats.regime_bumps as f64);
}

fn interval(name: &'static str, interval: Option<Interval>) {
    if let Some(Interval { mean, low, high }) = interval {
        gauge!(name, "bound" => "mean").set(mean);
        gauge!(name, "bound" => "low").set(low);
        gauge!(name, "bound" => "high").set(high);
    }
}
