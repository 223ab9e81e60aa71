//! The `anthill` program.

use std::process::ExitCode;

/// Gives freed pages back soon: a long-lived node with a burst behind it must not keep the burst's memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    anthill::run(std::env::args_os())
}
