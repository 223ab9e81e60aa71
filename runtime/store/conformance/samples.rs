//! One event of each kind, with fixed ids: the matter of the suite and of the golden frames.

use anthill_contracts::artifact::{ArtifactVersion, Review, ReviewFinding, Trust};
use anthill_contracts::budget::{Amount, Dimension, Limits, Usd};
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::{JobEvent, Reuse};
use anthill_contracts::id::{
    ArtifactId, JobId, NodeId, ReceiptId, SignalId, StepId, TaskId, TenantId, ToolCallId,
};
use anthill_contracts::knowledge::Cut;
use anthill_contracts::model::Counted;
use anthill_contracts::plan::{DocumentSlice, Item, NodeKind, Plan, PlanNode, Role};
use anthill_contracts::signal::{
    Arm, BundleClass, Chosen, EvidenceClass, Exposure, Outcome, Polarity, Proposal, Receipt, SignalBody,
    Trigger,
};
use anthill_contracts::spec::{
    InputSpec, JobSpec, KnowledgeSpec, OutputSpec, ReviewSpec, RoutingSpec, Shape, WorkSpec,
};
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use anthill_contracts::task::ReasonCode;

/// The job of the samples.
pub fn job_id() -> JobId {
    JobId::new(1_700_000_000_000, 1)
}

/// A node id.
pub fn node_id() -> NodeId {
    NodeId::new(1_700_000_000_000, 2)
}

/// A body.
pub fn body(text: &str) -> Blob {
    Blob::new(text.as_bytes())
}

/// A spec with every part filled in.
pub fn spec(tenant: &str) -> JobSpec {
    JobSpec {
        name: "brief".to_owned(),
        goal: "What does the colony promise?".to_owned(),
        tenant: tenant.parse::<TenantId>().expect("the name of a tenant"),
        shape: Shape::Plan,
        model: "builtin/extract".parse().expect("the name of a model"),
        inputs: vec![InputSpec {
            path: "/data/docs".into(),
            include: vec!["**/*.md".to_owned()],
            exclude: vec!["draft/**".to_owned()],
        }],
        budget: Limits {
            tokens_in: Some(100_000),
            usd: Some(Usd(500_000)),
            ..Limits::default()
        },
        review: ReviewSpec::default(),
        output: OutputSpec::default(),
        work: WorkSpec::default(),
        plan: Some(plan()),
        knowledge: KnowledgeSpec::default(),
        routing: RoutingSpec::default(),
    }
}

/// Documents, a map over them, a reduce and a check.
pub fn plan() -> Plan {
    let node = |id: &str, kind, role, deps: &[&str]| PlanNode {
        id: id.to_owned(),
        kind,
        role,
        deps: deps.iter().map(|dep| (*dep).to_owned()).collect(),
        over: None,
        items: Vec::new(),
        instructions: None,
        review: false,
        budget: Limits::default(),
        optional: false,
    };
    let read = PlanNode {
        over: Some("documents".to_owned()),
        instructions: Some("quote briefly".to_owned()),
        review: true,
        optional: true,
        ..node("read", NodeKind::Map, Some(Role::Reader), &["documents"])
    };
    let nodes = vec![
        node("documents", NodeKind::Documents, None, &[]),
        read,
        node("brief", NodeKind::Reduce, Some(Role::Writer), &["read"]),
        node("verify", NodeKind::Verify, None, &["brief"]),
    ];
    Plan { nodes }
}

/// Items of the map.
pub fn items() -> Vec<Item> {
    let item = |path: &str| Item {
        label: path.to_owned(),
        document: Some(DocumentSlice {
            path: path.to_owned(),
            digest: Digest::of(path.as_bytes()),
            start: 0,
            end: 100,
        }),
        kind: None,
    };
    vec![item("a.md"), item("b.md")]
}

/// The task that reads one item.
pub fn reader(index: u32) -> TaskId {
    TaskId::derive(job_id(), "read", Some(index))
}

