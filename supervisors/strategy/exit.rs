//! Starts and exits of children, and the judgement: restart, leave down, quarantine, or give up.

use std::time::Duration;

use crate::child_spec::{AutoShutdown, ChildSpec, Restart, Strategy};

use super::child::{Origin, Rest, State};
use super::machine::{Machine, Phase};
use super::{
    Cause, CommandError, CrashKind, Escalation, Exit, Incarnation, InputKey, Outcome, Output, Slot,
    SupervisorEvent,
};

impl<P: Clone> Machine<P> {
    /// Starts a child now, or as soon as fewer siblings are starting.
    pub(super) fn launch(&mut self, slot: Slot, origin: Origin) {
        if self.starting < self.spec.starts_max.max(1) {
            self.start(slot, origin);
        } else {
            self.child_mut(slot).state = State::Queued(origin);
            self.queue.push_back(slot);
        }
    }

    pub(super) fn start(&mut self, slot: Slot, origin: Origin) {
        let incarnation = Incarnation(self.fresh_id());
        let child = self.child_mut(slot);
        child.state = State::Starting { incarnation, origin };
        let payload = child.payload.clone();
        self.starting += 1;
        self.out.push(Output::Start {
            slot,
            incarnation,
            payload,
        });
    }

    /// A start is over, one way or the other: the next one in the queue may begin.
    pub(super) fn end_start(&mut self) {
        self.starting -= 1;
        while self.starting < self.spec.starts_max.max(1)
            && let Some(slot) = self.queue.pop_front()
        {
            if let Some(State::Queued(origin)) = self.children.get(&slot).map(|child| &child.state) {
                let origin = *origin;
                self.start(slot, origin);
            }
        }
    }

    pub(super) fn on_started(&mut self, slot: Slot, incarnation: Incarnation) {
        match self.current(slot, incarnation) {
            Some(State::Starting { origin, .. }) => {
                self.child_mut(slot).state = State::Running {
                    incarnation,
                    since: self.cx.now,
                };
                self.end_start();
                if let Some(caller) = origin.caller() {
                    self.reply(caller, Ok(()));
                }
                self.advance();
            }
            // It came up before the cancellation reached it, so it is stopped like any other child.
            Some(State::Stopping(stopping)) => self.push_stop(slot, incarnation, stopping.stage),
            Some(_) | None => {}
        }
    }

    pub(super) fn on_start_failed(&mut self, slot: Slot, incarnation: Incarnation, error: String) {
        match self.current(slot, incarnation) {
            Some(State::Starting { origin, .. }) => {
                self.end_start();
                self.judge_failed_start(slot, origin, error);
            }
            Some(State::Stopping(_)) => self.finish_stop(slot, Exit::Shutdown),
            Some(_) | None => {}
        }
    }

    pub(super) fn on_exited(&mut self, slot: Slot, incarnation: Incarnation, exit: Exit) {
        match self.current(slot, incarnation) {
            Some(State::Running { since, .. }) => {
                if self.cx.now.saturating_sub(since) >= self.spec.intensity.period {
                    self.child_mut(slot).attempts = 0;
                }
                self.on_running_exited(slot, exit);
            }
            Some(State::Stopping(_)) => self.finish_stop(slot, exit),
            Some(State::Starting { .. }) => self.on_start_failed(slot, incarnation, exit.to_string()),
            Some(State::Down(_) | State::Queued(_) | State::Backoff { .. }) | None => {}
        }
    }

    /// Decides what follows from the exit of a child that nobody has asked to stop.
    pub(super) fn judge(&mut self, slot: Slot, exit: Exit) {
        let poison = self.convict(&exit);
        let exit = if poison.is_some() { as_poison(exit) } else { exit };
        match (poison, self.child(slot).spec.restart) {
            (Some(input), Restart::Permanent | Restart::Transient) => self.quarantine(slot, input, exit),
            (_, Restart::Permanent) => self.restart(slot, Cause::Exited(exit)),
            (_, Restart::Transient) if exit.is_abnormal() => self.restart(slot, Cause::Exited(exit)),
            (_, Restart::Transient | Restart::Temporary) => {
                self.tell_ended(slot, exit);
                self.leave_down(slot, Rest::Ended);
            }
        }
    }

