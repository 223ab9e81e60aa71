//! Commands: add, terminate, restart, delete.

use std::collections::VecDeque;

use crate::child_spec::{ChildId, ChildSpec, Strategy};

use super::child::{Origin, Rest, State};
use super::machine::{Machine, Phase};
use super::sequence::{Goal, Sequence};
use super::{CallerId, Command, CommandError, Slot};

/// How many commands may wait for a sequence to finish.
const DEFERRED_MAX: usize = 64;

/// A command that waits.
#[derive(Debug, Clone)]
pub(super) struct Deferred<P> {
    pub(super) caller: CallerId,
    pub(super) command: Command<P>,
}

impl<P: Clone> Machine<P> {
    pub(super) fn on_command(&mut self, caller: CallerId, command: Command<P>) {
        if self.is_ending() {
            return self.reply(caller, Err(CommandError::Stopping));
        }
        // Starts wait for a sequence under way, because they may depend on what it starts. Stops never wait.
        let starts = matches!(command, Command::Add { .. } | Command::Restart { .. });
        if starts && !matches!(self.phase, Phase::Idle) {
            return self.defer(Deferred { caller, command });
        }
        let refused = match command {
            Command::Add { spec, payload } => self.add(caller, spec, payload),
            Command::Terminate { id } => self.find(&id).map(|slot| self.terminate(slot, caller)),
            Command::Restart { id } => self
                .find(&id)
                .and_then(|slot| self.restart_by_command(slot, caller)),
            Command::Delete { id } => self.find(&id).and_then(|slot| self.delete(slot, caller)),
        };
        if let Err(error) = refused {
            self.reply(caller, Err(error));
        }
    }

    fn add(&mut self, caller: CallerId, spec: ChildSpec, payload: P) -> Result<(), CommandError> {
        self.spec.check(&spec)?;
        if let Some(&slot) = self.ids.get(&spec.id) {
            let down = matches!(
                self.rest(slot),
                Some(Rest::Ended | Rest::Held | Rest::Quarantined)
            );
            return Err(if down {
                CommandError::AlreadyPresent
            } else {
                CommandError::AlreadyStarted
            });
        }
        if self.children.len() >= self.spec.children_max {
            return Err(CommandError::Full);
        }
        let slot = self.insert(spec, payload, Rest::Waiting);
        self.start_by_command(slot, Origin::Added(caller));
        Ok(())
    }

    fn restart_by_command(&mut self, slot: Slot, caller: CallerId) -> Result<(), CommandError> {
        self.down_by_choice(slot)?;
        let child = self.child_mut(slot);
        child.state = State::Down(Rest::Waiting);
        child.attempts = 0;
        self.start_by_command(slot, Origin::Asked(caller));
        Ok(())
    }

    fn delete(&mut self, slot: Slot, caller: CallerId) -> Result<(), CommandError> {
        self.down_by_choice(slot)?;
        self.remove(slot);
        self.reply(caller, Ok(()));
        Ok(())
    }

    /// Siblings of a `OneForOne` supervisor may start side by side; others depend on each other's order.
    fn start_by_command(&mut self, slot: Slot, origin: Origin) {
        match self.spec.strategy {
            Strategy::OneForOne => self.launch(slot, origin),
            Strategy::OneForAll | Strategy::RestForOne => {
                self.begin_sequence(Sequence::start(Goal::Single(origin), VecDeque::from([slot])));
            }
        }
    }

    fn terminate(&mut self, slot: Slot, caller: CallerId) {
        match self.child(slot).state {
            State::Starting { .. } | State::Running { .. } | State::Stopping(_) => {
                self.terminate_live(slot, caller);
                return;
            }
            State::Backoff { timer } => {
                self.disarm(timer);
                self.put_down(slot, Rest::Held);
            }
            State::Queued(origin) => {
                if let Some(waiting) = origin.caller() {
                    self.reply(waiting, Err(CommandError::Terminated));
                }
                match origin {
                    Origin::Added(_) => self.remove(slot),
                    Origin::Sequence | Origin::Retry | Origin::Asked(_) => self.put_down(slot, Rest::Held),
                }
            }
            State::Down(_) => {
                self.forget_fall(slot);
                self.put_down(slot, Rest::Held);
            }
        }
        self.reply(caller, Ok(()));
        self.advance();
    }

    fn find(&self, id: &ChildId) -> Result<Slot, CommandError> {
        self.ids.get(id).copied().ok_or(CommandError::NotFound)
    }

    /// Whether a child is down and nothing is about to start it.
    fn down_by_choice(&self, slot: Slot) -> Result<(), CommandError> {
        match self.child(slot).state {
            State::Down(Rest::Ended | Rest::Held | Rest::Quarantined) => Ok(()),
            State::Down(Rest::Waiting | Rest::Fallen) | State::Backoff { .. } => {
                Err(CommandError::Restarting)
            }
            State::Queued(_) | State::Starting { .. } | State::Running { .. } | State::Stopping(_) => {
                Err(CommandError::Running)
            }
        }
    }

    fn defer(&mut self, deferred: Deferred<P>) {
        if self.deferred.len() < DEFERRED_MAX {
            self.deferred.push_back(deferred);
        } else {
            self.reply(deferred.caller, Err(CommandError::Busy));
        }
    }
}
