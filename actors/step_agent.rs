//! Step agent: runs the step loop of one worker, critic or planner, then stops.
//! Parent: `Lead`, temporary; a crash is an event for the lead, which starts the next attempt.
//! Talks to: its lead, a `Provider`, the `Executor`; what it is for is its [`Craft`].
//! Survives a restart: nothing; the journal holds its steps, and the next attempt reads them back.
//! Invariants: at most one step under way; no model, tool or disk is waited for in a handler; the last word of an
//! agent is a report, or the lead hears of its death.

use std::sync::Arc;

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::budget::Amount;
use anthill_contracts::digest::Blob;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, StepId, TaskId};
use anthill_contracts::model::{DeltaSink, ModelError, ModelReply, ModelRequest, Models};
use anthill_contracts::sources::SourcesRef;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use anthill_contracts::store::Store;
use anthill_contracts::task::ReasonCode;
use anthill_contracts::tool::{ToolCall, ToolContext, ToolOutput, ToolSpec, canonical_json};
use anthill_contracts::{codes, model::ModelDelta};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::agent::{AgentKey, AgentKind, AgentNews, AgentOrder, AgentReport, Trouble};
use crate::executor::ExecutorHandle;
use crate::mailbox::{Mail, MailError, Mailbox, MailboxBounds};
use crate::metrics;
use crate::prompts::{self, Turn, WorkOrder};
use crate::step_loop::{Deed, LoopInput, LoopStep, Next, PlannedCall, Recorded, StepLoop};

mod transcript;

/// The tool whose argument is the answer itself.
pub const POST_ARTIFACT: &str = "post_artifact";

/// What every agent of a job needs.
#[derive(Clone)]
pub struct AgentPorts {
    /// Reads recorded bodies back.
    pub store: Arc<dyn Store>,
    /// Finds providers.
    pub models: Arc<dyn Models>,
    /// Runs tools.
    pub executor: ExecutorHandle,
    /// What tools there are.
    pub tools: Arc<[ToolSpec]>,
    /// What the job may read.
    pub sources: SourcesRef,
    /// Hears the pieces of answers, for live views; must not block.
    pub live: Arc<dyn Fn(TaskId, ModelDelta) + Send + Sync>,
}

/// Where an agent reports to; refuses when the lead is gone.
pub type ReportSink = Arc<dyn Fn(AgentReport) -> Result<(), MailError> + Send + Sync>;

/// One agent to start.
pub struct AgentArguments {
    /// Which.
    pub key: AgentKey,
    /// The job.
    pub job_id: JobId,
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// What it is for.
    pub craft: Arc<dyn Craft>,
    /// Number of the task's next step.
    pub next_seq: u32,
    /// The round of work and review, from 0.
    pub round: u32,
    /// What it needs.
    pub ports: AgentPorts,
    /// Where it reports to.
    pub report: ReportSink,
}

/// What an agent is for: what it asks, and what it makes of the answer.
pub trait Craft: Send + Sync {
    /// Gathers what the first request needs, or finds that nothing need be asked.
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>>;

    /// Makes the agent's last word of an answer, or says what is wrong with the answer. Has no effect, and answers
    /// the same for the same answer, so that a resumed agent can ask it again about earlier answers.
    fn compose<'a>(&'a self, ports: &'a AgentPorts, answer: &'a Answer) -> BoxFuture<'a, Composed>;

    /// Gives the last word its effect before the lead hears it.
    fn deliver<'a>(&'a self, ports: &'a AgentPorts, news: AgentNews) -> BoxFuture<'a, AgentNews> {
        let _ = ports;
        Box::pin(async move { news })
    }
}

/// What was made of an answer: the agent's last word, or what is wrong with the answer.
pub type Composed = Result<AgentNews, Vec<ReviewFinding>>;

/// What there is to begin with.
pub enum Prepared {
    /// Nothing need be asked: this is the agent's last word.
    Done(AgentNews),
    /// This is to be asked, after the steps that are on record.
    Ask {
        /// The work.
        order: Box<WorkOrder>,
        /// The agent's own steps so far, with their bodies.
        history: History,
    },
}

