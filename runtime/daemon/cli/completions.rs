//! `anthill completions`: written by clap from the very types that parse the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Arguments;
use crate::console::{Console, Failure};

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell, console: &mut Console) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "anthill", &mut script);
    console.bytes(&script)?;
    Ok(0)
}
