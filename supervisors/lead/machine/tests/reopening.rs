//! Documents that could not be read are told and tried again, and what changed is set aside.

use anthill_actors::agent::AgentKind;
use anthill_contracts::id::{JobId, StepId, TaskId};

use super::*;

fn reader(index: u32) -> TaskId {
    TaskId::derive(JobId::new(1, 1), "read", Some(index))
}

fn writer() -> TaskId {
    TaskId::derive(JobId::new(1, 1), "brief", None)
}

/// A world in which the readers of some documents fail.
fn world(documents: u32, troubles: &[(u32, ReasonCode)]) -> World {
    let mut world = World::new(documents, Limits::default());
    world.behaviour.readers_are_optional = true;
    world.behaviour.troubles = troubles.iter().copied().collect();
    world
}

/// The same job, resumed behind everything that it has written.
fn resumed(before: &World) -> World {
    let mut world = World::resumed(before, before.journal.len());
    world.behaviour.readers_are_optional = true;
    world
}

fn steps_of(world: &World, task: TaskId) -> usize {
    let is_of = |event: &&JobEvent| match event {
        JobEvent::StepRecorded { task_id, .. } => *task_id == task,
        _ => false,
    };
    world.journal.iter().flatten().filter(is_of).count()
}

fn assert_no_step_twice(world: &World) {
    let mut seen: BTreeSet<StepId> = BTreeSet::new();
    for event in world.journal.iter().flatten() {
        if let JobEvent::StepRecorded { step, .. } = event {
            assert!(seen.insert(step.step_id), "{} is paid for twice", step.step_id);
        }
    }
}

#[test]
fn a_document_that_fails_makes_the_job_partial_and_says_why() {
    let cases = [
        (
            ReasonCode::Poison,
            "not read: 1 of 3 documents (1 crashed its reader)",
        ),
        (
            ReasonCode::InputChanged,
            "not read: 1 of 3 documents (1 changed or gone)",
        ),
        (
            ReasonCode::InputUnreadable,
            "not read: 1 of 3 documents (1 not readable)",
        ),
    ];
    for (reason, words) in cases {
        let mut world = world(3, &[(1, reason)]);
        let lead = world.run();
        let job = lead.job();
        assert_eq!(
            (job.status, job.reason, job.detail.as_str()),
            (JobStatus::Paused, Some(ReasonCode::DocumentsUnread), words)
        );
        assert!(job.output.is_some(), "the rest has a result");
    }
    let mut world = world(4, &[(0, ReasonCode::Poison), (2, ReasonCode::InputChanged)]);
    let lead = world.run();
    assert_eq!(
        lead.job().detail,
        "not read: 2 of 4 documents (1 changed or gone, 1 crashed its reader)"
    );
}

#[test]
fn a_resumed_job_tries_just_what_was_not_read_and_writes_anew() {
    let mut first = world(3, &[(1, ReasonCode::Poison)]);
    first.run();
    let mut second = resumed(&first);
    let lead = second.run();
    assert_eq!(lead.job().status, JobStatus::Succeeded);
    let steps = [reader(0), reader(1), reader(2), writer()].map(|task| steps_of(&second, task));
    assert_eq!(
        steps,
        [1, 1, 1, 2],
        "what was read is not read again, the brief is written anew"
    );
    assert_no_step_twice(&second);
    // Whatever frame a crash leaves last, the job comes to the same end and pays for nothing twice.
    for frames in first.journal.len()..second.journal.len() {
        let mut third = World::resumed(&second, frames);
        third.behaviour.readers_are_optional = true;
        let lead = third.run();
        assert_eq!(lead.job().status, JobStatus::Succeeded, "after {frames} frames");
        assert_no_step_twice(&third);
        assert_eq!(steps_of(&third, writer()), 2, "after {frames} frames");
    }
}

#[test]
fn what_fails_again_ends_the_same_and_costs_no_other_step() {
    let mut first = world(3, &[(1, ReasonCode::ContractViolation)]);
    let before = first.run().job().clone();
    let mut second = resumed(&first);
    second.behaviour.troubles = first.behaviour.troubles.clone();
    let lead = second.run();
    let after = lead.job();
    assert_eq!((after.reason, &after.detail), (before.reason, &before.detail));
    assert_eq!(after.output, before.output);
    assert_eq!(
        steps_of(&second, writer()),
        1,
        "there is nothing new to write about"
    );
    assert_eq!(after.tasks[&reader(1)].attempt, 2, "it was tried");
}

#[test]
fn a_document_that_was_listed_anew_is_read_as_it_is_now() {
    for (parts, expected) in [(1, 3), (3, 5)] {
        let mut first = world(3, &[(1, ReasonCode::InputChanged)]);
        first.run();
        let mut second = resumed(&first);
        second.behaviour.relisted.insert(1, parts);
        let lead = second.run();
        assert_eq!(lead.job().status, JobStatus::Succeeded, "{parts} parts");
        let read = &lead.job().nodes[1].tasks;
        assert_eq!(read.len(), expected, "{parts} parts");
        let item = lead.job().tasks[&reader(1)].item.as_ref().expect("a document");
        let slice = item.document.as_ref().expect("a document");
        let content = [&1_u32.to_le_bytes()[..], b"new"].concat();
        assert_eq!(slice.digest, Digest::of(&content));
    }
}

