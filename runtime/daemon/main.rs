//! The `anthill` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    anthill::run(std::env::args_os())
}
