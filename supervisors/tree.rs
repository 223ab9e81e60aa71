//! Supervisor: keeps its children alive by the rules of its spec.
//! Parent: another supervisor, or nobody. Talks to: its children, by ractor's stop, kill and links; its owner, by
//! [`SupervisorEvent`]s. Survives a restart: nothing; a restarted supervisor starts its static children anew.
//! Invariants: the handler never waits (starts, stops and timers run in linked tasks); a child is restarted only
//! after its task is gone; no child outlives its supervisor.
//!
//! All decisions are made by [`Machine`](crate::strategy::Machine); this module performs them. The ordered stop runs
//! in `post_stop`, so that any way of stopping the actor is an orderly one: ractor itself would kill the children.
//! When the supervisor is killed, ractor kills all linked actors and the linked tasks are aborted.

mod child_start;
mod exit_class;
mod linked;
mod shell;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anthill_actors::mailbox::{Mail, MailError, Mailbox, MailboxBounds};
use anthill_contracts::clock::Clock;
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr, SupervisionEvent};

use crate::child_spec::{ChildId, ChildSpec, SpecError, SupervisorSpec};
use crate::names::{NameLease, Names};
use crate::strategy::{ChildCounts, ChildReport, Command, CommandError, Machine, Outcome, SupervisorEvent};
pub use child_start::{ChildStart, InputMark, StartContext, StartError, StartedChild};
use shell::Shell;

/// Who hears of events. Called inside of the supervisor's actor: it must not wait.
pub type EventSink = Arc<dyn Fn(SupervisorEvent) + Send + Sync>;

/// What a supervisor is made from. Cloned for each life when the supervisor is itself a child.
#[derive(Clone)]
pub struct SupervisorArguments {
    spec: SupervisorSpec,
    children: Vec<(ChildSpec, ChildStart)>,
    clock: Arc<dyn Clock>,
    seed: u64,
    events: Option<EventSink>,
    name: Option<(Names, String)>,
    bounds: MailboxBounds,
}

impl SupervisorArguments {
    /// A supervisor without children.
    pub fn new(spec: SupervisorSpec, clock: Arc<dyn Clock>) -> Self {
        let bounds = MailboxBounds::default();
        Self {
            spec,
            children: Vec::new(),
            clock,
            seed: 0,
            events: None,
            name: None,
            bounds,
        }
    }

    /// Adds a static child behind the others.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec, start: ChildStart) -> Self {
        self.children.push((spec, start));
        self
    }

    /// Sets where the jitter of the backoff comes from.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets who hears of events.
    #[must_use]
    pub fn events(self, sink: impl Fn(SupervisorEvent) + Send + Sync + 'static) -> Self {
        Self {
            events: Some(Arc::new(sink)),
            ..self
        }
    }

    /// Publishes the [`SupervisorHandle`] under a name while the supervisor lives.
    #[must_use]
    pub fn named(self, names: &Names, name: impl Into<String>) -> Self {
        Self {
            name: Some((names.clone(), name.into())),
            ..self
        }
    }

    /// Sets how many commands and questions may wait.
    #[must_use]
    pub fn bounds(self, bounds: MailboxBounds) -> Self {
        Self { bounds, ..self }
    }
}

impl fmt::Debug for SupervisorArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorArguments")
            .field("spec", &self.spec)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}

/// Why a command to a supervisor was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// It was not delivered, or not answered in time.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// It was refused, or it failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// The verbs of a supervisor.
#[derive(Debug, Clone)]
pub struct SupervisorHandle {
    mailbox: Mailbox<SupervisorMessage>,
    cell: ActorCell,
}

impl SupervisorHandle {
    /// Starts a supervisor without a parent. Returns when its static children have started; when one has not, those
    /// before it have been stopped again. The task ends with the supervisor.
    pub async fn start(arguments: SupervisorArguments) -> Result<(Self, JoinHandle<()>), StartError> {
        let (arguments, slot) = with_slot(arguments);
        let (actor, task) = Supervisor::spawn(None, Supervisor, arguments).await?;
        Ok((Self::from_slot(&slot, &actor), task))
    }

