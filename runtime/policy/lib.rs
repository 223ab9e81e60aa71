//! Budgets as pure verdicts.
