//! The real binary, from its command line to its exit code. One test binary; a file per subject.

mod bench;
mod cases;
mod cli;
mod counterparts;
mod guards;
mod learning;
mod main_job;
mod node;
mod routing;
mod same;
mod shipped;
mod tidy;
mod wrong_input;
