//! A naive ledger: it keeps the list of what was granted and recounts every sum from it, in wide numbers.

use proptest::sample::Index;

use super::*;

pub(super) const TASKS: u32 = 3;
const STEPS: u32 = 3;

/// One call on the ledger; the step's place is chosen among few, so that calls meet.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Reserve(Index, Index, Amount),
    Adopt(Index, Index, Amount),
    Settle(Index, Index, Amount),
    Release(Index, Index),
    Charge(Option<Index>, Amount),
    ChargeUnchecked(Amount),
    TopUp(Limits),
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let bound = || prop::option::of(0..120_u64);
    (bound(), bound(), bound()).prop_map(|(tokens_in, tokens_out, steps)| Limits {
        tokens_in,
        tokens_out,
        steps,
        ..Limits::default()
    })
}

fn amount() -> impl Strategy<Value = Amount> {
    (0..40_u64, 0..40_u64, 0..3_u64).prop_map(|(tokens_in, tokens_out, steps)| Amount {
        tokens_in,
        tokens_out,
        steps,
        ..Amount::ZERO
    })
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let place = || (any::<Index>(), any::<Index>());
    prop_oneof![
        6 => (place(), amount()).prop_map(|((task, step), amount)| Act::Reserve(task, step, amount)),
        1 => (place(), amount()).prop_map(|((task, step), amount)| Act::Adopt(task, step, amount)),
        4 => (place(), amount()).prop_map(|((task, step), amount)| Act::Settle(task, step, amount)),
        2 => place().prop_map(|(task, step)| Act::Release(task, step)),
        1 => (prop::option::of(any::<Index>()), amount()).prop_map(|(task, amount)| Act::Charge(task, amount)),
        1 => amount().prop_map(Act::ChargeUnchecked),
        1 => limits().prop_map(Act::TopUp),
    ]
}

/// What the ledger granted or was told, as plain lists.
struct Recount {
    limits: Limits,
    shares: Vec<Limits>,
    held: Vec<(u32, u32, Amount)>,
    paid: Vec<(Option<u32>, Amount)>,
    overrun: Amount,
}

impl Recount {
    /// What a scope (the job for `None`) has committed and holds in one dimension.
    fn taken(&self, scope: Option<u32>, dimension: Dimension) -> u128 {
        let paid = self
            .paid
            .iter()
            .filter(|(owner, _)| scope.is_none() || *owner == scope)
            .map(|(_, amount)| amount);
        let held = self
            .held
            .iter()
            .filter(|(owner, ..)| scope.is_none_or(|scope| *owner == scope))
            .map(|(.., amount)| amount);
        paid.chain(held)
            .map(|amount| u128::from(amount.get(dimension)))
            .sum()
    }

    fn lacks(&self, scope: Option<u32>, wish: &Amount) -> Option<Dimension> {
        let limits = scope.map_or(&self.limits, |task| &self.shares[task as usize]);
        Dimension::ALL.into_iter().find(|dimension| {
            wish.get(*dimension) > 0
                && limits.get(*dimension).is_some_and(|limit| {
                    self.taken(scope, *dimension) + u128::from(wish.get(*dimension)) > u128::from(limit)
                })
        })
    }

    /// The verdict that the ledger has to give on a wish.
    fn verdict(&self, task_index: Option<u32>, wish: &Amount) -> Result<(), Refusal> {
        if let Some(dimension) = self.lacks(None, wish) {
            return Err(refused(Scope::Job, dimension));
        }
        let lacking = task_index.and_then(|task_index| self.lacks(Some(task_index), wish));
        lacking.map_or(Ok(()), |dimension| Err(refused(Scope::Task, dimension)))
    }

    fn remove(&mut self, task_index: u32, seq: u32) -> Option<Amount> {
        let position = self
            .held
            .iter()
            .position(|held| (held.0, held.1) == (task_index, seq))?;
        Some(self.held.remove(position).2)
    }

    /// Does one act on both and compares the answers.
    fn perform(&mut self, ledger: &mut Ledger, act: &Act) -> Result<(), TestCaseError> {
        let place = |task: &Index, step: &Index| (index(*task, TASKS), index(*step, STEPS));
        match act {
            Act::Reserve(task, step, wish) => self.reserve(ledger, place(task, step), *wish)?,
            Act::Adopt(task_index, step_index, amount) => {
                let (owner, seq) = place(task_index, step_index);
                ledger.adopt(task(owner), step(owner, seq), *amount);
                let kept = self.remove(owner, seq).unwrap_or(Amount::ZERO);
                self.held.push((owner, seq, larger(kept, *amount)));
            }
            Act::Settle(task_index, step_index, actual) => {
                let (owner, seq) = place(task_index, step_index);
                ledger.settle(step(owner, seq), *actual);
                if let Some(kept) = self.remove(owner, seq) {
                    self.paid.push((Some(owner), *actual));
                    self.overrun = self.overrun.plus(actual.minus(kept));
                }
            }
            Act::Release(task_index, step_index) => {
                let (owner, seq) = place(task_index, step_index);
                ledger.release(step(owner, seq));
                let _replaced = self.remove(owner, seq);
            }
            Act::Charge(owner, amount) => {
                let owner = owner.map(|owner| index(owner, TASKS));
                let verdict = self.verdict(owner, amount);
                prop_assert_eq!(ledger.charge(owner.map(task), *amount), verdict);
                self.paid.extend(verdict.map(|()| (owner, *amount)));
            }
            Act::ChargeUnchecked(amount) => {
                ledger.charge_unchecked(*amount);
                self.paid.push((None, *amount));
            }
            Act::TopUp(given) => {
                ledger.set_limits(*given);
                self.top_up(given);
            }
        }
        Ok(())
    }

