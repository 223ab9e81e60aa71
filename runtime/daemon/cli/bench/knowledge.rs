//! `anthill bench knowledge`: figures of the learning layer, one object or one table per experiment.

use std::path::PathBuf;

use anthill_contracts::fault::Problem;
use anthill_signals::worlds::{Report, Target, WorldPatch};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::bench::knowledge::{self, Experiment, Outcome};
use crate::cli::{Common, KnowledgeBench};
use crate::console::{Console, Failure};
use crate::words;

/// Runs the experiments that are asked for, or all of them.
pub(super) fn perform(common: &Common, asked: &KnowledgeBench, console: &mut Console) -> Result<u8, Failure> {
    let setting = common.begin(None)?;
    let mut patch = match &asked.world {
        Some(path) => knowledge::world(path)?,
        None => WorldPatch::default(),
    };
    patch.seed = asked.seed.or(patch.seed);
    let experiments = match asked.experiment.as_slice() {
        [] => &Experiment::ALL,
        some => some,
    };
    let kept = setting.config.data.dir.join("bench");
    for experiment in experiments {
        let bar = Bar::new(
            &setting.bars,
            experiment.name(),
            common.quiet || console.is_json(),
        );
        let outcome = measured(*experiment, &patch, (&kept, &bar))?;
        bar.done();
        show(&outcome, console)?;
    }
    Ok(0)
}

fn measured(
    experiment: Experiment,
    patch: &WorldPatch,
    (kept, bar): (&PathBuf, &Bar),
) -> Result<Outcome, Problem> {
    knowledge::run(experiment, patch, kept, &|done, all| bar.at(done, all))
}

/// How far an experiment is, on a terminal.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(bars: &MultiProgress, name: &'static str, hidden: bool) -> Self {
        if hidden {
            return Self(None);
        }
        let style = ProgressStyle::with_template("{msg:13} {bar:30} {pos}/{len} worlds, {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(Some(
            bars.add(ProgressBar::new(0).with_style(style).with_message(name)),
        ))
    }

    fn at(&self, done: u64, all: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(all);
            bar.set_position(done);
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn show(outcome: &Outcome, console: &mut Console) -> Result<(), Failure> {
    match outcome {
        Outcome::Found(report) if console.is_json() => console.object(report),
        Outcome::Found(report) => table(report, console),
        Outcome::LeftOut { experiment, why } if console.is_json() => {
            console.object(&json!({ "experiment": experiment, "left_out": why }))
        }
        Outcome::LeftOut { experiment, why } => console.line(format!("{experiment}: left out, {why}\n")),
    }
}

fn table(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let worlds = words::counted(u64::from(report.seeds), "world");
    console.line(format!("{}: {worlds}", report.experiment))?;
    let mut table = words::table(["FIGURE", "VALUE", "ERROR", "TARGET", "REACHED"]);
    for (name, value) in &report.figures {
        let error = report
            .errors
            .get(name)
            .map(|error| format!("± {}", rounded(*error)));
        let target = report.targets.get(name);
        table.add_row([
            name.clone(),
            rounded(*value),
            error.unwrap_or_default(),
            target.map_or_else(String::new, |target| in_words(*target)),
            target.map_or_else(String::new, |target| reached(*target, *value).to_owned()),
        ]);
    }
    console.line(words::rows(&table))?;
    console.line("")
}

fn in_words(target: Target) -> String {
    match target {
        Target::AtLeast(least) => format!("at least {}", rounded(least)),
        Target::AtMost(most) => format!("at most {}", rounded(most)),
    }
}

fn reached(target: Target, value: f64) -> &'static str {
    if target.is_met_by(value) { "yes" } else { "no" }
}

/// A figure with as many places as it deserves.
pub(super) fn rounded(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}
