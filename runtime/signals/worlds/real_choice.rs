//! Real choice: which compressor suits which type of file, on what was measured once on real files.
//!
//! Nodes meet files of several types and pick one of several compressors for each. A pick succeeds where sending what is
//! left of the file and the time that packing took come within a tenth of the best for that very file. Nothing is made up:
//! which compressor is good for what, how alike types are, and the noise of timing are as they were measured; the
//! matrix is recorded once and replayed. Types are scopes below one scope, so that a type leans on what is known of the
//! others. What that costs where types have nothing in common is shown on the same matrix with the compressors of each
//! type shuffled.

use serde::{Deserialize, Serialize};

use anthill_contracts::id::{SignalId, TaskId};
use anthill_contracts::signal::ScopePath;

use super::fleet::lots::Lots;
use super::fleet::{Node, Turn};
use super::{Progress, Report, Target, WorldPatch, for_each_seed};
use crate::fact::ScopeId;
use crate::params::Params;

/// Bytes that are sent in a millisecond: 5 MB per second.
const BYTES_PER_MS: f64 = 5_000.0;

/// How much more than the best a pick may cost to succeed.
const NEAR_BEST: f64 = 1.10;

/// Nodes of the fleet.
const NODES: usize = 32;

/// Nodes of the smaller fleet.
const FEW_NODES: usize = 8;

/// Tasks of each node.
const TASKS: usize = 300;

/// Worlds.
const SEEDS: u32 = 20;

/// Share of the oracle's successes that counts as learned.
const LEARNED: f64 = 0.90;

/// Tasks of the fleet over which successes are averaged to tell when it has learned; in each world.
const WINDOW_TASKS: usize = 160;

/// Rounds between two looks at all facts.
const LOOK_ROUNDS: usize = 20;

/// A task of each node every half a minute.
const ROUND_MS: u64 = 30_000;

/// When the world begins, in milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// Purposes of chance, so that no two of them share a stream.
const TASK_LOTS: u64 = 1;
const SHUFFLE_LOTS: u64 = 2;

/// What was measured: every strategy on every file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Types of files.
    pub kinds: Vec<String>,
    /// Strategies, such as `zstd3`.
    pub strategies: Vec<String>,
    /// The files.
    pub files: Vec<MeasuredFile>,
}

/// What was measured on one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredFile {
    /// The place of its type.
    pub kind: u32,
    /// Bytes that each strategy left.
    pub bytes: Vec<u32>,
    /// Milliseconds that each strategy took.
    pub millis: Vec<f32>,
}

impl Measured {
    /// Says what does not fit together, in words for whoever recorded it.
    pub fn check(&self) -> Result<(), String> {
        let strategies = self.strategies.len();
        if strategies < 2 {
            return Err("a choice needs two strategies".to_owned());
        }
        for (number, file) in self.files.iter().enumerate() {
            if file.kind as usize >= self.kinds.len() {
                return Err(format!("file {number} is of no known type"));
            }
            if file.bytes.len() != strategies || file.millis.len() != strategies {
                return Err(format!("file {number} was not measured with every strategy"));
            }
            if !file
                .millis
                .iter()
                .all(|millis| millis.is_finite() && *millis >= 0.0)
            {
                return Err(format!("file {number} has a time that is none"));
            }
        }
        match (0..self.kinds.len()).find(|kind| !self.files.iter().any(|file| file.kind as usize == *kind)) {
            Some(kind) => Err(format!("there is no file of type `{}`", self.kinds[kind])),
            None if self.kinds.is_empty() => Err("there are no types".to_owned()),
            None => Ok(()),
        }
    }
}

impl MeasuredFile {
    /// Which strategies come near the best.
    fn successes(&self) -> Vec<bool> {
        let sizes = self.bytes.iter().zip(&self.millis);
        let costs: Vec<f64> = sizes
            .map(|(bytes, millis)| f64::from(*bytes) / BYTES_PER_MS + f64::from(*millis))
            .collect();
        let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
        costs.iter().map(|cost| *cost <= NEAR_BEST * best).collect()
    }
}

/// Successes by type, file and strategy, and how often each strategy succeeds on files of a type.
#[derive(Debug, Clone)]
struct Choices {
    files: Vec<Vec<Vec<bool>>>,
    rates: Vec<Vec<f64>>,
}

impl Choices {
    fn of(measured: &Measured) -> Self {
        let mut files = vec![Vec::new(); measured.kinds.len()];
        for file in &measured.files {
            files[file.kind as usize].push(file.successes());
        }
        Self::with(files)
    }

    fn with(files: Vec<Vec<Vec<bool>>>) -> Self {
        let rates = files.iter().map(|files| {
            let strategies = files.first().map_or(0, Vec::len);
            let rate = |strategy: usize| {
                let successes = files.iter().filter(|file| file[strategy]).count();
                successes as f64 / files.len() as f64
            };
            (0..strategies).map(rate).collect()
        });
        Self {
            rates: rates.collect(),
            files,
        }
    }

