//! anthill: the composition root. It reads the command line, the configuration and the job file, wires store, models,
//! tools and node together, and shows what happens. It is the only part that knows the environment, the terminal and
//! the exit codes; nothing below it prints.

pub mod bench;
pub mod boot;
pub mod cli;
pub mod config;
pub mod console;
pub mod document;
pub mod export;
pub mod files;
pub mod job_file;
pub mod learning;
pub mod own_output;
pub mod session;
pub mod telemetry;
pub mod view;
pub mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic;
use std::process::ExitCode;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use clap::error::ErrorKind;

use crate::console::{Console, Failure};

/// Carries out one command line, the program's name included, and answers with the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A panic is told in one line like any other trouble; actors' panics are their supervisors' business.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let detail = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, detail, "a part of the program panicked");
    }));
    let json_wanted = arguments.iter().skip(1).any(|argument| argument == "--json");
    let outcome = panic::catch_unwind(move || perform(arguments));
    let (problem, json) = match outcome {
        Ok((ended, json)) => match ended.and_then(flushed) {
            Ok(exit) => return ExitCode::from(exit),
            Err(Failure::ReaderGone) => return ExitCode::SUCCESS,
            Err(Failure::Problem(problem)) => (problem, json),
        },
        Err(panic) => (defect(&*panic), json_wanted),
    };
    console::report(&problem, json);
    ExitCode::from(problem.code.exit)
}

/// The exit code, once all that was printed has left the process: what is still held would be lost in silence.
fn flushed(exit: u8) -> Result<u8, Failure> {
    std::io::stdout().flush()?;
    Ok(exit)
}

fn perform(arguments: Vec<OsString>) -> (Result<u8, Failure>, bool) {
    let json_wanted = arguments.iter().skip(1).any(|argument| argument == "--json");
    match cli::parse(arguments) {
        Ok(arguments) => {
            let json = arguments.common.json;
            let mut console = Console::standard(json);
            (cli::perform(arguments, &mut console), json)
        }
        Err(error) => (usage(&error), json_wanted),
    }
}

/// Help and version are answers; everything else is told in one line.
fn usage(error: &clap::Error) -> Result<u8, Failure> {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if asked {
        console::rendered(&error.render())?;
        return Ok(0);
    }
    Err(Problem::new(&codes::USAGE, usage_line(&error.render().to_string())).into())
}

/// The message and the tips of clap's text, without the usage below them.
fn usage_line(rendered: &str) -> String {
    rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("error: ").replacen("tip: ", "- ", 1))
        .collect::<Vec<_>>()
        .join(" ")
}

fn defect(panic: &(dyn std::any::Any + Send)) -> Problem {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Problem::new(
        &codes::DEFECT,
        text.unwrap_or_else(|| "a panic without a text".to_owned()),
    )
}
