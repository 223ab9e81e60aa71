//! The world in which tools have effects. It honours idempotency keys, as the tools that write must.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::{StepId, TaskId, ToolCallId};

use crate::checks::Violation;

/// A call that is on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The task.
    pub(crate) task_id: TaskId,
    /// The step.
    pub(crate) step_id: StepId,
    /// The key.
    pub(crate) key: ToolCallId,
    /// Whether the tool takes the agent's answer.
    pub(crate) takes_answer: bool,
}

/// What has happened outside.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// Keys whose effect has happened, by step.
    effects: BTreeMap<(TaskId, StepId), BTreeSet<ToolCallId>>,
    /// How many calls arrived.
    pub(crate) arrivals: u64,
    /// How many of these were repetitions.
    pub(crate) repetitions: u64,
}

impl Outside {
    /// A call arrives. Its effect happens unless its key is known.
    pub(crate) fn arrive(&mut self, arrival: &Arrival) -> Result<(), Violation> {
        self.arrivals += 1;
        let keys = self
            .effects
            .entry((arrival.task_id, arrival.step_id))
            .or_default();
        if !keys.insert(arrival.key) {
            self.repetitions += 1;
        }
        if keys.len() > 1 {
            let detail = format!(
                "{} of {} had {} effects",
                arrival.step_id,
                arrival.task_id,
                keys.len()
            );
            return Err(Violation::new("I4 effect once", detail));
        }
        Ok(())
    }

    /// How many effects there were.
    pub(crate) fn effects(&self) -> usize {
        self.effects.values().map(BTreeSet::len).sum()
    }
}
