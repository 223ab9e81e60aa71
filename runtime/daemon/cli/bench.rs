//! `anthill bench`: figures of the runtime itself.

use std::path::{Path, PathBuf};

use anthill_contracts::fault::Problem;
use comfy_table::Table;
use serde::Serialize;
use serde_json::Value;

use crate::bench::{self, BenchOptions};
use crate::boot;
use crate::cli::{BenchArguments, BenchCommand, Common};
use crate::console::{Console, Failure};
use crate::words;

mod knowledge;

use knowledge::rounded;

/// Tasks of one job at once where nobody says how many: a fleet of usual size.
const TASKS_AT_ONCE: u32 = 16;

/// Jobs at once where nobody says how many: enough to share commits.
const JOBS_AT_ONCE: u32 = 256;

/// How many agents wait where nobody says how many.
const AGENTS: [usize; 2] = [10_000, 100_000];

/// Runs one bench and prints its figures.
pub(super) fn perform(common: &Common, command: &BenchCommand, console: &mut Console) -> Result<u8, Failure> {
    if let BenchCommand::Knowledge(asked) = command {
        return knowledge::perform(common, asked, console);
    }
    common.begin(None)?;
    match command {
        BenchCommand::Knowledge(_) => unreachable!("carried out above"),
        BenchCommand::Fanout(arguments) => {
            let options = options(arguments, TASKS_AT_ONCE);
            show(&measured(bench::fanout(&options))?, console)
        }
        BenchCommand::Lifecycle(arguments) => {
            let options = options(arguments, JOBS_AT_ONCE);
            show(&measured(bench::lifecycle(&options))?, console)
        }
        BenchCommand::Idle {
            agents,
            here: true,
            dir,
        } => {
            let agents = agents.first().map_or(AGENTS[0], |count| *count as usize);
            console.line(measured(bench::parked(&folder(dir.as_deref()), agents))?)?;
            Ok(0)
        }
        BenchCommand::Idle { agents, dir, .. } => {
            let counts: Vec<usize> = match agents.as_slice() {
                [] => AGENTS.to_vec(),
                given => given.iter().map(|count| *count as usize).collect(),
            };
            let program = std::env::current_exe()
                .map_err(|error| Problem::new(&anthill_contracts::codes::DEFECT, error))?;
            show(
                &measured(bench::idle(&program, &folder(dir.as_deref()), &counts))?,
                console,
            )
        }
    }
}

fn measured<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Failure> {
    boot::block_on_all_cores(async { work.await.map_err(Failure::from) })
}

fn options(arguments: &BenchArguments, at_once: u32) -> BenchOptions {
    BenchOptions {
        n: arguments.n as usize,
        repetitions: arguments.repetitions as usize,
        parallel: arguments.parallel.unwrap_or(at_once) as usize,
        dir: folder(arguments.dir.as_deref()),
    }
}

fn folder(dir: Option<&Path>) -> PathBuf {
    dir.unwrap_or(Path::new(".")).to_owned()
}

/// Prints the figures as JSON, or as a table of names and values.
fn show(figures: &impl Serialize, console: &mut Console) -> Result<u8, Failure> {
    if console.is_json() {
        console.document(figures)?;
        return Ok(0);
    }
    let value = serde_json::to_value(figures)
        .map_err(|error| Problem::new(&anthill_contracts::codes::DEFECT, error))?;
    let mut table = words::table(["FIGURE", "MEDIAN", "SPREAD"]);
    rows(&mut table, "", &value);
    console.line(words::rows(&table))?;
    Ok(0)
}

fn rows(table: &mut Table, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            let spread = ["min", "median", "max"].map(|key| fields.get(key).and_then(Value::as_f64));
            if let [Some(min), Some(median), Some(max)] = spread {
                table.add_row([
                    name.to_owned(),
                    rounded(median),
                    format!("{} to {}", rounded(min), rounded(max)),
                ]);
                return;
            }
            for (key, field) in fields {
                rows(table, key, field);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| rows(table, name, item)),
        Value::Number(number) => {
            let text = number.as_f64().map_or_else(|| number.to_string(), rounded);
            table.add_row([name.to_owned(), text, String::new()]);
        }
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            table.add_row([name.to_owned(), text, String::new()]);
        }
    }
}
