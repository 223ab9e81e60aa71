//! A node over a real store and real tools, with a provider that does what a test wants.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anthill_actors::knowledge::{MemoryStore, Params};
use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::knowledge::KnowledgeStore;
use anthill_contracts::model::{
    Counted, DeltaSink, ModelError, ModelName, ModelReply, ModelRequest, Models, Price, Provider, StopReason,
    Usage, WorstCase,
};
use anthill_contracts::signal::GuardMode;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::Store;
use anthill_models::{ModelsConfig, Registry};
use anthill_store::{SqliteStore, StoreOptions};
use anthill_supervisors::node::{JobRun, Node, NodeArguments};
use anthill_supervisors::watch::JobEnd;
use anthill_tools::toolbox::{StandardToolbox, post_artifact_spec};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for anything: a job that never ends fails its test.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the provider does with one request.
pub(super) enum Act {
    /// Answers as `builtin/extract` does.
    Extract,
    /// Answers this text.
    Say(String),
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
}

type Decide = dyn Fn(usize, &ModelRequest) -> Act + Send + Sync;

/// A provider that does what a test wants, and keeps what it was asked.
pub(super) struct Oracle {
    extract: Arc<dyn Provider>,
    decide: Box<Decide>,
    asked: Mutex<Vec<String>>,
}

impl Oracle {
    /// Every request so far, as its JSON.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    /// Waits until so many requests have come.
    pub(super) async fn wait_asked(&self, count: usize) {
        patiently(async {
            while self.asked().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    fn take(&self, request: &ModelRequest) -> Act {
        let json = serde_json::to_string(request).expect("a request is JSON");
        let mut asked = self.asked.lock().expect("no test panics with it");
        asked.push(json);
        let count = asked.len();
        drop(asked);
        (self.decide)(count, request)
    }
}

impl Provider for Oracle {
    fn worst_case(&self, request: &ModelRequest) -> WorstCase {
        self.extract.worst_case(request)
    }

    fn price(&self, model: &ModelName) -> Option<Price> {
        self.extract.price(model)
    }

    fn complete(
        &self,
        request: ModelRequest,
        deltas: DeltaSink,
    ) -> BoxFuture<'_, Result<ModelReply, ModelError>> {
        async move {
            match self.take(&request) {
                Act::Extract => self.extract.complete(request, deltas).await,
                Act::Say(text) => Ok(said(text)),
                Act::Hang => futures::future::pending().await,
                Act::Panic => panic!("the oracle is mad"),
            }
        }
        .boxed()
    }
}

struct Only(Arc<Oracle>);

impl Models for Only {
    fn provider(&self, _: &ModelName) -> Result<Arc<dyn Provider>, ModelError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Provider>)
    }
}

fn said(text: String) -> ModelReply {
    let usage = Usage {
        tokens_in: 10,
        cached_in: 0,
        tokens_out: 10,
    };
    let cost = anthill_contracts::budget::Amount {
        tokens_in: 10,
        tokens_out: 10,
        steps: 1,
        ..Default::default()
    };
    ModelReply {
        text,
        tool_calls: Vec::new(),
        stop: StopReason::End,
        usage,
        cost,
        model: "oracle".to_owned(),
        counted: Counted::Provider,
        thought_bytes: 0,
    }
}

/// Documents, a data directory, and what runs over them.
pub(super) struct Colony {
    pub(super) folder: TempDir,
    pub(super) store: Arc<dyn Store>,
    /// What its nodes have learned.
    pub(super) learned: Arc<MemoryStore>,
    pub(super) node: Node,
    pub(super) oracle: Arc<Oracle>,
}

/// A colony whose provider always does what `builtin/extract` does.
pub(super) async fn colony() -> Colony {
    colony_with(|_, _| Act::Extract).await
}

/// A colony with this provider.
pub(super) async fn colony_with(
    decide: impl Fn(usize, &ModelRequest) -> Act + Send + Sync + 'static,
) -> Colony {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let documents = [
        (
            "foraging.md",
            "# Foraging\n\nAnts find food by following trails of pheromone. A scout that finds food lays a trail.\n",
        ),
        (
            "nest.md",
            "# Nest\n\nThe nest is dug by workers. Ants that carry food enter the nest through the main gate.\n",
        ),
        (
            "ships.txt",
            "The harbour is closed on Sundays. Ships wait outside of it.\n",
        ),
    ];
    std::fs::create_dir(folder.path().join("docs")).expect("a folder can be made");
    for (name, text) in documents {
        std::fs::write(folder.path().join("docs").join(name), text).expect("a file can be written");
    }
    let store = Arc::new(open(folder.path()));
    let learned = Arc::new(MemoryStore::default());
    Colony::over(folder, store, (Arc::clone(&learned), learned), decide).await
}

fn open(folder: &Path) -> SqliteStore {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    SqliteStore::open(&folder.join("data"), clock, StoreOptions::default()).expect("the store opens")
}

