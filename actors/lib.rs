//! The actors of one job: planner, worker, critic, executor, blackboard.

pub mod agent;
pub mod blackboard;
pub mod compose;
pub mod critic;
pub mod executor;
pub mod guards;
pub mod knowledge;
pub mod mailbox;
pub mod metrics;
pub mod planner;
pub mod planning;
pub mod prompts;
pub mod review;
pub mod step_agent;
pub mod step_loop;
pub mod worker;
