//! A world around machines: it performs their outputs at once, in virtual time, and notes what can be seen.
//!
//! Supervisors hear of exits while they are busy, except during their init, as the shell arranges it. What a
//! supervisor decides by itself (to give up, to shut down) is heard by its parent when all is quiet again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::child_spec::{Shutdown, SupervisorSpec};
use crate::strategy::{
    CallerId, Command, CommandError, CrashKind, Cx, Exit, Incarnation, Input, Machine, Outcome, Output, Slot,
    SupervisorEvent, TimerId,
};

use super::scenario::{Happening, How, Node, Order, Plan, Scenario, Script, Seen};

type Payload = Arc<Node>;
type Key = u64;

struct Leaf {
    number: u64,
    patient: bool,
    place: Place,
}

/// Where an actor sits in the machine of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    parent: Key,
    slot: Slot,
    incarnation: Incarnation,
}

struct Supervisor {
    number: u64,
    machine: Machine<Payload>,
    place: Option<Place>,
    is_up: bool,
    /// Exits during init.
    held: Vec<(Place, Exit)>,
    restarts: Vec<Duration>,
}

pub(super) struct World {
    now: Duration,
    script: Script,
    leaves: BTreeMap<Key, Leaf>,
    supervisors: BTreeMap<Key, Supervisor>,
    places: BTreeMap<Place, Key>,
    timers: BTreeSet<(Duration, TimerId, Key)>,
    to_do: VecDeque<(Key, Output<Payload>)>,
    later: VecDeque<(Place, Exit)>,
    last_key: Key,
    seen: Vec<Seen>,
}

/// Acts a scenario out.
pub(super) fn act(scenario: &Scenario) -> Vec<Seen> {
    let mut world = World {
        now: Duration::ZERO,
        script: scenario.script.clone(),
        leaves: BTreeMap::new(),
        supervisors: BTreeMap::new(),
        places: BTreeMap::new(),
        timers: BTreeSet::new(),
        to_do: VecDeque::new(),
        later: VecDeque::new(),
        last_key: 0,
        seen: Vec::new(),
    };
    let root = world.begin_supervisor(&scenario.root, None);
    world.quiet();
    if world.seen.contains(&Seen::SupervisorUp {
        supervisor: scenario.root.number,
    }) {
        for happening in &scenario.happenings {
            world.happens(happening);
            world.quiet();
        }
        if world.supervisors.contains_key(&root) {
            world.step(
                root,
                Input::Stop {
                    reason: "the end".to_owned(),
                },
            );
        }
        world.quiet();
    }
    assert!(world.leaves.is_empty(), "no leaf outlives the root");
    assert!(world.supervisors.is_empty(), "no supervisor outlives the root");
    world.seen
}

