//! `anthill doctor`: is this machine fit, and if not, what is to be done.
//!
//! Each check tries the real thing (it writes and syncs a file, opens the store, asks the registry for a provider) and
//! nothing is sent over the network. A warning leaves the exit code at 0; a failure gives that of its error.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::model::{ModelError, Models};
use anthill_contracts::sources::{Listing, Sources as _};
use anthill_contracts::spec::InputSpec;
use anthill_models::Registry;
use anthill_tools::inputs::{FolderSources, SourceLimits};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use serde_json::json;

use crate::boot;
use crate::cli::{Common, DoctorArguments};
use crate::config::Config;
use crate::console::{Console, Failure};
use crate::own_output;
use crate::words;

/// Syncs that are timed; their median is shown.
const SYNCS: usize = 16;

/// Bytes of each.
const SYNC_BYTES: usize = 4096;

/// Open files below this limit are likely to run out.
const OPEN_FILES_MIN: u64 = 1024;

/// 2024-01-01: a clock before it is not set.
const YEAR_2024_MS: u64 = 1_704_067_200_000;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Warning,
    Failure,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    verdict: Verdict,
    detail: String,
    #[serde(skip)]
    problem: Option<Problem>,
}

impl Check {
    fn new(name: &str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            detail: detail.into(),
            problem: None,
        }
    }

    fn failed(name: &str, problem: Problem) -> Self {
        let detail = problem.to_string();
        Self {
            problem: Some(problem),
            ..Self::new(name, Verdict::Failure, detail)
        }
    }
}

/// Makes every check, shows them, and answers with the exit code.
pub(super) fn doctor(
    common: &Common,
    arguments: &DoctorArguments,
    console: &mut Console,
) -> Result<u8, Failure> {
    let config = common.begin(None)?.config;
    let clock = boot::clock();
    let mut checks = vec![configuration(common), system_clock(&*clock), open_files()];
    checks.extend(data(&config, &clock));
    checks.extend(providers(&config, &clock));
    let mut listings = Vec::new();
    for path in &arguments.inputs {
        let (check, listing) = input(path, &config);
        checks.push(check);
        listings.extend(listing);
    }
    show(&checks, &listings, console)?;
    match checks.into_iter().find_map(|check| check.problem) {
        Some(problem) => Err(problem.into()),
        None => Ok(0),
    }
}

fn show(checks: &[Check], listings: &[Listing], console: &mut Console) -> Result<(), Failure> {
    if console.is_json() {
        let version = env!("CARGO_PKG_VERSION");
        return console.document(&json!({ "version": version, "checks": checks, "inputs": listings }));
    }
    for check in checks {
        let (colour, word) = match check.verdict {
            Verdict::Good => ("\u{1b}[32m", "good"),
            Verdict::Warning => ("\u{1b}[33m", "warn"),
            Verdict::Failure => ("\u{1b}[31m", "FAIL"),
        };
        console.coloured(colour, word, &format!("  {:20} {}", check.name, check.detail))?;
    }
    for listing in listings {
        for document in &listing.documents {
            let bytes = words::counted(document.bytes, "byte");
            console.line(format!("      read     {}  {bytes}", words::name(&document.path)))?;
        }
        for skipped in &listing.skipped {
            console.line(format!(
                "      skipped  {}  {}",
                words::name(&skipped.path),
                skipped.reason.words()
            ))?;
        }
    }
    Ok(())
}

/// It has been read when this is asked, so what is left is to say where it came from.
fn configuration(common: &Common) -> Check {
    let detail = match &common.config {
        Some(path) => format!("{} is valid", path.display()),
        None => "defaults; no file is named".to_owned(),
    };
    Check::new("configuration", Verdict::Good, detail)
}

fn system_clock(clock: &dyn Clock) -> Check {
    let now = clock.now();
    if now.0 < YEAR_2024_MS {
        let detail =
            format!("{now} cannot be; journals show times, and providers' certificates depend on them");
        return Check::new("clock", Verdict::Warning, detail);
    }
    Check::new("clock", Verdict::Good, format!("{} UTC", words::moment(now)))
}

fn open_files() -> Check {
    let limit = getrlimit(Resource::Nofile).current;
    let detail = limit.map_or_else(|| "not limited".to_owned(), |limit| format!("at most {limit}"));
    let verdict = match limit {
        Some(limit) if limit < OPEN_FILES_MIN => Verdict::Warning,
        _ => Verdict::Good,
    };
    Check::new("open files", verdict, detail)
}

