//! How good the work of a job was found, task by task and over all of it.
//!
//! The score of a task is that of its last accepted review, and 0 where a check refused the work for good; a failure that
//! says nothing of the work leaves none, nor does work that was taken over. A job whose documents have known answers is
//! scored by these alone: the share that a check measures elsewhere means something else. Sums are kept as they change,
//! so that a job of 100 000 tasks costs a constant at each event.

use std::collections::HashSet;

use anthill_contracts::id::{ReceiptId, TaskId};
use anthill_contracts::signal::{Arm, EvidenceClass, Receipt, WORKER};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::{JobScore, TaskRow, TaskScore};

/// The scores of one job so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    /// Documents with known answers.
    answered: HashSet<String>,
    /// What is known of each task, by its position.
    works: Vec<Work>,
    by_answers: JobScore,
    by_checks: JobScore,
}

#[derive(Debug, Clone, Copy)]
struct Work {
    class: EvidenceClass,
    arm: Option<Arm>,
    /// Whether a refusal says something of it: it reads a document, or has posted a version.
    is_judged: bool,
}

impl Scores {
    /// Notes which documents of the job have known answers. What is known of its tasks stays: a journal that names its
    /// job twice is damaged, and a damaged journal stops nothing else.
    pub(super) fn begin(&mut self, spec: &JobSpec) {
        let known = spec
            .review
            .answers
            .iter()
            .filter(|answer| !answer.quotes.is_empty());
        self.answered = known.map(|answer| answer.document.clone()).collect();
    }

    /// Notes the next task, with the document that it reads.
    pub(super) fn add(&mut self, document: Option<&str>) {
        let is_known = document.is_some_and(|path| self.answered.contains(path));
        self.works.push(Work {
            class: if is_known {
                EvidenceClass::Test
            } else {
                EvidenceClass::Verifier
            },
            arm: None,
            is_judged: document.is_some(),
        });
    }

    /// Notes what the worker of a task is shown.
    pub(super) fn expose(&mut self, position: usize, receipt: &Receipt) {
        if receipt.receipt_id == worker_of(receipt.task_id) {
            self.works[position].arm = Some(receipt.arm);
        }
    }

    /// Notes that a task has posted a version.
    pub(super) fn post(&mut self, position: usize) {
        self.works[position].is_judged = true;
    }

    /// Sets the score of a task in place of an earlier one.
    pub(super) fn set(&mut self, position: usize, (task, score_milli): (&mut TaskRow, Option<u16>)) {
        let work = self.works[position];
        let sums = match work.class {
            EvidenceClass::Test => &mut self.by_answers,
            _ => &mut self.by_checks,
        };
        if let Some(old) = task.score.take() {
            sums.remove(&old);
        }
        task.score = score_milli
            .filter(|_| work.is_judged)
            .map(|score_milli| TaskScore {
                score_milli,
                class: work.class,
                arm: work.arm,
            });
        if let Some(new) = &task.score {
            sums.add(new);
        }
    }

    /// The score of the job, where any of its tasks has one.
    pub(super) fn of_job(&self) -> Option<JobScore> {
        let all = [&self.by_answers, &self.by_checks];
        all.into_iter().find(|score| score.tasks() > 0).cloned()
    }
}

fn worker_of(task_id: TaskId) -> ReceiptId {
    ReceiptId::derive(task_id, WORKER)
}

#[cfg(test)]
mod tests;