/// What a step of the samples costs.
pub fn cost() -> Amount {
    Amount {
        tokens_in: 900,
        tokens_out: 120,
        usd_micro: 35,
        steps: 1,
        ..Amount::ZERO
    }
}

/// A recorded step.
pub fn step(task_id: TaskId, seq: u32, kind: StepKind) -> StepRecord {
    StepRecord {
        step_id: StepId::derive(task_id, seq),
        seq,
        phase: Phase::Work,
        round: 0,
        kind,
        request: body("request").digest(),
        answer: body("answer").digest(),
        cost: cost(),
    }
}

/// The step that asks a model.
pub fn model_step(task_id: TaskId, seq: u32) -> StepRecord {
    step(
        task_id,
        seq,
        StepKind::Model {
            model: "builtin/extract".to_owned(),
            counted: Counted::Provider,
        },
    )
}

/// A version of a reader's artifact.
pub fn version(task_id: TaskId, number: u32) -> ArtifactVersion {
    let step_id = StepId::derive(task_id, number);
    ArtifactVersion {
        artifact_id: ArtifactId::derive(task_id, "findings"),
        name: "findings".to_owned(),
        version: number,
        parent: (number > 1).then(|| body(&format!("findings {}", number - 1)).digest()),
        body: body(&format!("findings {number}")).digest(),
        bytes: 10,
        owner: task_id,
        key: ToolCallId::derive(step_id, "post_artifact", "{}"),
        contract: "findings".to_owned(),
        model: "builtin/extract".to_owned(),
        trust: Trust::External,
    }
}

/// A review of a version; without findings it accepts.
pub fn review(task_id: TaskId, number: u32, findings: Vec<ReviewFinding>) -> Review {
    Review {
        artifact_id: ArtifactId::derive(task_id, "findings"),
        version: number,
        round: number - 1,
        score_milli: if findings.is_empty() { 1000 } else { 500 },
        findings,
    }
}

/// One event of each kind.
pub fn events() -> Vec<JobEvent> {
    let mut events = job_events();
    events.extend(task_events(reader(0)));
    events.extend(signal_events(reader(0)));
    events
}

/// What a reader was shown: a text, and an action that was withheld to measure it.
pub fn receipt(task_id: TaskId) -> Receipt {
    let exposure = |kept, body| Exposure {
        signal: SignalId::of_parts(&[b"sample"]),
        propensity_milli: 980,
        kept,
        chosen: if kept { Chosen::Drawn } else { Chosen::Probation },
        tokens: 12,
        polarity: Polarity::Do,
        body,
        mean_micro: 52_000,
    };
    let text = SignalBody::Text {
        text: "Quote the sentence with the figure in it.".to_owned(),
    };
    let action = SignalBody::Action {
        schema: "extract_strategy".to_owned(),
        args: r#"{"rank":"lead"}"#.to_owned(),
    };
    Receipt {
        receipt_id: ReceiptId::derive(task_id, "worker"),
        job_id: job_id(),
        task_id,
        tenant: TenantId::default(),
        scope: "read/markdown".parse().expect("a scope"),
        bundle: BundleClass { family: 7, exact: 9 },
        arm: Arm::Treated,
        exposures: vec![exposure(true, text), exposure(false, action)],
        at: Timestamp(1_700_000_000_400),
        model: None,
        weighed: Vec::new(),
    }
}

fn signal_events(task_id: TaskId) -> Vec<JobEvent> {
    let receipt = receipt(task_id);
    let outcome = Outcome {
        receipt_id: receipt.receipt_id,
        score_milli: 875,
        class: EvidenceClass::Verifier,
        harm: false,
        at: Timestamp(1_700_000_000_900),
    };
    let proposal = Proposal {
        polarity: Polarity::Avoid,
        body: SignalBody::Text {
            text: "Do not join two sentences into one quotation.".to_owned(),
        },
        trigger: Trigger::default(),
        parents: Vec::new(),
        source: String::new(),
    };
    vec![
        JobEvent::KnowledgeCut {
            cut: Cut {
                digest: Digest::of(b"what was known"),
                at: Timestamp(1_700_000_000_700),
            },
            inputs: Digest::of(b"the inputs"),
            documents: 12,
        },
        JobEvent::SignalsProposed {
            task_id,
            proposals: vec![proposal],
        },
        JobEvent::SignalCredited {
            task_id,
            receipt_id: receipt.receipt_id,
            outcome: Some(outcome),
        },
        JobEvent::SignalExposed {
            task_id,
            receipt: Box::new(receipt),
        },
    ]
}