/// An agent's own steps so far.
#[derive(Default)]
pub struct History {
    /// What the step loop must know of them.
    pub recorded: Vec<Recorded>,
    /// What the next prompt must say of them.
    pub turns: Vec<Turn>,
    /// Calls of the last reply that have not run yet, and the answer if there is one.
    pub calls: Vec<ToolCall>,
    /// The last answer.
    pub answer: Option<Answer>,
    /// How often an answer was rejected for its form.
    pub rejections: u32,
}

/// An answer, and the step in which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// The step.
    pub step_id: StepId,
}

/// Talks to one running agent.
#[derive(Clone)]
pub struct AgentHandle {
    mailbox: Mailbox<AgentMessage>,
}

impl AgentHandle {
    /// Starts an agent under its lead.
    pub async fn start(arguments: AgentArguments, lead: ActorCell) -> Result<(Self, ActorCell), SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, StepAgent, arguments, lead).await?;
        let cell = actor.get_cell();
        Ok((
            Self {
                mailbox: Mailbox::new(actor, MailboxBounds { data: 8, control: 4 }),
            },
            cell,
        ))
    }

    /// Passes the lead's order on.
    pub fn tell(&self, order: AgentOrder) -> Result<(), MailError> {
        self.mailbox.try_send(AgentMessage::Ordered { order })
    }
}

/// The protocol.
enum AgentMessage {
    /// The lead's answer to a report.
    Ordered { order: AgentOrder },
    /// Own mail: what there is to begin with.
    Prepared {
        prepared: Box<Result<Prepared, Trouble>>,
    },
    /// Own mail: the model has answered.
    Replied {
        step_id: StepId,
        reply: Box<Result<ModelReply, ModelError>>,
    },
    /// Own mail: the tool has ended.
    ToolEnded {
        step_id: StepId,
        output: Box<ToolOutput>,
    },
    /// Own mail: the answer has been looked at.
    Concluded { composed: Box<Composed> },
}

struct StepAgent;

struct AgentState {
    arguments: AgentArguments,
    machine: StepLoop,
    order: Option<Box<WorkOrder>>,
    turns: Vec<Turn>,
    calls: Vec<ToolCall>,
    request: Option<Box<ModelRequest>>,
    reply: Option<ModelReply>,
    output: Option<ToolOutput>,
    answer: Option<Answer>,
    rejections: u32,
    tasks: JoinSet<()>,
}

impl Actor for StepAgent {
    type Msg = Mail<AgentMessage>;
    type State = AgentState;
    type Arguments = AgentArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: AgentArguments,
    ) -> Result<AgentState, ActorProcessingErr> {
        let machine = StepLoop::new(arguments.key.task_id, arguments.next_seq);
        let mut state = AgentState {
            arguments,
            machine,
            order: None,
            turns: Vec::new(),
            calls: Vec::new(),
            request: None,
            reply: None,
            output: None,
            answer: None,
            rejections: 0,
            tasks: JoinSet::new(),
        };
        let (craft, ports) = (Arc::clone(&state.arguments.craft), state.arguments.ports.clone());
        state.spawn(&myself, async move {
            let prepared = Box::new(craft.prepare(&ports).await);
            AgentMessage::Prepared { prepared }
        });
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        mail: Self::Msg,
        state: &mut AgentState,
    ) -> Result<(), ActorProcessingErr> {
        for (message, _permit) in mail.open() {
            let step = match message {
                AgentMessage::Ordered { order } => state.on_ordered(order),
                AgentMessage::Prepared { prepared } => state.on_prepared(&myself, *prepared)?,
                AgentMessage::Replied { step_id, reply } => state.on_replied(&myself, step_id, *reply)?,
                AgentMessage::ToolEnded { step_id, output } => state.on_tool_ended(step_id, *output),
                AgentMessage::Concluded { composed } => state.on_concluded(&myself, *composed)?,
            };
            if let Some(step) = step {
                state.perform(&myself, step)?;
            }
        }
        Ok(())
    }
}

