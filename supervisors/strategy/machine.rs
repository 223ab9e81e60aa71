//! The machine: its state, its one entrance, and what its parts share.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::child_spec::{ChildId, ChildKind, ChildSpec, Restart, SpecError, Strategy, SupervisorSpec};

use super::child::{Child, Origin, Rest, State};
use super::command::Deferred;
use super::sequence::{Ending, Goal, Sequence};
use super::window::{Restarts, Suspects};
use super::{
    CallerId, ChildCounts, ChildReport, CommandError, Cx, Exit, Incarnation, Input, Outcome, Output, Slot,
    SupervisorEvent, TimerId,
};

/// The decisions of one supervisor. See the module above.
#[derive(Debug, Clone)]
pub struct Machine<P> {
    pub(super) spec: SupervisorSpec,
    /// In start order, because slots grow.
    pub(super) children: BTreeMap<Slot, Child<P>>,
    pub(super) ids: BTreeMap<ChildId, Slot>,
    pub(super) phase: Phase,
    pub(super) restarts: Restarts,
    pub(super) suspects: Suspects,
    /// Exits that wait until the sequence under way is over.
    pub(super) fallen: VecDeque<(Slot, Exit)>,
    /// A group restart got as far as this child, which did not start.
    pub(super) retry: Option<(Slot, String)>,
    /// Commands that wait until the sequence under way is over.
    pub(super) deferred: VecDeque<Deferred<P>>,
    /// Children in `Queued`, the longest waiting first; terminated ones are skipped when their turn comes.
    pub(super) queue: VecDeque<Slot>,
    /// Children in `Starting`.
    pub(super) starting: usize,
    /// Whose timer it is.
    pub(super) timers: BTreeMap<TimerId, Slot>,
    pub(super) cx: Cx,
    last_id: u64,
    pub(super) out: Vec<Output<P>>,
}

/// What the supervisor as a whole does.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    New,
    /// One thing after another: init, a group restart, or a start by command among dependent siblings.
    Sequence(Sequence),
    Idle,
    Ending(Ending),
    Ended,
}

impl<P: Clone> Machine<P> {
    /// Takes the static children in start order.
    pub fn new(spec: SupervisorSpec, children: Vec<(ChildSpec, P)>) -> Result<Self, SpecError> {
        if children.len() > spec.children_max {
            return Err(SpecError::TooMany {
                max: spec.children_max,
            });
        }
        let mut machine = Self {
            spec,
            children: BTreeMap::new(),
            ids: BTreeMap::new(),
            phase: Phase::New,
            restarts: Restarts::default(),
            suspects: Suspects::default(),
            fallen: VecDeque::new(),
            retry: None,
            deferred: VecDeque::new(),
            queue: VecDeque::new(),
            starting: 0,
            timers: BTreeMap::new(),
            cx: Cx {
                now: Duration::ZERO,
                random: 0,
            },
            last_id: 0,
            out: Vec::new(),
        };
        for (child, payload) in children {
            machine.spec.check(&child)?;
            if machine.ids.contains_key(&child.id) {
                return Err(SpecError::Duplicate { id: child.id });
            }
            machine.insert(child, payload, Rest::Waiting);
        }
        Ok(machine)
    }

    /// Takes one input, and appends what must be done. Inputs about earlier lives of a child are ignored.
    pub fn step(&mut self, cx: Cx, input: Input<P>, out: &mut Vec<Output<P>>) {
        self.cx = cx;
        match input {
            Input::Begin => self.begin(),
            Input::ChildStarted { slot, incarnation } => self.on_started(slot, incarnation),
            Input::ChildStartFailed {
                slot,
                incarnation,
                error,
            } => {
                self.on_start_failed(slot, incarnation, error);
            }
            Input::ChildExited {
                slot,
                incarnation,
                exit,
            } => self.on_exited(slot, incarnation, exit),
            Input::TimerFired { timer } => self.on_timer(timer),
            Input::Command { caller, command } => self.on_command(caller, command),
            Input::Stop { reason } => self.end(Outcome::Stopped { reason }),
        }
        out.append(&mut self.out);
    }

    /// The spec it was made with.
    pub fn spec(&self) -> &SupervisorSpec {
        &self.spec
    }

    /// Whether the static children are still being started for the first time.
    pub fn is_starting(&self) -> bool {
        match &self.phase {
            Phase::New => true,
            Phase::Sequence(sequence) => sequence.goal == Goal::Init,
            Phase::Idle | Phase::Ending(_) | Phase::Ended => false,
        }
    }