/// Waits for what must come.
pub(super) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("what must come has not come")
}

impl Colony {
    async fn over(
        folder: TempDir,
        store: Arc<dyn Store>,
        (learned, knowledge): (Arc<MemoryStore>, Arc<dyn KnowledgeStore>),
        decide: impl Fn(usize, &ModelRequest) -> Act + Send + Sync + 'static,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let keys: anthill_models::KeyResolver = Arc::new(|_| None);
        let registry =
            Registry::new(ModelsConfig::default(), keys, Arc::clone(&clock)).expect("the defaults are valid");
        let oracle = Arc::new(Oracle {
            extract: registry.provider(&ModelName::default()).expect("it is built in"),
            decide: Box::new(decide),
            asked: Mutex::default(),
        });
        let drawn = AtomicUsize::new(1);
        let node = Node::start(NodeArguments {
            node_id: NodeId::new(clock.now().0, 7),
            clock,
            random: Arc::new(move || drawn.fetch_add(1, Ordering::Relaxed) as u128),
            store: Arc::clone(&store),
            models: Arc::new(Only(Arc::clone(&oracle))),
            knowledge,
            builtins: Arc::from([]),
            params: Params::default(),
            groups: BTreeSet::new(),
            guards: GuardMode::default(),
            embedder: None,
            toolbox: Arc::new(StandardToolbox::new()),
            answer_tool: post_artifact_spec(),
            open_sources: {
                let data = folder.path().join("data");
                Arc::new(move |spec| anthill::boot::open_sources(spec, &data))
            },
        });
        Self {
            folder,
            store,
            learned,
            node: node.await.expect("the node starts"),
            oracle,
        }
    }

    /// Another node over the same documents and data, after this one has stopped.
    pub(super) async fn again(
        self,
        decide: impl Fn(usize, &ModelRequest) -> Act + Send + Sync + 'static,
    ) -> Self {
        patiently(self.node.stop()).await;
        let knowledge = Arc::clone(&self.learned);
        Self::over(self.folder, self.store, (self.learned, knowledge), decide).await
    }

    /// Another node over the same documents and data, whose knowledge is kept in what stands before its store.
    pub(super) async fn learning_in(
        self,
        wrap: impl FnOnce(Arc<MemoryStore>) -> Arc<dyn KnowledgeStore>,
    ) -> Self {
        patiently(self.node.stop()).await;
        let knowledge = wrap(Arc::clone(&self.learned));
        Self::over(self.folder, self.store, (self.learned, knowledge), |_, _| {
            Act::Extract
        })
        .await
    }

    /// The same colony over a store that stands before the one it had.
    pub(super) async fn behind(self, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let store = wrap(Arc::clone(&self.store));
        patiently(self.node.stop()).await;
        let knowledge = Arc::clone(&self.learned);
        Self::over(self.folder, store, (self.learned, knowledge), |_, _| Act::Extract).await
    }

    /// A job over the documents, with some keys of its own.
    pub(super) fn spec(&self, own: Value) -> JobSpec {
        let mut spec = json!({
            "name": "colony",
            "goal": "How do ants find food?",
            "inputs": [{"path": self.folder.path().join("docs")}],
            "work": {"workers_max": 1},
        });
        let (Value::Object(fields), Value::Object(own)) = (&mut spec, own) else {
            panic!("keys are given as an object");
        };
        fields.extend(own);
        serde_json::from_value(spec).expect("the spec is valid")
    }

    /// Submits a job.
    pub(super) async fn submit(&self, own: Value) -> JobRun {
        let submitted = patiently(self.node.submit(self.spec(own))).await;
        submitted.expect("the job is accepted")
    }

    /// Runs a job to the end of its run.
    pub(super) async fn run(&self, own: Value) -> (JobId, JobEnd) {
        let mut run = self.submit(own).await;
        (run.job_id, patiently(run.watch.end()).await)
    }

    /// Goes on with a job to the end of its run.
    pub(super) async fn resume(&self, job_id: JobId, topup: Option<Value>) -> JobEnd {
        let topup = topup.map(|limits| serde_json::from_value(limits).expect("the limits are valid"));
        let resumed = patiently(self.node.resume(job_id, topup)).await;
        let mut run = resumed.expect("the job can be resumed");
        patiently(run.watch.end()).await
    }

    /// Everything that the journal tells of a job.
    pub(super) async fn events(&self, job_id: JobId) -> Vec<JobEvent> {
        let frames = self.store.frames(job_id, 1, 100_000).await;
        let frames = frames.expect("the journal can be read");
        frames.into_iter().flat_map(|frame| frame.events).collect()
    }

    /// The body of a run's result.
    pub(super) async fn result(&self, end: &JobEnd) -> Vec<u8> {
        let output = end.output.expect("there is a result");
        let blob = self.store.blob(output).await.expect("the result is kept");
        blob.bytes().to_vec()
    }
}