fn job_events() -> Vec<JobEvent> {
    let partial = Some(body("partial").digest());
    let output = Some(body("brief").digest());
    let reason = ReasonCode::BudgetExhausted(Dimension::TokensIn);
    vec![
        JobEvent::JobSubmitted {
            spec: Box::new(spec("default")),
        },
        JobEvent::LeadChanged {
            node_id: node_id(),
            epoch: 1,
        },
        JobEvent::PlanRefused {
            proposal: 1,
            reasons: vec!["`a` depends on itself".to_owned()],
        },
        JobEvent::PlanProposed {
            plan: plan(),
            author: "template:map_reduce_verify".to_owned(),
        },
        JobEvent::NodeExpanded {
            node: "read".to_owned(),
            items: items(),
        },
        JobEvent::BudgetExhausted {
            task_id: Some(reader(0)),
            dimension: Dimension::TokensIn,
        },
        JobEvent::BudgetToppedUp {
            limits: Limits {
                steps: Some(9),
                ..Limits::default()
            },
        },
        JobEvent::JobPaused {
            reason,
            detail: "the budget is used up".to_owned(),
            partial,
            wall_ms: 700,
        },
        JobEvent::JobSucceeded { output, wall_ms: 900 },
        JobEvent::JobFailed {
            reason: ReasonCode::ModelError,
            detail: "no answer".to_owned(),
            wall_ms: 5,
        },
        JobEvent::JobCancelled { wall_ms: 6 },
    ]
}

fn task_events(task_id: TaskId) -> Vec<JobEvent> {
    let step_id = StepId::derive(task_id, 0);
    let tool = StepKind::Tool {
        call_id: ToolCallId::derive(step_id, "read_file", "{}"),
        tool: "read_file".to_owned(),
        ok: true,
    };
    let finding = ReviewFinding {
        reason: ReasonCode::QuoteNotFound,
        detail: "claim 1".to_owned(),
    };
    let reused = Some(Reuse {
        job_id: JobId::new(1_600_000_000_000, 3),
        task_id,
        saved: cost(),
    });
    vec![
        JobEvent::TaskStarted { task_id, attempt: 1 },
        JobEvent::BudgetReserved {
            task_id,
            step_id,
            amount: cost(),
        },
        JobEvent::StepRecorded {
            task_id,
            step: step(task_id, 0, tool),
        },
        JobEvent::BudgetReleased { task_id, step_id },
        JobEvent::ArtifactPosted {
            task_id,
            version: version(task_id, 2),
        },
        JobEvent::ArtifactReviewed {
            task_id,
            review: review(task_id, 2, vec![finding]),
        },
        JobEvent::TaskSucceeded {
            task_id,
            output: Some(body("findings 2").digest()),
            reused,
            memo: Some(Digest::of(b"memo")),
        },
        JobEvent::TaskRetried {
            task_id,
            attempt: 1,
            detail: "it panicked".to_owned(),
        },
        JobEvent::TaskFailed {
            task_id,
            reason: ReasonCode::Poison,
            detail: "three crashes".to_owned(),
        },
        JobEvent::TaskCancelled {
            task_id,
            reason: ReasonCode::Cancelled,
        },
        JobEvent::TaskReopened {
            task_id,
            item: items().into_iter().next().map(Box::new),
        },
        JobEvent::NodeGrown {
            node: "read".to_owned(),
            items: items(),
        },
        JobEvent::InputsChanged {
            paths: vec!["a.md".to_owned()],
        },
    ]
}
