//! Lead: carries one job out, from its spec to its result.
//! Parent: `Tenant`, transient, significant; restarted, it resumes the job from its journal under a new epoch.
//! Talks to: the `Store`, its blackboard, workers, critics and planner, all of which it supervises.
//! Survives a restart: everything that the journal holds; a recorded step is never paid for again.
//! Invariants: the lead is the journal's single writer; nothing is shown before it is durable; see [`machine`].

pub mod job_state;
pub(crate) mod journal;
pub mod machine;
pub(crate) mod shell;