impl AgentState {
    fn on_ordered(&mut self, order: AgentOrder) -> Option<LoopStep> {
        match order {
            AgentOrder::Granted(step_id) => self.machine.step(LoopInput::Granted(step_id)),
            AgentOrder::Refused(step_id, dimension) => {
                self.machine.step(LoopInput::Refused(step_id, dimension))
            }
            AgentOrder::Durable(step_id) => self.machine.step(LoopInput::Durable(step_id)),
        }
    }

    fn on_prepared(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        prepared: Result<Prepared, Trouble>,
    ) -> Result<Option<LoopStep>, ActorProcessingErr> {
        match prepared {
            Err(trouble) => self
                .say_last(myself, AgentNews::Failed { trouble })
                .map(|()| None),
            Ok(Prepared::Done(news)) => self.say_last(myself, news).map(|()| None),
            Ok(Prepared::Ask { order, history }) => {
                self.order = Some(order);
                self.turns = history.turns;
                self.calls = history.calls;
                self.answer = history.answer;
                self.rejections = history.rejections;
                // The loop counts the replayed steps itself; the task may have further ones, of another agent.
                let replayed = u32::try_from(history.recorded.len()).unwrap_or(u32::MAX);
                let first_seq = self.arguments.next_seq.saturating_sub(replayed);
                self.machine = StepLoop::new(self.arguments.key.task_id, first_seq);
                Ok(self.machine.step(LoopInput::Begin(history.recorded)))
            }
        }
    }

    fn on_replied(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        step_id: StepId,
        reply: Result<ModelReply, ModelError>,
    ) -> Result<Option<LoopStep>, ActorProcessingErr> {
        match reply {
            Err(error) => {
                let trouble = trouble_of(&error);
                self.say_last(myself, AgentNews::Failed { trouble })
                    .map(|()| None)
            }
            Ok(reply) => {
                let next = next_of(&reply);
                self.reply = Some(reply);
                Ok(self.machine.step(LoopInput::Replied(step_id, next)))
            }
        }
    }

    fn on_tool_ended(&mut self, step_id: StepId, output: ToolOutput) -> Option<LoopStep> {
        let posts = self.calls.first().is_some_and(|call| call.tool == POST_ARTIFACT);
        let takes_answer = posts && output.ok;
        self.output = Some(output);
        self.machine.step(LoopInput::ToolEnded {
            step_id,
            takes_answer,
        })
    }

    fn on_concluded(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        composed: Composed,
    ) -> Result<Option<LoopStep>, ActorProcessingErr> {
        let findings = match composed {
            Ok(news) => return self.say_last(myself, news).map(|()| None),
            Err(findings) => findings,
        };
        self.rejections += 1;
        if self.rejections > self.arguments.spec.review.rounds {
            let trouble = Trouble {
                reason: ReasonCode::ContractViolation,
                detail: findings
                    .first()
                    .map(|flaw| flaw.detail.clone())
                    .unwrap_or_default(),
                concerns_job: false,
            };
            return self
                .say_last(myself, AgentNews::Failed { trouble })
                .map(|()| None);
        }
        self.turns.push(Turn::Rejected(findings));
        Ok(self.machine.step(LoopInput::TryAgain))
    }

    fn perform(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        step: LoopStep,
    ) -> Result<(), ActorProcessingErr> {
        match step {
            LoopStep::Reserve(step_id, Deed::Ask) => self.reserve_ask(myself, step_id),
            LoopStep::Reserve(step_id, Deed::Run(..)) => {
                let amount = Amount {
                    tool_calls: 1,
                    steps: 1,
                    ..Amount::ZERO
                };
                self.say(AgentNews::Reserve { step_id, amount })
            }
            LoopStep::Take(step_id, Deed::Ask) => self.take_ask(myself, step_id),
            LoopStep::Take(step_id, Deed::Run(_, call_id)) => {
                self.take_tool(myself, step_id, call_id);
                Ok(())
            }
            LoopStep::Record(step_id, deed) => self.record(step_id, &deed),
            LoopStep::Conclude => {
                self.conclude(myself);
                Ok(())
            }
            LoopStep::Exhausted(_, dimension) => {
                let trouble = Trouble {
                    reason: ReasonCode::BudgetExhausted(dimension),
                    detail: format!("the limit on {dimension} is reached"),
                    concerns_job: false,
                };
                self.say_last(myself, AgentNews::Failed { trouble })
            }
        }
    }

