//! Bounded mailboxes: the only way to talk to one of our actors.
//!
//! ractor's own queue has no bound, no priority and no length. So no `ActorRef` leaves the file of its actor: a
//! handle holds a [`Mailbox`], which takes a permit per message. The permit travels inside the [`Mail`] and is
//! given back when the message has been handled or dropped, also when the actor crashes with a full queue. A full
//! lane answers [`MailError::Busy`] at once; nobody waits for room.
//!
//! Control messages (cancel, pause, kill) have a small lane of their own, which the receiver empties before its
//! next data message, so they never wait behind a backlog. The way rejected was a bounded channel next to ractor's:
//! it needs a pump task per actor, and the pump is where messages get lost when an actor dies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::concurrency::oneshot;
use ractor::{ActorRef, RpcReplyPort};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Why a message was not delivered, or its answer did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MailError {
    /// The lane is full: the caller sheds load or tries later.
    #[error("the mailbox is full")]
    Busy,
    /// The actor is gone, or dropped the question without an answer.
    #[error("the actor is gone")]
    Closed,
    /// The answer did not come within the deadline; whether the message was handled is unknown.
    #[error("the answer did not come in time")]
    TimedOut,
}

/// How many messages may wait in each lane, the one being handled included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxBounds {
    /// Messages of the data lane.
    pub data: usize,
    /// Messages of the control lane.
    pub control: usize,
}

impl Default for MailboxBounds {
    fn default() -> Self {
        Self {
            data: 256,
            control: 16,
        }
    }
}

/// The sending side of an actor. Make one per actor and clone it: the bounds belong to the clones together.
#[derive(Debug)]
pub struct Mailbox<M> {
    actor: ActorRef<Mail<M>>,
    lanes: Arc<Lanes<M>>,
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            lanes: Arc::clone(&self.lanes),
        }
    }
}

impl<M: Send + 'static> Mailbox<M> {
    /// Puts bounds in front of an actor.
    pub fn new(actor: ActorRef<Mail<M>>, bounds: MailboxBounds) -> Self {
        let lanes = Lanes {
            bounds,
            data: Arc::new(Semaphore::new(bounds.data)),
            control: Arc::new(Semaphore::new(bounds.control)),
            waiting: Mutex::new(VecDeque::with_capacity(bounds.control)),
        };
        Self {
            actor,
            lanes: Arc::new(lanes),
        }
    }

    /// Sends into the data lane.
    pub fn try_send(&self, message: M) -> Result<(), MailError> {
        let permit = take_permit(&self.lanes.data)?;
        let mail = Mail {
            lanes: Some(Arc::clone(&self.lanes)),
            load: Load::Data {
                message,
                permit: Some(permit),
            },
        };
        self.post(mail)
    }

    /// Sends into the control lane, past all data that is still waiting.
    pub fn send_control(&self, message: M) -> Result<(), MailError> {
        let permit = take_permit(&self.lanes.control)?;
        self.lanes.push((message, MailPermit(Some(permit))));
        self.post(Mail {
            lanes: Some(Arc::clone(&self.lanes)),
            load: Load::Knock,
        })
    }

    /// Asks through the data lane, and waits for the answer until the deadline.
    pub async fn call<R: Send + 'static>(
        &self,
        build: impl FnOnce(RpcReplyPort<R>) -> M,
        deadline: Duration,
    ) -> Result<R, MailError> {
        let (tx, rx) = oneshot();
        self.try_send(build(tx.into()))?;
        answer(rx, deadline).await
    }

    /// Asks through the control lane, and waits for the answer until the deadline.
    pub async fn call_control<R: Send + 'static>(
        &self,
        build: impl FnOnce(RpcReplyPort<R>) -> M,
        deadline: Duration,
    ) -> Result<R, MailError> {
        let (tx, rx) = oneshot();
        self.send_control(build(tx.into()))?;
        answer(rx, deadline).await
    }

    /// How many messages wait in the data lane or are being handled: for metrics and for load reports.
    pub fn backlog(&self) -> usize {
        self.lanes
            .bounds
            .data
            .saturating_sub(self.lanes.data.available_permits())
    }

    fn post(&self, mail: Mail<M>) -> Result<(), MailError> {
        // A refused mail is dropped here, and its permit with it.
        self.actor.send_message(mail).map_err(|_| MailError::Closed)
    }
}

