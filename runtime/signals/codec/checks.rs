//! What no honest writer says: values that decode and yet cannot be.
//!
//! The checks need nothing but the fact itself, so that every node judges alike. Whether an origin's numbers are
//! likely is the business of trust; here is only what is impossible, and what is larger than anybody may write. For the
//! same reason the limits are for good, like the contents: what one version took and another refused would divide a fleet.

use anthill_contracts::signal::{SIGNAL_TEXT_BYTES_MAX, Signal, SignalBody};

use super::Flaw;
use crate::dedup;
use crate::fact::{Cell, Fact, Other, ScopeCell, Sums, VOTES_MAX, is_other_kind};

/// Most bytes of an action's arguments.
const ARGS_BYTES_MAX: usize = 1024;

/// Most bytes of a name: a schema, a value's name in a trigger.
const NAME_BYTES_MAX: usize = 64;

/// Most bytes of a value in a trigger, and of a source.
const VALUE_BYTES_MAX: usize = 256;

/// Most values that a trigger requires, most terms, and most parents of a signal.
const REQUIRE_MAX: usize = 8;
/// See [`REQUIRE_MAX`].
const TERMS_MAX: usize = 16;
/// See [`REQUIRE_MAX`].
const PARENTS_MAX: usize = 4;

/// An outcome freed of its judge's known error (at most 20 %) is at most 4/3.
const OUTCOME_MAX: (i64, i64) = (4, 3);

/// An advantage is an outcome minus a baseline minus the gains of at most eight others: never beyond this.
const ADVANTAGE_MAX: i64 = 16;

/// Sums lose up to a bit each time that they are brought to a later time.
const ROUNDING: i64 = 4096;

/// Milliseconds since 1970 that no clock of this program will show: the year 5138.
const AT_MAX: u64 = 100_000_000_000_000;

/// Whether a fact can be true.
pub fn check(fact: &Fact) -> Result<(), Flaw> {
    match fact {
        Fact::Signal { signal, .. } => check_signal(signal),
        Fact::Cell { cell, .. } => check_cell(cell),
        Fact::ScopeCell { cell, .. } => check_scope_cell(cell),
        Fact::Alias { alias, .. } if alias.stands >= alias.follows => Err(Flaw::Impossible),
        Fact::Tomb { tomb, .. } => check_time(tomb.at),
        Fact::Other { other, .. } => check_other(other),
        Fact::Alias { .. } | Fact::Scope { .. } => Ok(()),
    }
}

/// Its content is not looked at, not even by those who can read it: what one version refused and another carried
/// would divide the fleet. Whoever reads a content judges it then.
fn check_other(other: &Other) -> Result<(), Flaw> {
    if !is_other_kind(other.kind) {
        return Err(Flaw::Damaged);
    }
    if !other.is_sound() {
        return Err(Flaw::TooLarge);
    }
    check_time(other.at)
}

fn check_signal(signal: &Signal) -> Result<(), Flaw> {
    let body_fits = match &signal.body {
        SignalBody::Text { text } => text.len() <= SIGNAL_TEXT_BYTES_MAX,
        SignalBody::Action { schema, args } => schema.len() <= NAME_BYTES_MAX && args.len() <= ARGS_BYTES_MAX,
    };
    let trigger = &signal.trigger;
    let trigger_fits = trigger.require.len() <= REQUIRE_MAX
        && trigger.terms.len() <= TERMS_MAX
        && trigger
            .require
            .iter()
            .all(|(name, value)| name.len() <= NAME_BYTES_MAX && value.len() <= VALUE_BYTES_MAX);
    if !body_fits
        || !trigger_fits
        || signal.parents.len() > PARENTS_MAX
        || signal.source.len() > VALUE_BYTES_MAX
    {
        return Err(Flaw::TooLarge);
    }
    if dedup::signal_id(&signal.scope, signal.polarity, &signal.body) != signal.id {
        return Err(Flaw::NotItself);
    }
    if signal.id.is_measure() {
        return Err(Flaw::Impossible);
    }
    check_time(signal.created.0)
}

const fn check_time(at: u64) -> Result<(), Flaw> {
    if at > AT_MAX {
        return Err(Flaw::Impossible);
    }
    Ok(())
}

fn check_sums(sums: &Sums) -> Result<(), Flaw> {
    let n = i64::from(sums.n);
    check_share(sums.n, sums.y)?;
    if sums.adv.unsigned_abs() > (n * ADVANTAGE_MAX + ROUNDING).unsigned_abs() {
        return Err(Flaw::Impossible);
    }
    Ok(())
}

fn check_share(n: u32, y: u32) -> Result<(), Flaw> {
    let (above, below) = OUTCOME_MAX;
    if i64::from(y) * below > i64::from(n) * above + ROUNDING {
        return Err(Flaw::Impossible);
    }
    Ok(())
}

fn check_cell(cell: &Cell) -> Result<(), Flaw> {
    check_time(cell.at)?;
    check_sums(&cell.slow)?;
    check_sums(&cell.fast)?;
    check_share(cell.held_n, cell.held_y)
}

fn check_scope_cell(cell: &ScopeCell) -> Result<(), Flaw> {
    if cell.votes.len() > VOTES_MAX {
        return Err(Flaw::TooLarge);
    }
    check_time(cell.at)?;
    check_sums(&cell.slow)?;
    check_sums(&cell.fast)?;
    check_share(cell.control_n, cell.control_y)
}