    fn reserve_ask(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        step_id: StepId,
    ) -> Result<(), ActorProcessingErr> {
        let order = self.order.as_ref().ok_or("a request without an order")?;
        let request = prompts::request(order, &self.turns);
        let provider = match self.arguments.ports.models.provider(&request.model) {
            Ok(provider) => provider,
            Err(error) => {
                let trouble = trouble_of(&error);
                return self.say_last(myself, AgentNews::Failed { trouble });
            }
        };
        let worst = provider.worst_case(&request);
        if !worst.priced && self.arguments.spec.budget.usd.is_some() {
            let problem = Problem::new(&codes::PRICE_UNKNOWN, format!("no price for `{}`", request.model));
            let trouble = Trouble {
                reason: ReasonCode::ModelError,
                detail: format!("{}: {}", problem.code.id, problem.message),
                concerns_job: true,
            };
            return self.say_last(myself, AgentNews::Failed { trouble });
        }
        self.request = Some(Box::new(request));
        self.say(AgentNews::Reserve {
            step_id,
            amount: worst.amount,
        })
    }

    fn take_ask(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        step_id: StepId,
    ) -> Result<(), ActorProcessingErr> {
        let request = self.request.clone().ok_or("a model call without a request")?;
        let provider = self.arguments.ports.models.provider(&request.model)?;
        let (live, task_id) = (Arc::clone(&self.arguments.ports.live), self.arguments.key.task_id);
        let deltas: DeltaSink = Arc::new(move |delta| live(task_id, delta));
        let span = tracing::debug_span!("chat", %task_id, %step_id, model = %request.model);
        let asking = async move {
            let reply = Box::new(provider.complete(*request, deltas).await);
            AgentMessage::Replied { step_id, reply }
        };
        self.spawn(myself, asking.instrument(span));
        Ok(())
    }

    fn take_tool(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        step_id: StepId,
        call_id: anthill_contracts::id::ToolCallId,
    ) {
        let Some(call) = self.calls.first().cloned() else {
            return;
        };
        let task_id = self.arguments.key.task_id;
        let ports = self.arguments.ports.clone();
        let context = ToolContext {
            job_id: self.arguments.job_id,
            task_id,
            call_id,
            sources: Arc::clone(&ports.sources),
        };
        let craft = Arc::clone(&self.arguments.craft);
        let span = tracing::debug_span!("execute_tool", %task_id, %step_id, tool_call_id = %call_id, tool = call.tool);
        let running = async move {
            let output = if call.tool == POST_ARTIFACT {
                let answer = Answer {
                    text: transcript::body_of(&call),
                    step_id,
                };
                transcript::try_answer(&*craft, &ports, &answer).await
            } else {
                ports.executor.run(context, call).await
            };
            AgentMessage::ToolEnded {
                step_id,
                output: Box::new(output),
            }
        };
        self.spawn(myself, running.instrument(span));
    }

    fn conclude(&mut self, myself: &ActorRef<Mail<AgentMessage>>) {
        let Some(answer) = self.answer.clone() else { return };
        let (craft, ports) = (Arc::clone(&self.arguments.craft), self.arguments.ports.clone());
        self.spawn(myself, async move {
            let composed = match craft.compose(&ports, &answer).await {
                Ok(news) => Ok(craft.deliver(&ports, news).await),
                Err(findings) => Err(findings),
            };
            AgentMessage::Concluded {
                composed: Box::new(composed),
            }
        });
    }

