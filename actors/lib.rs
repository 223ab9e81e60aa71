//! The actors of one job: planner, worker, critic, executor, blackboard.

pub mod mailbox;
