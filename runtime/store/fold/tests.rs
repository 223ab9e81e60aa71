//! The fold's rules that the suite does not reach.

use anthill_contracts::model::Counted;
use anthill_contracts::step::StepKind;

use super::*;
use crate::conformance::samples;

struct Journal {
    fold: JobFold,
    delta: Delta,
}

impl Journal {
    fn new() -> Self {
        Self {
            fold: JobFold::new(samples::job_id()),
            delta: Delta::default(),
        }
    }

    fn with(mut self, events: Vec<JobEvent>) -> Self {
        let seq = self.fold.seq() + 1;
        let hash = Digest::of(&seq.to_le_bytes());
        let frame = Frame {
            job_id: samples::job_id(),
            seq,
            epoch: 1,
            at: Timestamp(seq),
            events,
            hash,
        };
        self.fold.apply(frame, &mut self.delta);
        self
    }

    fn submitted() -> Self {
        Self::new().with(vec![JobEvent::JobSubmitted {
            spec: Box::new(samples::spec("default")),
        }])
    }

    fn job(&self) -> &JobRow {
        self.fold.job().expect("the job was submitted")
    }
}

fn succeeded(task_id: TaskId) -> JobEvent {
    JobEvent::TaskSucceeded {
        task_id,
        output: None,
        reused: None,
        memo: None,
    }
}

#[test]
fn a_task_ends_once() {
    let task_id = samples::reader(0);
    let failed = JobEvent::TaskFailed {
        task_id,
        reason: ReasonCode::Poison,
        detail: String::new(),
    };
    let journal = Journal::submitted().with(vec![succeeded(task_id), failed, succeeded(task_id)]);
    assert_eq!(journal.fold.tasks()[0].status, TaskStatus::Succeeded);
    assert_eq!(journal.job().tasks_succeeded, 1);
}

#[test]
fn a_task_whose_tokens_nobody_counted_is_marked() {
    let (counted, guessed) = (samples::reader(0), samples::reader(1));
    let recorded = |task_id: TaskId, kind: StepKind| JobEvent::StepRecorded {
        task_id,
        step: samples::step(task_id, 0, kind),
    };
    let asked = |counted: Counted| StepKind::Model {
        model: "a/model".to_owned(),
        counted,
    };
    let journal = Journal::submitted().with(vec![
        recorded(counted, asked(Counted::Provider)),
        recorded(guessed, asked(Counted::Partly)),
    ]);
    let marks: Vec<bool> = journal.fold.tasks().iter().map(|task| task.estimated).collect();
    assert_eq!(marks, [false, true]);
}

#[test]
fn the_planning_task_is_listed_and_ends_with_the_plan() {
    let planning = TaskId::planning(samples::job_id());
    let started = JobEvent::TaskStarted {
        task_id: planning,
        attempt: 1,
    };
    let step = JobEvent::StepRecorded {
        task_id: planning,
        step: samples::model_step(planning, 0),
    };
    let journal = Journal::submitted().with(vec![started, step]);
    let task = &journal.fold.tasks()[0];
    assert_eq!((task.node.as_str(), task.status), (PLANNING, TaskStatus::Running));
    assert_eq!(
        journal.job().spent,
        Amount {
            agents: 1,
            ..samples::cost()
        }
    );
    let proposed = JobEvent::PlanProposed {
        plan: samples::plan(),
        author: "a/model".to_owned(),
    };
    let journal = journal.with(vec![proposed]);
    assert_eq!(journal.fold.tasks()[0].status, TaskStatus::Succeeded);
    assert_eq!(journal.job().tasks, 4, "planning, documents, brief, verify");
}

#[test]
fn a_map_of_nobody_costs_no_agent() {
    let mut plan = samples::plan();
    plan.nodes[1].role = Some(Role::Nobody);
    let proposed = JobEvent::PlanProposed {
        plan,
        author: "spec".to_owned(),
    };
    let expanded = JobEvent::NodeExpanded {
        node: "read".to_owned(),
        items: samples::items(),
    };
    let started = JobEvent::TaskStarted {
        task_id: samples::reader(1),
        attempt: 1,
    };
    let journal = Journal::submitted().with(vec![proposed, expanded, started]);
    assert_eq!(journal.job().spent, Amount::ZERO);
    assert_eq!(journal.job().tasks, 5);
}

