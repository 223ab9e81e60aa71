//! The lead carries jobs out, and resumes them from every frame of their journals.

mod beginning;
mod learning;
mod reopening;
mod stories;
mod world;

use anthill_contracts::budget::{Dimension, Limits, Usd};
use anthill_contracts::event::JobEvent;
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::{ReasonCode, TaskStatus};

use super::*;
use world::{Behaviour, World};

fn kinds(world: &World) -> Vec<&'static str> {
    world.journal.iter().flatten().map(JobEvent::kind).collect()
}

#[test]
fn a_job_runs_from_its_spec_to_its_result() {
    let mut world = World::new(3, Limits::default());
    let lead = world.run();
    assert_eq!(lead.job().status, JobStatus::Succeeded);
    assert!(lead.job().output.is_some());
    assert_eq!(lead.check(), Ok(()));
    let count = |kind: &str| kinds(&world).iter().filter(|found| **found == kind).count();
    assert_eq!(count("step_recorded"), 4, "three readers and one writer");
    assert_eq!(
        count("artifact_reviewed"),
        5,
        "each artifact once, and the brief again at the end"
    );
    assert_eq!(count("task_succeeded"), 6);
    assert_eq!(kinds(&world).first(), Some(&"job_submitted"));
    assert_eq!(kinds(&world).last(), Some(&"job_succeeded"));
}

#[test]
fn a_job_resumes_from_every_frame_without_a_step_twice() {
    let mut whole = World::new(4, Limits::default());
    let expected = whole.run().job().output;
    for frames in 1..whole.journal.len() {
        let mut world = World::resumed(&whole, frames);
        let lead = world.run();
        assert_eq!(lead.job().output, expected, "after {frames} frames");
        let steps: Vec<_> = world
            .journal
            .iter()
            .flatten()
            .filter_map(|event| match event {
                JobEvent::StepRecorded { step, .. } => Some(step.step_id),
                _ => None,
            })
            .collect();
        let distinct: BTreeSet<_> = steps.iter().collect();
        assert_eq!((steps.len(), distinct.len()), (5, 5), "after {frames} frames");
        assert_eq!(lead.check(), Ok(()));
    }
}

#[test]
fn a_used_up_budget_pauses_with_a_partial_result_and_a_top_up_goes_on() {
    let mut world = World::new(
        6,
        Limits {
            steps: Some(3),
            ..Limits::default()
        },
    );
    let lead = world.run();
    assert_eq!(lead.job().status, JobStatus::Paused);
    assert_eq!(
        lead.job().reason,
        Some(ReasonCode::BudgetExhausted(Dimension::Steps))
    );
    assert!(lead.job().output.is_some(), "a partial result");
    assert_eq!(lead.job().spent().steps, 3);

    let mut resumed = World::resumed(&world, world.journal.len());
    resumed.topup = Some(Limits {
        steps: Some(100),
        ..Limits::default()
    });
    let lead = resumed.run();
    assert_eq!(lead.job().status, JobStatus::Succeeded);
    assert_eq!(lead.job().spent().steps, 7);
    assert_eq!(lead.check(), Ok(()));
}

#[test]
fn money_is_reserved_before_it_is_spent() {
    let mut world = World::new(
        5,
        Limits {
            usd: Some(Usd(2_500)),
            ..Limits::default()
        },
    );
    world.behaviour.cost.usd_micro = 1_000;
    let lead = world.run();
    assert_eq!(
        lead.job().reason,
        Some(ReasonCode::BudgetExhausted(Dimension::Usd))
    );
    assert!(lead.job().spent().usd_micro <= 2_500);
    assert!(lead.job().ledger.reserved().is_zero(), "nothing stays set aside");
}

#[test]
fn a_crashing_worker_is_tried_again_and_then_set_aside() {
    let mut world = World::new(2, Limits::default());
    world.behaviour.crashes = 2;
    assert_eq!(
        world.run().job().status,
        JobStatus::Succeeded,
        "the third attempt works"
    );

    let mut world = World::new(2, Limits::default());
    world.behaviour.crashes = 3;
    let lead = world.run();
    assert_eq!(lead.job().status, JobStatus::Failed);
    assert_eq!(lead.job().reason, Some(ReasonCode::Poison));
    assert_eq!(lead.check(), Ok(()));
}

