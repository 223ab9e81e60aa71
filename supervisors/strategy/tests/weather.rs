//! One machine in bad weather: starts that take time, deaf and unkillable children, deaths at any moment, commands
//! in between, backoff, both stop orders. No model here, but rules which hold in any weather.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::child_spec::{ChildId, ChildSpec, Restart, Shutdown, StopOrder, Strategy, SupervisorSpec};
use crate::strategy::{
    CallerId, Command, CrashKind, Cx, Exit, Incarnation, Input, Machine, Output, Slot, SupervisorEvent,
    TimerId,
};

use super::scenario::Rng;

const DAYS: u64 = 20_000;
const STARTS_MAX: usize = 2;

type Life = (Slot, Incarnation);

/// What will reach the machine.
enum Coming {
    Started(Life),
    StartFailed(Life),
    Exited(Life, Exit),
    Timer(TimerId),
    Command,
    End,
}

/// What a caller waits for.
enum Asked {
    Start(ChildId),
    Stop(ChildId),
    Delete,
}

struct Day {
    rng: Rng,
    now: Duration,
    machine: Machine<ChildId>,
    coming: BTreeMap<(Duration, u64), Coming>,
    last: u64,
    starting: BTreeSet<Life>,
    running: BTreeSet<Life>,
    /// Given up by the machine, and perhaps still there.
    orphans: BTreeSet<Life>,
    restarts: Vec<Duration>,
    unanswered: BTreeMap<CallerId, Asked>,
    /// Terminated, and not wanted again.
    held: BTreeSet<ChildId>,
    started_once: BTreeSet<Slot>,
    asked: BTreeSet<Life>,
    ending: Option<Slot>,
    ended: bool,
}

#[test]
fn the_rules_hold_in_any_weather() {
    let mut orphans = 0;
    for seed in 0..DAYS {
        let day = std::panic::catch_unwind(|| live(seed));
        orphans += day.unwrap_or_else(|_| panic!("the day of seed {seed} broke a rule"));
    }
    assert!(orphans > 100, "the weather was too fair: {orphans} orphans");
}

