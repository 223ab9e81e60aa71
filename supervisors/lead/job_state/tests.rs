//! The fold takes everything in and finds what does not fit.

use anthill_contracts::id::{NodeId, StepId};
use anthill_contracts::model::Counted;
use anthill_contracts::step::{Phase, StepKind};

use super::*;

fn submitted() -> JobState {
    let mut job = JobState::new(JobId::new(1, 1));
    let spec = serde_json::json!({
        "name": "t", "goal": "why?", "shape": "plan", "budget": {"wall": "10s", "agents": 3},
        "plan": {"nodes": [{"id": "answer", "kind": "agent", "role": "generalist"}]},
    });
    let spec: JobSpec = serde_json::from_value(spec).expect("the spec is valid");
    let plan = spec.plan.clone().expect("the spec has a plan");
    job.apply(&JobEvent::JobSubmitted { spec: Box::new(spec) });
    job.apply(&JobEvent::LeadChanged {
        node_id: NodeId::new(1, 1),
        epoch: 1,
    });
    job.apply(&JobEvent::PlanProposed {
        plan,
        author: "spec".to_owned(),
    });
    job
}

#[test]
fn a_snapshot_of_the_fold_is_the_fold() {
    let mut job = submitted();
    let task_id = TaskId::derive(job.job_id, "answer", None);
    job.apply(&JobEvent::TaskStarted { task_id, attempt: 1 });
    let step_id = StepId::derive(task_id, 0);
    job.apply(&JobEvent::BudgetReserved {
        task_id,
        step_id,
        amount: Amount {
            steps: 1,
            ..Amount::ZERO
        },
    });
    let packed = rmp_serde::to_vec(&job).expect("the fold encodes");
    let again: JobState = rmp_serde::from_slice(&packed).expect("the fold decodes");
    assert_eq!(format!("{job:?}"), format!("{again:?}"));
    assert_eq!(again.ledger.outstanding().count(), 1);
}

#[test]
fn agents_and_wall_time_count_over_all_runs() {
    let mut job = submitted();
    let task_id = TaskId::derive(job.job_id, "answer", None);
    job.apply(&JobEvent::TaskStarted { task_id, attempt: 1 });
    let reason = ReasonCode::Interrupted;
    job.apply(&JobEvent::JobPaused {
        reason,
        partial: None,
        wall_ms: 4_000,
        detail: String::new(),
    });
    job.apply(&JobEvent::LeadChanged {
        node_id: NodeId::new(1, 1),
        epoch: 2,
    });
    job.apply(&JobEvent::TaskStarted { task_id, attempt: 2 });
    assert_eq!(job.spent().agents, 2);
    assert_eq!(job.wall_left_ms(), Some(6_000));
    assert_eq!(job.check(), Ok(()));
}

#[test]
fn a_gap_in_the_steps_is_found() {
    let mut job = submitted();
    let task_id = TaskId::derive(job.job_id, "answer", None);
    let step = StepRecord {
        step_id: StepId::derive(task_id, 1),
        seq: 1,
        phase: Phase::Work,
        round: 0,
        kind: StepKind::Model {
            model: "test".to_owned(),
            counted: Counted::Provider,
        },
        request: Digest::of(b"q"),
        answer: Digest::of(b"a"),
        cost: Amount::ZERO,
    };
    job.apply(&JobEvent::StepRecorded { task_id, step });
    assert!(job.check().is_err());
}
