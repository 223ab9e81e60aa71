//! Learned guards from end to end: what two nodes have proven comes in a file, and stops a call of another node's agent.

use anthill_contracts::clock::{Clock as _, SystemClock, Timestamp};
use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::knowledge::{Ask, Conclusion};
use anthill_contracts::signal::{
    BundleClass, EvidenceClass, GUARD_SCHEMA, Origin, Outcome, Polarity, Proposal, Share, SignalBody, Trigger,
};
use anthill_contracts::spec::Quality;
use anthill_kit::cli::Workplace;
use anthill_signals::base::{Contribution, KnowledgeBase, Opening};
use anthill_signals::codec::snapshot_of;
use serde_json::{Value, json};

use crate::cli::workplace;

/// An agent that asks a tool for everything, whatever it is told, and reports what came of it.
const SCRIPT: &str = r#"
[[rules]]
when = { matter = "answer", after_tool = false }
tool_calls = [{ tool = "search", args = { query = "*everything*" } }]

[[rules]]
when = { matter = "answer", prompt = "known_bad: this call of `search` did not run, for it is known to be bad (it helps with" }
text = '{"claims": [{"text": "The call was stopped and the reason was told.", "quotes": [{"path": "ants.md", "quote": "A scout that finds food lays a trail."}], "relevance_milli": 900}]}'

[[rules]]
when = { matter = "answer", prompt = "warning: a call like this is known to be bad (it helps with" }
text = '{"claims": [{"text": "The call ran and carried a warning.", "quotes": [{"path": "ants.md", "quote": "A scout that finds food lays a trail."}], "relevance_milli": 900}]}'

[[rules]]
when = { matter = "answer" }
text = '{"claims": [{"text": "The call ran without a word.", "quotes": [{"path": "ants.md", "quote": "A scout that finds food lays a trail."}], "relevance_milli": 900}]}'
"#;

/// A node of the fleet that lets its runs use the guard, and learns from them that it helps.
struct Teacher {
    base: KnowledgeBase,
    node: u64,
    now: u64,
}

impl Teacher {
    fn new(node: u64, now: u64) -> Self {
        let opening = Opening {
            node,
            inc: 1,
            now,
            ..Opening::default()
        };
        Self {
            base: KnowledgeBase::open(opening),
            node,
            now,
        }
    }

    /// A guard for every kind of task that answers, not for the one kind that the test will run.
    fn contribute(&mut self) -> String {
        let guard = json!({"tool": "search", "when": [{"at": "/query", "is": {"contains": "*"}}]});
        let contribution = Contribution {
            scope: "answer".parse().expect("a scope"),
            proposal: Proposal {
                polarity: Polarity::Avoid,
                body: SignalBody::Action {
                    schema: GUARD_SCHEMA.to_owned(),
                    args: guard.to_string(),
                },
                trigger: Trigger::default(),
                parents: Vec::new(),
                source: "runbook".to_owned(),
            },
            tenant: Origin::tenant_number(&TenantId::default()),
            share: Share::Tenant,
            born_in: None,
            bundle: BundleClass::default(),
        };
        let contributed = self.base.contribute(&contribution, self.now);
        contributed.expect("it is a guard").signal.to_string()
    }

    /// One run: good where it was shown the guard, and poor where it was not.
    fn run(&mut self, number: u32) {
        let job_id = JobId::new(self.now, u128::from(self.node) << 32 | u128::from(number));
        let task_id = TaskId::derive(job_id, "answer", None);
        let receipt_id = ReceiptId::derive(task_id, "worker");
        let ask = Ask {
            receipt_id,
            job_id,
            task_id,
            seed: anthill_contracts::digest::Digest::of(task_id.as_bytes()),
            cut: None,
            peers: 1,
            tenant: TenantId::default(),
            scope: "answer/brief".parse().expect("a scope"),
            bundle: BundleClass::default(),
            text: "How do ants find food?".to_owned(),
            state: std::collections::BTreeMap::new(),
            schemas: vec![GUARD_SCHEMA.to_owned()],
            reads_text: true,
            tokens_max: 512,
            slots_max: 8,
            models: Vec::new(),
            quality_min: Quality::default(),
        };
        let receipt = self.base.recall(&ask, self.now);
        let is_warned = receipt.exposures.iter().any(|exposure| exposure.kept);
        let outcome = Outcome {
            receipt_id,
            score_milli: if is_warned { 950 } else { 250 },
            class: EvidenceClass::Verifier,
            harm: false,
            at: Timestamp(self.now),
        };
        let conclusion = Conclusion {
            receipt,
            outcomes: vec![outcome],
            spent: None,
            proposals: Vec::new(),
            share: Share::Tenant,
            at: Timestamp(self.now),
        };
        self.base.conclude(&conclusion, self.now);
    }
}