fn live(seed: u64) -> usize {
    let mut day = Day::new(seed);
    day.step(Input::Begin);
    while let Some(((at, _), coming)) = day.coming.pop_first() {
        day.now = at;
        day.comes(coming);
        assert_eq!(day.machine.check(), Ok(()));
    }
    assert!(day.ended, "the supervisor ends at the end of the day");
    assert!(
        day.starting.is_empty() && day.running.is_empty(),
        "nobody is left behind"
    );
    assert!(day.unanswered.is_empty(), "each caller has an answer");
    day.orphans.len()
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let spec = SupervisorSpec::new("weather")
            .strategy(rng.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]))
            .intensity(
                u32::try_from(rng.below(8)).expect("small"),
                Duration::from_secs(1 + rng.below(20)),
            )
            .stop_order(rng.pick(&[StopOrder::Reverse, StopOrder::Together]))
            .starts_max(STARTS_MAX)
            .children_max(8)
            .kill_wait(Duration::from_secs(1));
        let spec = if rng.once_in(2) {
            spec.backoff(Duration::from_millis(100), Duration::from_secs(3))
        } else {
            spec
        };
        let children = (0..rng.below(5)).map(|number| child(&mut rng, number)).collect();
        let mut day = Self {
            machine: Machine::new(spec, children).expect("the specs are valid"),
            rng,
            now: Duration::ZERO,
            coming: BTreeMap::new(),
            last: 0,
            starting: BTreeSet::new(),
            running: BTreeSet::new(),
            orphans: BTreeSet::new(),
            restarts: Vec::new(),
            unanswered: BTreeMap::new(),
            held: BTreeSet::new(),
            started_once: BTreeSet::new(),
            asked: BTreeSet::new(),
            ending: None,
            ended: false,
        };
        for _ in 0..day.rng.below(20) {
            day.expect(10_000, Coming::Command);
        }
        day.last += 1;
        day.coming
            .insert((Duration::from_secs(12), day.last), Coming::End);
        day
    }

    /// Something comes within so many milliseconds.
    fn expect(&mut self, within_ms: u64, coming: Coming) {
        self.last += 1;
        let at = self.now + Duration::from_millis(self.rng.below(within_ms));
        self.coming.insert((at, self.last), coming);
    }

    fn comes(&mut self, coming: Coming) {
        match coming {
            Coming::Started(life @ (slot, incarnation)) => {
                if self.starting.remove(&life) {
                    self.running.insert(life);
                    if self.rng.once_in(3) {
                        let exit = self.any_exit();
                        self.expect(4_000, Coming::Exited(life, exit));
                    }
                    self.step(Input::ChildStarted { slot, incarnation });
                }
            }
            Coming::StartFailed(life @ (slot, incarnation)) => {
                if self.starting.remove(&life) {
                    let error = "bad weather".to_owned();
                    self.step(Input::ChildStartFailed {
                        slot,
                        incarnation,
                        error,
                    });
                }
            }
            Coming::Exited(life @ (slot, incarnation), exit) => {
                // Each life ends once; an orphan's late end must change nothing.
                let ends = self.starting.remove(&life) | self.running.remove(&life);
                if ends | self.orphans.contains(&life) {
                    self.step(Input::ChildExited {
                        slot,
                        incarnation,
                        exit,
                    });
                }
            }
            Coming::Timer(timer) => self.step(Input::TimerFired { timer }),
            Coming::Command => self.command(),
            Coming::End => {
                self.step(Input::Stop {
                    reason: "the day is over".to_owned(),
                });
            }
        }
    }

    fn command(&mut self) {
        self.last += 1;
        let caller = CallerId(self.last);
        let id = self.rng.below(7).to_string();
        let id = ChildId::new(id);
        let (asked, command) = match self.rng.below(5) {
            0 | 1 => {
                let number = self.rng.below(7);
                let (spec, payload) = child(&mut self.rng, number);
                (Asked::Start(spec.id.clone()), Command::Add { spec, payload })
            }
            2 => (Asked::Start(id.clone()), Command::Restart { id }),
            3 => (Asked::Delete, Command::Delete { id }),
            _ => (Asked::Stop(id.clone()), Command::Terminate { id }),
        };
        if let Asked::Start(wanted) = &asked {
            self.held.remove(wanted);
        }
        self.unanswered.insert(caller, asked);
        self.step(Input::Command { caller, command });
    }

    fn step(&mut self, input: Input<ChildId>) {
        let was_ending = self.machine.is_ending();
        let mut out = Vec::new();
        let cx = Cx {
            now: self.now,
            random: self.rng.next(),
        };
        self.machine.step(cx, input, &mut out);
        for output in out {
            self.perform(output, was_ending);
        }
    }

    fn perform(&mut self, output: Output<ChildId>, was_ending: bool) {
        let late = self.ended && !matches!(output, Output::Reply { .. });
        assert!(!late, "nothing but refusals comes after the end: {output:?}");
        match output {
            Output::Start {
                slot,
                incarnation,
                payload,
            } => self.start((slot, incarnation), &payload),
            Output::Stop { slot, incarnation } => {
                let life = (slot, incarnation);
                // A child that comes up while it is being stopped is asked again; only the first time has an order.
                if self.asked.insert(life) {
                    self.check_order(slot, was_ending);
                }
                if self.starting.contains(&life) || !self.rng.once_in(4) {
                    self.expect(3_000, Coming::Exited(life, Exit::Shutdown));
                }
            }
            Output::Kill { slot, incarnation } => {
                let slow = if self.rng.once_in(10) { 5_000 } else { 50 };
                self.expect(
                    slow,
                    Coming::Exited((slot, incarnation), Exit::Killed { input: None }),
                );
            }
            Output::ArmTimer { timer, after } => {
                self.last += 1;
                self.coming
                    .insert((self.now + after, self.last), Coming::Timer(timer));
            }
            Output::CancelTimer { .. } | Output::Ready => {
                // Cancelled timers fire all the same here: the machine must not care.
            }
            Output::Reply { caller, answer } => {
                let asked = self
                    .unanswered
                    .remove(&caller)
                    .expect("each caller is answered once");
                if let (Ok(()), Asked::Stop(id)) = (answer, asked)
                    && !self.is_wanted(&id)
                {
                    self.held.insert(id);
                }
            }
            Output::Event(event) => self.hear(&event),
            Output::Stopped { .. } => self.ended = true,
        }
    }

    /// Whether a command to start the child may still be carried out.
    fn is_wanted(&self, id: &ChildId) -> bool {
        self.unanswered
            .values()
            .any(|asked| matches!(asked, Asked::Start(wanted) if wanted == id))
    }

    fn start(&mut self, life: Life, id: &ChildId) {
        assert!(!self.machine.is_ending(), "nothing starts at the end");
        assert!(!self.held.contains(id), "{id} was terminated");
        let alive = |set: &BTreeSet<Life>| set.iter().any(|&(slot, _)| slot == life.0);
        assert!(
            !alive(&self.starting) && !alive(&self.running),
            "{id} lives already"
        );
        assert!(
            self.starting.len() < STARTS_MAX,
            "too many start at the same time"
        );
        let again = !self.started_once.insert(life.0);
        let spec = self
            .machine
            .child_spec(life.0)
            .expect("a child that starts is known");
        assert!(!again || spec.restart != Restart::Temporary, "{id} is temporary");
        self.starting.insert(life);
        match self.rng.below(4) {
            0 => self.expect(500, Coming::StartFailed(life)),
            1 => self.expect(1_000, Coming::Started(life)),
            _ => self.expect(1, Coming::Started(life)),
        }
    }

    fn hear(&mut self, event: &SupervisorEvent) {
        match event {
            SupervisorEvent::ChildRestarting { .. } => {
                self.restarts.push(self.now);
                let intensity = self.machine.spec().intensity;
                let bound = usize::try_from(intensity.restarts).expect("small");
                let tail = &self.restarts[self.restarts.len().saturating_sub(bound + 1)..];
                let full = tail.len() > bound;
                assert!(
                    !full || tail[bound] > tail[0] + intensity.period,
                    "too many restarts in the window"
                );
            }
            SupervisorEvent::ChildOrphaned { id, .. } => {
                let slot_of = |slot: Slot| self.machine.child_spec(slot).is_none_or(|spec| spec.id == *id);
                let lost = self
                    .running
                    .iter()
                    .chain(&self.starting)
                    .copied()
                    .filter(|&(slot, _)| slot_of(slot));
                // The oldest life under this name: a younger one cannot have been started before it was given up.
                let life = lost
                    .min_by_key(|&(_, incarnation)| incarnation)
                    .expect("an orphan has a life");
                self.running.remove(&life);
                self.starting.remove(&life);
                self.orphans.insert(life);
            }
            SupervisorEvent::ChildEnded { .. }
            | SupervisorEvent::ChildQuarantined { .. }
            | SupervisorEvent::Ended { .. } => {}
        }
    }

    /// At the end children are asked one after the other, the youngest first.
    fn check_order(&mut self, slot: Slot, was_ending: bool) {
        if !was_ending || self.machine.spec().stop_order == StopOrder::Together {
            return;
        }
        assert!(
            self.ending.is_none_or(|last| slot < last),
            "stops are in reverse order"
        );
        self.ending = Some(slot);
    }

    fn any_exit(&mut self) -> Exit {
        match self.rng.below(4) {
            0 => Exit::Normal,
            1 => Exit::Killed { input: None },
            _ => Exit::Failed {
                kind: CrashKind::Transient,
                message: "lightning".to_owned(),
                input: None,
            },
        }
    }
}

fn child(rng: &mut Rng, number: u64) -> (ChildSpec, ChildId) {
    let id = ChildId::new(number.to_string());
    let shutdown = rng.pick(&[Shutdown::Brutal, Shutdown::Within(Duration::from_secs(1))]);
    let restart = rng.pick(&[
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ]);
    (
        ChildSpec::worker(id.clone()).restart(restart).shutdown(shutdown),
        id,
    )
}
