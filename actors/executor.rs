//! Executor: runs tool calls for workers, so many at once and each for so long.
//! Parent: `Node`, permanent. Talks to: a `Toolbox`.
//! Survives a restart: nothing; a call that was under way ends as a failure that its worker records.
//! Invariants: at most [`ExecutorArguments::calls_max`] calls at once; every accepted call is answered; a tool that
//! panics or hangs fails its call and nobody else; a call that a guard blocks never reaches the toolbox.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anthill_contracts::tool::{ToolCall, ToolContext, ToolOutput, Toolbox};
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span};

use crate::guards::{GuardDesk, Ruling};
use crate::mailbox::{Mail, MailError, MailPermit, Mailbox, MailboxBounds};
use crate::metrics;

/// What an executor needs.
#[derive(Clone)]
pub struct ExecutorArguments {
    /// The tools.
    pub toolbox: Arc<dyn Toolbox>,
    /// Most calls that run at once; others wait for their turn.
    pub calls_max: usize,
    /// Longest run of one call.
    pub call_time_max: Duration,
    /// Who is asked before a call runs; `None` where nothing is guarded.
    pub guards: Option<Arc<GuardDesk>>,
}

impl ExecutorArguments {
    /// The tools with bounds that suit file tools on one machine.
    pub fn new(toolbox: Arc<dyn Toolbox>) -> Self {
        Self {
            toolbox,
            calls_max: 8,
            call_time_max: Duration::from_secs(30),
            guards: None,
        }
    }
}

/// Runs tools for others. The handle outlives the executor: after a restart it finds the new one.
#[derive(Clone)]
pub struct ExecutorHandle {
    current: Arc<Mutex<Option<Mailbox<ExecutorMessage>>>>,
    call_time_max: Duration,
}

impl ExecutorHandle {
    /// Most calls that may wait or run.
    pub const CALLS_WAITING_MAX: usize = 1024;

    /// A handle without an executor yet; calls through it fail until there is one.
    pub fn vacant(arguments: &ExecutorArguments) -> Self {
        Self {
            current: Arc::default(),
            call_time_max: arguments.call_time_max,
        }
    }

    /// Starts an executor behind this handle, linked to its supervisor.
    pub async fn occupy(
        &self,
        arguments: ExecutorArguments,
        supervisor: ractor::ActorCell,
    ) -> Result<(ractor::ActorCell, JoinHandle<()>), ractor::SpawnErr> {
        let (actor, joined) = Actor::spawn_linked(None, Executor, arguments, supervisor).await?;
        let cell = actor.get_cell();
        let bounds = MailboxBounds {
            data: Self::CALLS_WAITING_MAX,
            control: 4,
        };
        let mailbox = Mailbox::new(actor, bounds);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(mailbox);
        Ok((cell, joined))
    }

    fn mailbox(&self) -> Result<Mailbox<ExecutorMessage>, MailError> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(MailError::Closed)
    }

    async fn ask(&self, context: ToolContext, call: ToolCall) -> Result<ToolOutput, MailError> {
        // Waiting for a turn may take as long as all the calls before this one.
        let deadline = self.call_time_max.saturating_mul(16);
        let mailbox = self.mailbox()?;
        mailbox
            .call(
                |reply| ExecutorMessage::Run {
                    context,
                    call,
                    span: Span::current(),
                    reply,
                },
                deadline,
            )
            .await
    }

    /// Runs one call. Trouble of any kind is an output with `ok: false`.
    pub async fn run(&self, context: ToolContext, call: ToolCall) -> ToolOutput {
        let tool = call.tool.clone();
        let asked = self.ask(context, call).await;
        asked.unwrap_or_else(|error| match error {
            MailError::Busy => ToolOutput::failure(format!("the tool `{tool}` is overloaded; try again")),
            MailError::Closed => ToolOutput::failure(format!("the tool `{tool}` crashed")),
            MailError::TimedOut => ToolOutput::failure(format!("the tool `{tool}` did not answer in time")),
        })
    }
}

/// The protocol.
enum ExecutorMessage {
    /// Runs a call and answers its output.
    Run {
        context: ToolContext,
        call: ToolCall,
        /// Where the caller stands: spans do not cross mailboxes by themselves.
        span: Span,
        reply: RpcReplyPort<ToolOutput>,
    },
}

struct Executor;

struct ExecutorState {
    arguments: ExecutorArguments,
    turns: Arc<Semaphore>,
    running: JoinSet<()>,
}

impl Actor for Executor {
    type Msg = Mail<ExecutorMessage>;
    type State = ExecutorState;
    type Arguments = ExecutorArguments;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        arguments: ExecutorArguments,
    ) -> Result<ExecutorState, ActorProcessingErr> {
        let turns = Arc::new(Semaphore::new(arguments.calls_max.max(1)));
        Ok(ExecutorState {
            arguments,
            turns,
            running: JoinSet::new(),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        state: &mut ExecutorState,
    ) -> Result<(), ActorProcessingErr> {
        for (message, permit) in mail.open() {
            let ExecutorMessage::Run {
                context,
                call,
                span,
                reply,
            } = message;
            let running = state.run(context, call, (reply, permit));
            while state.running.try_join_next().is_some() {}
            state.running.spawn(running.instrument(span));
        }
        Ok(())
    }
}

impl ExecutorState {
    /// Waits for its turn, runs the call and answers.
    fn run(
        &self,
        context: ToolContext,
        call: ToolCall,
        answer_to: (RpcReplyPort<ToolOutput>, MailPermit),
    ) -> impl Future<Output = ()> + Send + use<> {
        let (toolbox, turns) = (Arc::clone(&self.arguments.toolbox), Arc::clone(&self.turns));
        let call_time_max = self.arguments.call_time_max;
        let guards = self.arguments.guards.clone();
        async move {
            let (reply, _permit) = answer_to;
            let Ok(_turn) = turns.acquire_owned().await else {
                return;
            };
            let ruling = guards.map_or(Ruling::Run, |desk| desk.judge(&context, &call));
            let tool = call.tool.clone();
            let running = async move {
                let outcome = tokio::time::timeout(call_time_max, toolbox.run(context, call)).await;
                let (output, word) = match outcome {
                    Ok(output) => {
                        let word = if output.ok { "ok" } else { "failed" };
                        (output, word)
                    }
                    Err(_) => (
                        ToolOutput::failure(format!("tool_timeout: `{tool}` ran for {call_time_max:?}")),
                        "timeout",
                    ),
                };
                metrics::tool_call(word);
                output
            };
            // The worker may be gone by now; then nobody needs the output.
            let _ = reply.send(run_as_ruled(ruling, running).await);
        }
    }
}

/// Runs a call as far as the guards let it.
async fn run_as_ruled(ruling: Ruling, running: impl Future<Output = ToolOutput>) -> ToolOutput {
    match ruling {
        Ruling::Run => running.await,
        Ruling::Blocked { output } => *output,
        Ruling::RunWarned { line } => {
            let mut output = running.await;
            output.text.push('\n');
            output.text.push_str(&line);
            output
        }
        Ruling::Probe(probe) => {
            let output = running.await;
            probe.end(output.ok);
            output
        }
    }
}

#[cfg(test)]
mod tests;
