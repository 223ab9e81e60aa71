//! Ends of jobs, and the exit codes that follow.

use anthill_contracts::budget::Dimension;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::TenantId;

use super::*;

fn row(status: JobStatus, reason: Option<ReasonCode>, detail: &str) -> JobRow {
    JobRow {
        job_id: JobId::new(1, 1),
        name: "colony".to_owned(),
        tenant: TenantId::default(),
        goal: "why?".to_owned(),
        status,
        reason,
        detail: Some(detail.to_owned()),
        submitted_at: Timestamp(0),
        updated_at: Timestamp(0),
        seq: 9,
        epoch: 1,
        tasks: 3,
        tasks_succeeded: 3,
        tasks_reused: 0,
        spent: Amount::ZERO,
        saved: Amount::ZERO,
        output: None,
        score: None,
    }
}

#[test]
fn the_exit_code_follows_from_how_the_job_ended() {
    let check = |status, reason, detail, expected| {
        let exit = Summary::new(&row(status, reason, detail), 0, None).exit;
        assert_eq!(exit, expected, "{status} {reason:?} {detail}");
    };
    let exhausted = Some(ReasonCode::BudgetExhausted(Dimension::Usd));
    check(JobStatus::Succeeded, None, "", 0);
    check(JobStatus::Failed, Some(ReasonCode::CriticRejected), "", 1);
    check(JobStatus::Cancelled, None, "", 1);
    check(JobStatus::Paused, exhausted, "", 3);
    check(
        JobStatus::Paused,
        Some(ReasonCode::ModelError),
        "AH0303: the provider refused the key",
        5,
    );
    check(JobStatus::Paused, Some(ReasonCode::Interrupted), "", 130);
    check(JobStatus::Paused, Some(ReasonCode::DocumentsUnread), "", 3);
    check(JobStatus::Paused, Some(ReasonCode::DescriptorsExhausted), "", 4);
    check(JobStatus::Paused, Some(ReasonCode::InputChanged), "", 1);
    check(JobStatus::Failed, Some(ReasonCode::InputUnreadable), "", 2);
}

#[test]
fn the_providers_own_code_is_kept() {
    let code =
        |detail| code_of(&row(JobStatus::Paused, Some(ReasonCode::ModelError), detail)).map(|code| code.id);
    assert_eq!(
        code("AH0303: the provider `some` refused the key"),
        Some("AH0303")
    );
    assert_eq!(code("task read a.md: AH0307: it is too long"), Some("AH0307"));
    assert_eq!(code("it went away"), Some("AH0305"));
}

#[test]
fn only_a_job_that_can_go_on_is_offered_to_be_resumed() {
    let resume = |status, reason| Summary::new(&row(status, reason, ""), 0, None).resume;
    let id = JobId::new(1, 1);
    assert_eq!(resume(JobStatus::Succeeded, None), None);
    assert_eq!(
        resume(
            JobStatus::Paused,
            Some(ReasonCode::BudgetExhausted(Dimension::Wall))
        ),
        Some(format!("anthill job resume {id} --budget wall=LIMIT"))
    );
    assert_eq!(
        resume(JobStatus::Paused, Some(ReasonCode::Interrupted)),
        Some(format!("anthill job resume {id}"))
    );
}

#[test]
fn a_job_that_misses_documents_is_called_partial() {
    assert_eq!(
        standing(JobStatus::Paused, Some(ReasonCode::DocumentsUnread)),
        "partial"
    );
    assert_eq!(
        standing(JobStatus::Paused, Some(ReasonCode::Interrupted)),
        "paused"
    );
    assert_eq!(standing(JobStatus::Succeeded, None), "succeeded");
}
