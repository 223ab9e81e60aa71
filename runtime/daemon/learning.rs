//! What the node knows from the start, and the knowledge of a data directory without a node.
//!
//! Strategies of the built-in provider are signals like any other, and have to prove themselves. What they were worth on
//! documents of the program's own is a prior of limited weight, so that the first job of a fresh data directory reads as
//! well as is known; `knowledge.shipped` switches it off. Shapes of a plan are not among them: a job that asks for `auto`
//! gets what is documented, until somebody contributes another shape for jobs of its kind and it has helped.

use std::sync::Arc;

use anthill_actors::knowledge::{Builtin, KnowledgeArguments, KnowledgeHandle};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::signal::{Polarity, SignalBody, Trigger};
use anthill_models::STRATEGIES;
use anthill_signals::base::{SHIPPED_RUNS_MAX, Shipped};
use anthill_store::KnowledgeDb;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::boot;
use crate::config::Config;

/// What was measured of the strategies, each for each kind of document; a test measures again and compares.
const EVIDENCE: &str = include_str!("shipped/evidence.json");

/// Runs that each measure is worth: a user's documents outweigh it within a job or two.
const MEASURED_RUNS: u16 = SHIPPED_RUNS_MAX;

/// One measure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measure {
    /// The strategy, as canonical JSON.
    strategy: String,
    /// The kind of document.
    kind: String,
    /// How many documents it was measured on.
    documents: u16,
    /// Their mean score, in thousandths.
    score_milli: i16,
}

/// What every program of this version knows from the start; with `measured` also what its strategies are worth.
pub fn builtins(measured: bool) -> Vec<Builtin> {
    let table: Vec<Measure> = if measured {
        serde_json::from_str(EVIDENCE).expect("a test reads the file that the program is built with")
    } else {
        Vec::new()
    };
    let strategies = STRATEGIES.iter().map(|args| Builtin {
        measured: gains(&table, args),
        scope: scope("read"),
        polarity: Polarity::Do,
        body: action("extract_strategy", args),
        trigger: Trigger {
            require: [("model_family".to_owned(), "builtin/extract".to_owned())].into(),
            terms: Vec::new(),
        },
        source: "builtin".to_owned(),
    });
    strategies.collect()
}

/// What a strategy adds in each kind of document, against the mean of all strategies there.
fn gains(measures: &[Measure], strategy: &str) -> Vec<Shipped> {
    let own = measures.iter().filter(|measure| measure.strategy == strategy);
    own.filter(|measure| measure.documents > 0)
        .map(|measure| {
            let alike = measures.iter().filter(|other| other.kind == measure.kind);
            let scores: Vec<i64> = alike.map(|other| i64::from(other.score_milli)).collect();
            let count = i64::try_from(scores.len()).unwrap_or(1).max(1);
            let mean = scores.iter().sum::<i64>() / count;
            Shipped {
                scope: scope(&format!("read/{}", measure.kind)),
                runs: MEASURED_RUNS,
                gain_milli: i16::try_from(i64::from(measure.score_milli) - mean).unwrap_or_default(),
            }
        })
        .collect()
}

fn scope(path: &str) -> anthill_contracts::signal::ScopePath {
    path.parse().expect("a name of small letters is a scope")
}

fn action(schema: &str, args: &str) -> SignalBody {
    SignalBody::Action {
        schema: schema.to_owned(),
        args: args.to_owned(),
    }
}

/// The knowledge to look at, also beside a process that owns it.
pub fn open_read_only(config: &Config) -> Result<KnowledgeDb, Problem> {
    boot::open_knowledge_read_only(config)?.ok_or_else(|| {
        let message = format!("nothing was learned in {} yet", config.data.dir.display());
        Problem::new(&codes::DATA_MISSING, message)
    })
}

/// The knowledge of a data directory without a node, for a command that changes it.
pub struct Alone {
    /// Its verbs.
    pub handle: KnowledgeHandle,
    store: Arc<KnowledgeDb>,
    stop: Box<dyn FnOnce() + Send>,
    task: JoinHandle<()>,
}

impl Alone {
    /// Opens the directory and starts the actor.
    pub async fn start(config: &Config) -> Result<Self, Problem> {
        let store = boot::open_knowledge(config)?;
        let [_, _, _, _, _, _, _, _, number @ ..] = boot::random().to_le_bytes();
        let arguments = KnowledgeArguments {
            builtins: builtins(config.knowledge.shipped).into(),
            params: config.knowledge.params(),
            groups: config.knowledge.groups.iter().copied().collect(),
            ..KnowledgeArguments::new(
                Arc::<KnowledgeDb>::clone(&store),
                boot::clock(),
                u64::from_le_bytes(number),
            )
        };
        let handle = KnowledgeHandle::vacant(&arguments);
        let (cell, task) = handle
            .occupy_alone(arguments)
            .await
            .map_err(|error| Problem::new(&codes::KNOWLEDGE_AWAY, error))?;
        Ok(Self {
            handle,
            store,
            stop: Box::new(move || cell.stop(None)),
            task,
        })
    }

    /// Stops the actor and gives the directory back.
    pub async fn stop(self) -> Result<(), Problem> {
        (self.stop)();
        // What it was asked to keep has been acknowledged by now; how its task ended changes nothing.
        let _ = self.task.await;
        Ok(self.store.close()?)
    }
}
