//! The step agent's actor: performs what the step loop decides, and mails every result back.
//!
//! Models, tools and disk are waited for in tasks that the actor owns; they are aborted with it. A panic in one of them
//! is the agent's own crash: the lead hears of it, and what it said.

use std::sync::Arc;

use anthill_contracts::budget::{Amount, Dimension};
use anthill_contracts::codes;
use anthill_contracts::digest::Blob;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{StepId, ToolCallId};
use anthill_contracts::model::{DeltaSink, ModelError, ModelReply, ModelRequest, StopReason};
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use anthill_contracts::task::ReasonCode;
use anthill_contracts::tool::{ToolCall, ToolContext, ToolOutput, canonical_json};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span, debug_span};

use super::{AgentArguments, Answer, Composed, Ending, POST_ARTIFACT, Prepared, transcript};
use crate::agent::{AgentKind, AgentNews, AgentOrder, AgentReport, Trouble};
use crate::mailbox::Mail;
use crate::metrics;
use crate::prompts::{self, Turn, WorkOrder};
use crate::step_loop::{Deed, LoopInput, LoopStep, Next, PlannedCall, StepLoop};

/// The protocol.
pub(super) enum AgentMessage {
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
    /// Own mail: something outside the handler has panicked.
    Panicked { detail: String },
}

pub(super) struct StepAgent;

