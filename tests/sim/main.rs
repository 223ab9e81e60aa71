//! The simulator: lead, step loop, blackboard, ledger and journal head as they run in production, under a scheduler
//! that owns time, chance and every crash.
//!
//! One number is one history. A failure prints the number; `SIM_SEED=<number> cargo test --test sim many_seeds` shows
//! it again. `SIM_SEEDS` asks for so many histories instead of as many as fit the time, `SIM_FROM` for other ones.
//! Machines are used as they are; what stands here is the world around them, and an oracle that knows the invariants.

mod agent;
mod board_of_bugs;
mod board_of_knowledge;
mod books;
mod checks;
mod crew;
mod dice;
mod faults;
mod knowledge;
mod node;
mod outside;
mod receipts;
mod run;
mod schedule;
mod seeds;
mod store;
mod swarm;