    /// Starts a supervisor under a parent; see [`ChildStart::supervisor`] for the usual way.
    pub async fn start_linked(
        parent: &ActorCell,
        arguments: SupervisorArguments,
    ) -> Result<(Self, StartedChild), StartError> {
        let (arguments, slot) = with_slot(arguments);
        let (actor, task) = Supervisor::spawn_linked(None, Supervisor, arguments, parent.clone()).await?;
        Ok((
            Self::from_slot(&slot, &actor),
            StartedChild::new(actor.get_cell(), task),
        ))
    }

    /// Adds a child behind the others and starts it; OTP's `start_child`. When it does not start, the error comes
    /// back and nothing else happens. After `TimedOut` the start may still succeed; ask [`Self::which_children`].
    pub async fn start_child(
        &self,
        spec: ChildSpec,
        start: ChildStart,
        deadline: Duration,
    ) -> Result<(), SupervisorError> {
        self.command(Command::Add { spec, payload: start }, deadline)
            .await
    }

    /// Stops a child and keeps its spec, unless it is temporary. Returns when the child is gone.
    pub async fn terminate_child(&self, id: &ChildId, deadline: Duration) -> Result<(), SupervisorError> {
        self.command(Command::Terminate { id: id.clone() }, deadline)
            .await
    }

    /// Starts a child that is down.
    pub async fn restart_child(&self, id: &ChildId, deadline: Duration) -> Result<(), SupervisorError> {
        self.command(Command::Restart { id: id.clone() }, deadline).await
    }

    /// Forgets a child that is down.
    pub async fn delete_child(&self, id: &ChildId, deadline: Duration) -> Result<(), SupervisorError> {
        self.command(Command::Delete { id: id.clone() }, deadline).await
    }

    /// All children in start order.
    pub async fn which_children(&self, deadline: Duration) -> Result<Vec<ChildReport>, MailError> {
        self.mailbox
            .call_control(|reply| SupervisorMessage::GetChildren { reply }, deadline)
            .await
    }

    /// The sums over all children.
    pub async fn count_children(&self, deadline: Duration) -> Result<ChildCounts, MailError> {
        self.mailbox
            .call_control(|reply| SupervisorMessage::GetCounts { reply }, deadline)
            .await
    }

    /// Begins an orderly stop: the children in reverse order, each in its own time.
    pub fn stop(&self, reason: &str) {
        self.cell
            .stop(Some(format!("{}: {reason}", exit_class::SHUTDOWN)));
    }

    /// Kills the supervisor and, through the links, all below it. Nothing is stopped in order.
    pub fn kill(&self) {
        self.cell.kill();
    }

    /// Waits until the supervisor is gone; `TimedOut` when it is still there at the deadline.
    pub async fn wait(&self, deadline: Duration) -> Result<(), MailError> {
        self.cell
            .wait(Some(deadline))
            .await
            .map_err(|_| MailError::TimedOut)
    }

    async fn command(&self, command: Command<ChildStart>, deadline: Duration) -> Result<(), SupervisorError> {
        let ask = |reply| SupervisorMessage::Command { command, reply };
        // The control lane would let stops overtake starts, but then a stop could overtake its own start.
        Ok(self.mailbox.call(ask, deadline).await??)
    }

    fn from_slot(slot: &HandleSlot, actor: &ActorRef<Mail<SupervisorMessage>>) -> Self {
        let mailbox = slot
            .get()
            .expect("`pre_start` fills the slot before it returns")
            .clone();
        Self {
            mailbox,
            cell: actor.get_cell(),
        }
    }
}

/// Where `pre_start` leaves the one mailbox of the actor.
type HandleSlot = Arc<OnceLock<Mailbox<SupervisorMessage>>>;

