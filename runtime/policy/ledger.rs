//! The budget of one job: what its tasks have spent, and what is set aside for steps under way.
//!
//! Before a step its worst case is reserved; afterwards the actual cost is committed and the rest comes back. In the
//! job and in each task `committed + reserved <= limit` holds at every instant (invariant I8), with one exception that
//! is recorded: facts. An actual may exceed its reservation where a provider does not enforce the cap
//! ([`Ledger::overrun`]), and what a journal says has happened is booked even where the limits have been lowered since.
//!
//! A reservation belongs to a step, not to an attempt: whoever comes back to an unfinished step finds its reservation
//! and takes nothing more. The choice rejected was a handle that gives the amount back when it is dropped; a crash
//! drops every handle, and a crash is what reservations exist for.

mod account;

use std::collections::BTreeMap;

use anthill_contracts::budget::{Amount, Dimension, Limits};
use anthill_contracts::id::{StepId, TaskId};
use serde::{Deserialize, Serialize};

use account::Account;

/// What a job and its tasks may spend, did spend, and have set aside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    job: Account,
    tasks: BTreeMap<TaskId, Account>,
    held: BTreeMap<StepId, Held>,
    /// Committed on the job alone, on no task's account.
    taskless: Amount,
    overrun: Amount,
    #[cfg(feature = "seeded-bugs")]
    #[serde(skip)]
    bug: Option<SeededBug>,
}

/// A reservation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Held {
    task_id: TaskId,
    amount: Amount,
}

/// How a wish to reserve was met. Only [`Reserved::Again`] needs no new line in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Set aside now.
    Fresh,
    /// The step held a smaller reservation; it was raised to this amount.
    Raised(Amount),
    /// The step holds at least as much already; nothing was taken.
    Again,
}

/// A limit that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of the {scope} has not enough {dimension} left")]
pub struct Refusal {
    /// What there is not enough of.
    pub dimension: Dimension,
    /// Whose limit it is.
    pub scope: Scope,
}

/// Whose limit something meets. The job's is asked first: a task cannot have what its job has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole job's.
    Job,
    /// One task's share.
    Task,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Job => "job",
            Self::Task => "task",
        })
    }
}

/// A ledger that contradicts itself: a defect, never a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The job stands above a limit, and no fact explains it.
    #[error("the job is above its limit of {0}")]
    JobAboveLimit(Dimension),
    /// A task stands above a limit, and no fact explains it.
    #[error("{0} is above its limit of {1}")]
    TaskAboveLimit(TaskId, Dimension),
    /// What the job has reserved is not what its steps hold.
    #[error("the job has reserved something else than its steps hold")]
    JobReserved,
    /// What a task has reserved is not what its steps hold.
    #[error("{0} has reserved something else than its steps hold")]
    TaskReserved(TaskId),
    /// What the job has committed is not what its tasks and its own charges add up to.
    #[error("the job has committed something else than its tasks and its own charges")]
    JobCommitted,
}

/// A known bug that a simulation plants to show that it would find it.
#[cfg(feature = "seeded-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeededBug {
    /// Coming back to an unfinished step reserves anew, and the first reservation is never given back.
    ReservationLeaked,
}

