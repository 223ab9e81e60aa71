//! Whole jobs through a node in this process: real store, real tools, real agents, and a provider that errs on demand.

mod fickle;
mod overdue;
mod resumed;
mod rig;

use std::collections::BTreeSet;

use anthill_contracts::event::JobEvent;
use anthill_contracts::model::Matter;
use anthill_contracts::step::Phase::{Review, Work};
use anthill_contracts::step::StepKind;
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::ReasonCode;
use serde_json::json;

use fickle::{Fickle, Whim};
use rig::{Act, colony, colony_with, patiently};

fn count(events: &[JobEvent], kind: &str) -> usize {
    events.iter().filter(|event| event.kind() == kind).count()
}

/// The number of recorded steps; none is recorded twice.
fn steps(events: &[JobEvent]) -> usize {
    let ids: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::StepRecorded { step, .. } => Some(step.step_id),
            _ => None,
        })
        .collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "a step is recorded once");
    ids.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_read_and_a_brief_is_written_and_verified() {
    let colony = colony().await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let events = colony.events(job_id).await;
    assert_eq!(steps(&events), 4, "three documents and a brief");
    assert_eq!(count(&events, "artifact_reviewed"), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_agent_answers_with_tools() {
    let colony = colony().await;
    let (job_id, end) = colony.run(json!({"shape": "single"})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let events = colony.events(job_id).await;
    let tools = events.iter().filter(|event| {
        matches!(event, JobEvent::StepRecorded { step, .. } if matches!(step.kind, StepKind::Tool { ok: true, .. }))
    });
    assert!(tools.count() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_its_contract_is_asked_for_again() {
    let colony = colony_with(|asked, _| match asked {
        1 => Act::Say("I would rather not".to_owned()),
        _ => Act::Extract,
    })
    .await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    assert_eq!(steps(&colony.events(job_id).await), 5);
    assert!(
        colony.oracle.asked()[1].contains("contract_violation"),
        "it is told why"
    );
}

const REJECTED: &str = r#"{"accept": false, "reasons": ["too thin"]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_the_critic_rejects_is_done_again() {
    let colony = colony_with(|asked, request| match &request.matter {
        Matter::Judge { .. } if asked == 2 => Act::Say(REJECTED.to_owned()),
        _ => Act::Extract,
    })
    .await;
    let (job_id, end) = colony.run(json!({"review": {"opinion": true}})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let events = colony.events(job_id).await;
    steps(&events);
    let rounds = events.iter().filter_map(|event| match event {
        JobEvent::StepRecorded { step, .. } => Some((step.seq, step.phase, step.round)),
        _ => None,
    });
    let first_task: Vec<_> = rounds.take(4).collect();
    assert_eq!(
        first_task,
        [(0, Work, 0), (1, Review, 0), (2, Work, 1), (3, Review, 1)]
    );
    assert!(
        colony.oracle.asked()[2].contains("too thin"),
        "the worker is told why"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_the_critic_never_accepts_fails_the_job() {
    let colony = colony_with(|_, request| match &request.matter {
        Matter::Judge { .. } => Act::Say(REJECTED.to_owned()),
        _ => Act::Extract,
    })
    .await;
    let review = json!({"shape": "single", "review": {"opinion": true, "rounds": 2}});
    let (job_id, end) = colony.run(review).await;
    assert_eq!(
        (end.status, end.reason),
        (JobStatus::Failed, Some(ReasonCode::CriticRejected))
    );
    let events = colony.events(job_id).await;
    assert_eq!(
        count(&events, "artifact_reviewed"),
        3,
        "the first round and two more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_panics_is_tried_again_and_says_what_it_said() {
    let colony = colony_with(|asked, _| match asked {
        1 => Act::Panic,
        _ => Act::Extract,
    })
    .await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let events = colony.events(job_id).await;
    let told = events.iter().find_map(|event| match event {
        JobEvent::TaskRetried { detail, .. } => Some(detail.clone()),
        _ => None,
    });
    assert!(
        told.expect("it is retried").contains("the oracle is mad"),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_kills_its_readers_is_set_aside() {
    let colony = colony_with(|_, request| match &request.matter {
        Matter::Read { path, .. } if path == "nest.md" => Act::Panic,
        _ => Act::Extract,
    })
    .await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(
        (end.status, end.reason, end.detail.as_str()),
        (
            JobStatus::Paused,
            Some(ReasonCode::DocumentsUnread),
            "not read: 1 of 3 documents (1 crashed its reader)"
        )
    );
    assert!(end.output.is_some(), "the rest has a result");
    let events = colony.events(job_id).await;
    assert_eq!(count(&events, "task_retried"), 2);
    let poison = events.iter().filter(|event| {
        matches!(
            event,
            JobEvent::TaskFailed {
                reason: ReasonCode::Poison,
                ..
            }
        )
    });
    assert_eq!(poison.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_provider_hangs_can_be_cancelled() {
    let colony = colony_with(|_, _| Act::Hang).await;
    let run = colony.submit(json!({"work": {"workers_max": 3}})).await;
    colony.oracle.wait_asked(3).await;
    let end = patiently(colony.node.cancel(run.job_id)).await;
    assert_eq!(end.expect("it can be cancelled").status, JobStatus::Cancelled);
    let events = colony.events(run.job_id).await;
    assert_eq!(count(&events, "budget_reserved"), 3);
    assert_eq!(count(&events, "budget_released"), 3);
}

/// A cancel that came while the lead was beginning was dropped, and the job ran to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_can_be_cancelled_at_any_moment() {
    let colony = colony_with(|_, _| Act::Hang).await;
    for wait_us in (0..3000).step_by(200) {
        let run = colony.submit(json!({})).await;
        tokio::time::sleep(std::time::Duration::from_micros(wait_us)).await;
        let end = patiently(colony.node.cancel(run.job_id)).await;
        assert_eq!(end.expect("it can be cancelled").status, JobStatus::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_budget_is_topped_up_and_the_result_is_the_same() {
    let undisturbed = colony().await;
    let (_, whole) = undisturbed.run(json!({})).await;
    let colony = colony().await;
    let (job_id, end) = colony.run(json!({"budget": {"steps": 2}})).await;
    assert_eq!(end.status, JobStatus::Paused);
    assert!(end.output.is_some(), "there is a partial result");
    let end = colony.resume(job_id, Some(json!({"steps": 100}))).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    assert_eq!(colony.result(&end).await, undisturbed.result(&whole).await);
    assert_eq!(steps(&colony.events(job_id).await), 4);
}

/// The end of a planner that had spoken passed for a crash of the planner after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_s_plan_is_refused_and_the_next_one_is_carried_out() {
    for unfit in ["no plan at all", r#"{"nodes": []}"#] {
        let colony = colony_with(|asked, _| match asked {
            1 => Act::Say(unfit.to_owned()),
            _ => Act::Extract,
        })
        .await;
        let one_attempt = json!({"shape": "model", "work": {"workers_max": 1, "attempts_max": 1}});
        let (job_id, end) = colony.run(one_attempt).await;
        assert_eq!(end.status, JobStatus::Succeeded, "{unfit}: {}", end.detail);
        let events = colony.events(job_id).await;
        assert_eq!(count(&events, "plan_refused"), 1, "{unfit}");
        assert_eq!(count(&events, "task_retried"), 0, "{unfit}");
        steps(&events);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_two_tenants_run_side_by_side() {
    let colony = colony().await;
    let (one, other) = tokio::join!(
        colony.run(json!({"tenant": "one"})),
        colony.run(json!({"tenant": "other"})),
    );
    assert_eq!(one.1.status, JobStatus::Succeeded);
    assert_eq!(other.1.status, JobStatus::Succeeded);
    for (job_id, _) in [&one, &other] {
        let events = colony.events(*job_id).await;
        assert_eq!(steps(&events), 4, "no work of another tenant is taken over");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_crashes_is_started_again_and_ends_the_job() {
    for frame in [1, 2, 5, 9] {
        let colony = colony().await;
        let colony = colony
            .behind(|store| Fickle::before(store, Whim::PanicsAt(frame)))
            .await;
        let (job_id, end) = colony.run(json!({})).await;
        assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
        let events = colony.events(job_id).await;
        assert_eq!(steps(&events), 4);
        let leads = count(&events, "lead_changed");
        assert_eq!(leads, if frame == 1 { 1 } else { 2 }, "frame {frame}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_busy_is_asked_again() {
    let colony = colony().await;
    let colony = colony.behind(|store| Fickle::before(store, Whim::Busy)).await;
    let (job_id, end) = colony.run(json!({})).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    assert_eq!(steps(&colony.events(job_id).await), 4);
}