#[test]
fn a_task_that_no_plan_announced_is_shown_under_its_id() {
    let stray = TaskId::derive(samples::job_id(), "elsewhere", None);
    let started = JobEvent::TaskStarted {
        task_id: stray,
        attempt: 1,
    };
    let journal = Journal::submitted().with(vec![started]);
    assert_eq!(journal.fold.tasks()[0].node, stray.to_string());
}

#[test]
fn a_plan_that_comes_again_adds_no_task_twice() {
    let proposed = || JobEvent::PlanProposed {
        plan: samples::plan(),
        author: "spec".to_owned(),
    };
    let expanded = || JobEvent::NodeExpanded {
        node: "read".to_owned(),
        items: samples::items(),
    };
    let journal = Journal::submitted().with(vec![proposed(), expanded(), proposed(), expanded()]);
    assert_eq!(journal.job().tasks, 5);
}

#[test]
fn work_without_an_output_leaves_no_memo() {
    let memo = Some(Digest::of(b"key"));
    let ended = JobEvent::TaskSucceeded {
        task_id: samples::reader(0),
        output: None,
        reused: None,
        memo,
    };
    let journal = Journal::submitted().with(vec![ended]);
    assert!(journal.delta.memos.is_empty());
}

#[test]
fn a_version_that_is_posted_again_is_listed_once() {
    let task_id = samples::reader(0);
    let posted = || JobEvent::ArtifactPosted {
        task_id,
        version: samples::version(task_id, 1),
    };
    let review = JobEvent::ArtifactReviewed {
        task_id,
        review: samples::review(task_id, 9, Vec::new()),
    };
    let journal = Journal::submitted().with(vec![posted(), posted(), review]);
    assert_eq!(journal.delta.artifacts.len(), 1);
    assert!(
        journal.delta.reviews.is_empty(),
        "a review of nothing is shown nowhere"
    );
}

#[test]
fn a_journal_that_was_never_submitted_has_no_row() {
    let journal = Journal::new().with(vec![succeeded(samples::reader(0))]);
    assert_eq!(journal.fold.job(), None);
    assert_eq!(journal.fold.tasks().len(), 1);
}

#[test]
#[should_panic(expected = "frame by frame")]
fn a_gap_is_a_defect_of_the_caller() {
    let frame = Frame {
        job_id: samples::job_id(),
        seq: 2,
        epoch: 1,
        at: Timestamp(1),
        events: Vec::new(),
        hash: Digest::of(b""),
    };
    JobFold::new(samples::job_id()).apply(frame, &mut Delta::default());
}

/// A task that was read badly, was read again, and whose document had grown a part by then.
#[test]
fn a_task_that_begins_anew_has_not_ended() {
    let task_id = samples::reader(0);
    let proposed = JobEvent::PlanProposed {
        plan: samples::plan(),
        author: "spec".to_owned(),
    };
    let expanded = JobEvent::NodeExpanded {
        node: "read".to_owned(),
        items: samples::items(),
    };
    let reopened = |item: Option<Item>| JobEvent::TaskReopened {
        task_id,
        item: item.map(Box::new),
    };
    let failed = JobEvent::TaskFailed {
        task_id,
        reason: ReasonCode::InputChanged,
        detail: "it changed".to_owned(),
    };
    let mut journal = Journal::submitted().with(vec![proposed, expanded, succeeded(task_id)]);
    assert_eq!(journal.job().tasks_succeeded, 1);
    journal = journal.with(vec![reopened(None), failed]);
    let row = &journal.fold.tasks()[journal.fold.positions[&task_id]];
    assert_eq!(
        (row.status, row.reason),
        (TaskStatus::Failed, Some(ReasonCode::InputChanged))
    );
    assert_eq!(journal.job().tasks_succeeded, 0);
    let item = Item {
        label: "a.md (1 of 2)".to_owned(),
        ..samples::items().remove(0)
    };
    let grown = JobEvent::NodeGrown {
        node: "read".to_owned(),
        items: samples::items().into_iter().take(1).collect(),
    };
    journal = journal.with(vec![reopened(Some(item)), grown]);
    let row = &journal.fold.tasks()[journal.fold.positions[&task_id]];
    assert_eq!(
        (row.status, row.reason, &row.detail),
        (TaskStatus::Pending, None, &None)
    );
    assert_eq!(row.label.as_deref(), Some("a.md (1 of 2)"));
    assert_eq!(journal.job().tasks, 6);
    journal = journal.with(vec![succeeded(task_id), succeeded(samples::reader(2))]);
    assert_eq!(journal.job().tasks_succeeded, 2);
}