/// The data directory, as far as there is one; the doctor makes none.
fn data(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Check> {
    let dir = &config.data.dir;
    if !dir.exists() {
        let parent = existing_parent(dir);
        let detail = format!(
            "{} is not there yet; it is made in {}",
            dir.display(),
            parent.display()
        );
        return vec![
            Check::new("data directory", Verdict::Good, detail),
            disk(&parent, clock),
        ];
    }
    let opened = match boot::open_store(config, Arc::clone(clock)) {
        Ok(store) => match store.close() {
            Ok(()) => Check::new(
                "data directory",
                Verdict::Good,
                format!("{} opens", dir.display()),
            ),
            Err(error) => Check::failed("data directory", error.into()),
        },
        Err(problem) if problem.code == &codes::DATA_IN_USE => {
            Check::new("data directory", Verdict::Warning, problem.message)
        }
        Err(problem) => Check::failed("data directory", problem),
    };
    vec![opened, disk(dir, clock)]
}

fn existing_parent(dir: &Path) -> PathBuf {
    let found = dir.ancestors().skip(1).find(|parent| parent.is_dir());
    match found {
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("."),
    }
}

/// Whether files can be made here, and how long it takes until one is safe.
fn disk(dir: &Path, clock: &Arc<dyn Clock>) -> Check {
    match time_syncs(dir, &**clock) {
        Ok(median) => {
            let detail = format!(
                "{SYNC_BYTES} bytes are safe after {:.2} ms",
                median.as_secs_f64() * 1000.0
            );
            Check::new("disk", Verdict::Good, detail)
        }
        Err(error) => {
            let message = format!(
                "the data directory `{}` cannot be written: {error}",
                dir.display()
            );
            Check::failed("disk", Problem::new(&codes::DATA_NOT_WRITABLE, message))
        }
    }
}

fn time_syncs(dir: &Path, clock: &dyn Clock) -> io::Result<Duration> {
    let mut file: File = tempfile::tempfile_in(dir)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = clock.mono();
        file.write_all(&[0; SYNC_BYTES])?;
        file.sync_data()?;
        times.push(clock.mono().saturating_sub(start));
    }
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

fn providers(config: &Config, clock: &Arc<dyn Clock>) -> Vec<Check> {
    let registry = match boot::models(config, Arc::clone(clock)) {
        Ok(registry) => registry,
        Err(problem) => return vec![Check::failed("providers", problem)],
    };
    let mut names: Vec<&str> = vec!["anthropic", "openai"];
    names.extend(config.models.providers.keys().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let builtin = Check::new("builtin/extract", Verdict::Good, "needs nothing");
    let remote = names.into_iter().map(|name| provider(&registry, name));
    std::iter::once(builtin).chain(remote).collect()
}

/// Whether a provider could be asked. Which model does not matter here, and nothing is sent.
fn provider(models: &Registry, name: &str) -> Check {
    let model = format!("{name}/any").parse().map_err(|_| ());
    let way = match models.route(name) {
        Some(Ok(route)) => format!("; asks {route}"),
        Some(Err(error)) => return Check::failed(name, error.into()),
        None => String::new(),
    };
    let found = model.map(|model| models.provider(&model));
    match found {
        Ok(Ok(_)) => Check::new(
            name,
            Verdict::Good,
            format!("ready{way}; whether it takes the key is seen at the first request"),
        ),
        Ok(Err(ModelError::KeyMissing { variable, .. })) => Check::new(
            name,
            Verdict::Warning,
            format!("no key in {variable}; needed only for its models{way}"),
        ),
        Ok(Err(error)) => Check::failed(name, error.into()),
        Err(()) => Check::new(
            name,
            Verdict::Warning,
            "its name cannot be part of a model's name",
        ),
    }
}

fn input(path: &Path, config: &Config) -> (Check, Option<Listing>) {
    let name = format!("input {}", path.display());
    let input = InputSpec {
        path: path.to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let own = match own_output::known(&config.data.dir) {
        Ok(own) => own,
        Err(problem) => return (Check::failed(&name, problem), None),
    };
    let opened = FolderSources::open(&[input], SourceLimits::default());
    match opened.and_then(|sources| sources.without(own).list()) {
        Ok(listing) => {
            let documents = words::counted(listing.documents.len() as u64, "document");
            let skipped = words::counted(listing.skipped.len() as u64, "file");
            let detail = format!("{documents}, {skipped} skipped");
            (Check::new(&name, Verdict::Good, detail), Some(listing))
        }
        Err(error) => (Check::failed(&name, error.into()), None),
    }
}
