//! Which scores count, and that a sum is what its tasks say.

use anthill_contracts::spec::KnownAnswer;

use super::*;
use crate::conformance::samples;

fn scores(answered: &[&str]) -> Scores {
    let mut spec = samples::spec("default");
    spec.review.answers = answered
        .iter()
        .map(|document| KnownAnswer {
            document: (*document).to_owned(),
            quotes: vec!["so it is".to_owned()],
        })
        .collect();
    let mut scores = Scores::default();
    scores.begin(&spec);
    scores
}

fn row() -> TaskRow {
    use anthill_contracts::budget::Amount;
    use anthill_contracts::task::TaskStatus;
    TaskRow {
        task_id: samples::reader(0),
        node: "read".to_owned(),
        label: None,
        status: TaskStatus::Running,
        attempt: 1,
        reason: None,
        detail: None,
        spent: Amount::ZERO,
        reused: None,
        output: None,
        started_at: None,
        ended_at: None,
        model: None,
        score: None,
        estimated: false,
    }
}

#[test]
fn known_answers_speak_alone() {
    let mut scores = scores(&["a.md"]);
    let (mut known, mut other) = (row(), row());
    scores.add(Some("a.md"));
    scores.add(Some("b.md"));
    scores.set(1, (&mut other, Some(900)));
    assert!(!scores.of_job().expect("a check's score").by_answers);
    scores.set(0, (&mut known, Some(200)));
    let job = scores.of_job().expect("a score");
    assert!(job.by_answers);
    assert_eq!((job.unaided.tasks, job.unaided.sum_milli), (1, 200));
    assert_eq!(
        other.score.map(|score| score.class),
        Some(EvidenceClass::Verifier)
    );
}

#[test]
fn a_later_score_replaces_an_earlier_one() {
    let mut scores = scores(&[]);
    let mut task = row();
    scores.add(Some("a.md"));
    for score in [Some(300), Some(0), None, Some(700)] {
        scores.set(0, (&mut task, score));
        assert_eq!(task.score.map(|score| score.score_milli), score);
        let sum = scores.of_job().map_or(0, |job| job.unaided.sum_milli);
        assert_eq!(sum, u64::from(score.unwrap_or(0)));
    }
}

#[test]
fn a_worker_that_was_shown_nothing_is_apart() {
    let mut scores = scores(&[]);
    for arm in [Arm::Treated, Arm::Control] {
        scores.add(Some("a.md"));
        let position = scores.works.len() - 1;
        let receipt = Receipt {
            arm,
            ..samples::receipt(samples::reader(0))
        };
        scores.expose(position, &receipt);
        // A critic of the same task is another agent.
        let critic = Receipt {
            receipt_id: ReceiptId::derive(receipt.task_id, "critic"),
            arm: Arm::Control,
            ..receipt
        };
        scores.expose(position, &critic);
        scores.set(position, (&mut row(), Some(500)));
    }
    let job = scores.of_job().expect("a score");
    assert_eq!((job.with.tasks, job.control.tasks, job.unaided.tasks), (1, 1, 0));
}

#[test]
fn a_failure_without_work_has_no_score() {
    let mut scores = scores(&[]);
    let mut task = row();
    scores.add(None);
    scores.set(0, (&mut task, Some(0)));
    assert_eq!((task.score, scores.of_job()), (None, None));
    scores.post(0);
    scores.set(0, (&mut task, Some(0)));
    assert_eq!(scores.of_job().map(|job| job.tasks()), Some(1));
}
