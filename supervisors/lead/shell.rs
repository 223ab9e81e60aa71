//! The lead's actor: performs what the machine decides, and mails every result back.
//!
//! Nothing waits in the handler. Store, sources, planner and timers run in tasks that the actor owns; they are
//! aborted with it. A failed append ends the lead at once: what the store did with it is unknown, so nothing more is
//! decided on it, and the next lead reads back what stands.

use std::sync::Arc;
use std::time::Duration;

use anthill_actors::agent::AgentReport;
use anthill_actors::blackboard::BlackboardHandle;
use anthill_actors::mailbox::{Mail, Mailbox, MailboxBounds};
use anthill_actors::step_agent::{AgentHandle, AgentPorts};
use anthill_contracts::brief::Passage;
use anthill_contracts::budget::Limits;
use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::event::JobEvent;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, NodeId, TaskId};
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Listing, LocatedQuote, SourceError, Sources, SourcesRef};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::{Append, Snapshot, Store, StoreError};
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span, info, info_span, warn};

use super::journal::{append_patiently, fold};
use super::machine::{Cx, Lead, LeadInput, LeadStep};
use crate::metrics;
use crate::watch::{Beacon, JobEnd};
use crew::Crew;

mod crafting;
mod crew;
mod learning;
mod looking;
mod slot;

pub(crate) use learning::tell;
pub(crate) use slot::{LeadSlot, Wish};

/// Most reports that may wait: each agent has one under way, and each attempt a last word.
const REPORTS_MAX: usize = 65_536;

/// What every lead of a node needs.
#[derive(Clone)]
pub(crate) struct LeadServices {
    pub(crate) node_id: NodeId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ports: PortsWithoutSources,
}

/// What agents need beside the job's own sources.
#[derive(Clone)]
pub(crate) struct PortsWithoutSources {
    pub(crate) models: Arc<dyn anthill_contracts::model::Models>,
    pub(crate) executor: anthill_actors::executor::ExecutorHandle,
    pub(crate) knowledge: Arc<dyn anthill_contracts::knowledge::Knowledge>,
    pub(crate) tools: Arc<[anthill_contracts::tool::ToolSpec]>,
}

/// The sources of a job that has none.
pub(crate) struct NoSources;

impl Sources for NoSources {
    fn list(&self) -> Result<Listing, SourceError> {
        Ok(Listing::default())
    }

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError> {
        Err(SourceError::Outside {
            path: slice.path.clone(),
        })
    }

    fn bytes(&self, path: &str, _: u64, _: u64) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Outside {
            path: path.to_owned(),
        })
    }

    fn locate(&self, path: &str, _: &str) -> Result<Option<LocatedQuote>, SourceError> {
        Err(SourceError::Outside {
            path: path.to_owned(),
        })
    }
}

/// One job to lead.
#[derive(Clone)]
pub(crate) struct LeadArguments {
    pub(crate) job_id: JobId,
    /// The spec of a new job; the journal's is taken where there is one.
    pub(crate) spec: Option<Box<JobSpec>>,
    pub(crate) topup: Option<Limits>,
    pub(crate) sources: SourcesRef,
    pub(crate) services: LeadServices,
    pub(crate) beacon: Beacon,
    /// Through which the lead that lives is reached.
    pub(crate) slot: Arc<LeadSlot>,
}

/// The protocol.
pub(crate) enum LeadMessage {
    /// Something that the machine must know.
    Happened { input: Box<LeadInput> },
    /// Own mail: an append has ended.
    Appended {
        seq: u64,
        outcome: Result<(), StoreError>,
    },
    /// Own mail: an agent is gone; its reports, if any, came before.
    AgentEnded { actor: ActorId, detail: String },
    /// Own mail: the lead itself cannot go on.
    Broken { problem: Box<Problem> },
}

/// The lead's actor.
pub(crate) struct LeadActor;

pub(crate) struct LeadShell {
    arguments: LeadArguments,
    myself: ActorRef<Mail<LeadMessage>>,
    reports: Mailbox<LeadMessage>,
    machine: Lead,
    ports: AgentPorts,
    blackboard: BlackboardHandle,
    crew: Crew<AgentHandle>,
    shared: crafting::Shared,
    span: Span,
    tasks: JoinSet<()>,
    began: Duration,
    snapshot_seq: u64,
    stopping: bool,
    random: u64,
    over: bool,
}

