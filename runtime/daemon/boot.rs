//! The composition root: which store, which models, which tools and which clock this process runs on.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::NodeId;
use anthill_contracts::knowledge::{Embedder, KnowledgeStore};
use anthill_contracts::sources::{SourceError, SourcesRef};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::Store;
use anthill_models::{Embeddings, KeyResolver, Registry};
use anthill_store::{KnowledgeDb, SqliteStore, StoreOptions};
use anthill_supervisors::node::{Node, NodeArguments};
use anthill_tools::inputs::{FolderSources, SourceLimits};
use anthill_tools::toolbox::{StandardToolbox, post_artifact_spec};
use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Config};
use crate::console::Failure;
use crate::learning;
use crate::own_output;

/// Runs a command that only reads, on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no_runtime(&error))?;
    runtime.block_on(outliving_size_limits(future))
}

/// Runs a command that works, on all cores.
pub fn block_on_all_cores<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("anthill-worker")
        .build()
        .map_err(|error| no_runtime(&error))?;
    runtime.block_on(outliving_size_limits(future))
}

/// A write beyond the size that a file may have (`ulimit -f`) is an error of that write, with a code and without a draft
/// left behind; unheard, its signal would end the process on the spot.
async fn outliving_size_limits<T>(future: impl Future<Output = T>) -> T {
    // Where it cannot be heard, the command runs as any other program does.
    let _heard = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    future.await
}

fn no_runtime(error: &std::io::Error) -> Problem {
    Problem::new(&codes::DEFECT, format!("no runtime: {error}"))
}

/// The clocks of this machine.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// The store, for this process alone.
pub fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<SqliteStore>, Problem> {
    let options = StoreOptions {
        database_bytes_max: config.data.journal_bytes_max,
        ..StoreOptions::default()
    };
    Ok(Arc::new(SqliteStore::open(&config.data.dir, clock, options)?))
}

/// What this machine has learned, for this process alone.
pub fn open_knowledge(config: &Config) -> Result<Arc<KnowledgeDb>, Problem> {
    let options = StoreOptions {
        database_bytes_max: config.data.journal_bytes_max,
        ..StoreOptions::default()
    };
    Ok(Arc::new(KnowledgeDb::open(&config.data.dir, options)?))
}

/// What this machine has learned, to look at, also beside a process that owns it; `None` where that is nothing.
pub fn open_knowledge_read_only(config: &Config) -> Result<Option<KnowledgeDb>, Problem> {
    Ok(KnowledgeDb::open_read_only(&config.data.dir)?)
}

/// The store to look at, also beside a process that owns it.
pub fn open_read_only(config: &Config) -> Result<Arc<dyn Store>, Problem> {
    Ok(Arc::new(SqliteStore::open_read_only(&config.data.dir)?))
}

/// The models, with keys from the environment.
pub fn models(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Registry>, Problem> {
    let keys = Arc::new(config::key_from_environment);
    Ok(Arc::new(Registry::new(config.models.clone(), keys, clock)?))
}

/// Who makes embeddings for the knowledge, with a key from the environment; nobody, unless the configuration names one.
pub fn embedder(config: &Config, clock: Arc<dyn Clock>) -> Result<Option<Arc<dyn Embedder>>, Problem> {
    let Some(embeddings) = config.knowledge.embeddings.clone() else {
        return Ok(None);
    };
    let keys: KeyResolver = Arc::new(config::key_from_environment);
    let client = Embeddings::new(embeddings, &config.models, &keys, clock)?;
    Ok(Some(Arc::new(client)))
}

/// What the node of a process stands on.
pub struct Ground {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// Where what is learned is kept.
    pub knowledge: Arc<dyn KnowledgeStore>,
    /// Who answers.
    pub models: Arc<Registry>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
}

/// The node over this ground.
pub async fn node(config: &Config, ground: Ground) -> Result<Node, Problem> {
    let Ground {
        store,
        knowledge,
        models,
        clock,
    } = ground;
    let embedder = embedder(config, Arc::clone(&clock))?;
    Node::start(NodeArguments {
        node_id: NodeId::new(clock.now().0, random()),
        clock,
        random: Arc::new(random),
        store,
        models,
        knowledge,
        builtins: learning::builtins(config.knowledge.shipped).into(),
        params: config.knowledge.params(),
        groups: config.knowledge.groups.iter().copied().collect(),
        guards: config.knowledge.guards,
        embedder,
        toolbox: Arc::new(StandardToolbox::new()),
        answer_tool: post_artifact_spec(),
        open_sources: {
            let data_dir = config.data.dir.clone();
            Arc::new(move |spec| open_sources(spec, &data_dir))
        },
    })
    .await
}

/// The documents of a job, without what jobs of this data directory have written. A job without any is refused before
/// it is submitted.
pub fn open_sources(spec: &JobSpec, data_dir: &Path) -> Result<SourcesRef, SourceError> {
    let own = own_output::known(data_dir).map_err(|problem| SourceError::Unreadable {
        path: data_dir.display().to_string(),
        detail: problem.message,
    })?;
    let sources = FolderSources::open(&spec.inputs, SourceLimits::of(&spec.work))?;
    Ok(Arc::new(sources.without(own)))
}

/// Sixteen random bytes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge at which chance is drawn"
)]
pub(crate) fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_le_bytes(bytes)
}
