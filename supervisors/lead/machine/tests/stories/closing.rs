//! What still happens while a job is about to pause.

use anthill_contracts::artifact::{ArtifactVersion, Review, Trust};
use anthill_contracts::id::{ArtifactId, ToolCallId};

use super::*;

fn version(owner: TaskId, body: &Blob) -> ArtifactVersion {
    ArtifactVersion {
        artifact_id: ArtifactId::derive(owner, "brief"),
        name: "brief".to_owned(),
        version: 1,
        parent: None,
        body: body.digest(),
        bytes: 4,
        owner,
        key: ToolCallId::derive(StepId::derive(owner, 0), "post_artifact", "brief"),
        contract: "brief".to_owned(),
        model: "builtin/extract".to_owned(),
        trust: Trust::Internal,
    }
}

/// A job with two reviewed tasks under way; a tool call of `refused` has just been refused.
fn exhausted() -> Told {
    let mut told = Told::over(&[]);
    let budget = Limits {
        tool_calls: Some(0),
        ..Limits::default()
    };
    told.begin(budget, None);
    let reviewed = |id: &str| PlanNode {
        review: true,
        ..node(id, NodeKind::Agent, &[])
    };
    told.hear(templated(vec![reviewed("answers"), reviewed("refused")]));
    for (node, tool_calls) in [("answers", 0), ("refused", 1)] {
        let amount = Amount {
            steps: 1,
            tool_calls,
            ..Amount::ZERO
        };
        let step_id = StepId::derive(worker(node).task_id, 0);
        told.report(worker(node), AgentNews::Reserve { step_id, amount });
    }
    told
}

fn post(told: &mut Told, node: &str) -> AgentKey {
    let from = worker(node);
    let body = Blob::new(b"body".to_vec());
    let version = Box::new(version(from.task_id, &body));
    told.report(
        from,
        AgentNews::Posted {
            version,
            body,
            lessons: Vec::new(),
        },
    );
    AgentKey {
        kind: AgentKind::Critic,
        ..from
    }
}

fn accept(told: &mut Told, critic: AgentKey) {
    let artifact_id = ArtifactId::derive(critic.task_id, "brief");
    let review = Review {
        artifact_id,
        version: 1,
        round: 0,
        score_milli: 1000,
        findings: Vec::new(),
    };
    told.report(critic, AgentNews::Reviewed { review });
}

/// Answers that were paid for before the budget was used up were posted and never reviewed, so that the partial result
/// had nothing of them.
#[test]
fn what_was_paid_for_is_reviewed_before_a_partial_result_is_composed() {
    let mut told = exhausted();
    let critic = post(&mut told, "answers");
    assert_eq!(told.started().last(), Some(&critic));
    told.report(
        worker("refused"),
        failed(ReasonCode::BudgetExhausted(Dimension::ToolCalls)),
    );
    accept(&mut told, critic);
    let reviewed = &told.lead.job().tasks[&critic.task_id];
    assert!(
        reviewed.status.is_terminal() && reviewed.reason.is_none(),
        "{reviewed:?}"
    );
    assert!(matches!(told.steps.last(), Some(LeadStep::ComposePartial)));
    told.hear(LeadInput::PartialReady { body: None });
    assert_eq!(told.status(), JobStatus::Paused);
}

/// Agents that are being stopped leave nothing behind that would be begun.
#[test]
fn nothing_is_reviewed_when_time_is_up() {
    let mut told = exhausted();
    told.hear(LeadInput::WallOver);
    let critic = post(&mut told, "answers");
    assert!(!told.started().contains(&critic));
}

/// The wall time ended with the last task on its way: the job paused with all of its work done.
#[test]
fn a_job_whose_last_task_ends_while_it_closes_has_succeeded() {
    let mut told = Told::over(&[]);
    told.begin(Limits::default(), None);
    told.hear(templated(vec![node("answer", NodeKind::Agent, &[])]));
    told.hear(LeadInput::WallOver);
    told.report(worker("answer"), AgentNews::Finished);
    told.hear(LeadInput::AgentsStopped);
    assert_eq!(told.status(), JobStatus::Succeeded);
}