impl Actor for LeadActor {
    type Msg = Mail<LeadMessage>;
    type State = LeadShell;
    type Arguments = LeadArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: LeadArguments,
    ) -> Result<LeadShell, ActorProcessingErr> {
        let (beacon, slot) = (arguments.beacon.clone(), Arc::clone(&arguments.slot));
        let opened = LeadShell::open(myself, arguments).await;
        opened.inspect_err(|error| {
            // A lead that follows another is started again, and the run goes on.
            if !slot.was_occupied() {
                beacon.ended(not_opened(error.as_ref()));
            }
        })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        shell: &mut LeadShell,
    ) -> Result<(), ActorProcessingErr> {
        for (message, _permit) in mail.open() {
            if shell.over {
                break;
            }
            match message {
                LeadMessage::Happened { input } => shell.step(*input).await?,
                LeadMessage::Appended { seq, outcome } => shell.on_appended(seq, outcome).await?,
                LeadMessage::AgentEnded { actor, detail } => shell.on_agent_ended(actor, detail).await?,
                LeadMessage::Broken { problem } => shell.give_up(*problem),
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        shell: &mut LeadShell,
    ) -> Result<(), ActorProcessingErr> {
        let (actor, detail) = match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => (
                cell.get_id(),
                reason.unwrap_or_else(|| "it stopped without a last word".to_owned()),
            ),
            SupervisionEvent::ActorFailed(cell, error) => (cell.get_id(), error.to_string()),
            _ => return Ok(()),
        };
        if !shell.crew.contains(actor) {
            // Only the blackboard is linked beside the agents; without it the job's artifacts have no owner.
            return if shell.over {
                Ok(())
            } else {
                Err("the blackboard has ended".into())
            };
        }
        // Supervision events overtake messages. Queued behind them, this one cannot overtake the last report.
        Ok(myself.send_message(Mail::own(LeadMessage::AgentEnded { actor, detail }))?)
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        shell: &mut LeadShell,
    ) -> Result<(), ActorProcessingErr> {
        for agent in shell.myself.get_cell().get_children() {
            agent.kill();
        }
        Ok(())
    }
}

impl LeadShell {
    /// Takes the lease, folds the journal and begins.
    async fn open(
        myself: ActorRef<Mail<LeadMessage>>,
        arguments: LeadArguments,
    ) -> Result<Self, ActorProcessingErr> {
        let services = &arguments.services;
        let lease = services
            .store
            .take_lease(arguments.job_id, services.node_id)
            .await?;
        let job = fold(&*services.store, arguments.job_id).await?;
        let versions = job
            .tasks
            .values()
            .flat_map(|task| task.versions.clone())
            .collect();
        let blackboard = BlackboardHandle::start(versions, myself.get_cell()).await?;
        let beacon = arguments.beacon.clone();
        let ports = AgentPorts {
            store: Arc::clone(&services.store),
            models: Arc::clone(&services.ports.models),
            executor: services.ports.executor.clone(),
            tools: Arc::clone(&services.ports.tools),
            sources: Arc::clone(&arguments.sources),
            live: Arc::new(move |task_id, delta| beacon.live(task_id, delta)),
        };
        let bounds = MailboxBounds {
            data: REPORTS_MAX,
            control: 16,
        };
        let reports = Mailbox::new(myself.clone(), bounds);
        arguments.beacon.durable(lease.last_seq);
        let began = services.clock.mono();
        let random = u64::from_le_bytes(std::array::from_fn(|index| {
            services.node_id.as_bytes()[8 + index]
        }));
        let terminal = job.status.is_terminal();
        let shell = Self {
            machine: Lead::new(job, lease.last_seq),
            ports,
            blackboard,
            crew: Crew::default(),
            shared: crafting::Shared::default(),
            span: info_span!("job", job_id = %arguments.job_id),
            tasks: JoinSet::new(),
            began,
            snapshot_seq: lease.last_seq,
            stopping: false,
            random: random ^ lease.epoch,
            over: false,
            reports,
            myself,
            arguments,
        };
        shell.begin(lease.epoch, terminal)?;
        // Only now: whatever is asked of the lead must stand behind its beginning.
        if let Some(wish) = shell.arguments.slot.occupy(shell.reports.clone()) {
            shell.myself.send_message(Mail::own(happened(wish.input())))?;
        }
        Ok(shell)
    }