#[test]
fn rejected_work_goes_back_and_is_bounded() {
    let mut world = World::new(1, Limits::default());
    world.behaviour.rejections = 2;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);

    let mut world = World::new(1, Limits::default());
    world.behaviour.rejections = 3;
    let lead = world.run();
    assert_eq!(
        (lead.job().status, lead.job().reason),
        (JobStatus::Failed, Some(ReasonCode::CriticRejected))
    );
}

#[test]
fn earlier_work_is_taken_over() {
    let mut world = World::new(3, Limits::default());
    world.behaviour.remembers = true;
    let lead = world.run();
    assert_eq!(lead.job().status, JobStatus::Succeeded);
    assert_eq!(lead.job().spent().steps, 0, "nothing is done twice");
    assert!(!kinds(&world).contains(&"step_recorded"));
}

#[test]
fn cancelling_ends_every_task() {
    let mut world = World::new(8, Limits::default());
    world.cancel_after_frames = Some(5);
    let lead = world.run();
    assert_eq!(lead.job().status, JobStatus::Cancelled);
    assert!(lead.job().tasks.values().all(|task| task.status.is_terminal()));
    assert!(
        lead.job()
            .tasks
            .values()
            .any(|task| task.status == TaskStatus::Cancelled)
    );
}

#[test]
fn a_provider_that_is_down_pauses_the_job() {
    let mut world = World::new(3, Limits::default());
    world.behaviour = Behaviour {
        provider_down: true,
        ..Behaviour::default()
    };
    let lead = world.run();
    assert_eq!(
        (lead.job().status, lead.job().reason),
        (JobStatus::Paused, Some(ReasonCode::ModelError))
    );

    let mut resumed = World::resumed(&world, world.journal.len());
    assert_eq!(resumed.run().job().status, JobStatus::Succeeded);
}

#[test]
fn an_invalid_plan_spends_nothing() {
    let mut world = World::new(2, Limits::default());
    world.plan_reasons = vec!["`a` depends on itself".to_owned()];
    let lead = world.run();
    assert_eq!(
        (lead.job().status, lead.job().reason),
        (JobStatus::Failed, Some(ReasonCode::PlanInvalid))
    );
    assert_eq!((lead.job().spent().steps, lead.job().spent().agents), (0, 0));
}

#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut world = World::new(2, Limits::default());
    world.run();
    assert!(world.told_early.is_empty(), "{:?}", world.told_early);
}

/// A worker's end once overtook the start of its critic; the shell said that all agents were gone, and the lead forgot
/// the critic whose start was still held back. Its review was then ignored, and the job hung.
#[test]
fn agents_that_were_not_asked_to_stop_are_not_forgotten() {
    let mut world = World::new(3, Limits::default());
    world.stops_agents_often = true;
    assert_eq!(world.run().job().status, JobStatus::Succeeded);
}

#[test]
fn a_node_s_share_of_agents_binds_each_of_its_tasks() {
    let mut world = World::new(1, Limits::default());
    world.behaviour.crashes = 1;
    world.agents_per_reader = Some(1);
    let lead = world.run();
    assert_eq!(
        lead.job().reason,
        Some(ReasonCode::BudgetExhausted(Dimension::Agents))
    );
}

#[test]
fn agents_that_were_started_work_to_their_end() {
    let limits = Limits {
        agents: Some(3),
        ..Limits::default()
    };
    let mut world = World::new(6, limits);
    let lead = world.run();
    assert_eq!(
        lead.job().reason,
        Some(ReasonCode::BudgetExhausted(Dimension::Agents))
    );
    assert_eq!(lead.job().spent().steps, 3, "three agents, a step each");
    assert!(lead.job().output.is_some(), "a partial result");
}
