//! Node: the root of the tree on one machine, and the verbs of everything below it.
//! Parent: nobody; when it gives up, the process ends and the service manager starts it anew.
//! Talks to: its tenants. Survives a restart: everything that the store holds.
//! Invariants: a submitted job is durable before its id is known to anybody; a job runs at most once on a node.
//!
//! ```text
//! node (one_for_one, 3 in 60 s)
//! |- executor
//! |- knowledge
//! `- tenants (dynamic) -- tenant -- job (ends with its lead) -- lead -- blackboard, workers, critics, planner
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anthill_actors::executor::{ExecutorArguments, ExecutorHandle};
use anthill_actors::guards::GuardDesk;
use anthill_actors::knowledge::{Builtin, KnowledgeArguments, KnowledgeHandle, Params};
use anthill_actors::planner;
use anthill_contracts::brief::SkipReason;
use anthill_contracts::budget::Limits;
use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, NodeId, TenantId};
use anthill_contracts::knowledge::{Embedder, Knowledge, KnowledgeStore};
use anthill_contracts::model::{Matter, ModelName, ModelRequest, Models};
use anthill_contracts::plan::Role;
use anthill_contracts::signal::GuardMode;
use anthill_contracts::sources::{SourceError, Sources, SourcesRef};
use anthill_contracts::spec::{JobSpec, Shape};
use anthill_contracts::store::{JobRow, Store};
use anthill_contracts::tool::{ToolSpec, Toolbox};
use tracing::info;

use crate::child_spec::{ChildSpec, StopOrder, SupervisorSpec};
use crate::lead::journal::fold;
use crate::lead::shell::{LeadArguments, LeadServices, PortsWithoutSources, Wish};
use crate::names::Names;
use crate::strategy::{CommandError, SupervisorEvent};
use crate::tenant;
use crate::tree::{ChildStart, StartedChild, SupervisorArguments, SupervisorError, SupervisorHandle};
use crate::watch::{Beacon, JobEnd, JobWatch};
use overdue::Overdue;
use runs::{Run, Runs};

mod overdue;
mod parked;
mod runs;

/// How long a start or stop of a part of the tree may take.
const COMMAND_TIME_MAX: Duration = Duration::from_mins(2);

/// Wait between two looks for a tenant that another job is starting, and how often is looked.
const TENANT_LOOK: Duration = Duration::from_millis(2);
const TENANT_LOOKS_MAX: u32 = 5_000;

/// How long leads may take to journal their pause when the node stops.
const PAUSE_TIME_MAX: Duration = Duration::from_secs(20);

/// Opens a job's inputs; blocks on the disk.
pub type OpenSources = Arc<dyn Fn(&JobSpec) -> Result<SourcesRef, SourceError> + Send + Sync>;

/// What a node needs.
#[derive(Clone)]
pub struct NodeArguments {
    /// Who it is, in this incarnation.
    pub node_id: NodeId,
    /// Its clocks.
    pub clock: Arc<dyn Clock>,
    /// Where random numbers come from.
    pub random: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// Where what the node learns is kept.
    pub knowledge: Arc<dyn KnowledgeStore>,
    /// What it knows from the start.
    pub builtins: Arc<[Builtin]>,
    /// The numbers by which it reads what was learned.
    pub params: Params,
    /// Groups that its tenants have joined.
    pub groups: BTreeSet<u32>,
    /// The most that a learned guard may do to a tool call.
    pub guards: GuardMode,
    /// Who makes embeddings for what it has learned, if anybody.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Who answers.
    pub models: Arc<dyn Models>,
    /// What tools there are.
    pub toolbox: Arc<dyn Toolbox>,
    /// The tool whose argument is an agent's answer; agents run it themselves.
    pub answer_tool: ToolSpec,
    /// How inputs are opened.
    pub open_sources: OpenSources,
}

/// A run of a job that has begun.
pub struct JobRun {
    /// The job.
    pub job_id: JobId,
    /// Everything that happens to it.
    pub watch: JobWatch,
}

/// The verbs of a node. Clones are the same node.
#[derive(Clone)]
pub struct Node {
    arguments: NodeArguments,
    services: LeadServices,
    supervisor: SupervisorHandle,
    tenants: SupervisorHandle,
    names: Names,
    runs: Runs,
    knowledge: KnowledgeHandle,
    overdue: Overdue,
}