#[test]
fn a_document_that_became_shorter_has_no_task_left_over() {
    let mut first = world(3, &[(1, ReasonCode::Poison)]);
    first.behaviour.relisted.insert(1, 3);
    first.run();
    let mut second = resumed(&first);
    let lead = second.run();
    assert_eq!(lead.job().status, JobStatus::Succeeded);
    let tasks = lead.job().nodes[1].tasks.iter();
    let outputs = tasks.filter(|id| lead.job().tasks[id].output.is_some());
    assert_eq!(outputs.count(), 3, "one for each document that is there");
}

#[test]
fn a_document_that_is_gone_stays_unread() {
    let mut first = world(3, &[(1, ReasonCode::InputChanged)]);
    first.run();
    let mut second = resumed(&first);
    second.behaviour.gone.insert(1);
    let lead = second.run();
    assert_eq!(lead.job().reason, Some(ReasonCode::DocumentsUnread));
    assert_eq!(steps_of(&second, writer()), 1);
    let mut third = resumed(&second);
    assert_eq!(
        third.run().job().status,
        JobStatus::Succeeded,
        "it is there again"
    );
}

#[test]
fn what_changes_under_the_writer_or_its_critic_is_set_aside() {
    for (kind, briefs) in [(AgentKind::Worker, 1), (AgentKind::Critic, 2)] {
        let mut world = world(3, &[]);
        world.behaviour.changes = vec![(kind, vec!["d1".to_owned()])];
        let lead = world.run();
        let job = lead.job();
        assert_eq!(
            (job.reason, job.detail.as_str()),
            (
                Some(ReasonCode::DocumentsUnread),
                "not read: 1 of 3 documents (1 changed or gone)"
            ),
            "{kind:?}"
        );
        assert_eq!(job.tasks[&reader(1)].reason, Some(ReasonCode::InputChanged));
        assert_eq!(job.outputs_of(1).len(), 2, "nothing of it is left to write about");
        assert_eq!(steps_of(&world, writer()), briefs, "{kind:?}");
        for frames in 1..world.journal.len() {
            let mut again = World::resumed(&world, frames);
            again.behaviour.readers_are_optional = true;
            again.behaviour.relisted.insert(1, 1);
            let lead = again.run();
            assert!(lead.job().output.is_some(), "{kind:?} after {frames} frames");
            assert_no_step_twice(&again);
        }
    }
}

#[test]
fn what_changes_before_the_last_check_is_written_about_no_more() {
    let mut world = world(3, &[]);
    let verify = (AgentKind::Critic, vec!["d0".to_owned()]);
    world.behaviour.changes = vec![(AgentKind::Worker, vec!["d2".to_owned()]), verify];
    let lead = world.run();
    assert_eq!(
        lead.job().detail,
        "not read: 2 of 3 documents (2 changed or gone)"
    );
    assert_eq!(lead.job().outputs_of(1).len(), 1);
}

#[test]
fn documents_that_never_stand_still_pause_the_job() {
    let mut world = world(9, &[]);
    let change = |number: u32| (AgentKind::Critic, vec![format!("d{number}")]);
    world.behaviour.changes = (0..8).map(change).collect();
    let lead = world.run();
    assert_eq!(
        (lead.job().status, lead.job().reason),
        (JobStatus::Paused, Some(ReasonCode::InputChanged))
    );
    assert_eq!(steps_of(&world, writer()), 4, "the first brief, and three more");
    let mut second = resumed(&world);
    assert_eq!(second.run().job().reason, Some(ReasonCode::DocumentsUnread));
}

#[test]
fn a_job_of_which_every_document_changed_has_no_result() {
    let mut world = world(2, &[]);
    let both = vec!["d0".to_owned(), "d1".to_owned()];
    world.behaviour.changes = vec![(AgentKind::Critic, both)];
    let lead = world.run();
    assert_eq!(
        (lead.job().status, lead.job().reason),
        (JobStatus::Failed, Some(ReasonCode::InputChanged))
    );
}

#[test]
fn a_task_that_is_reopened_has_its_own_limits_again() {
    let mut first = world(2, &[]);
    first.behaviour.cost.tokens_in = 10;
    first.spec.work.steps_per_task_max = 1;
    first.behaviour.changes = vec![(AgentKind::Critic, vec!["d1".to_owned()])];
    let lead = first.run();
    assert_eq!(
        lead.job().reason,
        Some(ReasonCode::DocumentsUnread),
        "the second brief fits too"
    );
    assert_eq!(lead.job().spent().tokens_in, 40, "two readers, two briefs");
}