    /// Whether it has given its last output.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether it is on its way to its end, or there.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Ended)
    }

    /// The spec of a child, for logs and metrics.
    pub fn child_spec(&self, slot: Slot) -> Option<&ChildSpec> {
        self.children.get(&slot).map(|child| &child.spec)
    }

    /// All children in start order.
    pub fn which_children(&self) -> Vec<ChildReport> {
        let report = |(&slot, child): (&Slot, &Child<P>)| ChildReport {
            id: child.spec.id.clone(),
            slot,
            kind: child.spec.kind,
            status: child.state.status(),
        };
        self.children.iter().map(report).collect()
    }

    /// The sums over all children.
    pub fn count_children(&self) -> ChildCounts {
        let mut counts = ChildCounts::default();
        for child in self.children.values() {
            counts.specs += 1;
            counts.active += usize::from(matches!(child.state, State::Running { .. }));
            match child.spec.kind {
                ChildKind::Supervisor => counts.supervisors += 1,
                ChildKind::Worker => counts.workers += 1,
            }
        }
        counts
    }

    /// The invariants between the parts of the state; the first one broken is named.
    pub fn check(&self) -> Result<(), &'static str> {
        let starting = |child: &&Child<P>| matches!(child.state, State::Starting { .. });
        if self.children.values().filter(starting).count() != self.starting {
            return Err("the count of starting children is wrong");
        }
        let named = |(slot, child): (&Slot, &Child<P>)| self.ids.get(&child.spec.id) == Some(slot);
        if self.ids.len() != self.children.len() || !self.children.iter().all(named) {
            return Err("the index of ids is wrong");
        }
        let live = self
            .children
            .values()
            .any(|child| child.state.incarnation().is_some());
        if self.is_ended() && (live || !self.timers.is_empty()) {
            return Err("it has ended before its children");
        }
        let waiting = |child: &Child<P>| matches!(child.state, State::Down(Rest::Waiting | Rest::Fallen));
        if matches!(self.phase, Phase::Idle) && self.children.values().any(waiting) {
            return Err("a child waits for nothing");
        }
        Ok(())
    }

    fn begin(&mut self) {
        if matches!(self.phase, Phase::New) {
            let starts = self.children.keys().copied().collect();
            self.begin_sequence(Sequence::start(Goal::Init, starts));
        }
    }

    fn on_timer(&mut self, timer: TimerId) {
        if let Phase::Sequence(sequence) = &mut self.phase
            && sequence.pause == Some(timer)
        {
            sequence.pause = None;
            self.advance();
            return;
        }
        let Some(slot) = self.timers.remove(&timer) else {
            return;
        };
        match &self.child(slot).state {
            State::Backoff { .. } => self.launch(slot, Origin::Retry),
            State::Stopping(_) => self.on_stop_timer(slot),
            State::Down(_) | State::Queued(_) | State::Starting { .. } | State::Running { .. } => {}
        }
    }

    pub(super) fn insert(&mut self, spec: ChildSpec, payload: P, rest: Rest) -> Slot {
        let slot = Slot(self.fresh_id());
        self.ids.insert(spec.id.clone(), slot);
        self.children.insert(
            slot,
            Child {
                spec,
                payload,
                state: State::Down(rest),
                attempts: 0,
            },
        );
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(child) = self.children.remove(&slot) {
            self.ids.remove(&child.spec.id);
        }
    }

    pub(super) fn child(&self, slot: Slot) -> &Child<P> {
        self.children.get(&slot).expect("slots in use name a child")
    }

    pub(super) fn child_mut(&mut self, slot: Slot) -> &mut Child<P> {
        self.children.get_mut(&slot).expect("slots in use name a child")
    }

    /// The state of a child, when the message is about its present life.
    pub(super) fn current(&self, slot: Slot, incarnation: Incarnation) -> Option<State> {
        let state = &self.children.get(&slot)?.state;
        (state.incarnation() == Some(incarnation)).then(|| state.clone())
    }

    pub(super) fn is_live(&self, slot: Slot) -> bool {
        self.children
            .get(&slot)
            .is_some_and(|child| child.state.incarnation().is_some())
    }

    pub(super) fn rest(&self, slot: Slot) -> Option<Rest> {
        match self.children.get(&slot)?.state {
            State::Down(rest) => Some(rest),
            State::Queued(_)
            | State::Starting { .. }
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Stopping(_) => None,
        }
    }

    /// Puts a child down; a temporary one is forgotten, because nothing will start it again.
    pub(super) fn put_down(&mut self, slot: Slot, rest: Rest) {
        match self.child(slot).spec.restart {
            Restart::Temporary => self.remove(slot),
            Restart::Permanent | Restart::Transient => self.child_mut(slot).state = State::Down(rest),
        }
    }

    pub(super) fn live_slots(&self) -> Vec<Slot> {
        let live = |(&slot, child): (&Slot, &Child<P>)| child.state.incarnation().map(|_| slot);
        self.children.iter().filter_map(live).collect()
    }

    /// Those who are restarted together with this child, in start order.
    pub(super) fn group_of(&self, slot: Slot) -> Vec<Slot> {
        match self.spec.strategy {
            Strategy::OneForOne => vec![slot],
            Strategy::OneForAll => self.children.keys().copied().collect(),
            Strategy::RestForOne => self.children.range(slot..).map(|(&member, _)| member).collect(),
        }
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn arm(&mut self, after: Duration) -> TimerId {
        let timer = TimerId(self.fresh_id());
        self.out.push(Output::ArmTimer { timer, after });
        timer
    }

    pub(super) fn disarm(&mut self, timer: TimerId) {
        self.timers.remove(&timer);
        self.out.push(Output::CancelTimer { timer });
    }

    pub(super) fn reply(&mut self, caller: CallerId, answer: Result<(), CommandError>) {
        self.out.push(Output::Reply { caller, answer });
    }

    pub(super) fn tell_ended(&mut self, slot: Slot, exit: Exit) {
        let ChildSpec { id, kind, .. } = self.child(slot).spec.clone();
        self.out
            .push(Output::Event(SupervisorEvent::ChildEnded { id, kind, exit }));
    }
}