    /// The same choices where nothing that holds for one type says anything of another.
    fn shuffled(&self, seed: u64) -> Self {
        let mut files = self.files.clone();
        for (kind, files) in files.iter_mut().enumerate() {
            let mut lots = Lots::of(&[seed, SHUFFLE_LOTS, kind as u64]);
            let mut order: Vec<usize> = (0..self.rates[kind].len()).collect();
            for place in (1..order.len()).rev() {
                order.swap(place, lots.below(place + 1));
            }
            for file in files {
                *file = order.iter().map(|strategy| file[*strategy]).collect();
            }
        }
        Self::with(files)
    }

    fn best(&self, kind: usize) -> f64 {
        self.rates[kind].iter().copied().fold(0.0, f64::max)
    }

    /// Mean over types of what picking at random and picking the best yields.
    fn random_and_best(&self) -> (f64, f64) {
        let kinds = self.rates.len() as f64;
        let random = self
            .rates
            .iter()
            .map(|rates| rates.iter().sum::<f64>() / rates.len() as f64);
        let best = (0..self.rates.len()).map(|kind| self.best(kind));
        (random.sum::<f64>() / kinds, best.sum::<f64>() / kinds)
    }
}

/// Whether a type leans on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lean {
    /// All types lie below one scope.
    OnOthers,
    /// Each stands alone.
    OnNothing,
}

/// What a fleet yielded and what the best picks would have, by round.
#[derive(Debug, Clone, Default)]
struct Trace {
    chosen: Vec<f64>,
    best: Vec<f64>,
}

impl Trace {
    fn regret(&self) -> f64 {
        self.best.iter().sum::<f64>() - self.chosen.iter().sum::<f64>()
    }
}

/// A fleet that works off files.
struct Fleet<'a> {
    choices: &'a Choices,
    seed: u64,
    params: Params,
    nodes: Vec<Node>,
    scopes: Vec<ScopeId>,
    strategies: Vec<SignalId>,
}

impl<'a> Fleet<'a> {
    fn new(choices: &'a Choices, nodes: usize, lean: Lean, seed: u64) -> Self {
        let params = Params::default();
        let top: ScopePath = "compress".parse().expect("a name is a scope");
        let paths: Vec<ScopePath> = (0..choices.rates.len())
            .map(|kind| {
                top.child(&format!("kind-{kind}"))
                    .expect("two levels are allowed")
            })
            .collect();
        let mut nodes: Vec<Node> = (0..nodes).map(|number| Node::new(number, &params)).collect();
        if lean == Lean::OnOthers {
            for node in &mut nodes {
                for path in paths.iter().chain([&top]) {
                    node.writer.scope(&mut node.replica, path);
                }
            }
        }
        let strategies = choices.rates.first().map_or(0, Vec::len);
        Self {
            choices,
            seed,
            params,
            nodes,
            scopes: paths.iter().map(ScopeId::of).collect(),
            strategies: (0..strategies)
                .map(|place| SignalId::of_parts(&[b"codec", &place.to_le_bytes()]))
                .collect(),
        }
    }

    fn run(mut self, rounds: usize) -> Trace {
        let mut trace = Trace::default();
        for round in 0..rounds {
            let now = BEGIN_MS + round as u64 * ROUND_MS;
            let (mut chosen, mut best) = (0.0, 0.0);
            for number in 0..self.nodes.len() {
                let (got, could) = self.turn(number, round, now);
                chosen += got;
                best += could;
            }
            trace.chosen.push(chosen);
            trace.best.push(best);
            self.gossip(now);
        }
        trace
    }

    /// One node packs one file: how often its pick succeeds on such files, and how often the best does.
    fn turn(&mut self, number: usize, round: usize, now: u64) -> (f64, f64) {
        let mut lots = Lots::of(&[self.seed, TASK_LOTS, number as u64, round as u64]);
        let kind = lots.below(self.scopes.len());
        let file = &self.choices.files[kind][lots.below(self.choices.files[kind].len())];
        let mut task = [0; 16];
        task[..8].copy_from_slice(&lots.bits().to_le_bytes());
        let turn = Turn {
            task: TaskId::from_bytes(task),
            scope: self.scopes[kind],
            strategies: &self.strategies,
            now,
            params: &self.params,
        };
        let node = &mut self.nodes[number];
        if (round + number).is_multiple_of(LOOK_ROUNDS) && round > 0 {
            node.look(now, &self.params);
        }
        let choice = node.choose(&turn);
        node.learn(&turn, choice, f64::from(u8::from(file[choice.strategy])));
        (self.choices.rates[kind][choice.strategy], self.choices.best(kind))
    }

    /// Between two of its tasks a node gossips many times: ten rounds a second, of which seven reach all of 64 nodes. So
    /// everybody knows everything, by whatever ways it came.
    fn gossip(&mut self, now: u64) {
        for other in 1..self.nodes.len() {
            if let Ok([first, other]) = self.nodes.get_disjoint_mut([0, other]) {
                first.pull(other, now);
            }
        }
        for other in 1..self.nodes.len() {
            if let Ok([first, other]) = self.nodes.get_disjoint_mut([0, other]) {
                other.pull(first, now);
            }
        }
    }
}

