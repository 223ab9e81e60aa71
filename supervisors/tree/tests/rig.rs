//! A child that does what the test says, and a log of what happened to it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use anthill_contracts::clock::Timestamp;
use ractor::concurrency::JoinHandle;

use crate::strategy::InputKey;

use super::super::*;

pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// What the next start of a child does; without a plan it succeeds.
pub(super) enum Plan {
    Refuse,
    Panic,
    PanicBeforeTheActor,
    Take(Duration),
    Hang,
    /// Starts, and stops before its first message.
    FinishAtOnce,
    /// Blocks the thread of its start until the other end is dropped.
    Block(mpsc::Receiver<()>),
}

/// What a running child can be told.
pub(super) enum PuppetMessage {
    /// Panics.
    Crash,
    /// Returns a typed `Err`.
    Fail,
    /// Cuts its link to the supervisor, and fails.
    Desert,
    /// Stops with no reason.
    Finish,
    /// Waits for ever in the handler: deaf for stops, but not for kills.
    Stick,
    /// Blocks its thread until the other end is dropped: deaf for kills too. Let things settle before: the task that
    /// an actor has woken last waits for its thread, and other threads cannot steal it.
    Block(mpsc::Receiver<()>),
    /// Notes an input, and panics over it.
    Choke(&'static str),
    /// Notes an input, and handles it.
    Digest(&'static str),
}

#[derive(Debug, thiserror::Error)]
#[error("the puppet was told to fail")]
struct Failure;

struct Puppet {
    id: &'static str,
    rig: Rig,
    input: InputMark,
    started: AtomicBool,
}

/// The actor itself is dropped with its task, which is when it is really gone; its state travels to the supervisor.
impl Drop for Puppet {
    fn drop(&mut self) {
        if self.started.load(Ordering::SeqCst) {
            self.rig.log(&format!("gone {}", self.id));
        }
    }
}

impl Actor for Puppet {
    type Msg = PuppetMessage;
    type State = ();
    type Arguments = Option<Plan>;

    async fn pre_start(
        &self,
        myself: ActorRef<PuppetMessage>,
        plan: Option<Plan>,
    ) -> Result<(), ActorProcessingErr> {
        match plan {
            None | Some(Plan::PanicBeforeTheActor) => {}
            Some(Plan::Refuse) => return Err(Failure.into()),
            Some(Plan::Panic) => panic!("told to panic in pre_start"),
            Some(Plan::Take(time)) => tokio::time::sleep(time).await,
            Some(Plan::Hang) => std::future::pending().await,
            Some(Plan::FinishAtOnce) => myself.stop(None),
            Some(Plan::Block(gate)) => drop(gate.recv()),
        }
        self.rig.log(&format!("start {}", self.id));
        self.started.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<PuppetMessage>,
        message: PuppetMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PuppetMessage::Crash => panic!("told to crash"),
            PuppetMessage::Fail => return Err(Failure.into()),
            PuppetMessage::Desert => {
                myself.unlink(myself.try_get_supervisor().expect("it has a supervisor"));
                return Err(Failure.into());
            }
            PuppetMessage::Finish => myself.stop(None),
            PuppetMessage::Stick => std::future::pending().await,
            PuppetMessage::Block(gate) => drop(gate.recv()),
            PuppetMessage::Choke(input) => {
                self.input.begin(InputKey(input.to_owned()));
                panic!("told to choke");
            }
            PuppetMessage::Digest(input) => {
                self.input.begin(InputKey(input.to_owned()));
                self.input.done();
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<PuppetMessage>, (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.rig.log(&format!("stop {}", self.id));
        Ok(())
    }
}

#[derive(Default)]
struct Shared {
    log: Vec<String>,
    plans: HashMap<&'static str, VecDeque<Plan>>,
    /// The latest life of each child, and how many there were.
    puppets: HashMap<&'static str, (ActorRef<PuppetMessage>, usize)>,
    events: Vec<SupervisorEvent>,
}

#[derive(Clone, Default)]
pub(super) struct Rig {
    shared: Arc<std::sync::Mutex<Shared>>,
}

/// tokio's clock, paused or not.
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Rig {
    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared
            .lock()
            .expect("no test panics while it holds the lock")
    }

    fn log(&self, line: &str) {
        self.shared().log.push(line.to_owned());
    }

    /// The log so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.shared().log.clone()
    }

    /// The lines of the log that begin with a word.
    pub(super) fn lines_of(&self, verb: &str) -> Vec<String> {
        self.lines()
            .into_iter()
            .filter(|line| line.starts_with(verb))
            .collect()
    }

    pub(super) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|seen| *seen == line).count()
    }