    fn begin(&self, epoch: u64, terminal: bool) -> Result<(), ActorProcessingErr> {
        if terminal {
            let problem = Box::new(Problem::new(&codes::JOB_ENDED, "the job has ended already"));
            return Ok(self
                .myself
                .send_message(Mail::own(LeadMessage::Broken { problem }))?);
        }
        let input = LeadInput::Begin {
            node_id: self.arguments.services.node_id,
            epoch,
            spec: self.arguments.spec.clone(),
            topup: self.arguments.topup,
        };
        Ok(self.myself.send_message(Mail::own(LeadMessage::Happened {
            input: Box::new(input),
        }))?)
    }

    /// Feeds the machine and performs what it decides.
    async fn step(&mut self, input: LeadInput) -> Result<(), ActorProcessingErr> {
        let begins = matches!(input, LeadInput::Begin { .. });
        if let LeadInput::Report(report) = &input
            && report.news.is_last_word()
        {
            self.crew.has_said_last_word(report.from);
        }
        let mut steps = Vec::new();
        let cx = self.cx();
        self.machine.step(cx, input, &mut steps);
        if begins {
            self.arm_wall();
        }
        for step in steps {
            self.perform(step).await?;
        }
        Ok(())
    }

    fn cx(&mut self) -> Cx {
        // SplitMix64 (Steele, Lea, Flood 2014): good enough for jitter, and no state to share.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let run = self.arguments.services.clock.mono().saturating_sub(self.began);
        Cx {
            run_ms: u64::try_from(run.as_millis()).unwrap_or(u64::MAX),
            random: mixed ^ (mixed >> 31),
            now: self.arguments.services.clock.now(),
        }
    }

    async fn perform(&mut self, step: LeadStep) -> Result<(), ActorProcessingErr> {
        match step {
            LeadStep::Append { seq, events, blobs } => self.append(seq, events, blobs),
            LeadStep::ListInputs => self.list_inputs(),
            LeadStep::MakePlan => self.make_plan(),
            LeadStep::ValidatePlan { plan, author } => self.validate_plan(plan, author),
            LeadStep::LookUpMemo { task_id } => self.look_up_memo(task_id),
            LeadStep::TakeCut => self.take_cut(),
            LeadStep::Recall { key, seed, cut } => self.recall(key, seed, cut),
            LeadStep::Conclude {
                receipt,
                outcomes,
                proposals,
                spent,
            } => self.conclude(*receipt, (outcomes, proposals), spent),
            LeadStep::StartAgent(key) => self.start_agent(key).await?,
            LeadStep::Tell(key, order) => {
                // An agent that is gone is heard of as ended.
                let _ = self.crew.handle(key).map(|agent| agent.tell(order));
            }
            LeadStep::ArmBackoff { task_id, wait_ms } => self.arm_backoff(task_id, wait_ms),
            LeadStep::StopAgents => self.stop_agents()?,
            LeadStep::ComposePartial => self.compose_partial(),
            LeadStep::End => self.end(),
        }
        Ok(())
    }

    fn append(&mut self, seq: u64, events: Vec<JobEvent>, blobs: Vec<anthill_contracts::digest::Blob>) {
        let services = self.arguments.services.clone();
        let append = Append {
            job_id: self.arguments.job_id,
            epoch: self.machine.job().epoch,
            seq,
            at: services.clock.now(),
            events: events.into(),
            blobs,
        };
        self.spawn(async move {
            let outcome = append_patiently(&*services.store, append).await;
            LeadMessage::Appended { seq, outcome }
        });
    }

    async fn on_appended(
        &mut self,
        seq: u64,
        outcome: Result<(), StoreError>,
    ) -> Result<(), ActorProcessingErr> {
        if let Err(error) = outcome {
            warn!(job_id = %self.arguments.job_id, seq, %error, "append failed, lead stops");
            self.give_up(error.into());
            return Ok(());
        }
        metrics::frame_appended();
        self.arguments.beacon.durable(seq);
        self.step(LeadInput::Appended { seq }).await?;
        self.keep_snapshot();
        Ok(())
    }

    async fn on_agent_ended(&mut self, actor: ActorId, detail: String) -> Result<(), ActorProcessingErr> {
        if let Some(agent) = self.crew.left(actor) {
            self.step(LeadInput::Crashed { agent, detail }).await?;
        }
        if self.stopping && self.crew.is_empty() {
            self.step(LeadInput::AgentsStopped).await?;
        }
        Ok(())
    }