impl Ledger {
    /// An empty ledger of a job with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            job: Account::new(limits),
            tasks: BTreeMap::new(),
            held: BTreeMap::new(),
            taskless: Amount::ZERO,
            overrun: Amount::ZERO,
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        }
    }

    /// Raises the job's limits to the given ones. A limit that is not given, or given lower, stays; a dimension
    /// without a limit stays without.
    pub fn set_limits(&mut self, limits: Limits) {
        let raised = account::raised(self.job.limits(), &limits);
        self.job.set_limits(raised);
    }

    /// Gives a task limits of its own; a known task gets these instead of its former ones. A task that is never
    /// opened is bound by the job's limits only.
    pub fn open_task(&mut self, task_id: TaskId, limits: Limits) {
        self.task(task_id).set_limits(limits);
    }

    /// Sets the worst case of a step aside, in the job and in the task, or refuses and changes nothing.
    ///
    /// A step that holds a reservation already keeps it; only where the wish is larger is the difference checked and
    /// taken.
    ///
    /// # Panics
    /// When the step holds a reservation of another task: ids of steps derive from their task's.
    pub fn reserve(&mut self, task_id: TaskId, step_id: StepId, amount: Amount) -> Result<Reserved, Refusal> {
        let Some(kept) = self.reservation(task_id, step_id) else {
            self.take(task_id, step_id, amount, amount)?;
            return Ok(Reserved::Fresh);
        };
        #[cfg(feature = "seeded-bugs")]
        if self.bug == Some(SeededBug::ReservationLeaked) {
            self.take(task_id, step_id, amount, amount)?;
            return Ok(Reserved::Again);
        }
        let missing = amount.minus(kept);
        if missing.is_zero() {
            return Ok(Reserved::Again);
        }
        let whole = kept.plus(missing);
        self.take(task_id, step_id, missing, whole)?;
        Ok(Reserved::Raised(whole))
    }

    /// Sets aside what the journal says is set aside for a step, whatever the limits are today. Never refuses: the
    /// money may have been promised to a provider already. A step that holds a reservation keeps the larger counts.
    ///
    /// # Panics
    /// As [`Ledger::reserve`].
    pub fn adopt(&mut self, task_id: TaskId, step_id: StepId, amount: Amount) {
        let kept = self.reservation(task_id, step_id).unwrap_or(Amount::ZERO);
        // A sum that saturates could not be given back exactly, so nothing is taken beyond the largest number.
        let missing = account::least(amount.minus(kept), account::headroom(self.job.reserved()));
        self.job.adopt(missing);
        self.task(task_id).adopt(missing);
        let amount = kept.plus(missing);
        self.held.insert(step_id, Held { task_id, amount });
    }

    /// Commits what a step did cost and gives the rest of its reservation back. A cost above the reservation is
    /// committed as well and recorded as overrun. A step without a reservation changes nothing.
    pub fn settle(&mut self, step_id: StepId, actual: Amount) {
        let Some(Held { task_id, amount }) = self.held.remove(&step_id) else {
            return;
        };
        self.overrun = self.overrun.plus(actual.minus(amount));
        self.job.settle(amount, actual);
        self.task(task_id).settle(amount, actual);
    }

    /// Gives a reservation back unused. A step without one changes nothing.
    pub fn release(&mut self, step_id: StepId) {
        let Some(Held { task_id, amount }) = self.held.remove(&step_id) else {
            return;
        };
        self.job.release(amount);
        self.task(task_id).release(amount);
    }

    /// Commits a cost that has no reservation, such as an agent that starts, or refuses and changes nothing.
    pub fn charge(&mut self, task_id: Option<TaskId>, amount: Amount) -> Result<(), Refusal> {
        self.room(task_id, &amount)?;
        self.job.commit(amount);
        match task_id {
            Some(task_id) => self.task(task_id).commit(amount),
            None => self.taskless = self.taskless.plus(amount),
        }
        Ok(())
    }

    /// Commits a cost that has happened, such as the wall time of an earlier run, whatever the limits.
    pub fn charge_unchecked(&mut self, amount: Amount) {
        self.job.book(amount);
        self.taskless = self.taskless.plus(amount);
    }

    /// What the job has spent.
    pub fn committed(&self) -> Amount {
        self.job.committed()
    }

    /// What is set aside for steps under way.
    pub fn reserved(&self) -> Amount {
        self.job.reserved()
    }

    /// What a task has spent.
    pub fn task_committed(&self, task_id: TaskId) -> Amount {
        self.tasks.get(&task_id).map_or(Amount::ZERO, Account::committed)
    }

    /// What a task has set aside for its steps under way.
    pub fn task_reserved(&self, task_id: TaskId) -> Amount {
        self.tasks.get(&task_id).map_or(Amount::ZERO, Account::reserved)
    }

    /// By how much actual costs exceeded their reservations, in sum.
    pub const fn overrun(&self) -> Amount {
        self.overrun
    }

    /// Every reservation that is neither settled nor released, in the order of the steps' ids.
    pub fn outstanding(&self) -> impl Iterator<Item = (TaskId, StepId, Amount)> + '_ {
        self.held
            .iter()
            .map(|(step_id, held)| (held.task_id, *step_id, held.amount))
    }

    /// What the job can still take in one dimension; `None` where it has no limit.
    pub fn left(&self, dimension: Dimension) -> Option<u64> {
        self.job.left(dimension)
    }

    /// What a task can still take in one dimension, under its own limit and the job's; `None` where neither is given.
    pub fn task_left(&self, task_id: TaskId, dimension: Dimension) -> Option<u64> {
        let own = self
            .tasks
            .get(&task_id)
            .and_then(|account| account.left(dimension));
        own.into_iter().chain(self.left(dimension)).min()
    }

    /// Whether the ledger agrees with itself: no scope is above a limit without a fact that explains it, what is
    /// reserved is what the steps hold, and what is committed is what tasks and job were charged.
    pub fn check(&self) -> Result<(), Broken> {
        if let Some(dimension) = self.job.excess() {
            return Err(Broken::JobAboveLimit(dimension));
        }
        let mut held = BTreeMap::<TaskId, Amount>::new();
        for (task_id, _, amount) in self.outstanding() {
            let sum = held.entry(task_id).or_default();
            *sum = sum.plus(amount);
        }
        let mut committed = self.taskless;
        for (task_id, account) in &self.tasks {
            if let Some(dimension) = account.excess() {
                return Err(Broken::TaskAboveLimit(*task_id, dimension));
            }
            if account.reserved() != held.get(task_id).copied().unwrap_or_default() {
                return Err(Broken::TaskReserved(*task_id));
            }
            committed = committed.plus(account.committed());
        }
        if self.job.reserved() != held.into_values().fold(Amount::ZERO, Amount::plus) {
            return Err(Broken::JobReserved);
        }
        if self.job.committed() != committed {
            return Err(Broken::JobCommitted);
        }
        Ok(())
    }

    /// Plants a known bug from now on.
    #[cfg(feature = "seeded-bugs")]
    pub fn plant(&mut self, bug: SeededBug) {
        self.bug = Some(bug);
    }

    /// What a step holds.
    fn reservation(&self, task_id: TaskId, step_id: StepId) -> Option<Amount> {
        let held = self.held.get(&step_id)?;
        assert_eq!(held.task_id, task_id, "a step belongs to one task");
        Some(held.amount)
    }

    /// Takes `extra` from job and task, so that the step holds `whole`.
    fn take(
        &mut self,
        task_id: TaskId,
        step_id: StepId,
        extra: Amount,
        whole: Amount,
    ) -> Result<(), Refusal> {
        self.room(Some(task_id), &extra)?;
        self.job.reserve(extra);
        self.task(task_id).reserve(extra);
        self.held.insert(
            step_id,
            Held {
                task_id,
                amount: whole,
            },
        );
        Ok(())
    }

    /// Whether job and task have room for a wish.
    fn room(&self, task_id: Option<TaskId>, wish: &Amount) -> Result<(), Refusal> {
        let refuse = |scope| move |dimension| Err(Refusal { dimension, scope });
        self.job.lacks(wish).map_or(Ok(()), refuse(Scope::Job))?;
        task_id
            .and_then(|task_id| self.tasks.get(&task_id))
            .and_then(|account| account.lacks(wish))
            .map_or(Ok(()), refuse(Scope::Task))
    }

    /// The account of a task, opened without limits where it is new.
    fn task(&mut self, task_id: TaskId) -> &mut Account {
        self.tasks.entry(task_id).or_default()
    }
}

#[cfg(test)]
mod tests;
