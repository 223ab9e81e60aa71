//! What a supervisor does one thing at a time: init, group restarts, and its own end.

use std::collections::VecDeque;
use std::time::Duration;

use crate::child_spec::{Restart, StopOrder};

use super::child::{Origin, Rest, State};
use super::machine::{Machine, Phase};
use super::{Cause, CommandError, Exit, Outcome, Output, Slot, TimerId};

/// Stops, then a pause, then starts.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) goal: Goal,
    /// In start order; worked off from the end.
    stops: Vec<Slot>,
    delay: Duration,
    pub(super) pause: Option<TimerId>,
    starts: VecDeque<Slot>,
}

/// What the sequence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// The first start of the static children.
    Init,
    /// The restart of a group.
    Regroup,
    /// A start by command among siblings that depend on each other.
    Single(Origin),
}

impl Sequence {
    pub(super) fn start(goal: Goal, starts: VecDeque<Slot>) -> Self {
        Self {
            goal,
            stops: Vec::new(),
            delay: Duration::ZERO,
            pause: None,
            starts,
        }
    }
}

/// The end of the supervisor under way.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    outcome: Outcome,
    /// In start order; worked off from the end.
    stops: Vec<Slot>,
}

impl<P: Clone> Machine<P> {
    pub(super) fn begin_sequence(&mut self, sequence: Sequence) {
        self.cancel_pause();
        self.phase = Phase::Sequence(sequence);
        self.advance();
    }

    /// Stops the group of a child, waits, and starts it again.
    pub(super) fn regroup(&mut self, slot: Slot, delay: Duration) {
        // A retry or a paused restart starts at or behind this child, so this sequence does their work too.
        self.retry = None;
        let mut sequence = Sequence::start(Goal::Regroup, VecDeque::new());
        sequence.delay = delay;
        for member in self.group_of(slot) {
            if self.is_live(member) {
                sequence.stops.push(member);
            }
            match (self.child(member).spec.restart, self.rest(member)) {
                (Restart::Temporary, Some(Rest::Fallen)) => self.absorb_temporary(member),
                (Restart::Temporary, _) | (_, Some(Rest::Held | Rest::Quarantined)) => {}
                (_, Some(Rest::Ended | Rest::Waiting | Rest::Fallen)) => {
                    self.forget_fall(member);
                    self.child_mut(member).state = State::Down(Rest::Waiting);
                    sequence.starts.push_back(member);
                }
                (_, None) => sequence.starts.push_back(member),
            }
        }
        self.begin_sequence(sequence);
    }

    /// Continues whatever is under way.
    pub(super) fn advance(&mut self) {
        match self.phase {
            Phase::Sequence(_) => self.advance_sequence(),
            Phase::Ending(_) => self.advance_ending(),
            Phase::Idle => self.settle(),
            Phase::New | Phase::Ended => {}
        }
    }

    /// Whether a running child is among those that the sequence has yet to stop.
    pub(super) fn is_to_be_stopped(&self, slot: Slot) -> bool {
        matches!(&self.phase, Phase::Sequence(sequence) if sequence.stops.contains(&slot))
    }

    /// Whether exits and retries must wait: a sequence is at work, and not just waiting for its delay.
    pub(super) fn is_occupied(&self) -> bool {
        matches!(&self.phase, Phase::Sequence(sequence) if sequence.pause.is_none())
    }

    /// A child of the sequence did not start.
    pub(super) fn on_sequence_start_failed(&mut self, slot: Slot, error: String) {
        let Phase::Sequence(sequence) = &self.phase else {
            return;
        };
        match sequence.goal {
            Goal::Init => {
                let child = self.child(slot).spec.id.clone();
                self.put_down(slot, Rest::Ended);
                self.end(Outcome::InitFailed { child, error });
            }
            Goal::Regroup | Goal::Single(_) => {
                self.put_down(slot, Rest::Waiting);
                self.retry = Some((slot, error));
                self.phase = Phase::Idle;
                self.settle();
            }
        }
    }

    /// Does what had to wait for a sequence: first exits, in order; then the retry; then commands.
    pub(super) fn settle(&mut self) {
        while !self.is_occupied() && !self.is_ending() {
            if let Some((slot, exit)) = self.fallen.pop_front() {
                self.judge(slot, exit);
                continue;
            }
            if !matches!(self.phase, Phase::Idle) {
                return;
            }
            if let Some((slot, error)) = self.retry.take() {
                self.retry_group(slot, error);
                continue;
            }
            match self.deferred.pop_front() {
                Some(deferred) => self.on_command(deferred.caller, deferred.command),
                None => return,
            }
        }
    }

