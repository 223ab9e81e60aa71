//! The shell around a [`Machine`]: performs its outputs in linked tasks, and feeds it what comes back.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anthill_actors::mailbox::Mail;
use anthill_contracts::clock::Clock;
use futures::FutureExt;
use ractor::{ActorCell, ActorId, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

use crate::child_spec::ChildId;
use crate::metrics;
use crate::strategy::{
    CallerId, Command, CommandError, Cx, Exit, Incarnation, Input, InputKey, Machine, Outcome, Output, Slot,
    SupervisorEvent, TimerId,
};

use super::exit_class::SHUTDOWN;
use super::linked::{Arrival, Inbox, LinkedTask};
use super::{
    ChildStart, EventSink, InputMark, StartContext, StartError, SupervisorArguments, SupervisorMessage,
};

/// How many exits of unknown actors are kept while a start is under way: one of them may be its child.
const STRAYS_MAX: usize = 256;

/// One life of a child, as long as its task or its start is there.
struct Run {
    id: ChildId,
    /// Known when the start has completed.
    cell: Option<ActorCell>,
    /// Dropping it, or sending, cancels a start under way.
    cancel: Option<oneshot::Sender<()>>,
    input: InputMark,
    /// What ractor told about the end.
    exit: Option<Exit>,
    end: End,
    _task: LinkedTask,
}

/// What is known about the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ahead,
    /// It was killed: should it come up yet, it is killed again.
    Doomed,
    /// Its task is gone, but ractor has not told how; the event must be in the queue before the next wake-up.
    Unexplained,
}

type Life = (Slot, Incarnation);

pub(super) struct Shell {
    machine: Machine<ChildStart>,
    myself: ActorCell,
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
    seed: u64,
    events: Option<EventSink>,
    runs: HashMap<Life, Run>,
    lives: HashMap<ActorId, Life>,
    /// Exits that were told before the start of their child came through the inbox.
    strays: HashMap<ActorId, Exit>,
    timers: HashMap<TimerId, LinkedTask>,
    callers: HashMap<CallerId, RpcReplyPort<Result<(), CommandError>>>,
    last_caller: u64,
    /// Ends that came during init, when ractor cannot yet tell how.
    early: Vec<Arrival>,
    outcome: Option<Outcome>,
}

impl Shell {
    pub(super) fn new(
        machine: Machine<ChildStart>,
        myself: ActorRef<Mail<SupervisorMessage>>,
        arguments: &SupervisorArguments,
    ) -> Self {
        Self {
            machine,
            myself: myself.get_cell(),
            inbox: Arc::new(Inbox::new(myself)),
            clock: Arc::clone(&arguments.clock),
            seed: arguments.seed,
            events: arguments.events.clone(),
            runs: HashMap::new(),
            lives: HashMap::new(),
            strays: HashMap::new(),
            timers: HashMap::new(),
            callers: HashMap::new(),
            last_caller: 0,
            early: Vec::new(),
            outcome: None,
        }
    }

    pub(super) fn machine(&self) -> &Machine<ChildStart> {
        &self.machine
    }

    pub(super) fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Starts the static children; an outcome means that it has come to nothing and all are stopped again.
    pub(super) async fn init(&mut self) -> Option<Outcome> {
        self.feed(Input::Begin);
        while self.machine.is_starting() || (self.machine.is_ending() && !self.machine.is_ended()) {
            match self.inbox.take() {
                Some(gone @ Arrival::Gone { .. }) if self.machine.is_starting() => self.early.push(gone),
                Some(arrival) => drop(self.on_arrival(arrival)),
                None => self.inbox.arrived().await,
            }
            if self.machine.is_ending() {
                for gone in std::mem::take(&mut self.early) {
                    drop(self.on_arrival(gone));
                }
            }
        }
        for gone in std::mem::take(&mut self.early) {
            self.inbox.deposit(gone);
        }
        self.outcome.take()
    }

    /// Stops all children in order, however the actor itself was stopped.
    pub(super) async fn stop_all(&mut self) {
        self.feed(Input::Stop {
            reason: "the supervisor was stopped".to_owned(),
        });
        while !self.machine.is_ended() {
            match self.inbox.take() {
                Some(arrival) => drop(self.on_arrival(arrival)),
                None => self.inbox.arrived().await,
            }
        }
    }

    pub(super) fn on_command(
        &mut self,
        command: Command<ChildStart>,
        reply: RpcReplyPort<Result<(), CommandError>>,
    ) {
        self.last_caller += 1;
        let caller = CallerId(self.last_caller);
        self.callers.insert(caller, reply);
        self.feed(Input::Command { caller, command });
    }

    pub(super) fn on_woken(&mut self) {
        let mut unexplained = Vec::new();
        while let Some(arrival) = self.inbox.take() {
            unexplained.extend(self.on_arrival(arrival));
        }
        for arrival in unexplained {
            self.inbox.deposit(arrival);
        }
    }