    /// Hands the step that was just taken to the lead, and keeps it for the next prompt.
    fn record(&mut self, step_id: StepId, deed: &Deed) -> Result<(), ActorProcessingErr> {
        let (kind, request, answer, cost) = match deed {
            Deed::Ask => {
                let reply = self.reply.take().ok_or("a recorded call without a reply")?;
                let request = self.request.take().ok_or("a recorded call without a request")?;
                let blobs = (json_blob(&request)?, json_blob(&reply)?);
                let (kind, cost) = (
                    StepKind::Model {
                        model: reply.model.clone(),
                    },
                    reply.cost,
                );
                self.calls.clone_from(&reply.tool_calls);
                self.answer = Some(Answer {
                    text: reply.text.clone(),
                    step_id,
                });
                self.turns.push(Turn::Reply(reply));
                (kind, blobs.0, blobs.1, cost)
            }
            Deed::Run(planned, call_id) => {
                let output = self.output.take().ok_or("a recorded tool without an output")?;
                let call = self.take_call(planned)?;
                let blobs = (json_blob(&call)?, json_blob(&output)?);
                if call.tool == POST_ARTIFACT && output.ok {
                    self.answer = Some(Answer {
                        text: transcript::body_of(&call),
                        step_id,
                    });
                }
                let kind = StepKind::Tool {
                    call_id: *call_id,
                    tool: call.tool.clone(),
                    ok: output.ok,
                };
                self.turns.push(Turn::Tool { call, output });
                (
                    kind,
                    blobs.0,
                    blobs.1,
                    Amount {
                        tool_calls: 1,
                        steps: 1,
                        ..Amount::ZERO
                    },
                )
            }
        };
        let step = StepRecord {
            step_id,
            seq: self.machine.next_seq(),
            phase: phase_of(self.arguments.key.kind),
            round: self.arguments.round,
            kind,
            request: request.digest(),
            answer: answer.digest(),
            cost,
        };
        self.say(AgentNews::StepTaken {
            step: Box::new(step),
            bodies: vec![request, answer],
        })
    }

    /// The call that was just run: calls run in the order of the reply.
    fn take_call(&mut self, planned: &PlannedCall) -> Result<ToolCall, ActorProcessingErr> {
        let first = self.calls.first().filter(|call| call.tool == planned.tool);
        first.ok_or("a recorded tool without its call")?;
        Ok(self.calls.remove(0))
    }

    fn say(&self, news: AgentNews) -> Result<(), ActorProcessingErr> {
        (self.arguments.report)(AgentReport {
            from: self.arguments.key,
            news,
        })
        .map_err(Into::into)
    }

    /// Reports for the last time, and stops.
    fn say_last(
        &self,
        myself: &ActorRef<Mail<AgentMessage>>,
        news: AgentNews,
    ) -> Result<(), ActorProcessingErr> {
        let outcome = if matches!(news, AgentNews::Failed { .. }) {
            "failed"
        } else {
            "done"
        };
        metrics::agent(self.arguments.key.kind.as_str(), outcome);
        self.say(news)?;
        myself.stop(None);
        Ok(())
    }

    /// Runs something outside the handler and mails its result back.
    fn spawn(
        &mut self,
        myself: &ActorRef<Mail<AgentMessage>>,
        work: impl Future<Output = AgentMessage> + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let myself = myself.clone();
        self.tasks.spawn(async move {
            let message = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
            match message {
                // An agent that has stopped meanwhile needs no result.
                Ok(message) => drop(myself.send_message(Mail::own(message))),
                // A panic outside the handler must not leave the agent waiting for ever.
                Err(_) => myself.kill(),
            }
        });
    }
}

/// Whose steps an agent's are.
pub(crate) const fn phase_of(kind: AgentKind) -> Phase {
    match kind {
        AgentKind::Worker | AgentKind::Planner => Phase::Work,
        AgentKind::Critic => Phase::Review,
    }
}

/// What a reply asks for, as the step loop must know it.
fn next_of(reply: &ModelReply) -> Next {
    if reply.tool_calls.is_empty() {
        return Next::Final;
    }
    let planned = reply
        .tool_calls
        .iter()
        .enumerate()
        .map(|(index, call)| PlannedCall {
            index,
            tool: call.tool.clone(),
            canonical_args: canonical_json(&call.args),
        });
    Next::Tools(planned.collect())
}

/// What the lead must know of a provider's failure.
fn trouble_of(error: &ModelError) -> Trouble {
    Trouble {
        reason: ReasonCode::ModelError,
        detail: format!("{}: {error}", error.code().id),
        concerns_job: !matches!(error, ModelError::Refused { .. }),
    }
}

fn json_blob(value: &impl serde::Serialize) -> Result<Blob, ActorProcessingErr> {
    Ok(Blob::new(serde_json::to_vec(value)?))
}

pub use transcript::{Past, history};
