//! How a supervisor starts a child, and what the child is given.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};

use crate::strategy::{Incarnation, InputKey};

use super::{SupervisorArguments, SupervisorHandle};

/// A start function: makes one life of a child, as often as it is asked.
///
/// It must link the child to [`StartContext::supervisor`], which [`StartContext::spawn`] does. It runs in a task of
/// its own, so it may take its time (bounded by `start_within`) while siblings and commands go on. A panic in it is a
/// failed start.
#[derive(Clone)]
pub struct ChildStart(Arc<dyn Fn(StartContext) -> StartFuture + Send + Sync>);

type StartFuture = BoxFuture<'static, Result<StartedChild, StartError>>;

impl ChildStart {
    /// Takes any start function.
    pub fn new<F, T>(start: F) -> Self
    where
        F: Fn(StartContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<StartedChild, StartError>> + Send + 'static,
    {
        Self(Arc::new(move |ctx| Box::pin(start(ctx))))
    }

    /// Starts an actor from what the closure makes for each life.
    pub fn actor<A, F>(make: F) -> Self
    where
        A: Actor,
        F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        Self::new(move |ctx| {
            let make = Arc::clone(&make);
            async move {
                let (actor, arguments) = make(&ctx);
                let (_, started) = ctx.spawn(actor, arguments).await?;
                Ok(started)
            }
        })
    }

    /// Starts a supervisor; it has started when its static children have.
    pub fn supervisor(arguments: SupervisorArguments) -> Self {
        Self::new(move |ctx| {
            let arguments = arguments.clone();
            async move {
                let (_, started) = SupervisorHandle::start_linked(&ctx.supervisor, arguments).await?;
                Ok(started)
            }
        })
    }

    pub(super) fn call(&self, ctx: StartContext) -> StartFuture {
        (self.0)(ctx)
    }
}

impl fmt::Debug for ChildStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChildStart")
    }
}

/// What a start function is given.
#[derive(Debug, Clone)]
pub struct StartContext {
    /// The parent to link to.
    pub supervisor: ActorCell,
    /// Where the child notes what it works on.
    pub input: InputMark,
    /// Which life this is.
    pub incarnation: Incarnation,
}

impl StartContext {
    /// Spawns an actor linked to the supervisor, and waits for its `pre_start`.
    pub async fn spawn<A: Actor>(
        &self,
        actor: A,
        arguments: A::Arguments,
    ) -> Result<(ActorRef<A::Msg>, StartedChild), StartError> {
        let (actor, task) = A::spawn_linked(None, actor, arguments, self.supervisor.clone()).await?;
        let started = StartedChild {
            cell: actor.get_cell(),
            task,
        };
        Ok((actor, started))
    }
}

/// A child that runs.
#[derive(Debug)]
pub struct StartedChild {
    pub(super) cell: ActorCell,
    pub(super) task: JoinHandle<()>,
}

impl StartedChild {
    /// Takes what `spawn_linked` gives.
    pub fn new(cell: ActorCell, task: JoinHandle<()>) -> Self {
        Self { cell, task }
    }
}

/// Why a child did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The actor refused in `pre_start`.
    #[error("{0}")]
    Spawn(#[from] SpawnErr),
    /// The start function refused before there was an actor.
    #[error(transparent)]
    Refused(Box<dyn std::error::Error + Send + Sync>),
    /// The start function panicked.
    #[error("the start function panicked: {0}")]
    Panicked(String),
    /// It took longer than `start_within`.
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

/// Where a child notes the input that it is working on, so that a killing input can be recognised.
///
/// There is no guard that clears it, on purpose: a panic, an `Err` and a kill all drop guards, and would take the
/// note away just when it is needed.
#[derive(Debug, Clone, Default)]
pub struct InputMark(Arc<Mutex<Option<InputKey>>>);

impl InputMark {
    /// Notes the input before working on it.
    pub fn begin(&self, input: InputKey) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(input);
    }

    /// Takes the note back after the input has been handled.
    pub fn done(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The input under work.
    pub fn current(&self) -> Option<InputKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