    /// ractor tells how an actor ended. Actors that are no children of ours are ignored.
    pub(super) fn on_exit_told(&mut self, actor: ActorId, classify: impl FnOnce(Option<InputKey>) -> Exit) {
        if let Some(life) = self.lives.get(&actor) {
            if let Some(run) = self.runs.get_mut(life) {
                run.exit = Some(classify(run.input.current()));
            }
            return;
        }
        let starting = self.runs.values().any(|run| run.cell.is_none());
        if starting && self.strays.len() < STRAYS_MAX {
            // The input is looked up when the start comes through: see `on_started`.
            self.strays.insert(actor, classify(None));
        }
    }

    /// Feeds the machine with what a linked task has brought; gives it back when it must come again.
    fn on_arrival(&mut self, arrival: Arrival) -> Option<Arrival> {
        match arrival {
            Arrival::Started {
                slot,
                incarnation,
                cell,
            } => self.on_started((slot, incarnation), cell),
            Arrival::StartFailed {
                slot,
                incarnation,
                error,
            } => {
                self.runs.remove(&(slot, incarnation));
                self.feed(Input::ChildStartFailed {
                    slot,
                    incarnation,
                    error: error.to_string(),
                });
            }
            Arrival::StartCancelled { slot, incarnation } => {
                self.runs.remove(&(slot, incarnation));
                self.feed(Input::ChildExited {
                    slot,
                    incarnation,
                    exit: Exit::Shutdown,
                });
            }
            Arrival::Gone { slot, incarnation } => return self.on_gone(slot, incarnation),
            Arrival::TimerFired { timer } => {
                if self.timers.remove(&timer).is_some() {
                    self.feed(Input::TimerFired { timer });
                }
            }
        }
        None
    }

    fn on_started(&mut self, (slot, incarnation): Life, cell: ActorCell) {
        let Some(run) = self.runs.get_mut(&(slot, incarnation)) else {
            return;
        };
        if run.end == End::Doomed {
            // A start in blocking code could not be cancelled, and its child came up after all.
            cell.kill();
        }
        self.lives.insert(cell.get_id(), (slot, incarnation));
        if let Some(exit) = self.strays.remove(&cell.get_id()) {
            run.exit = Some(with_input(exit, run.input.current()));
        }
        run.cell = Some(cell);
        run.cancel = None;
        if self.runs.values().all(|run| run.cell.is_some()) {
            self.strays.clear();
        }
        self.feed(Input::ChildStarted { slot, incarnation });
    }

    fn on_gone(&mut self, slot: Slot, incarnation: Incarnation) -> Option<Arrival> {
        let run = self.runs.get_mut(&(slot, incarnation))?;
        let exit = match (run.exit.take(), run.end) {
            (Some(exit), _) => exit,
            // Nobody tells any more, and nobody needs to know: all children are being stopped.
            (None, _) if self.machine.is_ending() => Exit::Shutdown,
            // Twice without a word: it had cut its link.
            (None, End::Unexplained) => Exit::Killed {
                input: run.input.current(),
            },
            (None, End::Ahead | End::Doomed) => {
                run.end = End::Unexplained;
                return Some(Arrival::Gone { slot, incarnation });
            }
        };
        if let Some(run) = self.runs.remove(&(slot, incarnation)) {
            tracing::debug!(supervisor = %self.machine.spec().name, child = %run.id, %exit, "child is gone");
            if let Some(cell) = run.cell {
                self.lives.remove(&cell.get_id());
            }
        }
        self.feed(Input::ChildExited {
            slot,
            incarnation,
            exit,
        });
        None
    }

