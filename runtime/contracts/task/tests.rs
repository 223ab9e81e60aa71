//! Statuses follow each other one way only, and reason codes read back.

use super::*;

#[test]
fn nothing_follows_a_terminal_status() {
    use TaskStatus::{Cancelled, Failed, Pending, Running, Succeeded};
    for end in [Succeeded, Failed, Cancelled] {
        assert!(end.is_terminal());
        for next in [Pending, Running, Succeeded, Failed, Cancelled] {
            assert!(!end.may_become(next), "{end} -> {next}");
        }
    }
    assert!(Running.may_become(Running), "a next attempt");
    assert!(!Running.may_become(Pending));
}

#[test]
fn every_reason_code_reads_back() {
    let dimensions = Dimension::ALL.into_iter().map(ReasonCode::BudgetExhausted);
    for code in dimensions.chain(ReasonCode::PLAIN.iter().copied()) {
        assert_eq!(code.to_string().parse(), Ok(code));
    }
    assert!("budget_exhausted:luck".parse::<ReasonCode>().is_err());
    assert!("because".parse::<ReasonCode>().is_err());
}