    pub(super) fn clear(&self) {
        self.shared().log.clear();
    }

    pub(super) fn events(&self) -> Vec<SupervisorEvent> {
        self.shared().events.clone()
    }

    /// Says what the next starts of a child do.
    pub(super) fn plan(&self, id: &'static str, plans: impl IntoIterator<Item = Plan>) {
        self.shared().plans.entry(id).or_default().extend(plans);
    }

    pub(super) fn puppet(&self, id: &'static str) -> ActorRef<PuppetMessage> {
        self.life(id).0
    }

    pub(super) fn tell(&self, id: &'static str, message: PuppetMessage) {
        self.puppet(id)
            .send_message(message)
            .unwrap_or_else(|_| panic!("{id} is alive"));
    }

    fn note(&self, id: &'static str, actor: ActorRef<PuppetMessage>) {
        let mut shared = self.shared();
        let lives = shared.puppets.get(id).map_or(0, |(_, lives)| *lives);
        shared.puppets.insert(id, (actor, lives + 1));
    }

    /// The latest life of a child, and its number.
    pub(super) fn life(&self, id: &'static str) -> (ActorRef<PuppetMessage>, usize) {
        self.shared()
            .puppets
            .get(id)
            .expect("the child has started")
            .clone()
    }

    /// A start function for a puppet.
    pub(super) fn start(&self, id: &'static str) -> ChildStart {
        let rig = self.clone();
        ChildStart::new(move |ctx| {
            let rig = rig.clone();
            async move {
                let plan = rig.shared().plans.get_mut(id).and_then(VecDeque::pop_front);
                assert!(
                    !matches!(plan, Some(Plan::PanicBeforeTheActor)),
                    "told to panic before the actor"
                );
                let puppet = Puppet {
                    id,
                    rig: rig.clone(),
                    input: ctx.input.clone(),
                    started: AtomicBool::new(false),
                };
                let (actor, started) = ctx.spawn(puppet, plan).await?;
                rig.note(id, actor);
                Ok(started)
            }
        })
    }

    /// A supervisor whose events go into the rig.
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock for tests has to begin somewhere"
    )]
    pub(super) fn arguments(&self, spec: SupervisorSpec) -> SupervisorArguments {
        let rig = self.clone();
        SupervisorArguments::new(spec, Arc::new(TokioClock(tokio::time::Instant::now())))
            .seed(7)
            .events(move |event| rig.shared().events.push(event))
    }

    /// A supervisor of permanent puppets.
    pub(super) async fn supervise(
        &self,
        spec: SupervisorSpec,
        ids: &[&'static str],
    ) -> (SupervisorHandle, JoinHandle<()>) {
        let with = |arguments: SupervisorArguments, &id: &&'static str| {
            arguments.child(ChildSpec::worker(id), self.start(id))
        };
        let arguments = ids.iter().fold(self.arguments(spec), with);
        SupervisorHandle::start(arguments)
            .await
            .expect("all puppets start")
    }

    /// Waits until the condition holds; on a paused clock this costs no time.
    pub(super) async fn wait_for(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        for _ in 0..20_000 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("never came: {what}; log {:?}", self.lines());
    }

    pub(super) async fn wait_count(&self, line: &str, count: usize) {
        self.wait_for(line, |rig| rig.count(line) >= count).await;
    }

    /// The status of a child, when the supervisor knows it.
    pub(super) async fn status(
        &self,
        supervisor: &SupervisorHandle,
        id: &str,
    ) -> Option<crate::strategy::ChildStatus> {
        let children = supervisor
            .which_children(DEADLINE)
            .await
            .expect("the supervisor is alive");
        children
            .into_iter()
            .find(|child| child.id.as_str() == id)
            .map(|child| child.status)
    }
}

/// Lets everything happen that can happen without waiting for more than a moment.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