impl Node {
    /// Starts the tree.
    pub async fn start(arguments: NodeArguments) -> Result<Self, Problem> {
        let names = Names::default();
        let guards = Arc::new(GuardDesk::new(arguments.guards, Arc::clone(&arguments.clock)));
        let executing = ExecutorArguments {
            guards: Some(Arc::clone(&guards)),
            ..ExecutorArguments::new(Arc::clone(&arguments.toolbox))
        };
        let executor = ExecutorHandle::vacant(&executing);
        let knowing = KnowledgeArguments {
            guards: Some(guards),
            ..knowing(&arguments)
        };
        let knowledge = KnowledgeHandle::vacant(&knowing);
        let tenants = SupervisorSpec::new("tenants").stop_order(StopOrder::Together);
        let tenants =
            SupervisorArguments::new(tenants, Arc::clone(&arguments.clock)).named(&names, "tenants");
        let runs = Runs::default();
        let all_runs = runs.clone();
        let tree = SupervisorArguments::new(SupervisorSpec::new("node"), Arc::clone(&arguments.clock))
            .child(
                ChildSpec::worker("executor"),
                start_executor(executor.clone(), executing),
            )
            .child(
                ChildSpec::worker("knowledge"),
                start_knowledge(knowledge.clone(), knowing),
            )
            .child(ChildSpec::supervisor("tenants"), ChildStart::supervisor(tenants))
            .events(move |event| {
                // Without the tree nobody is left to end a run.
                if let SupervisorEvent::Ended { .. } = event {
                    all_runs.all_over(&left_behind());
                }
            });
        let (supervisor, _ends_with_the_tree) = SupervisorHandle::start(tree)
            .await
            .map_err(|error| Problem::new(&codes::DEFECT, error))?;
        let tenants = names
            .find("tenants")
            .ok_or_else(|| defect("the tenants have no supervisor"))?;
        let services = LeadServices {
            node_id: arguments.node_id,
            clock: Arc::clone(&arguments.clock),
            store: Arc::clone(&arguments.store),
            ports: PortsWithoutSources {
                models: Arc::clone(&arguments.models),
                executor,
                knowledge: Arc::new(knowledge.clone()) as Arc<dyn Knowledge>,
                tools: arguments
                    .toolbox
                    .specs()
                    .into_iter()
                    .chain([arguments.answer_tool.clone()])
                    .collect(),
            },
        };
        info!(node_id = %arguments.node_id, "node started");
        let overdue = Overdue::begin(
            Arc::clone(&arguments.store),
            knowledge.clone(),
            arguments.clock.now(),
        );
        Ok(Self {
            arguments,
            services,
            supervisor,
            tenants,
            names,
            runs,
            knowledge,
            overdue,
        })
    }

    /// What this node has learned.
    pub const fn knowledge(&self) -> &KnowledgeHandle {
        &self.knowledge
    }

    /// Accepts a job: checks it, makes it durable, and starts its lead.
    pub async fn submit(&self, spec: JobSpec) -> Result<JobRun, Problem> {
        planner::validate_spec(&spec)?;
        self.check_models(&spec)?;
        let sources = self.open(&spec, Listing::Demanded).await?;
        let job_id = JobId::new(self.arguments.clock.now().0, (self.arguments.random)());
        let tenant = spec.tenant.clone();
        let run = self.run(job_id, tenant, |arguments| LeadArguments {
            spec: Some(Box::new(spec.clone())),
            sources: Arc::clone(&sources),
            ..arguments
        });
        let (run, beacon) = run.await?;
        beacon.wait_durable(1).await;
        match beacon.end_now().and_then(|end| end.problem) {
            Some(problem) => Err(problem),
            None => Ok(run),
        }
    }

    /// Goes on with a job that paused or whose process died, with raised limits where some are given.
    pub async fn resume(&self, job_id: JobId, topup: Option<Limits>) -> Result<JobRun, Problem> {
        let row = self.open_row(job_id).await?;
        let job = fold(&*self.arguments.store, job_id).await?;
        let spec = job
            .spec
            .ok_or_else(|| defect("the journal does not begin with a spec"))?;
        self.check_models(&spec)?;
        let sources = self.open(&spec, Listing::Spared).await?;
        let (mut run, _) = self
            .run(job_id, row.tenant, |arguments| LeadArguments {
                topup,
                sources: Arc::clone(&sources),
                ..arguments
            })
            .await?;
        run.watch.skip_to(row.seq + 1);
        Ok(run)
    }

    /// Cancels a job, running or not. Returns when that is durable.
    pub async fn cancel(&self, job_id: JobId) -> Result<JobEnd, Problem> {
        self.open_row(job_id).await?;
        if let Some(run) = self.runs.get(job_id) {
            run.slot.ask(Wish::Cancel);
            let end = run.beacon.wait_end().await;
            if end.status.is_terminal() {
                return Ok(end);
            }
            // It was about to pause, or its lead could not go on: nobody leads it any more.
            wait_gone(&run.beacon).await?;
        }
        let arguments = &self.arguments;
        let whom = (job_id, arguments.node_id);
        parked::cancel(&*arguments.store, &self.knowledge, &*arguments.clock, whom).await
    }