    fn feed(&mut self, input: Input<ChildStart>) {
        let cx = Cx {
            now: self.clock.mono(),
            random: self.draw(),
        };
        let mut out = Vec::new();
        self.machine.step(cx, input, &mut out);
        for output in out {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output<ChildStart>) {
        match output {
            Output::Start {
                slot,
                incarnation,
                payload,
            } => self.start((slot, incarnation), payload),
            Output::Stop { slot, incarnation } => {
                if let Some(run) = self.runs.get_mut(&(slot, incarnation)) {
                    run.stop();
                }
            }
            Output::Kill { slot, incarnation } => {
                if let Some(run) = self.runs.get_mut(&(slot, incarnation)) {
                    run.kill();
                }
            }
            Output::ArmTimer { timer, after } => {
                let inbox = Arc::clone(&self.inbox);
                let wait = async move {
                    tokio::time::sleep(after).await;
                    inbox.deposit(Arrival::TimerFired { timer });
                };
                self.timers.insert(timer, LinkedTask::spawn(wait));
            }
            Output::CancelTimer { timer } => drop(self.timers.remove(&timer)),
            Output::Reply { caller, answer } => {
                if let Some(reply) = self.callers.remove(&caller) {
                    super::answer(reply, answer);
                }
            }
            Output::Ready => {
                let children = self.machine.count_children().specs;
                tracing::info!(supervisor = %self.machine.spec().name, children, "supervisor is up");
            }
            Output::Event(event) => self.tell(event),
            Output::Stopped { outcome } => {
                self.outcome = Some(outcome.clone());
                self.tell(SupervisorEvent::Ended { outcome });
            }
        }
    }

    fn start(&mut self, (slot, incarnation): Life, start: ChildStart) {
        let Some(spec) = self.machine.child_spec(slot) else {
            return;
        };
        let (id, start_within) = (spec.id.clone(), spec.start_within);
        let input = InputMark::default();
        let ctx = StartContext {
            supervisor: self.myself.clone(),
            input: input.clone(),
            incarnation,
        };
        let (cancel, cancelled) = oneshot::channel();
        let inbox = Arc::clone(&self.inbox);
        let work = async move {
            let begun = tokio::select! {
                biased;
                begun = run_start(start, ctx, start_within) => begun,
                _ = cancelled => return inbox.deposit(Arrival::StartCancelled { slot, incarnation }),
            };
            match begun {
                Ok(started) => {
                    inbox.deposit(Arrival::Started {
                        slot,
                        incarnation,
                        cell: started.cell,
                    });
                    // ractor catches panics, so an error can only say that the runtime shuts down: gone, too.
                    let _ = started.task.await;
                    inbox.deposit(Arrival::Gone { slot, incarnation });
                }
                Err(error) => inbox.deposit(Arrival::StartFailed {
                    slot,
                    incarnation,
                    error,
                }),
            }
        };
        let cancel = Some(cancel);
        let run = Run {
            id,
            cell: None,
            cancel,
            input,
            exit: None,
            end: End::Ahead,
            _task: LinkedTask::spawn(work),
        };
        self.runs.insert((slot, incarnation), run);
    }

    fn tell(&self, event: SupervisorEvent) {
        let supervisor = self.machine.spec().name.as_str();
        match &event {
            SupervisorEvent::ChildRestarting { id, cause, delay, .. } => {
                tracing::warn!(supervisor, child = %id, %cause, ?delay, "restarting child");
            }
            SupervisorEvent::ChildEnded { id, exit, .. } => {
                tracing::debug!(supervisor, child = %id, %exit, "child ended for good");
            }
            SupervisorEvent::ChildQuarantined { id, input, .. } => {
                tracing::warn!(supervisor, child = %id, %input, "input is poison, child stays down");
            }
            SupervisorEvent::ChildOrphaned { id, .. } => {
                tracing::error!(supervisor, child = %id, "child cannot be killed, left as an orphan");
            }
            SupervisorEvent::Ended {
                outcome: Outcome::Escalated(escalation),
            } => {
                tracing::error!(supervisor, %escalation, "supervisor gives up");
            }
            SupervisorEvent::Ended { outcome } => tracing::info!(supervisor, ?outcome, "supervisor ended"),
        }
        metrics::record(self.machine.spec().strategy, &event);
        if let Some(sink) = &self.events {
            sink(event);
        }
    }

    /// The machine scrambles what it is given, so a counter is enough here.
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0xD134_2543_DE82_EF95);
        self.seed
    }
}

impl Run {
    fn stop(&mut self) {
        match &self.cell {
            Some(cell) => cell.stop(Some(SHUTDOWN.to_owned())),
            None => self.cancel_start(),
        }
    }

    fn kill(&mut self) {
        if self.end == End::Ahead {
            self.end = End::Doomed;
        }
        match &self.cell {
            Some(cell) => cell.kill(),
            None => self.cancel_start(),
        }
    }

    fn cancel_start(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            // The start may have completed in this moment; then it is stopped when that comes through the inbox.
            let _ = cancel.send(());
        }
    }
}

async fn run_start(
    start: ChildStart,
    ctx: StartContext,
    within: Duration,
) -> Result<super::StartedChild, StartError> {
    let guarded = AssertUnwindSafe(async move { start.call(ctx).await }).catch_unwind();
    match tokio::time::timeout(within, guarded).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(panic)) => Err(StartError::Panicked(panic_text(panic.as_ref()))),
        Err(_) => Err(StartError::TimedOut(within)),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

fn with_input(exit: Exit, found: Option<InputKey>) -> Exit {
    match exit {
        Exit::Killed { .. } => Exit::Killed { input: found },
        Exit::Failed { kind, message, .. } => Exit::Failed {
            kind,
            message,
            input: found,
        },
        Exit::Normal | Exit::Shutdown => exit,
    }
}