/// What travels through ractor's queue: a message with its permit. It is the `Msg` type of the actor.
#[derive(Debug)]
pub struct Mail<M> {
    lanes: Option<Arc<Lanes<M>>>,
    load: Load<M>,
}

impl<M> Mail<M> {
    /// The actor's own mail: the results of its tasks and timers, which are bounded by the tasks themselves.
    pub fn own(message: M) -> Self {
        Self {
            lanes: None,
            load: Load::Data {
                message,
                permit: None,
            },
        }
    }

    /// Takes the messages out, control before data. Hold each permit until its message has been handled.
    pub fn open(mut self) -> OpenMail<M> {
        let load = std::mem::replace(&mut self.load, Load::Taken);
        OpenMail {
            lanes: self.lanes.take(),
            load,
            popped: 0,
        }
    }
}

impl<M> Drop for Mail<M> {
    fn drop(&mut self) {
        // A knock that nobody answers takes its message with it, so that the asker hears of it and the permit is
        // free again. Which message goes is of no matter: mail is only dropped unopened when the actor is gone.
        if let (Load::Knock, Some(lanes)) = (&self.load, &self.lanes) {
            drop(lanes.pop());
        }
    }
}

/// An opened [`Mail`]: yields the waiting control messages, then its own message.
#[derive(Debug)]
pub struct OpenMail<M> {
    lanes: Option<Arc<Lanes<M>>>,
    load: Load<M>,
    popped: usize,
}

impl<M> Iterator for OpenMail<M> {
    type Item = (M, MailPermit);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(control) = self.lanes.as_ref().and_then(|lanes| lanes.pop()) {
            self.popped += 1;
            return Some(control);
        }
        match std::mem::replace(&mut self.load, Load::Taken) {
            Load::Data { message, permit } => Some((message, MailPermit(permit))),
            Load::Knock | Load::Taken => {
                self.popped += 1;
                None
            }
        }
    }
}

impl<M> Drop for OpenMail<M> {
    fn drop(&mut self) {
        // Opened and then abandoned by a crash before the first message: see `Mail::drop`.
        if let (Load::Knock, 0, Some(lanes)) = (&self.load, self.popped, &self.lanes) {
            drop(lanes.pop());
        }
    }
}

/// Room in a lane. Dropping it gives the room back.
#[derive(Debug)]
pub struct MailPermit(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

#[derive(Debug)]
enum Load<M> {
    Data {
        message: M,
        permit: Option<OwnedSemaphorePermit>,
    },
    /// "Look into the control lane": one per control message that was ever put there.
    Knock,
    Taken,
}

/// Shared by all handles and all mail of one actor.
#[derive(Debug)]
struct Lanes<M> {
    bounds: MailboxBounds,
    data: Arc<Semaphore>,
    control: Arc<Semaphore>,
    /// Bounded by the permits of `control`, which the messages hold.
    waiting: Mutex<VecDeque<(M, MailPermit)>>,
}

impl<M> Lanes<M> {
    fn push(&self, item: (M, MailPermit)) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(item);
    }

    fn pop(&self) -> Option<(M, MailPermit)> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}

fn take_permit(lane: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, MailError> {
    Arc::clone(lane).try_acquire_owned().map_err(|error| match error {
        TryAcquireError::NoPermits => MailError::Busy,
        TryAcquireError::Closed => MailError::Closed,
    })
}

async fn answer<R>(
    receiver: ractor::concurrency::OneshotReceiver<R>,
    deadline: Duration,
) -> Result<R, MailError> {
    match tokio::time::timeout(deadline, receiver).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(_)) => Err(MailError::Closed),
        Err(_) => Err(MailError::TimedOut),
    }
}

#[cfg(test)]
mod tests;