    /// Watches a job that runs on this node, from a frame on.
    pub fn watch(&self, job_id: JobId, from_seq: u64) -> Option<JobWatch> {
        let run = self.runs.get(job_id)?;
        Some(JobWatch::new(
            job_id,
            Arc::clone(&self.arguments.store),
            &run.beacon,
            from_seq,
        ))
    }

    /// Pauses every job, durably, then stops the tree.
    pub async fn stop(&self) {
        let running = self.runs.all();
        for (_, run) in &running {
            run.slot.ask(Wish::Interrupt);
        }
        let pauses = running.iter().map(|(_, run)| run.beacon.wait_end());
        let in_time = tokio::time::timeout(PAUSE_TIME_MAX, futures::future::join_all(pauses)).await;
        if in_time.is_err() {
            tracing::warn!("some jobs did not pause in time; they resume from their last frame");
        }
        self.overdue.end().await;
        self.supervisor.stop("the node stops");
        if self.supervisor.wait(PAUSE_TIME_MAX).await.is_err() {
            self.supervisor.kill();
        }
        self.runs.all_over(&left_behind());
        info!(node_id = %self.arguments.node_id, "node stopped");
    }

    /// Runs a job's lead under its tenant.
    async fn run(
        &self,
        job_id: JobId,
        tenant: TenantId,
        complete: impl FnOnce(LeadArguments) -> LeadArguments,
    ) -> Result<(JobRun, Beacon), Problem> {
        let Run { beacon, slot } = self.begin_run(job_id).await?;
        let watch = JobWatch::new(job_id, Arc::clone(&self.arguments.store), &beacon, 1);
        let arguments = complete(LeadArguments {
            job_id,
            spec: None,
            topup: None,
            sources: Arc::new(crate::lead::shell::NoSources),
            services: self.services.clone(),
            beacon: beacon.clone(),
            slot,
        });
        let (spec, start) = tenant::job(&arguments, Arc::clone(&self.arguments.clock));
        let started = match self.tenant(&tenant).await {
            Ok(tenant) => tenant.start_child(spec, start, COMMAND_TIME_MAX).await,
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            self.runs.over(job_id, JobEnd::broken(defect(error.to_string())));
            let told = beacon.end_now().and_then(|end| end.problem);
            return Err(told.unwrap_or_else(|| defect(error.to_string())));
        }
        Ok((JobRun { job_id, watch }, beacon))
    }

    /// Begins a run as soon as an earlier one, whose end may have been heard already, is cleared away.
    async fn begin_run(&self, job_id: JobId) -> Result<Run, Problem> {
        loop {
            match self.runs.begin(job_id) {
                Ok(run) => return Ok(run),
                Err(earlier) if earlier.beacon.end_now().is_some() => wait_gone(&earlier.beacon).await?,
                Err(_) => {
                    let message = format!("{job_id} runs already");
                    return Err(Problem::new(&codes::DATA_IN_USE, message));
                }
            }
        }
    }

    /// The supervisor of a tenant, started at its first job.
    async fn tenant(&self, tenant: &TenantId) -> Result<SupervisorHandle, SupervisorError> {
        let name = tenant::name_of(tenant);
        if let Some(handle) = self.names.find(&name) {
            return Ok(handle);
        }
        let runs = self.runs.clone();
        let arguments = tenant::tenant(
            tenant,
            &self.names,
            Arc::clone(&self.arguments.clock),
            move |event| {
                let SupervisorEvent::ChildEnded { id, .. } = event else {
                    return;
                };
                if let Ok(job_id) = id.as_str().parse() {
                    runs.over(job_id, crashed());
                }
            },
        );
        let (spec, start) = (
            ChildSpec::supervisor(name.clone()),
            ChildStart::supervisor(arguments),
        );
        match self.tenants.start_child(spec, start, COMMAND_TIME_MAX).await {
            // Another job of the same tenant was faster.
            Ok(()) | Err(SupervisorError::Command(CommandError::AlreadyStarted)) => {}
            Err(error) => return Err(error),
        }
        // The other one may still be starting: a name is known when its owner runs.
        for _ in 0..TENANT_LOOKS_MAX {
            if let Some(handle) = self.names.find(&name) {
                return Ok(handle);
            }
            tokio::time::sleep(TENANT_LOOK).await;
        }
        Err(SupervisorError::Command(CommandError::NotFound))
    }

    /// The row of a job that has not ended.
    async fn open_row(&self, job_id: JobId) -> Result<JobRow, Problem> {
        let row = self.arguments.store.job(job_id).await?;
        let row =
            row.ok_or_else(|| Problem::new(&codes::JOB_NOT_FOUND, format!("there is no job {job_id}")))?;
        if row.status.is_terminal() {
            let message = format!("job {job_id} has {}", row.status);
            return Err(Problem::new(&codes::JOB_ENDED, message));
        }
        Ok(row)
    }

