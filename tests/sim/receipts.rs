//! What agents were shown and how that was credited, in books of our own.

use std::collections::{BTreeMap, BTreeSet};

use anthill_actors::agent::AgentKind;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{ReceiptId, TaskId};
use anthill_contracts::signal::{Outcome, PROPOSALS_PER_RUN_MAX, Polarity, Proposal, Receipt};
use anthill_contracts::step::Phase;
use anthill_supervisors::lead::job_state::JobState;

use crate::checks::{Violation, ensure};

/// What is durable of receipts, and what the knowledge has heard.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    exposed: BTreeMap<ReceiptId, Receipt>,
    credited: BTreeSet<ReceiptId>,
    /// What the knowledge has acknowledged.
    acknowledged: BTreeSet<ReceiptId>,
    /// What the present lead has given up telling.
    given_up: BTreeSet<ReceiptId>,
    /// The moments as of which the job is shown something.
    cuts: BTreeSet<Timestamp>,
}

impl Receipts {
    /// What an agent was shown, as it is durable.
    pub(crate) fn exposed(&self, receipt_id: ReceiptId) -> Option<&Receipt> {
        self.exposed.get(&receipt_id)
    }

    /// The knowledge has taken an end in.
    pub(crate) fn acknowledge(&mut self, receipt_id: ReceiptId) {
        self.acknowledged.insert(receipt_id);
    }

    /// A lead hears that nobody acknowledges.
    pub(crate) fn give_up(&mut self, receipt_id: ReceiptId) {
        self.given_up.insert(receipt_id);
    }

    /// How many receipts there are, and how many were credited.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.exposed.len(), self.credited.len())
    }

    /// Whether an event may happen in the state before it.
    pub(crate) fn before(&mut self, event: &JobEvent, fold: &JobState) -> Result<(), Violation> {
        match event {
            JobEvent::LeadChanged { .. } => self.given_up.clear(),
            JobEvent::KnowledgeCut { cut, .. } => drop(self.cuts.insert(cut.at)),
            JobEvent::SignalExposed { task_id, receipt } => self.expose(*task_id, receipt, fold)?,
            JobEvent::SignalsProposed { task_id, proposals } => self.propose(*task_id, proposals, fold)?,
            JobEvent::SignalCredited {
                task_id,
                receipt_id,
                outcome,
            } => self.credit((*task_id, *receipt_id), outcome.as_ref(), fold)?,
            JobEvent::TaskSucceeded { task_id, .. } => judged(*task_id, fold)?,
            event if event.ends_job() => self.all_told()?,
            _ => {}
        }
        Ok(())
    }

    fn expose(&mut self, task_id: TaskId, receipt: &Receipt, fold: &JobState) -> Result<(), Violation> {
        let kinds = [AgentKind::Worker, AgentKind::Critic, AgentKind::Planner];
        let kind = kinds
            .into_iter()
            .find(|kind| is_of(receipt.receipt_id, task_id, *kind));
        ensure(
            kind.is_some() && receipt.task_id == task_id,
            "I12 receipts",
            || format!("{} is no receipt of {task_id}", receipt.receipt_id),
        )?;
        let phase = match kind {
            Some(AgentKind::Critic) => Phase::Review,
            _ => Phase::Work,
        };
        let task = fold.tasks.get(&task_id);
        let has_begun = task.is_some_and(|task| {
            task.status.is_terminal() || task.steps.iter().any(|step| step.phase == phase)
        });
        ensure(!has_begun, "I12 receipts", || {
            format!("{task_id} is shown something after its first step")
        })?;
        ensure(self.cuts.contains(&receipt.at), "I26 cut", || {
            format!(
                "{task_id} is shown what was known at {}, and the job reads what was known at {:?}",
                receipt.at.0, self.cuts
            )
        })?;
        let earlier = self.exposed.insert(receipt.receipt_id, receipt.clone());
        ensure(earlier.is_none(), "I12 receipts", || {
            format!("{} is issued twice", receipt.receipt_id)
        })
    }

    fn propose(&self, task_id: TaskId, proposals: &[Proposal], fold: &JobState) -> Result<(), Violation> {
        let receipt_id = ReceiptId::derive(task_id, AgentKind::Worker.as_str());
        let is_open = fold
            .tasks
            .get(&task_id)
            .is_some_and(|task| !task.status.is_terminal());
        // Of work that is not judged yet there are lessons for either end.
        let most = |polarity| proposals.iter().filter(|one| one.polarity == polarity).count();
        let fits = [Polarity::Do, Polarity::Avoid]
            .map(most)
            .iter()
            .all(|count| *count <= PROPOSALS_PER_RUN_MAX);
        ensure(
            is_open && fits && self.exposed.contains_key(&receipt_id),
            "I12 receipts",
            || format!("{task_id} may not propose {} signals now", proposals.len()),
        )
    }

    fn credit(
        &mut self,
        (task_id, receipt_id): (TaskId, ReceiptId),
        outcome: Option<&Outcome>,
        fold: &JobState,
    ) -> Result<(), Violation> {
        let is_known = self
            .exposed
            .get(&receipt_id)
            .is_some_and(|receipt| receipt.task_id == task_id);
        ensure(
            is_known && self.acknowledged.contains(&receipt_id),
            "I13 credit",
            || format!("{receipt_id} is credited and nobody was told"),
        )?;
        ensure(self.credited.insert(receipt_id), "I13 credit", || {
            format!("{receipt_id} is credited twice")
        })?;
        let Some(outcome) = outcome else { return Ok(()) };
        let is_plan = task_id == TaskId::planning(fold.job_id);
        let task = fold.tasks.get(&task_id);
        // One that began anew has ended before.
        let has_ended = is_plan || task.is_some_and(|task| task.status.is_terminal() || task.base.times > 0);
        ensure(
            outcome.receipt_id == receipt_id && outcome.score_milli <= 1000 && has_ended,
            "I13 credit",
            || format!("{outcome:?} is no outcome of {task_id}"),
        )
    }

    /// A job that has ended has told everything, as far as anybody listened.
    fn all_told(&self) -> Result<(), Violation> {
        let untold = self
            .exposed
            .keys()
            .find(|receipt_id| !self.credited.contains(receipt_id) && !self.given_up.contains(receipt_id));
        ensure(untold.is_none(), "I13 credit", || {
            format!("the job ended and {untold:?} was never concluded")
        })
    }
}

/// What work hands in that was accepted is no more than a run may.
fn judged(task_id: TaskId, fold: &JobState) -> Result<(), Violation> {
    let receipt_id = ReceiptId::derive(task_id, AgentKind::Worker.as_str());
    let handed_in = fold
        .receipts
        .get(&receipt_id)
        .map_or(0, |state| state.proposals.len());
    ensure(handed_in <= PROPOSALS_PER_RUN_MAX, "I12 receipts", || {
        format!("{task_id} hands in {handed_in} signals")
    })
}

fn is_of(receipt_id: ReceiptId, task_id: TaskId, kind: AgentKind) -> bool {
    receipt_id == ReceiptId::derive(task_id, kind.as_str())
}