fn with_slot(arguments: SupervisorArguments) -> ((SupervisorArguments, HandleSlot), HandleSlot) {
    let slot = HandleSlot::default();
    ((arguments, Arc::clone(&slot)), slot)
}

/// The protocol.
#[derive(Debug)]
enum SupervisorMessage {
    /// Carries out a command, and answers when it is done.
    Command {
        command: Command<ChildStart>,
        reply: RpcReplyPort<Result<(), CommandError>>,
    },
    GetChildren {
        reply: RpcReplyPort<Vec<ChildReport>>,
    },
    GetCounts {
        reply: RpcReplyPort<ChildCounts>,
    },
    /// Linked tasks have left something in the inbox.
    Woken,
}

/// Why a supervisor did not start.
#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("the spec is wrong")]
    Spec(#[from] SpecError),
    #[error("child {child} did not start: {error}")]
    Child { child: ChildId, error: String },
    #[error("it was stopped while it was starting")]
    Stopped,
}

struct Supervisor;

struct SupervisorState {
    shell: Shell,
    _lease: Option<NameLease>,
}

impl Actor for Supervisor {
    type Msg = Mail<SupervisorMessage>;
    type State = SupervisorState;
    type Arguments = (SupervisorArguments, HandleSlot);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (arguments, slot): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let machine =
            Machine::new(arguments.spec.clone(), arguments.children.clone()).map_err(InitError::from)?;
        let mailbox = slot
            .get_or_init(|| Mailbox::new(myself.clone(), arguments.bounds))
            .clone();
        let handle = SupervisorHandle {
            mailbox,
            cell: myself.get_cell(),
        };
        let lease = match &arguments.name {
            Some((names, name)) => Some(names.claim(name, handle).await),
            None => None,
        };
        let mut shell = Shell::new(machine, myself, &arguments);
        match shell.init().await {
            None => Ok(SupervisorState { shell, _lease: lease }),
            Some(Outcome::InitFailed { child, error }) => Err(InitError::Child { child, error }.into()),
            Some(Outcome::Escalated(escalation)) => Err(escalation.into()),
            Some(Outcome::Stopped { .. } | Outcome::AutoShutdown { .. }) => Err(InitError::Stopped.into()),
        }
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        mail: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        for (message, _permit) in mail.open() {
            match message {
                SupervisorMessage::Command { command, reply } => state.shell.on_command(command, reply),
                SupervisorMessage::GetChildren { reply } => {
                    answer(reply, state.shell.machine().which_children());
                }
                SupervisorMessage::GetCounts { reply } => {
                    answer(reply, state.shell.machine().count_children());
                }
                SupervisorMessage::Woken => state.shell.on_woken(),
            }
        }
        match state.shell.take_outcome() {
            None => {}
            Some(Outcome::Escalated(escalation)) => return Err(escalation.into()),
            Some(Outcome::AutoShutdown { child }) => {
                myself.stop(Some(format!("{}: {child} has ended", exit_class::SHUTDOWN)));
            }
            Some(Outcome::Stopped { reason }) => {
                myself.stop(Some(format!("{}: {reason}", exit_class::SHUTDOWN)));
            }
            Some(Outcome::InitFailed { child, error }) => {
                return Err(InitError::Child { child, error }.into());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                state.shell.on_exit_told(cell.get_id(), |input| {
                    exit_class::of_termination(reason.as_deref(), input)
                });
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                state
                    .shell
                    .on_exit_told(cell.get_id(), |input| exit_class::of_failure(&error, input));
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.shell.stop_all().await;
        Ok(())
    }
}

fn answer<T>(reply: RpcReplyPort<T>, value: T) {
    // Who asked may have given up; that is no trouble of the supervisor.
    let _ = reply.send(value);
}

impl From<SpecError> for StartError {
    fn from(error: SpecError) -> Self {
        Self::Spawn(SpawnErr::StartupFailed(error.into()))
    }
}

#[cfg(test)]
mod tests;
