//! Benches: what the runtime itself costs, beside the physical limit measured in the same run.
//!
//! Each bench runs the real node on the real store in a directory of its own, several times, and reports medians. The
//! floor is what the disk allows: the same bytes, written and synced to a plain file in the same batches. Machines
//! are shared and noisy, so the ratio to the floor is the figure to compare; single rates are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::boot::random;
use anthill_actors::knowledge::{MemoryStore, Params};
use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::NodeId;
use anthill_contracts::model::Models;
use anthill_contracts::signal::GuardMode;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::Store;
use anthill_models::{ModelsConfig, Registry};
use anthill_store::{SqliteStore, StoreOptions};
use anthill_supervisors::node::{Node, NodeArguments};
use anthill_tools::toolbox::{StandardToolbox, post_artifact_spec};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

mod fanout;
mod floor;
mod herd;
mod idle;
pub mod knowledge;
mod lifecycle;
mod process;

use herd::Herd;

pub use fanout::fanout;
pub use idle::{idle, parked};
pub use lifecycle::lifecycle;

/// How often a bench repeats, and how much it does each time.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Tasks, jobs or agents.
    pub n: usize,
    /// Repetitions; the first one is not counted.
    pub repetitions: usize,
    /// How many run at once.
    pub parallel: usize,
    /// Where the data directories are made; removed afterwards.
    pub dir: PathBuf,
}

/// The least, the middle and the most of some measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle.
    pub median: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// The spread of some values; zeros where there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&values, share);
        Self {
            min: at(0.0),
            median: at(0.5),
            max: at(1.0),
        }
    }
}

/// The value below which this share of the sorted values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a short list"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// A real node on a store of its own.
struct Rig {
    clock: Arc<dyn Clock>,
    store: Arc<SqliteStore>,
    node: Node,
    dir: PathBuf,
}

impl Rig {
    async fn start(parent: &Path, name: &str) -> Result<Self, Problem> {
        Self::with_documents(parent, name, 0).await
    }

    /// A node whose jobs read so many documents, which are made up.
    async fn with_documents(parent: &Path, name: &str, documents: usize) -> Result<Self, Problem> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dir = parent.join(format!("anthill-bench-{name}-{:x}", random()));
        let store = Arc::new(SqliteStore::open(
            &dir,
            Arc::clone(&clock),
            StoreOptions::default(),
        )?);
        let keys = Arc::new(|_: &str| None);
        let models: Arc<dyn Models> =
            Arc::new(Registry::new(ModelsConfig::default(), keys, Arc::clone(&clock))?);
        let arguments = NodeArguments {
            node_id: NodeId::new(clock.now().0, random()),
            clock: Arc::clone(&clock),
            random: Arc::new(random),
            store: Arc::<SqliteStore>::clone(&store),
            models,
            knowledge: Arc::new(MemoryStore::default()),
            builtins: Arc::from([]),
            params: Params::default(),
            groups: BTreeSet::new(),
            guards: GuardMode::default(),
            embedder: None,
            toolbox: Arc::new(StandardToolbox::new()),
            answer_tool: post_artifact_spec(),
            open_sources: Arc::new(move |_| Ok(Arc::new(Herd { documents }))),
        };
        let node = Node::start(arguments).await?;
        Ok(Self {
            clock,
            store,
            node,
            dir,
        })
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Stops the node and removes its data.
    async fn stop(self) -> Result<(), Problem> {
        self.node.stop().await;
        self.store.close()?;
        std::fs::remove_dir_all(&self.dir).map_err(|error| Problem::new(&codes::DATA_NOT_WRITABLE, error))
    }
}

/// A job whose map of `n` no-op tasks is the runtime's own work and nothing else.
fn noop_job(n: usize, parallel: usize) -> Result<JobSpec, Problem> {
    let items: Vec<String> = (0..n).map(|index| format!("item {index}")).collect();
    let spec = serde_json::json!({
        "name": "bench",
        "goal": "do nothing, durably",
        "shape": "plan",
        "work": { "workers_max": parallel },
        "plan": { "nodes": [
            { "id": "work", "kind": "map", "role": "nobody", "items": items },
            { "id": "joined", "kind": "pass", "deps": ["work"] },
        ]},
    });
    serde_json::from_value(spec).map_err(|error| Problem::new(&codes::DEFECT, error))
}

/// A job with one agent that never gets its answer, and others that wait for its place.
fn parked_job(dir: &Path) -> Result<JobSpec, Problem> {
    let script = dir.join("hangs.toml");
    std::fs::write(&script, "[[rules]]\nfault = \"hang\"\n")
        .map_err(|error| Problem::new(&codes::DATA_NOT_WRITABLE, error))?;
    let spec = serde_json::json!({
        "name": "parked",
        "goal": "wait",
        "shape": "map_reduce_verify",
        "model": format!("scripted/{}", script.display()),
        "inputs": [{ "path": dir }],
        "work": { "workers_max": 1 },
    });
    serde_json::from_value(spec).map_err(|error| Problem::new(&codes::DEFECT, error))
}

/// Counts what the store does, for the size of its batches.
fn recorder() -> Option<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().ok()
}

/// The value of a metric without labels in a scrape.
fn scraped(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
