//! The stop of one child: ask, wait, kill, wait, give up.

use crate::child_spec::{ChildSpec, Restart, Shutdown};

use super::child::{Origin, Rest, Stage, State, Stopping, Then};
use super::machine::Machine;
use super::{CallerId, CommandError, Exit, Incarnation, Output, Slot, SupervisorEvent};

impl<P: Clone> Machine<P> {
    /// Begins to stop a child that lives; a stop that has begun goes on as it is.
    pub(super) fn ask_to_stop(&mut self, slot: Slot) {
        let (incarnation, then) = match self.child(slot).state {
            State::Running { incarnation, .. } => (incarnation, Then::Wait),
            State::Starting { incarnation, origin } => (incarnation, self.abandon_start(origin)),
            State::Down(_) | State::Queued(_) | State::Backoff { .. } | State::Stopping(_) => return,
        };
        let (stage, patience) = match self.child(slot).spec.shutdown {
            Shutdown::Brutal => (Stage::Killed, Some(self.spec.kill_wait)),
            Shutdown::Within(patience) => (Stage::Asked, Some(patience)),
            Shutdown::Infinity => (Stage::Asked, None),
        };
        self.push_stop(slot, incarnation, stage);
        let timer = patience.map(|patience| self.arm(patience));
        if let Some(timer) = timer {
            self.timers.insert(timer, slot);
        }
        let stopping = Stopping {
            incarnation,
            stage,
            timer,
            then,
            callers: Vec::new(),
        };
        self.child_mut(slot).state = State::Stopping(stopping);
    }

    pub(super) fn push_stop(&mut self, slot: Slot, incarnation: Incarnation, stage: Stage) {
        self.out.push(match stage {
            Stage::Asked => Output::Stop { slot, incarnation },
            Stage::Killed => Output::Kill { slot, incarnation },
        });
    }

    /// Stops a child by command: it stays down, and the caller hears when it is gone.
    pub(super) fn terminate_live(&mut self, slot: Slot, caller: CallerId) {
        self.ask_to_stop(slot);
        if let State::Stopping(stopping) = &mut self.child_mut(slot).state {
            stopping.then = stopping.then.max(Then::Hold);
            stopping.callers.push(caller);
        }
    }

    pub(super) fn on_stop_timer(&mut self, slot: Slot) {
        let kill_wait = self.spec.kill_wait;
        let State::Stopping(stopping) = &mut self.child_mut(slot).state else {
            return;
        };
        stopping.timer = None;
        let (incarnation, stage) = (stopping.incarnation, stopping.stage);
        match stage {
            Stage::Asked => {
                stopping.stage = Stage::Killed;
                self.push_stop(slot, incarnation, Stage::Killed);
                let timer = self.arm(kill_wait);
                self.timers.insert(timer, slot);
                if let State::Stopping(stopping) = &mut self.child_mut(slot).state {
                    stopping.timer = Some(timer);
                }
            }
            Stage::Killed => {
                let ChildSpec { id, kind, .. } = self.child(slot).spec.clone();
                self.out
                    .push(Output::Event(SupervisorEvent::ChildOrphaned { id, kind }));
                self.finish_stop(slot, Exit::Killed { input: None });
            }
        }
    }

    /// A child is gone after a stop. How it went does not matter: it was asked to go.
    pub(super) fn finish_stop(&mut self, slot: Slot, exit: Exit) {
        let state = std::mem::replace(&mut self.child_mut(slot).state, State::Down(Rest::Waiting));
        let State::Stopping(stopping) = state else { return };
        if let Some(timer) = stopping.timer {
            self.disarm(timer);
        }
        let temporary = self.child(slot).spec.restart == Restart::Temporary;
        if !self.is_ending() && stopping.then != Then::Forget && (temporary || stopping.then == Then::Hold) {
            self.tell_ended(slot, exit);
        }
        match stopping.then {
            Then::Forget => self.remove(slot),
            Then::Hold => self.put_down(slot, Rest::Held),
            Then::Wait if self.is_ending() => self.put_down(slot, Rest::Ended),
            Then::Wait => self.put_down(slot, Rest::Waiting),
        }
        for caller in stopping.callers {
            self.reply(caller, Ok(()));
        }
        self.advance();
    }

    fn abandon_start(&mut self, origin: Origin) -> Then {
        self.starting -= 1;
        if let Some(caller) = origin.caller() {
            let error = if self.is_ending() {
                CommandError::Stopping
            } else {
                CommandError::Terminated
            };
            self.reply(caller, Err(error));
        }
        match origin {
            Origin::Added(_) => Then::Forget,
            Origin::Sequence | Origin::Retry | Origin::Asked(_) => Then::Wait,
        }
    }
}
