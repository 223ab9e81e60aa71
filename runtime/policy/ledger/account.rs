//! The account of one scope: its limits, what it spent and what is set aside.
//!
//! A fact (an actual above its reservation, a line of the journal) must be booked even where it breaks a limit, and
//! a wish must not. Both kinds of booking live here, so that the sums change in one place only. How far facts alone
//! have carried the account beyond its limits is kept exactly in `beyond`; any further excess is a defect, and
//! [`Account::excess`] finds it.

use anthill_contracts::budget::{Amount, Dimension, Limits};
use serde::{Deserialize, Serialize};

/// Limits and sums of one scope.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Account {
    limits: Limits,
    committed: Amount,
    reserved: Amount,
    /// By how much facts carried `committed + reserved` above the limits, and it still is.
    beyond: Amount,
}

impl Account {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) const fn committed(&self) -> Amount {
        self.committed
    }

    pub(super) const fn reserved(&self) -> Amount {
        self.reserved
    }

    /// Replaces the limits. Where the sums are above the new ones, that is a fact from now on.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.beyond = self.over();
    }

    /// The first dimension in which `wish` takes something that is not left.
    ///
    /// A dimension in which nothing is taken refuses nothing, also where it is used up already.
    pub(super) fn lacks(&self, wish: &Amount) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| {
            let taken = wish.get(*dimension);
            taken > 0 && taken > self.room(*dimension)
        })
    }

    /// What is neither committed nor reserved; `None` where nothing limits it.
    pub(super) fn left(&self, dimension: Dimension) -> Option<u64> {
        self.limits.get(dimension).map(|_| self.room(dimension))
    }

    /// Sets aside what [`Account::lacks`] found to be there.
    pub(super) fn reserve(&mut self, amount: Amount) {
        debug_assert!(self.lacks(&amount).is_none(), "the room was checked before");
        self.reserved = self.reserved.plus(amount);
    }

    /// Commits what [`Account::lacks`] found to be there.
    pub(super) fn commit(&mut self, amount: Amount) {
        debug_assert!(self.lacks(&amount).is_none(), "the room was checked before");
        self.committed = self.committed.plus(amount);
    }

    /// Sets aside what the journal says is set aside, whatever the limits.
    pub(super) fn adopt(&mut self, amount: Amount) {
        self.reserved = self.reserved.plus(amount);
        self.beyond = self.over();
    }

    /// Commits what has happened, whatever the limits.
    pub(super) fn book(&mut self, amount: Amount) {
        self.committed = self.committed.plus(amount);
        self.beyond = self.over();
    }

    /// Turns a reservation into what the step did cost.
    pub(super) fn settle(&mut self, reserved: Amount, actual: Amount) {
        self.reserved = self.reserved.minus(reserved);
        self.committed = self.committed.plus(actual);
        let excused = self.beyond.plus(actual.minus(reserved));
        self.beyond = least(excused, self.over());
    }

    /// Gives a reservation back.
    pub(super) fn release(&mut self, reserved: Amount) {
        self.reserved = self.reserved.minus(reserved);
        self.beyond = least(self.beyond, self.over());
    }

    /// The first dimension above its limit by more than facts explain.
    pub(super) fn excess(&self) -> Option<Dimension> {
        let over = self.over();
        Dimension::ALL
            .into_iter()
            .find(|dimension| over.get(*dimension) > self.beyond.get(*dimension))
    }

    /// This account with other sums that nothing explains: damage, for tests.
    #[cfg(test)]
    pub(super) fn with_sums(&self, committed: Amount, reserved: Amount) -> Self {
        Self {
            committed,
            reserved,
            ..self.clone()
        }
    }

    /// What can still be taken, measured without overflow even where there is no limit.
    fn room(&self, dimension: Dimension) -> u64 {
        let taken = self
            .committed
            .get(dimension)
            .saturating_add(self.reserved.get(dimension));
        self.limits
            .get(dimension)
            .unwrap_or(u64::MAX)
            .saturating_sub(taken)
    }

    /// How far the sums stand above the limits.
    fn over(&self) -> Amount {
        self.committed.plus(self.reserved).minus(ceiling(&self.limits))
    }
}

/// The limits as an amount; a dimension without one goes up to the largest number.
fn ceiling(limits: &Limits) -> Amount {
    let bound = |dimension| limits.get(dimension).unwrap_or(u64::MAX);
    Amount {
        tokens_in: bound(Dimension::TokensIn),
        tokens_out: bound(Dimension::TokensOut),
        usd_micro: bound(Dimension::Usd),
        tool_calls: bound(Dimension::ToolCalls),
        steps: bound(Dimension::Steps),
        wall_ms: bound(Dimension::Wall),
        agents: bound(Dimension::Agents),
    }
}

/// What can be added without an overflow.
pub(super) fn headroom(sum: Amount) -> Amount {
    ceiling(&Limits::default()).minus(sum)
}

/// The smaller count in each dimension.
pub(super) fn least(left: Amount, right: Amount) -> Amount {
    left.minus(left.minus(right))
}

/// The larger bound in each dimension that has one; a dimension without a bound stays without.
pub(super) fn raised(current: &Limits, given: &Limits) -> Limits {
    Limits {
        tokens_in: raised_bound(current.tokens_in, given.tokens_in),
        tokens_out: raised_bound(current.tokens_out, given.tokens_out),
        usd: raised_bound(current.usd, given.usd),
        tool_calls: raised_bound(current.tool_calls, given.tool_calls),
        steps: raised_bound(current.steps, given.steps),
        wall: raised_bound(current.wall, given.wall),
        agents: raised_bound(current.agents, given.agents),
    }
}

fn raised_bound<T: Ord>(current: Option<T>, given: Option<T>) -> Option<T> {
    match (current, given) {
        (Some(current), Some(given)) => Some(current.max(given)),
        (current, _) => current,
    }
}