    /// Opens the inputs, and makes sure that there is something to read where the job is new.
    async fn open(&self, spec: &JobSpec, listing: Listing) -> Result<SourcesRef, Problem> {
        let (open, spec) = (Arc::clone(&self.arguments.open_sources), spec.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let sources = open(&spec)?;
            if listing == Listing::Demanded && !spec.inputs.is_empty() {
                demand_documents(&spec, &*sources)?;
            }
            Ok::<_, SourceError>(sources)
        });
        let opened = opening.await.map_err(|error| defect(error.to_string()))?;
        opened.map_err(Into::into)
    }

    /// Refuses a job whose models are not there, have no key, or no price where there is a limit in dollars.
    fn check_models(&self, spec: &JobSpec) -> Result<(), Problem> {
        if !asks_models(spec) {
            return Ok(());
        }
        let opinion = spec.review.model.iter().filter(|_| spec.review.opinion);
        let workers = &spec.routing.models;
        for model in std::iter::once(&spec.model).chain(workers).chain(opinion) {
            let provider = self.arguments.models.provider(model)?;
            let priced = provider.worst_case(&empty_request(model)).priced;
            if spec.budget.usd.is_some() && !priced {
                let message = format!("the budget has a limit in dollars, and `{model}` has no price");
                return Err(Problem::new(&codes::PRICE_UNKNOWN, message));
            }
        }
        Ok(())
    }
}

/// Whether the inputs are listed when they are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Demanded,
    Spared,
}

/// Refuses inputs in which there is nothing to read.
fn demand_documents(spec: &JobSpec, sources: &dyn Sources) -> Result<(), SourceError> {
    let listed = sources.list()?;
    if !listed.documents.is_empty() {
        return Ok(());
    }
    let paths: Vec<String> = spec
        .inputs
        .iter()
        .map(|input| format!("`{}`", input.path.display()))
        .collect();
    let own = listed
        .skipped
        .iter()
        .filter(|file| file.reason == SkipReason::OwnOutput);
    Err(SourceError::NoDocuments {
        inputs: paths.join(", "),
        skipped: listed.skipped.len(),
        own: own.count(),
    })
}

fn start_executor(handle: ExecutorHandle, arguments: ExecutorArguments) -> ChildStart {
    ChildStart::new(move |ctx| {
        let (handle, arguments) = (handle.clone(), arguments.clone());
        async move {
            let (cell, task) = handle.occupy(arguments, ctx.supervisor).await?;
            Ok(StartedChild::new(cell, task))
        }
    })
}

/// What the knowledge of a node is made of. Its number in facts is drawn anew at each start and used at the first.
fn knowing(arguments: &NodeArguments) -> KnowledgeArguments {
    let [_, _, _, _, _, _, _, _, number @ ..] = (arguments.random)().to_le_bytes();
    let store = Arc::clone(&arguments.knowledge);
    KnowledgeArguments {
        builtins: Arc::clone(&arguments.builtins),
        params: arguments.params.clone(),
        groups: arguments.groups.clone(),
        embedder: arguments.embedder.clone(),
        ..KnowledgeArguments::new(store, Arc::clone(&arguments.clock), u64::from_le_bytes(number))
    }
}

fn start_knowledge(handle: KnowledgeHandle, arguments: KnowledgeArguments) -> ChildStart {
    ChildStart::new(move |ctx| {
        let (handle, arguments) = (handle.clone(), arguments.clone());
        async move {
            let (cell, task) = handle.occupy(arguments, ctx.supervisor).await?;
            Ok(StartedChild::new(cell, task))
        }
    })
}

/// Waits until a run whose end was heard is cleared away.
async fn wait_gone(beacon: &Beacon) -> Result<(), Problem> {
    let waited = tokio::time::timeout(COMMAND_TIME_MAX, beacon.wait_gone()).await;
    waited.map_err(|_| defect("the job's last run is not cleared away"))
}

/// What is said of a job whose lead has crashed too often.
fn crashed() -> JobEnd {
    JobEnd::broken(defect(
        "the job's lead crashed again and again; the job can be resumed",
    ))
}

/// What is said of a job whose node went away first.
fn left_behind() -> JobEnd {
    JobEnd::broken(defect(
        "the node ended before the job did; the job can be resumed",
    ))
}

fn asks_models(spec: &JobSpec) -> bool {
    let own_plan = spec.plan.as_ref().filter(|_| spec.shape == Shape::Plan);
    own_plan.is_none_or(|plan| {
        plan.nodes
            .iter()
            .any(|node| node.role.is_some_and(|role| role != Role::Nobody))
    })
}

fn empty_request(model: &ModelName) -> ModelRequest {
    ModelRequest {
        model: model.clone(),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 0,
        matter: Matter::Prompt,
    }
}

fn defect(message: impl Into<String>) -> Problem {
    Problem::new(&codes::DEFECT, message.into())
}