    fn reserve(
        &mut self,
        ledger: &mut Ledger,
        (owner, seq): (u32, u32),
        wish: Amount,
    ) -> Result<(), TestCaseError> {
        let held = self.held.iter().find(|held| (held.0, held.1) == (owner, seq));
        let kept = held.map_or(Amount::ZERO, |held| held.2);
        let whole = larger(kept, wish);
        let expected = match held {
            Some(_) if whole == kept => Ok(Reserved::Again),
            Some(_) => self
                .verdict(Some(owner), &whole.minus(kept))
                .map(|()| Reserved::Raised(whole)),
            None => self.verdict(Some(owner), &wish).map(|()| Reserved::Fresh),
        };
        prop_assert_eq!(ledger.reserve(task(owner), step(owner, seq), wish), expected);
        if expected.is_ok() {
            let _replaced = self.remove(owner, seq);
            self.held.push((owner, seq, whole));
        }
        Ok(())
    }

    fn top_up(&mut self, given: &Limits) {
        for (current, given) in [
            (&mut self.limits.tokens_in, given.tokens_in),
            (&mut self.limits.tokens_out, given.tokens_out),
            (&mut self.limits.steps, given.steps),
        ] {
            if let (Some(current), Some(given)) = (current, given) {
                *current = given.max(*current);
            }
        }
    }

    /// Every sum that the ledger shows is the sum of the list.
    fn compare(&self, ledger: &Ledger) -> Result<(), TestCaseError> {
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| amounts.fold(Amount::ZERO, Amount::plus);
        prop_assert_eq!(
            ledger.committed(),
            sum(&mut self.paid.iter().map(|(_, amount)| *amount))
        );
        prop_assert_eq!(ledger.reserved(), sum(&mut self.held.iter().map(|held| held.2)));
        for owner in 0..TASKS {
            let paid = self.paid.iter().filter(|(payer, _)| *payer == Some(owner));
            prop_assert_eq!(
                ledger.task_committed(task(owner)),
                sum(&mut paid.map(|(_, amount)| *amount))
            );
        }
        let mut outstanding = self
            .held
            .iter()
            .map(|(owner, seq, amount)| (task(*owner), step(*owner, *seq), *amount))
            .collect::<Vec<_>>();
        outstanding.sort_by_key(|(_, step_id, _)| *step_id);
        prop_assert_eq!(ledger.outstanding().collect::<Vec<_>>(), outstanding);
        prop_assert_eq!(ledger.overrun(), self.overrun);
        for dimension in Dimension::ALL {
            let left = self
                .limits
                .get(dimension)
                .map(|limit| u128::from(limit).saturating_sub(self.taken(None, dimension)));
            prop_assert_eq!(ledger.left(dimension).map(u128::from), left);
        }
        prop_assert_eq!(ledger.check(), Ok(()));
        Ok(())
    }
}

/// Runs a history on both; where no fact interferes, no scope ever stands above its limit.
pub(super) fn check(limits: Limits, shares: &[Limits], acts: &[Act]) -> Result<(), TestCaseError> {
    let mut ledger = Ledger::new(limits);
    for (owner, share) in (0..TASKS).zip(shares) {
        ledger.open_task(task(owner), *share);
    }
    let mut recount = Recount {
        limits,
        shares: shares.to_vec(),
        held: Vec::new(),
        paid: Vec::new(),
        overrun: Amount::ZERO,
    };
    let mut facts = false;
    for act in acts {
        recount.perform(&mut ledger, act)?;
        recount.compare(&ledger)?;
        facts |= matches!(act, Act::Adopt(..) | Act::ChargeUnchecked(_)) || !ledger.overrun().is_zero();
        if !facts {
            let total = ledger.committed().plus(ledger.reserved());
            prop_assert_eq!(recount.limits.exceeded_by(&total), None);
            for owner in 0..TASKS {
                let total = ledger
                    .task_committed(task(owner))
                    .plus(ledger.task_reserved(task(owner)));
                prop_assert_eq!(shares[owner as usize].exceeded_by(&total), None);
            }
        }
    }
    Ok(())
}

fn larger(left: Amount, right: Amount) -> Amount {
    left.plus(right.minus(left))
}

fn index(chosen: Index, count: u32) -> u32 {
    u32::try_from(chosen.index(count as usize)).expect("the counts are small")
}
