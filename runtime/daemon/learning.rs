//! What the node knows from the start, and the knowledge of a data directory without a node.
//!
//! Strategies of the built-in provider are signals like any other: they begin without a weight and have to prove
//! themselves. Shapes of a plan are not among them: a job that asks for `auto` gets what is documented, until somebody
//! contributes another shape for jobs of its kind and it has helped.

use std::sync::Arc;

use anthill_actors::knowledge::{Builtin, KnowledgeArguments, KnowledgeHandle};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::signal::{Polarity, SignalBody, Trigger};
use anthill_models::STRATEGIES;
use anthill_store::KnowledgeDb;
use tokio::task::JoinHandle;

use crate::boot;
use crate::config::Config;

/// What every program of this version knows from the start.
pub fn builtins() -> Vec<Builtin> {
    let strategies = STRATEGIES.iter().map(|args| Builtin {
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
            builtins: builtins().into(),
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
