//! A job's frames, folded.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::Reuse;
use anthill_contracts::id::{NodeId, StepId};
use anthill_contracts::model::Counted;
use anthill_contracts::plan::{Item, PlanNode};
use anthill_contracts::step::{Phase, StepKind, StepRecord};

use super::*;

fn job() -> JobId {
    JobId::new(1, 1)
}

fn frame(seq: u64, events: Vec<JobEvent>) -> Frame {
    Frame {
        job_id: job(),
        seq,
        epoch: 1,
        at: Timestamp(0),
        events,
        hash: Digest::of(b""),
    }
}

fn node(id: &str, kind: &str) -> PlanNode {
    serde_json::from_value(serde_json::json!({ "id": id, "kind": kind })).expect("a node")
}

fn planned() -> Progress {
    let mut progress = Progress::default();
    let plan = Plan {
        nodes: vec![node("documents", "documents"), node("read", "map")],
    };
    let items = ["a.md", "b.md"].map(|label| Item {
        label: label.to_owned(),
        document: None,
        kind: None,
    });
    progress.apply(&frame(
        1,
        vec![JobEvent::PlanProposed {
            plan,
            author: "spec".to_owned(),
        }],
    ));
    progress.apply(&frame(
        2,
        vec![JobEvent::NodeExpanded {
            node: "read".to_owned(),
            items: items.to_vec(),
        }],
    ));
    progress
}

fn read(index: u32) -> TaskId {
    TaskId::derive(job(), "read", Some(index))
}

fn step(task_id: TaskId, tokens_in: u64) -> JobEvent {
    let step = StepRecord {
        step_id: StepId::derive(task_id, 0),
        seq: 0,
        phase: Phase::Work,
        round: 0,
        kind: StepKind::Model {
            model: "builtin/extract".to_owned(),
            counted: Counted::Provider,
        },
        request: Digest::of(b"q"),
        answer: Digest::of(b"a"),
        cost: Amount {
            tokens_in,
            ..Amount::ZERO
        },
    };
    JobEvent::StepRecorded { task_id, step }
}

fn succeeded(task_id: TaskId, reused: Option<Reuse>) -> JobEvent {
    JobEvent::TaskSucceeded {
        task_id,
        output: None,
        reused,
        memo: None,
    }
}

#[test]
fn a_node_counts_what_runs_and_what_has_ended() {
    let mut progress = planned();
    assert_eq!(progress.nodes()[1].total, Some(2));
    let (first, second) = (read(0), read(1));
    progress.apply(&frame(
        3,
        vec![
            JobEvent::TaskStarted {
                task_id: first,
                attempt: 1,
            },
            step(first, 70),
        ],
    ));
    assert_eq!(progress.running(), 1);
    let saved = Amount {
        tokens_in: 30,
        ..Amount::ZERO
    };
    let reuse = Reuse {
        job_id: JobId::new(0, 0),
        task_id: second,
        saved,
    };
    let notes = progress.apply(&frame(
        4,
        vec![succeeded(first, None), succeeded(second, Some(reuse))],
    ));
    let (read, ends) = (&progress.nodes()[1], notes.len());
    assert_eq!((read.succeeded, read.reused, read.running, ends), (2, 1, 0, 2));
    assert_eq!(progress.spent().tokens_in, 70);
    assert_eq!(progress.saved().tokens_in, 30);
    let Note::TaskEnded(end) = &notes[1] else {
        panic!("a task ended: {notes:?}")
    };
    assert_eq!(
        (end.task.as_str(), end.position, end.reused),
        ("read b.md", (2, Some(2)), true)
    );
}

#[test]
fn a_second_attempt_is_not_a_second_task() {
    let mut progress = planned();
    let start = |attempt| JobEvent::TaskStarted {
        task_id: read(0),
        attempt,
    };
    progress.apply(&frame(3, vec![start(1), start(2)]));
    assert_eq!(progress.running(), 1);
}

#[test]
fn nothing_runs_under_a_new_lead_until_it_says_so() {
    let mut progress = planned();
    progress.apply(&frame(
        3,
        vec![JobEvent::TaskStarted {
            task_id: read(0),
            attempt: 1,
        }],
    ));
    let event = JobEvent::LeadChanged {
        node_id: NodeId::new(0, 0),
        epoch: 2,
    };
    let notes = progress.apply(&frame(4, vec![event]));
    assert_eq!(progress.running(), 0);
    assert_eq!(
        notes,
        [Note::Resumed {
            job_id: job(),
            epoch: 2
        }]
    );
    progress.apply(&frame(
        5,
        vec![JobEvent::TaskStarted {
            task_id: read(0),
            attempt: 2,
        }],
    ));
    assert_eq!(progress.running(), 1);
}

#[test]
fn a_task_that_begins_anew_is_counted_once() {
    let mut progress = planned();
    let ended = JobEvent::TaskFailed {
        task_id: read(0),
        reason: ReasonCode::InputChanged,
        detail: String::new(),
    };
    progress.apply(&frame(3, vec![ended.clone()]));
    let failed = |progress: &Progress| progress.nodes[1].failed;
    assert_eq!(failed(&progress), 1);
    let reopened = JobEvent::TaskReopened {
        task_id: read(0),
        item: None,
    };
    progress.apply(&frame(4, vec![reopened]));
    assert_eq!(failed(&progress), 0);
    progress.apply(&frame(5, vec![ended]));
    assert_eq!(failed(&progress), 1);
}