impl World {
    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Passes { time } => self.now += *time,
            Happening::Deaf { leaf } => self.script.set_deaf(*leaf),
            Happening::Planned { leaf, plans } => self.script.plan(*leaf, plans),
            Happening::Ends { leaf, how } => {
                let found = self.leaves.iter().find(|(_, it)| it.number == *leaf);
                if let Some((&key, it)) = found {
                    let place = it.place;
                    self.leaves.remove(&key);
                    self.exited(place, exit(*how));
                }
            }
            Happening::SupervisorKilled { supervisor } => {
                if let Some(key) = self.supervisor(*supervisor) {
                    let place = self.supervisors[&key].place;
                    self.seen.push(Seen::SupervisorKilled {
                        supervisor: *supervisor,
                    });
                    self.wipe(key);
                    if let Some(place) = place {
                        self.exited(place, exit(How::Killed));
                    }
                }
            }
            Happening::Told { supervisor, order } => {
                if let Some(key) = self.supervisor(*supervisor) {
                    let command = command(order);
                    self.step(
                        key,
                        Input::Command {
                            caller: CallerId(0),
                            command,
                        },
                    );
                }
            }
        }
    }

    /// Lets everything happen that follows, then looks who runs.
    fn quiet(&mut self) {
        loop {
            if let Some((key, output)) = self.to_do.pop_front() {
                self.perform(key, output);
            } else if let Some((at, timer, key)) = self.timers.pop_first() {
                self.now = at;
                self.step(key, Input::TimerFired { timer });
            } else if let Some((place, exit)) = self.later.pop_front() {
                self.exited(place, exit);
            } else {
                break;
            }
        }
        for supervisor in self.supervisors.values() {
            supervisor.check();
        }
        let mut running: Vec<u64> = self.leaves.values().map(|leaf| leaf.number).collect();
        running.sort_unstable();
        self.seen.push(Seen::Quiet { running });
    }

    fn supervisor(&self, number: u64) -> Option<Key> {
        self.supervisors
            .iter()
            .find(|(_, it)| it.number == number)
            .map(|(&key, _)| key)
    }

    fn fresh_key(&mut self) -> Key {
        self.last_key += 1;
        self.last_key
    }

    fn begin_supervisor(&mut self, node: &Node, place: Option<Place>) -> Key {
        let below = node.below.as_ref().expect("only supervisors begin here");
        let children = below
            .children
            .iter()
            .map(|child| (child.spec.clone(), Arc::new(child.clone())))
            .collect();
        let machine = Machine::new(below.spec.clone(), children).expect("scenarios have valid specs");
        let key = self.fresh_key();
        let number = node.number;
        let supervisor = Supervisor {
            number,
            machine,
            place,
            is_up: false,
            held: Vec::new(),
            restarts: Vec::new(),
        };
        self.supervisors.insert(key, supervisor);
        if let Some(place) = place {
            self.places.insert(place, key);
        }
        self.step(key, Input::Begin);
        key
    }

    fn step(&mut self, key: Key, input: Input<Payload>) {
        let Some(supervisor) = self.supervisors.get_mut(&key) else {
            return;
        };
        let mut out = Vec::new();
        supervisor.machine.step(
            Cx {
                now: self.now,
                random: 0,
            },
            input,
            &mut out,
        );
        self.to_do.extend(out.into_iter().map(|output| (key, output)));
    }

    /// A parent hears of an exit: at once, or after its init.
    fn exited(&mut self, place: Place, exit: Exit) {
        let Some(parent) = self.supervisors.get_mut(&place.parent) else {
            return;
        };
        if parent.is_up || parent.machine.is_ending() {
            let Place {
                parent,
                slot,
                incarnation,
            } = place;
            self.step(
                parent,
                Input::ChildExited {
                    slot,
                    incarnation,
                    exit,
                },
            );
        } else {
            parent.held.push((place, exit));
        }
    }

    fn perform(&mut self, key: Key, output: Output<Payload>) {
        let place = |slot, incarnation| Place {
            parent: key,
            slot,
            incarnation,
        };
        match output {
            Output::Start {
                slot,
                incarnation,
                payload,
            } => self.start(place(slot, incarnation), &payload),
            Output::Stop { slot, incarnation } => self.ask(place(slot, incarnation)),
            Output::Kill { slot, incarnation } => self.kill(place(slot, incarnation)),
            Output::ArmTimer { timer, after } => {
                self.timers.insert((self.now + after, timer, key));
            }
            Output::CancelTimer { timer } => {
                self.timers
                    .retain(|&(_, other, owner)| (other, owner) != (timer, key));
            }
            Output::Reply { answer, .. } => self.seen.push(Seen::Answered { with: word(&answer) }),
            Output::Ready => self.is_up(key),
            Output::Event(SupervisorEvent::ChildRestarting { .. }) => {
                if let Some(supervisor) = self.supervisors.get_mut(&key) {
                    supervisor.restarts.push(self.now);
                }
            }
            Output::Event(_) => {}
            Output::Stopped { outcome } => self.ended(key, &outcome),
        }
    }

    fn start(&mut self, place: Place, node: &Node) {
        if node.below.is_some() {
            self.begin_supervisor(node, Some(place));
            return;
        }
        let Place {
            parent,
            slot,
            incarnation,
        } = place;
        let leaf = node.number;
        let plan = self.script.next_start(leaf);
        if plan == Plan::Refuse {
            self.seen.push(Seen::Refused { leaf });
            let error = "refused".to_owned();
            return self.step(
                parent,
                Input::ChildStartFailed {
                    slot,
                    incarnation,
                    error,
                },
            );
        }
        self.seen.push(Seen::Started { leaf, at: self.now });
        self.step(parent, Input::ChildStarted { slot, incarnation });
        if let Plan::DieAtOnce(how) = plan {
            return self.exited(place, exit(how));
        }
        let key = self.fresh_key();
        let patient = matches!(node.spec.shutdown, Shutdown::Within(_));
        self.leaves.insert(
            key,
            Leaf {
                number: leaf,
                patient,
                place,
            },
        );
        self.places.insert(place, key);
    }

    fn ask(&mut self, place: Place) {
        let key = self.places.get(&place).copied();
        if let Some(key) = key.filter(|key| self.supervisors.contains_key(key)) {
            return self.step(
                key,
                Input::Stop {
                    reason: "asked by the parent".to_owned(),
                },
            );
        }
        if let Some(leaf) = key.and_then(|key| self.leaves.get(&key)) {
            let number = leaf.number;
            self.seen.push(Seen::Asked {
                leaf: number,
                at: self.now,
            });
            if leaf.patient && self.script.is_deaf(number) {
                return;
            }
        }
        self.gone(place, exit(How::Shutdown));
    }

    fn kill(&mut self, place: Place) {
        let key = self.places.get(&place).copied();
        if let Some(key) = key.filter(|key| self.supervisors.contains_key(key)) {
            self.seen.push(Seen::SupervisorKilled {
                supervisor: self.supervisors[&key].number,
            });
            self.wipe(key);
        } else if let Some(leaf) = key.and_then(|key| self.leaves.get(&key)) {
            self.seen.push(Seen::Killed {
                leaf: leaf.number,
                at: self.now,
            });
        }
        self.gone(place, exit(How::Killed));
    }

    /// A child that was asked or killed is not there any more; perhaps it was not there before.
    fn gone(&mut self, place: Place, exit: Exit) {
        if let Some(key) = self.places.remove(&place) {
            self.leaves.remove(&key);
        }
        let Place {
            parent,
            slot,
            incarnation,
        } = place;
        if let Some(supervisor) = self.supervisors.get_mut(&parent) {
            supervisor.held.retain(|(held, _)| *held != place);
        }
        self.step(
            parent,
            Input::ChildExited {
                slot,
                incarnation,
                exit,
            },
        );
    }

    fn is_up(&mut self, key: Key) {
        let Some(supervisor) = self.supervisors.get_mut(&key) else {
            return;
        };
        supervisor.is_up = true;
        self.seen.push(Seen::SupervisorUp {
            supervisor: supervisor.number,
        });
        self.later.extend(std::mem::take(&mut supervisor.held));
        if let Some(Place {
            parent,
            slot,
            incarnation,
        }) = supervisor.place
        {
            self.step(parent, Input::ChildStarted { slot, incarnation });
        }
    }

    fn ended(&mut self, key: Key, outcome: &Outcome) {
        let Some(supervisor) = self.supervisors.remove(&key) else {
            return;
        };
        supervisor.check();
        let number = supervisor.number;
        let as_escalation = matches!(outcome, Outcome::Escalated(_));
        if !matches!(outcome, Outcome::InitFailed { .. }) {
            self.seen.push(Seen::SupervisorEnded {
                supervisor: number,
                as_escalation,
            });
        }
        let Some(place) = supervisor.place else { return };
        let Place {
            parent,
            slot,
            incarnation,
        } = place;
        match outcome {
            Outcome::InitFailed { error, .. } => {
                let error = error.clone();
                self.step(
                    parent,
                    Input::ChildStartFailed {
                        slot,
                        incarnation,
                        error,
                    },
                );
            }
            Outcome::Stopped { .. } => self.exited(place, exit(How::Shutdown)),
            Outcome::AutoShutdown { .. } => self.later.push_back((place, exit(How::Shutdown))),
            Outcome::Escalated(_) => self.later.push_back((place, exit(How::Failed))),
        }
    }

    fn wipe(&mut self, key: Key) {
        self.supervisors.remove(&key);
        self.leaves.retain(|_, leaf| leaf.place.parent != key);
        self.timers.retain(|&(_, _, owner)| owner != key);
        let below = |place: Option<Place>| place.is_some_and(|place| place.parent == key);
        let orphans: Vec<Key> = self
            .supervisors
            .iter()
            .filter(|(_, it)| below(it.place))
            .map(|(&child, _)| child)
            .collect();
        for child in orphans {
            self.wipe(child);
        }
    }
}