    /// Restarts a child and its group, or gives up.
    pub(super) fn restart(&mut self, slot: Slot, cause: Cause) {
        let ChildSpec { id, kind, .. } = self.child(slot).spec.clone();
        if !self.restarts.admit(self.cx.now, self.spec.intensity) {
            let supervisor = self.spec.name.clone();
            let intensity = self.spec.intensity;
            return self.end(Outcome::Escalated(Escalation {
                supervisor,
                child: id,
                cause,
                intensity,
            }));
        }
        let child = self.child_mut(slot);
        child.attempts = child.attempts.saturating_add(1);
        let attempts = child.attempts;
        let delay = self.draw_delay(attempts);
        self.out.push(Output::Event(SupervisorEvent::ChildRestarting {
            id,
            kind,
            cause,
            delay,
        }));
        match self.spec.strategy {
            Strategy::OneForOne if delay.is_zero() => self.launch(slot, Origin::Retry),
            Strategy::OneForOne => {
                let timer = self.arm(delay);
                self.timers.insert(timer, slot);
                self.child_mut(slot).state = State::Backoff { timer };
            }
            Strategy::OneForAll | Strategy::RestForOne => self.regroup(slot, delay),
        }
    }

    fn on_running_exited(&mut self, slot: Slot, exit: Exit) {
        if matches!(self.phase, Phase::Ending(_)) {
            self.put_down(slot, Rest::Ended);
            self.advance();
        } else if self.is_to_be_stopped(slot) {
            // Its group is being restarted: it needs no stop any more, and its exit is not counted again.
            if self.child(slot).spec.restart == Restart::Temporary {
                self.tell_ended(slot, exit);
            }
            self.put_down(slot, Rest::Waiting);
            self.advance();
        } else {
            self.child_mut(slot).state = State::Down(Rest::Fallen);
            self.fallen.push_back((slot, exit));
            self.settle();
        }
    }

    fn judge_failed_start(&mut self, slot: Slot, origin: Origin, error: String) {
        match origin {
            Origin::Sequence => return self.on_sequence_start_failed(slot, error),
            Origin::Retry => {
                self.child_mut(slot).state = State::Down(Rest::Waiting);
                self.restart(slot, Cause::StartFailed(error));
            }
            Origin::Added(caller) => {
                self.remove(slot);
                self.reply(caller, Err(CommandError::StartFailed(error)));
            }
            Origin::Asked(caller) => {
                self.put_down(slot, Rest::Held);
                self.reply(caller, Err(CommandError::StartFailed(error)));
            }
        }
        self.advance();
    }

    fn convict(&mut self, exit: &Exit) -> Option<InputKey> {
        let input = exit.input()?;
        let bound = self.spec.quarantine;
        self.suspects
            .convict(input, self.cx.now, bound)
            .then(|| input.clone())
    }

    fn quarantine(&mut self, slot: Slot, input: InputKey, exit: Exit) {
        let ChildSpec { id, kind, .. } = self.child(slot).spec.clone();
        self.out.push(Output::Event(SupervisorEvent::ChildQuarantined {
            id,
            kind,
            input,
            exit,
        }));
        self.leave_down(slot, Rest::Quarantined);
    }

    /// A child is down for good; that may be the end of the supervisor.
    fn leave_down(&mut self, slot: Slot, rest: Rest) {
        let ChildSpec { id, significant, .. } = self.child(slot).spec.clone();
        self.put_down(slot, rest);
        let ends = significant
            && match self.spec.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !self.has_active_significant(),
            };
        if ends {
            self.end(Outcome::AutoShutdown { child: id });
        }
    }

    fn has_active_significant(&self) -> bool {
        self.children.values().any(|child| {
            let down = matches!(
                child.state,
                State::Down(Rest::Ended | Rest::Held | Rest::Quarantined)
            );
            child.spec.significant && !down
        })
    }

    /// Full jitter: uniform between zero and the bound of this attempt.
    fn draw_delay(&mut self, attempt: u32) -> Duration {
        let backoff = self.spec.backoff;
        let doublings = attempt.saturating_sub(1).min(31);
        let bound = backoff.first.saturating_mul(1 << doublings).min(backoff.cap);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            return Duration::ZERO;
        }
        // One step may draw several times from the bits it was given (SplitMix64).
        self.cx.random = self.cx.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.cx.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Duration::from_nanos((bits ^ (bits >> 31)) % nanos.saturating_add(1).max(1))
    }
}

fn as_poison(exit: Exit) -> Exit {
    match exit {
        Exit::Failed { message, input, .. } => Exit::Failed {
            kind: CrashKind::Poison,
            message,
            input,
        },
        Exit::Normal | Exit::Shutdown | Exit::Killed { .. } => exit,
    }
}
