//! The actors of one job: planner, worker, critic, executor, blackboard.

pub mod compose;
pub mod critic;
pub mod mailbox;
pub mod prompts;