impl Supervisor {
    /// I18: no window of `period` has more than `intensity` restarts; and the machine agrees with itself.
    fn check(&self) {
        assert_eq!(self.machine.check(), Ok(()), "supervisor {}", self.number);
        let SupervisorSpec { intensity, .. } = self.machine.spec();
        let bound = usize::try_from(intensity.restarts).expect("small");
        for window in self.restarts.windows(bound + 1) {
            let (first, last) = (window[0], window[bound]);
            assert!(
                last > first + intensity.period,
                "supervisor {} restarts too often",
                self.number
            );
        }
    }
}

fn exit(how: How) -> Exit {
    match how {
        How::Normal => Exit::Normal,
        How::Shutdown => Exit::Shutdown,
        How::Killed => Exit::Killed { input: None },
        How::Failed => Exit::Failed {
            kind: CrashKind::Transient,
            message: "as the script says".to_owned(),
            input: None,
        },
    }
}

fn command(order: &Order) -> Command<Payload> {
    let id = |number: &u64| number.to_string().into();
    match order {
        Order::Add { leaf } => Command::Add {
            spec: leaf.spec.clone(),
            payload: Arc::new(Node::clone(leaf)),
        },
        Order::Terminate { number } => Command::Terminate { id: id(number) },
        Order::Restart { number } => Command::Restart { id: id(number) },
        Order::Delete { number } => Command::Delete { id: id(number) },
    }
}

fn word(answer: &Result<(), CommandError>) -> &'static str {
    match answer {
        Ok(()) => "ok",
        Err(CommandError::AlreadyStarted) => "already started",
        Err(CommandError::AlreadyPresent) => "already present",
        Err(CommandError::NotFound) => "not found",
        Err(CommandError::Running) => "running",
        Err(CommandError::Restarting) => "restarting",
        Err(CommandError::StartFailed(_)) => "start failed",
        Err(CommandError::Full) => "full",
        Err(CommandError::Busy) => "busy",
        Err(CommandError::Invalid(_)) => "invalid",
        Err(CommandError::Terminated) => "terminated",
        Err(CommandError::Stopping) => "stopping",
    }
}