    /// Stops all children, then ends. The first outcome stands.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if self.is_ending() {
            return;
        }
        self.cancel_pause();
        self.fallen.clear();
        self.retry = None;
        self.queue.clear();
        for deferred in std::mem::take(&mut self.deferred) {
            self.reply(deferred.caller, Err(CommandError::Stopping));
        }
        for slot in self.children.keys().copied().collect::<Vec<_>>() {
            match self.child(slot).state {
                State::Backoff { timer } => self.disarm(timer),
                State::Queued(origin) => {
                    if let Some(caller) = origin.caller() {
                        self.reply(caller, Err(CommandError::Stopping));
                    }
                }
                State::Down(Rest::Waiting | Rest::Fallen) => {}
                State::Down(_) | State::Starting { .. } | State::Running { .. } | State::Stopping(_) => {
                    continue;
                }
            }
            self.put_down(slot, Rest::Ended);
        }
        self.phase = Phase::Ending(Ending {
            outcome,
            stops: self.live_slots(),
        });
        self.advance();
    }

    fn advance_sequence(&mut self) {
        if !self.stop_youngest() {
            return;
        }
        let Phase::Sequence(sequence) = &mut self.phase else {
            return;
        };
        if sequence.pause.is_some() {
            return;
        }
        let delay = std::mem::take(&mut sequence.delay);
        if !delay.is_zero() {
            let timer = self.arm(delay);
            if let Phase::Sequence(sequence) = &mut self.phase {
                sequence.pause = Some(timer);
            }
            self.settle();
            return;
        }
        self.start_oldest();
    }

    fn start_oldest(&mut self) {
        while let Phase::Sequence(sequence) = &mut self.phase {
            let Some(&slot) = sequence.starts.front() else {
                return self.finish_sequence();
            };
            let origin = match sequence.goal {
                Goal::Init | Goal::Regroup => Origin::Sequence,
                Goal::Single(origin) => origin,
            };
            if self.rest(slot) == Some(Rest::Waiting) {
                return self.start(slot, origin);
            }
            if self
                .children
                .get(&slot)
                .is_some_and(|child| matches!(child.state, State::Starting { .. }))
            {
                return;
            }
            // Up by now, or terminated by command while it waited.
            if let Phase::Sequence(sequence) = &mut self.phase {
                sequence.starts.pop_front();
            }
        }
    }

    fn finish_sequence(&mut self) {
        if self.is_starting() {
            self.out.push(Output::Ready);
        }
        self.phase = Phase::Idle;
        self.settle();
    }

    /// Stops the youngest member that still lives; true when none does.
    fn stop_youngest(&mut self) -> bool {
        loop {
            let (Phase::Sequence(Sequence { stops, .. }) | Phase::Ending(Ending { stops, .. })) =
                &mut self.phase
            else {
                return true;
            };
            let Some(&slot) = stops.last() else { return true };
            if self.is_live(slot) {
                self.ask_to_stop(slot);
                return false;
            }
            if let Phase::Sequence(Sequence { stops, .. }) | Phase::Ending(Ending { stops, .. }) =
                &mut self.phase
            {
                stops.pop();
            }
        }
    }

    fn advance_ending(&mut self) {
        if self.spec.stop_order == StopOrder::Together {
            for slot in self.live_slots() {
                self.ask_to_stop(slot);
            }
        }
        if !self.stop_youngest() {
            return;
        }
        if let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Ended) {
            self.out.push(Output::Stopped {
                outcome: ending.outcome,
            });
        }
    }

    fn retry_group(&mut self, slot: Slot, error: String) {
        let waits = |member: &Slot| self.rest(*member) == Some(Rest::Waiting);
        if let Some(first) = self.group_of(slot).into_iter().find(waits) {
            // The child itself may have been terminated meanwhile; those behind it still want to live.
            let culprit = if self.children.contains_key(&slot) {
                slot
            } else {
                first
            };
            self.restart(culprit, Cause::StartFailed(error));
        }
    }

    fn absorb_temporary(&mut self, slot: Slot) {
        let noted = self.forget_fall(slot);
        self.tell_ended(slot, noted.unwrap_or(Exit::Shutdown));
        self.remove(slot);
    }

    /// Takes back an exit that waits for its judgement: something else has been decided about the child.
    pub(super) fn forget_fall(&mut self, slot: Slot) -> Option<Exit> {
        let at = self.fallen.iter().position(|(fallen, _)| *fallen == slot)?;
        self.fallen.remove(at).map(|(_, exit)| exit)
    }

    fn cancel_pause(&mut self) {
        if let Phase::Sequence(sequence) = &mut self.phase
            && let Some(timer) = sequence.pause.take()
        {
            self.disarm(timer);
        }
    }
}
