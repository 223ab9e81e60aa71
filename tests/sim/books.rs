//! Budgets, kept a second time: what the journal says was reserved, spent and given back, by sums of its own.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::budget::{Amount, Dimension, Limits};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{StepId, TaskId};
use anthill_contracts::task::ReasonCode;
use anthill_supervisors::lead::job_state::JobState;

use crate::checks::{Violation, ensure};
use crate::swarm::STEP_WORST;

const INVARIANT: &str = "I8 budget";

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    limits: Limits,
    spent: Amount,
    spent_by: BTreeMap<TaskId, Amount>,
    held: BTreeMap<StepId, (TaskId, Amount)>,
    reserved_ever: BTreeSet<StepId>,
}

impl Books {
    /// Whether a step's reservation was ever on record.
    pub(crate) fn was_reserved(&self, step_id: StepId) -> bool {
        self.reserved_ever.contains(&step_id)
    }

    /// Whether money is set aside for a task.
    pub(crate) fn holds_for(&self, task_id: TaskId) -> bool {
        self.held.values().any(|(owner, _)| *owner == task_id)
    }

    /// What is set aside.
    pub(crate) fn held(&self) -> Amount {
        self.held
            .values()
            .fold(Amount::ZERO, |sum, (_, amount)| sum.plus(*amount))
    }

    /// Enters an event; `job` is the state before it.
    pub(crate) fn take(&mut self, event: &JobEvent, job: &JobState) -> Result<(), Violation> {
        match event {
            JobEvent::JobSubmitted { spec } => self.limits = spec.budget,
            JobEvent::BudgetToppedUp { limits } => self.limits = raised(self.limits, *limits),
            JobEvent::TaskStarted { task_id, .. } => {
                let planning = *task_id == TaskId::planning(job.job_id);
                if planning || job.asks_model(*task_id) {
                    self.spent.agents += 1;
                }
                return self.stays_below();
            }
            JobEvent::BudgetReserved {
                task_id,
                step_id,
                amount,
            } => {
                let (owner, kept) = self
                    .held
                    .get(step_id)
                    .copied()
                    .unwrap_or((*task_id, Amount::ZERO));
                ensure(owner == *task_id, INVARIANT, || {
                    format!("{step_id} has two owners")
                })?;
                self.held.insert(*step_id, (owner, kept.plus(amount.minus(kept))));
                self.reserved_ever.insert(*step_id);
                return self.stays_below();
            }
            JobEvent::BudgetReleased { step_id, .. } => {
                let held = self.held.remove(step_id);
                ensure(held.is_some(), INVARIANT, || {
                    format!("{step_id} gave back what it did not have")
                })?;
            }
            JobEvent::StepRecorded { task_id, step } => {
                let held = self.held.remove(&step.step_id).map(|(_, amount)| amount);
                let covered = held.is_some_and(|amount| step.cost.minus(amount).is_zero());
                ensure(covered, INVARIANT, || {
                    format!("{} cost more than {held:?}", step.step_id)
                })?;
                self.spent = self.spent.plus(step.cost);
                let own = self.spent_by.entry(*task_id).or_default();
                *own = own.plus(step.cost);
            }
            JobEvent::BudgetExhausted { dimension, .. } => return self.is_used_up(None, *dimension, job),
            JobEvent::TaskFailed {
                task_id,
                reason: ReasonCode::BudgetExhausted(dimension),
                ..
            } => {
                return self.is_used_up(Some(*task_id), *dimension, job);
            }
            _ => {}
        }
        Ok(())
    }

    /// No limit is passed, ever. Wall time is a fact and not a wish; it is left out.
    fn stays_below(&self) -> Result<(), Violation> {
        let total = self.spent.plus(self.held());
        let passed = self.limits.exceeded_by(&total);
        ensure(passed.is_none(), INVARIANT, || {
            format!("{passed:?} is above its limit: {total:?}")
        })
    }

    /// A refusal is honest: a wish that may have been made does not fit.
    fn is_used_up(
        &self,
        task_id: Option<TaskId>,
        dimension: Dimension,
        job: &JobState,
    ) -> Result<(), Violation> {
        if dimension == Dimension::Wall {
            return Ok(());
        }
        let worst = STEP_WORST.get(dimension).max(1);
        let left = self.left(dimension);
        let own_left = task_id
            .filter(|_| dimension == Dimension::Steps)
            .and_then(|task_id| {
                let most = u64::from(job.spec.as_ref()?.work.steps_per_task_max);
                let spent = self.spent_by.get(&task_id).map_or(0, |spent| spent.steps);
                let before = job.tasks.get(&task_id).map_or(0, |task| task.base.spent.steps);
                let spent = spent.saturating_sub(before);
                Some(most.saturating_sub(spent))
            });
        let used_up = [left, own_left].into_iter().flatten().any(|left| left < worst);
        ensure(used_up, INVARIANT, || {
            format!("{dimension} was refused with {left:?} left, for {task_id:?}")
        })
    }

    fn left(&self, dimension: Dimension) -> Option<u64> {
        let taken = self.spent.plus(self.held()).get(dimension);
        self.limits
            .get(dimension)
            .map(|limit| limit.saturating_sub(taken))
    }
}

fn raised(current: Limits, given: Limits) -> Limits {
    fn larger<T: Ord>(current: Option<T>, given: Option<T>) -> Option<T> {
        current.map(|current| given.into_iter().fold(current, T::max))
    }
    Limits {
        tokens_in: larger(current.tokens_in, given.tokens_in),
        tokens_out: larger(current.tokens_out, given.tokens_out),
        usd: larger(current.usd, given.usd),
        tool_calls: larger(current.tool_calls, given.tool_calls),
        steps: larger(current.steps, given.steps),
        wall: larger(current.wall, given.wall),
        agents: larger(current.agents, given.agents),
    }
}