pub(super) struct AgentState {
    myself: ActorRef<Mail<AgentMessage>>,
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
            myself,
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
        let span = state.arguments.span.clone();
        state.spawn(span, async move {
            let prepared = Box::new(craft.prepare(&ports).await);
            AgentMessage::Prepared { prepared }
        });
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        state: &mut AgentState,
    ) -> Result<(), ActorProcessingErr> {
        for (message, _permit) in mail.open() {
            let step = match message {
                AgentMessage::Ordered { order } => state.on_ordered(order),
                AgentMessage::Prepared { prepared } => state.on_prepared(*prepared)?,
                AgentMessage::Replied { step_id, reply } => state.on_replied(step_id, *reply)?,
                AgentMessage::ToolEnded { step_id, output } => state.on_tool_ended(step_id, *output),
                AgentMessage::Concluded { composed } => state.on_concluded(*composed)?,
                AgentMessage::Panicked { detail } => return Err(detail.into()),
            };
            if let Some(step) = step {
                state.perform(step)?;
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
        prepared: Result<Prepared, Trouble>,
    ) -> Result<Option<LoopStep>, ActorProcessingErr> {
        match prepared {
            Err(trouble) => self.say_last(AgentNews::Failed { trouble }).map(|()| None),
            Ok(Prepared::Done(news)) => self.say_last(news).map(|()| None),
            Ok(Prepared::Ask { order, history }) => {
                self.order = Some(order);
                for turn in &history.turns {
                    if let Turn::Tool { call, output } = turn {
                        self.arguments.craft.observe(call, output);
                    }
                }
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
        step_id: StepId,
        reply: Result<ModelReply, ModelError>,
    ) -> Result<Option<LoopStep>, ActorProcessingErr> {
        match reply {
            Err(error) => {
                let trouble = trouble_of(&error);
                self.say_last(AgentNews::Failed { trouble }).map(|()| None)
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
        if let Some(call) = self.calls.first() {
            self.arguments.craft.observe(call, &output);
        }
        self.output = Some(output);
        self.machine.step(LoopInput::ToolEnded {
            step_id,
            takes_answer,
        })
    }

    fn on_concluded(&mut self, composed: Composed) -> Result<Option<LoopStep>, ActorProcessingErr> {
        let findings = match composed {
            Ok(news) => return self.say_last(news).map(|()| None),
            Err(findings) => findings,
        };
        // An answer that fits counts however it ended; one that does not is asked for again only where that may help.
        let ending = self
            .answer
            .as_ref()
            .map_or(&Ending::Whole, |answer| &answer.ending);
        if let Some(trouble) = ending.trouble(self.arguments.spec.work.answer_tokens_max) {
            return self.say_last(AgentNews::Failed { trouble }).map(|()| None);
        }
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
            return self.say_last(AgentNews::Failed { trouble }).map(|()| None);
        }
        self.turns.push(Turn::Rejected(findings));
        Ok(self.machine.step(LoopInput::TryAgain))
    }

    fn perform(&mut self, step: LoopStep) -> Result<(), ActorProcessingErr> {
        match step {
            LoopStep::Reserve(step_id, Deed::Ask) => self.reserve_ask(step_id),
            LoopStep::Reserve(step_id, Deed::Run(..)) => {
                let amount = Amount {
                    tool_calls: 1,
                    steps: 1,
                    ..Amount::ZERO
                };
                self.say(AgentNews::Reserve { step_id, amount })
            }
            LoopStep::Take(step_id, Deed::Ask) => self.take_ask(step_id),
            LoopStep::Take(step_id, Deed::Run(_, call_id)) => {
                self.take_tool(step_id, call_id);
                Ok(())
            }
            LoopStep::Record(step_id, deed) => self.record(step_id, &deed),
            LoopStep::Conclude => {
                self.conclude();
                Ok(())
            }
            LoopStep::Exhausted(_, dimension) => {
                let trouble = Trouble {
                    reason: ReasonCode::BudgetExhausted(dimension),
                    detail: self.task_limit(dimension),
                    concerns_job: false,
                };
                self.say_last(AgentNews::Failed { trouble })
            }
        }
    }

    /// Which limit of the task is reached. Where it is one of the job, the lead has paused already and says so itself.
    fn task_limit(&self, dimension: Dimension) -> String {
        match dimension {
            Dimension::Steps => format!(
                "the task has used up its steps: `work.steps_per_task_max` is {}, and its node of the plan may set fewer",
                self.arguments.spec.work.steps_per_task_max
            ),
            _ => format!("the limit on {dimension} that the plan sets for this task is reached"),
        }
    }

    fn reserve_ask(&mut self, step_id: StepId) -> Result<(), ActorProcessingErr> {
        let order = self.order.as_ref().ok_or("a request without an order")?;
        let request = prompts::request(order, &self.turns);
        let provider = match self.arguments.ports.models.provider(&request.model) {
            Ok(provider) => provider,
            Err(error) => {
                let trouble = trouble_of(&error);
                return self.say_last(AgentNews::Failed { trouble });
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
            return self.say_last(AgentNews::Failed { trouble });
        }
        self.request = Some(Box::new(request));
        self.say(AgentNews::Reserve {
            step_id,
            amount: worst.amount,
        })
    }

    fn take_ask(&mut self, step_id: StepId) -> Result<(), ActorProcessingErr> {
        let request = self.request.clone().ok_or("a model call without a request")?;
        let provider = self.arguments.ports.models.provider(&request.model)?;
        let (live, task_id) = (Arc::clone(&self.arguments.ports.live), self.arguments.key.task_id);
        let deltas: DeltaSink = Arc::new(move |delta| live(task_id, delta));
        let span =
            debug_span!(parent: &self.arguments.span, "chat", %task_id, %step_id, model = %request.model);
        let asking = async move {
            let reply = Box::new(provider.complete(*request, deltas).await);
            AgentMessage::Replied { step_id, reply }
        };
        self.spawn(span, asking);
        Ok(())
    }

    fn take_tool(&mut self, step_id: StepId, call_id: ToolCallId) {
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
            setting: Arc::clone(&self.arguments.setting),
        };
        let craft = Arc::clone(&self.arguments.craft);
        let span = debug_span!(parent: &self.arguments.span, "execute_tool", %task_id, %step_id, tool_call_id = %call_id, tool = call.tool);
        let running = async move {
            let output = if call.tool == POST_ARTIFACT {
                let answer = Answer {
                    text: transcript::body_of(&call),
                    step_id,
                    ending: Ending::Whole,
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
        self.spawn(span, running);
    }

    fn conclude(&mut self) {
        let Some(answer) = self.answer.clone() else { return };
        let (craft, ports) = (Arc::clone(&self.arguments.craft), self.arguments.ports.clone());
        let span = self.arguments.span.clone();
        self.spawn(span, async move {
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
                        counted: reply.counted,
                    },
                    reply.cost,
                );
                self.calls.clone_from(&reply.tool_calls);
                self.answer = Some(Answer {
                    text: reply.text.clone(),
                    step_id,
                    ending: Ending::of(&reply),
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
                        ending: Ending::Whole,
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
    fn say_last(&self, news: AgentNews) -> Result<(), ActorProcessingErr> {
        let outcome = if matches!(news, AgentNews::Failed { .. }) {
            "failed"
        } else {
            "done"
        };
        metrics::agent(self.arguments.key.kind.as_str(), outcome);
        self.say(news)?;
        self.myself.stop(None);
        Ok(())
    }

    /// Runs something outside the handler and mails its result back.
    fn spawn(&mut self, span: Span, work: impl Future<Output = AgentMessage> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        let myself = self.myself.clone();
        let running = async move {
            let outcome = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
            // A panic outside the handler must not leave the agent waiting for ever.
            let message = outcome.unwrap_or_else(|panic| AgentMessage::Panicked {
                detail: words_of(&*panic),
            });
            // An agent that has stopped meanwhile needs no result.
            let _ = myself.send_message(Mail::own(message));
        };
        self.tasks.spawn(running.instrument(span));
    }
}

/// What a panic said, shortened.
fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    const CHARS_MAX: usize = 500;
    let literal = panic.downcast_ref::<&str>().copied();
    let words = literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let words = words.unwrap_or("it said nothing");
    format!("panicked: {}", words.chars().take(CHARS_MAX).collect::<String>())
}

/// Whose steps an agent's are.
const fn phase_of(kind: AgentKind) -> Phase {
    match kind {
        AgentKind::Worker | AgentKind::Planner => Phase::Work,
        AgentKind::Critic => Phase::Review,
    }
}

/// What a reply asks for, as the step loop must know it.
pub(super) fn next_of(reply: &ModelReply) -> Next {
    if is_final(reply) {
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

/// Whether a reply asks for nothing more. One that was cut off within the arguments of a call asks for nothing that
/// could be run: it is taken as the answer, which it is not, and ends the task by the way it ended.
pub(super) fn is_final(reply: &ModelReply) -> bool {
    let is_cut = matches!(reply.stop, StopReason::Length | StopReason::Context);
    let is_whole = |call: &ToolCall| call.args.is_object();
    reply.tool_calls.is_empty() || (is_cut && !reply.tool_calls.iter().all(is_whole))
}

/// What the lead must know of a provider's failure.
fn trouble_of(error: &ModelError) -> Trouble {
    let reason = match error {
        ModelError::PromptTooLong { .. } => ReasonCode::PromptTooLong,
        ModelError::Filtered { .. } => ReasonCode::AnswerRefused,
        _ => ReasonCode::ModelError,
    };
    Trouble {
        reason,
        detail: format!("{}: {error}", error.code().id),
        concerns_job: error.concerns_all(),
    }
}

fn json_blob(value: &impl serde::Serialize) -> Result<Blob, ActorProcessingErr> {
    Ok(Blob::new(serde_json::to_vec(value)?))
}
