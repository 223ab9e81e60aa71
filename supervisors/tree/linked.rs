//! Tasks that belong to a supervisor, and where they leave their results.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ractor::ActorRef;
use ractor::concurrency::JoinHandle;
use tokio::sync::Notify;

use anthill_actors::mailbox::Mail;

use crate::strategy::{Incarnation, Slot, TimerId};

use super::{StartError, SupervisorMessage};

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct LinkedTask(JoinHandle<()>);

impl LinkedTask {
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(ractor::concurrency::spawn(work))
    }
}

impl Drop for LinkedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A result of a linked task.
#[derive(Debug)]
pub(super) enum Arrival {
    Started {
        slot: Slot,
        incarnation: Incarnation,
        cell: ractor::ActorCell,
    },
    StartFailed {
        slot: Slot,
        incarnation: Incarnation,
        error: StartError,
    },
    StartCancelled {
        slot: Slot,
        incarnation: Incarnation,
    },
    Gone {
        slot: Slot,
        incarnation: Incarnation,
    },
    TimerFired {
        timer: TimerId,
    },
}

/// Results of linked tasks, on their way to the machine.
///
/// They do not travel in ractor's queue, because a supervisor also needs them in `pre_start` and `post_stop`, when
/// ractor does not poll that queue; the queue only carries the wake-up. The length is bounded by the linked tasks,
/// which are bounded by `children_max`.
#[derive(Debug)]
pub(super) struct Inbox {
    arrivals: Mutex<VecDeque<Arrival>>,
    arrived: Notify,
    owner: ActorRef<Mail<SupervisorMessage>>,
}

impl Inbox {
    pub(super) fn new(owner: ActorRef<Mail<SupervisorMessage>>) -> Self {
        Self {
            arrivals: Mutex::default(),
            arrived: Notify::new(),
            owner,
        }
    }

    pub(super) fn deposit(&self, arrival: Arrival) {
        self.arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(arrival);
        self.arrived.notify_one();
        // A supervisor that is gone needs no wake-up.
        let _ = self.owner.send_message(Mail::own(SupervisorMessage::Woken));
    }

    pub(super) fn take(&self) -> Option<Arrival> {
        self.arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Waits for arrivals outside of the message loop.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
