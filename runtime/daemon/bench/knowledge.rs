//! What the knowledge does: the experiments of the layer, run on the functions that production calls.
//!
//! Each experiment makes its worlds from seeds and reports figures beside its baselines and its limit from the same run.
//! Two of them stand on this machine: manual pages as texts with known relevance, and files to compress. Where the
//! machine has neither, the experiment is left out by name; nothing stands in for it.

use std::path::Path;
use std::time::Duration;

use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_signals::worlds::{self, Progress, Report, WorldPatch};

use crate::document;

mod files;
mod manual;

/// One experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[clap(rename_all = "snake_case")]
pub enum Experiment {
    /// Fleets of several sizes against isolated nodes and a central learner
    Scaling,
    /// A world that changes
    Drift,
    /// Nodes that lie
    Poison,
    /// Nodes whose worlds differ
    Heterogeneity,
    /// Which of several signals has helped
    Credit,
    /// A newcomer in a warm fleet
    Join,
    /// Compressors by file type, measured on files of this machine
    RealChoice,
    /// Manual pages found by their one-line descriptions
    Retrieval,
    /// Facts written and merged
    Merge,
    /// Rounds until every node knows
    Spread,
}

/// What came of an experiment.
pub enum Outcome {
    /// It ran.
    Found(Box<Report>),
    /// The machine has not what it needs.
    LeftOut {
        /// Its name.
        experiment: &'static str,
        /// What is missing.
        why: String,
    },
}

impl Experiment {
    /// Every experiment, in the order in which they are run.
    pub const ALL: [Self; 10] = [
        Self::Scaling,
        Self::Drift,
        Self::Poison,
        Self::Heterogeneity,
        Self::Credit,
        Self::Join,
        Self::RealChoice,
        Self::Retrieval,
        Self::Merge,
        Self::Spread,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scaling => "scaling",
            Self::Drift => "drift",
            Self::Poison => "poison",
            Self::Heterogeneity => "heterogeneity",
            Self::Credit => "credit",
            Self::Join => "join",
            Self::RealChoice => "real_choice",
            Self::Retrieval => "retrieval",
            Self::Merge => "merge",
            Self::Spread => "spread",
        }
    }
}

/// Runs one experiment. `kept` is the folder in which measurements of this machine are kept for the next time.
pub fn run(
    experiment: Experiment,
    patch: &WorldPatch,
    kept: &Path,
    progress: Progress<'_>,
) -> Result<Outcome, Problem> {
    let clock = SystemClock::new();
    let mono = move || -> Duration { clock.mono() };
    let report = match experiment {
        Experiment::Scaling => worlds::scaling::run(patch, progress),
        Experiment::Drift => worlds::drift::run(patch, progress),
        Experiment::Poison => worlds::poison::run(patch, progress),
        Experiment::Heterogeneity => worlds::heterogeneity::run(patch, progress),
        Experiment::Credit => worlds::credit::run(patch, progress),
        Experiment::Join => worlds::join::run(patch, progress),
        Experiment::Merge => worlds::merge::run(patch, progress, &mono),
        Experiment::Spread => worlds::spread::run(patch, progress),
        Experiment::Retrieval => {
            let pages = manual::pages();
            if pages.len() < manual::PAGES_MIN {
                let why = format!(
                    "fewer than {} manual pages lie below {}",
                    manual::PAGES_MIN,
                    manual::FOLDER
                );
                return Ok(left_out(experiment, why));
            }
            worlds::retrieval::run(patch, &pages, progress, &mono)
        }
        Experiment::RealChoice => {
            let Some(measured) = files::measured(kept, progress, &mono)? else {
                let why = format!("too few files of different types lie below {}", files::FOLDER);
                return Ok(left_out(experiment, why));
            };
            worlds::real_choice::run(patch, &measured, progress)
        }
    };
    Ok(Outcome::Found(Box::new(report)))
}

fn left_out(experiment: Experiment, why: String) -> Outcome {
    Outcome::LeftOut {
        experiment: experiment.name(),
        why,
    }
}

/// Reads a world from a TOML or JSON file.
pub fn world(path: &Path) -> Result<WorldPatch, Problem> {
    let world: WorldPatch = document::load(path, &codes::SPEC_MISSING)?;
    world
        .check()
        .map_err(|why| Problem::new(&codes::SPEC_VALUE, format!("{}: {why}", path.display())))?;
    Ok(world)
}
