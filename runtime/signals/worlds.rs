//! Worlds: experiments that show what the layer does, run on the very functions that production calls.
//!
//! A world is made from a seed: tasks, payoffs, faults and liars. Nodes in it hold real replicas, credit real runs,
//! read real posteriors and gossip through the real merge. Each experiment reports its figures beside its baselines and
//! its limit from the same run; none of them knows what it should find.

pub mod credit;
pub mod drift;
pub mod fleet;
pub mod heterogeneity;
pub mod join;
pub mod merge;
pub mod poison;
pub mod real_choice;
pub mod retrieval;
pub mod scaling;
pub mod spread;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What of a world may be set from outside; what is left out is the experiment's own choice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldPatch {
    /// Scopes.
    pub contexts: Option<usize>,
    /// Strategies per scope.
    pub strategies: Option<usize>,
    /// Nodes.
    pub nodes: Option<usize>,
    /// Tasks of each node.
    pub tasks_per_node: Option<usize>,
    /// Tasks of each node between two rounds of gossip.
    pub tasks_per_round: Option<usize>,
    /// Peers that a node talks to in a round.
    pub fanout: Option<usize>,
    /// Share of messages that are lost.
    pub loss: Option<f64>,
    /// First and last round of a split into two halves.
    pub split: Option<[usize; 2]>,
    /// How good strategies are.
    pub payoff: Option<Payoff>,
    /// Standard deviation of a strategy's payoff from node to node.
    pub heterogeneity: Option<f64>,
    /// Share of nodes that lie.
    pub liars: Option<f64>,
    /// How they lie.
    pub attack: Option<Attack>,
    /// A change of the world.
    pub flip: Option<Flip>,
    /// Nodes that come late.
    pub join: Option<Join>,
    /// The signals of the credit experiment.
    pub signals: Option<SignalWorld>,
    /// How many worlds.
    pub seeds: Option<u32>,
    /// The first seed.
    pub seed: Option<u64>,
}

impl WorldPatch {
    /// Says what is not allowed, in words for whoever wrote it: a world must be one that ends.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("contexts", self.contexts, 1, 1_000),
            ("strategies", self.strategies, 2, 1_000),
            ("nodes", self.nodes, 1, 1_024),
            ("tasks_per_node", self.tasks_per_node, 1, 1_000_000),
            ("tasks_per_round", self.tasks_per_round, 1, 10_000),
            ("fanout", self.fanout, 0, 64),
            ("seeds", self.seeds.map(|seeds| seeds as usize), 1, 1_000),
        ];
        for (name, value, least, most) in counts {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return Err(format!("`{name}` must be from {least} to {most}"));
            }
        }
        let noise = self.signals.map(|signals| signals.label_noise);
        let shares = [
            ("loss", self.loss, 0.99),
            ("liars", self.liars, 0.5),
            ("heterogeneity", self.heterogeneity, 1.0),
            ("signals.label_noise", noise, 0.5),
            ("signals.good", self.signals.map(|signals| signals.good), 1.0),
            (
                "signals.harmful",
                self.signals.map(|signals| signals.harmful),
                1.0,
            ),
        ];
        for (name, value, most) in shares {
            if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
                return Err(format!("`{name}` must be from 0 to {most}"));
            }
        }
        match self.payoff {
            Some(Payoff::Uniform { low, high }) if !(0.0 <= low && low < high && high <= 1.0) => {
                Err("`payoff` must have 0 <= low < high <= 1".to_owned())
            }
            Some(Payoff::Beta { a, b }) if !(a > 0.0 && b > 0.0 && a <= 1e3 && b <= 1e3) => {
                Err("`payoff` must have a and b above 0 and up to 1000".to_owned())
            }
            _ => match self.split {
                Some([from, to]) if from >= to => Err("`split` must begin before it ends".to_owned()),
                _ => Ok(()),
            },
        }
    }
}