/// What became of one world.
struct World {
    leaning: Trace,
    alone: Trace,
    few: Trace,
    isolated: Trace,
    unrelated_leaning: Trace,
    unrelated_alone: Trace,
}

/// One of the fleets.
type Arm = fn(&World) -> &Trace;

/// Runs the experiment on what was measured.
///
/// # Panics
/// When the matrix does not pass [`Measured::check`].
pub fn run(patch: &WorldPatch, measured: &Measured, progress: Progress<'_>) -> Report {
    if let Err(problem) = measured.check() {
        panic!("the matrix must fit together: {problem}");
    }
    let choices = Choices::of(measured);
    let (nodes, tasks) = (
        patch.nodes.unwrap_or(NODES),
        patch.tasks_per_node.unwrap_or(TASKS),
    );
    let (seeds, seed) = (patch.seeds.unwrap_or(SEEDS), patch.seed.unwrap_or(1));
    let worlds = for_each_seed(seeds, seed, progress, |seed| {
        let fleet = |choices: &Choices, nodes, lean| Fleet::new(choices, nodes, lean, seed).run(tasks);
        let unrelated = choices.shuffled(seed);
        World {
            leaning: fleet(&choices, nodes, Lean::OnOthers),
            alone: fleet(&choices, nodes, Lean::OnNothing),
            few: fleet(&choices, FEW_NODES.min(nodes), Lean::OnOthers),
            isolated: fleet(&choices, 1, Lean::OnOthers),
            unrelated_leaning: fleet(&unrelated, nodes, Lean::OnOthers),
            unrelated_alone: fleet(&unrelated, nodes, Lean::OnNothing),
        }
    });
    let world = WorldPatch {
        contexts: Some(measured.kinds.len()),
        strategies: Some(measured.strategies.len()),
        nodes: Some(nodes),
        tasks_per_node: Some(tasks),
        seeds: Some(seeds),
        seed: Some(seed),
        ..WorldPatch::default()
    };
    let mut report = Report::new("real_choice", world, seeds);
    let (random, best) = choices.random_and_best();
    report.figure("random_share", random / best);
    report.figure("oracle_successes", best);
    tell(&mut report, &worlds, nodes);
    report
}

/// Writes the figures down.
fn tell(report: &mut Report, worlds: &[World], nodes: usize) {
    let arms: [(&str, usize, Arm); 6] = [
        ("", nodes, |world| &world.leaning),
        ("_without_backoff", nodes, |world| &world.alone),
        ("_nodes_8", FEW_NODES.min(nodes), |world| &world.few),
        ("_isolated", 1, |world| &world.isolated),
        ("_unrelated", nodes, |world| &world.unrelated_leaning),
        ("_unrelated_without_backoff", nodes, |world| {
            &world.unrelated_alone
        }),
    ];
    for (arm, nodes, of) in arms {
        let traces: Vec<&Trace> = worlds.iter().map(of).collect();
        let shares = shares(&traces);
        let regrets: Vec<f64> = traces.iter().map(|trace| trace.regret()).collect();
        report.mean(&format!("regret{arm}"), &regrets);
        report.figure(
            &format!("tasks_per_node_to_90{arm}"),
            tasks_to(&shares, WINDOW_TASKS.div_ceil(nodes)),
        );
        report.series.insert(format!("share_by_round{arm}"), shares);
    }
    let ratio = |of: &str, to: &str| report.figures[of] / report.figures[to].max(f64::MIN_POSITIVE);
    let unrelated = ratio("regret_unrelated", "regret_unrelated_without_backoff");
    let related = ratio("regret_without_backoff", "regret");
    report.figure("unrelated_scopes_regret_ratio", unrelated);
    report.figure("without_backoff_over_with", related);
    report.target("tasks_per_node_to_90", Target::AtMost(3.0));
    report.target("unrelated_scopes_regret_ratio", Target::AtMost(1.2));
}

/// The share of the oracle's successes by round, over all worlds.
fn shares(traces: &[&Trace]) -> Vec<f64> {
    let rounds = traces.iter().map(|trace| trace.chosen.len()).min().unwrap_or(0);
    let sum =
        |round: usize, of: fn(&Trace) -> &[f64]| traces.iter().map(|trace| of(trace)[round]).sum::<f64>();
    let share =
        |round| sum(round, |trace| &trace.chosen) / sum(round, |trace| &trace.best).max(f64::MIN_POSITIVE);
    (0..rounds).map(share).collect()
}

/// Tasks that a node has behind it when the mean over the next `window` rounds first reaches nine tenths of the oracle;
/// all of them where that never happens.
fn tasks_to(shares: &[f64], window: usize) -> f64 {
    let window = window.clamp(1, shares.len().max(1));
    let learned = |shares: &[f64]| shares.iter().sum::<f64>() >= LEARNED * shares.len() as f64;
    shares.windows(window).position(learned).unwrap_or(shares.len()) as f64
}

#[cfg(test)]
mod tests;