/// What two nodes have learned of a guard, in a file, and the guard's id.
fn proven(place: &Workplace) -> String {
    let now = SystemClock::new().now().0;
    let (mut one, mut other) = (Teacher::new(11, now), Teacher::new(12, now));
    let signal = one.contribute();
    for number in 0..120 {
        other.base.import(one.base.facts(), now);
        one.run(number);
        one.base.import(other.base.facts(), now);
        other.run(number);
    }
    one.base.import(other.base.facts(), now);
    place.write("fleet.ants", snapshot_of(&one.base.facts()));
    signal
}

/// A folder with documents, a script, and a configuration that lets guards go so far.
fn folder(place: &Workplace, guards: &str) {
    place.write(
        "docs/ants.md",
        "# Foraging\n\nAnts follow trails. A scout that finds food lays a trail.\n",
    );
    place.write("script.toml", SCRIPT);
    place.write(
        "anthill.toml",
        format!("[knowledge]\nguards = \"{guards}\"\n\n[models.scripts]\nstubborn = \"script.toml\"\n"),
    );
    place.write(
        "job.toml",
        "name = \"ask\"\ngoal = \"How do ants find food?\"\nshape = \"single\"\nmodel = \"scripted/stubborn\"\n\n\
         [[inputs]]\npath = \"docs\"\n",
    );
}

fn with_config<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [&["--config", "anthill.toml"], command].concat()
}

/// Runs the job and answers with its result and with the one call of a tool, as the journal tells it.
fn run(place: &Workplace) -> (String, Value) {
    place.run(with_config(&["run", "job.toml", "--quiet"])).ok();
    let result = place.read("anthill-out/ask/brief.md");
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"]
        .as_str()
        .expect("a job has an id")
        .to_owned();
    let events = place.run(["job", "events", &job, "--json"]).ok();
    let calls: Vec<Value> = events
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|line| found(&line, "tool"))
        .filter(|call| call["tool"] == "search")
        .collect();
    assert_eq!(calls.len(), 1, "it calls the tool once: {events}");
    (result, calls[0].clone())
}

/// Every value under this key, wherever it stands.
fn found(value: &Value, key: &str) -> Vec<Value> {
    let inner = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.get(key).filter(|own| own.is_object()).cloned();
    own.into_iter()
        .chain(inner.into_iter().flat_map(|inner| found(inner, key)))
        .collect()
}

#[test]
fn a_proven_guard_stops_a_call_and_says_why() {
    let place = workplace();
    folder(&place, "block");
    let signal = proven(&place);
    let taken = place
        .run(with_config(&["knowledge", "import", "fleet.ants", "--json"]))
        .json();
    assert!(taken["taken"].as_u64().is_some_and(|count| count > 0), "{taken}");
    let show = with_config(&["knowledge", "show", &signal]);
    let before = place.run(show.iter().chain(&["--json"])).json();
    assert_eq!(before["row"]["state"], "active", "{before}");
    assert_eq!(
        (&before["guard"]["mode"], &before["guard"]["breaker"]),
        (&json!("block"), &json!("closed")),
        "{before}"
    );
    assert_eq!(before["guard"]["blocked_since"], Value::Null);

    let (result, call) = run(&place);
    assert_eq!(call["ok"], false, "{call}");
    assert!(
        result.contains("The call was stopped and the reason was told."),
        "{result}"
    );

    let told = place.run(&show).ok();
    assert!(
        told.contains("guard     blocks calls") && told.contains("breaker   closed: every call is blocked"),
        "what the run has seen is known after its process: {told}"
    );
}

#[test]
fn a_guard_goes_no_further_than_the_node_lets_it() {
    for (guards, expected) in [
        ("advise", "The call ran without a word."),
        ("warn", "The call ran and carried a warning."),
    ] {
        let place = workplace();
        folder(&place, guards);
        let signal = proven(&place);
        place
            .run(with_config(&["knowledge", "import", "fleet.ants"]))
            .ok();
        let (result, call) = run(&place);
        assert_eq!(call["ok"], true, "{guards}: {call}");
        assert!(result.contains(expected), "{guards}: {result}");
        let life = place
            .run(with_config(&["knowledge", "show", &signal, "--json"]))
            .json();
        assert_eq!(life["guard"]["mode"], guards, "{life}");
    }
}

/// Nobody has proven it, so it warns at most; and what a person says here goes all the way at once.
#[test]
fn an_unproven_guard_warns_and_a_person_s_own_blocks() {
    let guard = r#"{"tool": "search", "when": [{"at": "/query", "is": {"contains": "*"}}]}"#;
    for (source, is_ok) in [("runbook", true), ("person", false)] {
        let place = workplace();
        folder(&place, "block");
        let contribute = [
            "knowledge",
            "contribute",
            "answer",
            "--schema",
            "guard",
            "--avoid",
            guard,
        ];
        place
            .run(with_config(&contribute).iter().chain(&["--source", source]))
            .ok();
        let (_, call) = run(&place);
        assert_eq!(call["ok"], is_ok, "{source}: {call}");
    }
}
