//! What a job has left behind, held against itself: every step once, with its reservation before it and its usage in the
//! sum; and every claim of a brief against the bytes of its file.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::brief::Brief;
use anthill_contracts::budget::Amount;
use anthill_contracts::step::{StepKind, StepRecord};
use anthill_kit::cli::{Finished, Workplace};
use serde_json::Value;

/// A job as its journal and its summary tell it.
pub(super) struct Account {
    pub(super) summary: Value,
    pub(super) events: Vec<Value>,
    pub(super) steps: Vec<StepRecord>,
}

impl Account {
    /// Of the only job of a folder, after a command that ran it with `--json`; everything must agree.
    #[track_caller]
    pub(super) fn of(place: &Workplace, finished: &Finished) -> Self {
        let lines = finished.json_lines();
        let last = lines.last().expect("the summary is always printed");
        let events = place.run(["job", "events", "job_", "--json"]).json_lines();
        let steps = fields(&events, "step_recorded")
            .map(|fields| serde_json::from_value(fields["step"].clone()).expect("a step"))
            .collect();
        let account = Self {
            summary: last["summary"].clone(),
            events,
            steps,
        };
        account.check_steps();
        account.check_sum();
        place.run(["audit", "verify"]).ok();
        account
    }

    /// The fields of every event of a kind.
    pub(super) fn fields(&self, kind: &str) -> impl Iterator<Item = &Value> {
        fields(&self.events, kind)
    }

    /// What all of it cost.
    pub(super) fn spent(&self) -> Amount {
        serde_json::from_value(self.summary["spent"].clone()).expect("an amount")
    }

    /// Steps that asked a model.
    pub(super) fn asked(&self) -> impl Iterator<Item = &StepRecord> {
        self.steps
            .iter()
            .filter(|step| matches!(step.kind, StepKind::Model { .. }))
    }

    /// Each step once, in order within its task, and its reservation durable before it.
    fn check_steps(&self) {
        let mut reserved = BTreeSet::new();
        let mut recorded = BTreeSet::new();
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for event in &self.events {
            let fields = &event["fields"];
            match event["event"].as_str() {
                Some("budget_reserved") => {
                    reserved.insert(fields["step_id"].to_string());
                }
                Some("step_recorded") => {
                    let step = &fields["step"];
                    let id = step["step_id"].to_string();
                    assert!(reserved.contains(&id), "a step without a reservation: {step}");
                    assert!(recorded.insert(id), "a step was recorded twice: {step}");
                    let seq = next.entry(fields["task_id"].to_string()).or_default();
                    assert_eq!(step["seq"], *seq, "a gap in a task's steps");
                    *seq += 1;
                }
                _ => {}
            }
        }
    }

    /// The steps' usage is what the job says that it spent.
    fn check_sum(&self) {
        let sum = self
            .steps
            .iter()
            .fold(Amount::ZERO, |sum, step| sum.plus(step.cost));
        let spent = self.spent();
        let compared = |amount: &Amount| {
            (
                amount.tokens_in,
                amount.tokens_out,
                amount.usd_micro,
                amount.steps,
            )
        };
        assert_eq!(compared(&sum), compared(&spent));
        for step in self.asked() {
            assert!(
                step.cost.tokens_in > 0 && step.cost.tokens_out > 0,
                "nothing was counted: {step:?}"
            );
        }
    }

    /// The reason codes of every verdict, in order; empty where the work was accepted.
    pub(super) fn verdicts(&self) -> Vec<String> {
        let reviews = self
            .fields("artifact_reviewed")
            .map(|fields| &fields["review"]["findings"]);
        let codes = |findings: &Value| {
            let findings = findings.as_array().expect("a list");
            let codes = findings
                .iter()
                .map(|finding| finding["reason"].as_str().expect("a reason code"));
            codes.collect::<Vec<_>>().join(" ")
        };
        reviews.map(codes).collect()
    }
}

fn fields<'a>(events: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    let of_kind = events.iter().filter(move |event| event["event"] == kind);
    of_kind.map(|event| &event["fields"])
}

/// The brief that a job wrote, if it wrote one. Whatever became of the job, no claim stands in it without a quotation, and
/// no quotation that its file does not hold.
#[track_caller]
pub(super) fn verified_brief(place: &Workplace, name: &str, documents: &std::path::Path) -> Option<Brief> {
    let text = std::fs::read_to_string(place.path(format!("anthill-out/{name}/brief.json"))).ok()?;
    let brief: Brief = serde_json::from_str(&text).expect("a brief");
    for citation in &brief.citations {
        let file = std::fs::read(documents.join(&citation.path)).expect("the source is there");
        let place = |offset: u64| usize::try_from(offset).expect("small");
        assert_eq!(
            file.get(place(citation.start)..place(citation.end)),
            Some(citation.quote.as_bytes()),
            "{citation:?}"
        );
    }
    let known: BTreeSet<u32> = brief.citations.iter().map(|citation| citation.n).collect();
    for claim in brief.sections.iter().flat_map(|section| &section.claims) {
        let backed =
            !claim.citations.is_empty() && claim.citations.iter().all(|number| known.contains(number));
        assert!(backed, "{claim:?}");
    }
    Some(brief)
}