    /// Stops every agent: what it had recorded stands, what it was about to do is done again some day.
    fn stop_agents(&mut self) -> Result<(), ActorProcessingErr> {
        // Every agent that was decided before has been started by now, and none is decided any more.
        self.stopping = true;
        for agent in self.myself.get_cell().get_children() {
            if self.crew.contains(agent.get_id()) {
                agent.kill();
            }
        }
        if self.crew.is_empty() {
            // The machine may wait for agents that are gone without it knowing.
            self.myself
                .send_message(Mail::own(happened(LeadInput::AgentsStopped)))?;
        }
        Ok(())
    }

    fn arm_backoff(&mut self, task_id: TaskId, wait_ms: u64) {
        self.spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            happened(LeadInput::BackoffOver { task_id })
        });
    }

    fn arm_wall(&mut self) {
        let Some(left_ms) = self.machine.job().wall_left_ms() else {
            return;
        };
        self.spawn(async move {
            tokio::time::sleep(Duration::from_millis(left_ms)).await;
            happened(LeadInput::WallOver)
        });
    }

    /// Keeps a fold of the journal now and then, so that a long job reopens quickly.
    fn keep_snapshot(&mut self) {
        const FRAMES_PER_SNAPSHOT: u64 = 512;
        let seq = self.machine.seq();
        if seq < self.snapshot_seq + FRAMES_PER_SNAPSHOT || !self.machine.is_settled() {
            return;
        }
        self.snapshot_seq = seq;
        let (store, job_id) = (Arc::clone(&self.arguments.services.store), self.arguments.job_id);
        let Ok(state) = rmp_serde::to_vec(self.machine.job()) else {
            return;
        };
        self.tasks.spawn(async move {
            // A snapshot saves time and nothing else: without it the journal is read from an older one.
            if let Err(error) = store.put_snapshot(job_id, Snapshot { seq, state }).await {
                warn!(%job_id, %error, "snapshot not kept");
            }
        });
    }

    /// Publishes the end that the journal tells, and stops.
    fn end(&mut self) {
        let job = self.machine.job();
        info!(job_id = %self.arguments.job_id, status = %job.status, "job run ended");
        if job.status.is_terminal() {
            self.arguments.services.ports.knowledge.release(job.job_id);
        }
        metrics::job_ended(job.status.as_str());
        self.arguments.beacon.ended(JobEnd::told_by(job));
        self.over = true;
        self.myself.stop(None);
    }

    /// Stops for a reason that the journal cannot tell.
    fn give_up(&mut self, problem: Problem) {
        self.arguments.beacon.ended(JobEnd::broken(problem));
        self.over = true;
        self.myself.stop(None);
    }

    /// Runs something outside the handler and mails its result back.
    fn spawn(&mut self, work: impl Future<Output = LeadMessage> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        let myself = self.myself.clone();
        let running = async move {
            let message = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
            match message {
                // A lead that has stopped meanwhile needs no result.
                Ok(message) => drop(myself.send_message(Mail::own(message))),
                // A panic outside the handler must not leave the job waiting for ever.
                Err(_) => myself.kill(),
            }
        };
        self.tasks.spawn(running.instrument(self.span.clone()));
    }

    /// What agents report through: a permit per report.
    fn report_sink(&self) -> anthill_actors::step_agent::ReportSink {
        let reports = self.reports.clone();
        Arc::new(move |report: AgentReport| {
            reports.try_send(LeadMessage::Happened {
                input: Box::new(LeadInput::Report(report)),
            })
        })
    }

    /// The actor that agents are linked to.
    fn cell(&self) -> ActorCell {
        self.myself.get_cell()
    }
}

/// What is said of a run whose first lead could not begin.
fn not_opened(error: &(dyn std::error::Error + Send + Sync + 'static)) -> JobEnd {
    let problem = match error.downcast_ref::<StoreError>() {
        Some(error) => error.clone().into(),
        None => Problem::new(&codes::DEFECT, error),
    };
    JobEnd::broken(problem)
}

/// Wraps an input as own mail.
fn happened(input: LeadInput) -> LeadMessage {
    LeadMessage::Happened {
        input: Box::new(input),
    }
}