/// How good strategies are: the probability of success of each in each scope is drawn from this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Payoff {
    /// Evenly between two values.
    Uniform {
        /// The least.
        low: f64,
        /// The most.
        high: f64,
    },
    /// By a beta distribution.
    Beta {
        /// Its first shape.
        a: f64,
        /// Its second shape.
        b: f64,
    },
}

/// How liars lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Report success of the worst and failure of the best strategy, at an honest volume.
    PromoteWorst,
    /// The same with twenty times the volume.
    FakeVolume,
    /// Honest for a while, then like `fake_volume`.
    Sleeper,
    /// Turn every outcome around.
    LabelFlip,
    /// Like `fake_volume`, in one scope only.
    OneScope,
    /// A bias below what a test can see, at three times the volume.
    AdaptiveBias,
    /// Vote for a new regime all the time.
    VoteSpam,
}

/// A change of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    /// The round.
    pub at: usize,
    /// What changes.
    pub kind: FlipKind,
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlipKind {
    /// In every scope the order of strategies is reversed.
    ReverseAll,
    /// In every scope the best strategy becomes the worst.
    BestBreaks,
    /// A quarter of the scopes is reversed.
    SomeScopes,
    /// In every scope the worst strategy becomes the best.
    WorstImproves,
}

/// Nodes that come late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The round.
    pub at: usize,
    /// How many.
    pub nodes: usize,
}

/// The signals of the credit experiment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignalWorld {
    /// How many signals arrive in all.
    pub count: usize,
    /// Share of them that helps.
    pub good: f64,
    /// Share of them that harms.
    pub harmful: f64,
    /// Most signals per task.
    pub slots: usize,
    /// Share of outcomes that are turned around.
    pub label_noise: f64,
}

impl Default for SignalWorld {
    fn default() -> Self {
        Self {
            count: 200,
            good: 0.12,
            harmful: 0.20,
            slots: 4,
            label_noise: 0.0,
        }
    }
}

/// What an experiment found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub experiment: String,
    /// The world as it was, with every choice filled in.
    pub world: WorldPatch,
    /// How many worlds were run.
    pub seeds: u32,
    /// Means over the worlds, by name.
    pub figures: BTreeMap<String, f64>,
    /// Standard errors of the figures that are means over worlds.
    pub errors: BTreeMap<String, f64>,
    /// Targets of the figures that have one.
    pub targets: BTreeMap<String, Target>,
    /// Lines over rounds or sizes, by name.
    pub series: BTreeMap<String, Vec<f64>>,
}

/// What a figure should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Target {
    /// Whether a value reaches it.
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl Report {
    /// A report without figures yet.
    pub fn new(experiment: &str, world: WorldPatch, seeds: u32) -> Self {
        Self {
            experiment: experiment.to_owned(),
            world,
            seeds,
            figures: BTreeMap::new(),
            errors: BTreeMap::new(),
            targets: BTreeMap::new(),
            series: BTreeMap::new(),
        }
    }

    /// Adds a figure as the mean of one value per world, with its standard error.
    pub fn mean(&mut self, name: &str, values: &[f64]) {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        self.figures.insert(name.to_owned(), mean);
        if values.len() > 1 {
            let error = (squares / (count - 1.0) / count).sqrt();
            self.errors.insert(name.to_owned(), error);
        }
    }

    /// Adds a figure that is no mean, such as a ratio of two means.
    pub fn figure(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    /// Says what a figure should reach.
    pub fn target(&mut self, name: &str, target: Target) {
        self.targets.insert(name.to_owned(), target);
    }
}

/// Hears how far an experiment is: worlds done, and worlds in all. Called from several threads.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Runs `world` for each seed, on every core, and answers the results in order of seeds.
pub fn for_each_seed<T: Send>(
    seeds: u32,
    first: u64,
    progress: Progress<'_>,
    world: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let results: Mutex<BTreeMap<u64, T>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(seeds as usize) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= u64::from(seeds) {
                        return;
                    }
                    let result = world(first + index);
                    let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    results.insert(index, result);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, u64::from(seeds));
                }
            });
        }
    });
    let results = results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    results.into_values().collect()
}
