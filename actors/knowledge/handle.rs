//! The way to the knowledge: calls with a deadline, to whichever actor lives behind the handle.
//!
//! It outlives the actor, so whoever holds one needs not hear of restarts. Rejected: a registry of names, which would be
//! asked at every call and could answer for another node of the same process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anthill_contracts::id::JobId;
use anthill_contracts::knowledge::{
    Ask, Conclusion, Cut, Embedder, Knowledge, KnowledgeError, KnowledgeStore,
};
use anthill_contracts::signal::Receipt;
use futures::future::BoxFuture;
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, ActorRef, RpcReplyPort};

use super::question::Question;
use super::{KnowledgeActor, KnowledgeArguments, KnowledgeMessage, meaning};
use crate::mailbox::{Mail, MailError, Mailbox, MailboxBounds};

/// Longest wait for the knowledge's answer.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// The way to the knowledge. The handle outlives the actor: after a restart it finds the new one.
#[derive(Clone)]
pub struct KnowledgeHandle {
    current: Arc<Mutex<Option<Mailbox<KnowledgeMessage>>>>,
    pub(super) store: Arc<dyn KnowledgeStore>,
    embedder: Option<Arc<dyn Embedder>>,
}

impl KnowledgeHandle {
    /// Most questions that may wait.
    pub const WAITING_MAX: usize = 1024;

    /// A handle without knowledge yet; calls through it fail until there is some.
    pub fn vacant(arguments: &KnowledgeArguments) -> Self {
        Self {
            current: Arc::default(),
            store: Arc::clone(&arguments.store),
            embedder: arguments.embedder.clone(),
        }
    }

    /// Starts the knowledge behind this handle, linked to its supervisor.
    pub async fn occupy(
        &self,
        arguments: KnowledgeArguments,
        supervisor: ActorCell,
    ) -> Result<(ActorCell, JoinHandle<()>), ractor::SpawnErr> {
        let (actor, joined) = Actor::spawn_linked(None, KnowledgeActor, arguments, supervisor).await?;
        Ok((self.settle_in(actor), joined))
    }

    /// Starts the knowledge behind this handle on its own, for a command that runs without a node. It ends with the
    /// runtime that it runs on, or by [`KnowledgeHandle::stop`].
    pub async fn occupy_alone(
        &self,
        arguments: KnowledgeArguments,
    ) -> Result<(ActorCell, JoinHandle<()>), ractor::SpawnErr> {
        let (actor, joined) = Actor::spawn(None, KnowledgeActor, arguments).await?;
        Ok((self.settle_in(actor), joined))
    }

    fn settle_in(&self, actor: ActorRef<Mail<KnowledgeMessage>>) -> ActorCell {
        let cell = actor.get_cell();
        let bounds = MailboxBounds {
            data: Self::WAITING_MAX,
            control: 4,
        };
        let mailbox = Mailbox::new(actor, bounds);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(mailbox);
        cell
    }

    pub(super) fn mailbox(&self) -> Result<Mailbox<KnowledgeMessage>, MailError> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(MailError::Closed)
    }

    pub(super) async fn call<R: Send + 'static>(
        &self,
        build: impl FnOnce(RpcReplyPort<Result<R, KnowledgeError>>) -> KnowledgeMessage,
    ) -> Result<R, KnowledgeError> {
        let mailbox = self.mailbox().map_err(|_| KnowledgeError::Away)?;
        let answer = mailbox.call(build, CALL_TIME_MAX).await;
        answer.unwrap_or_else(|error| {
            Err(match error {
                MailError::Busy => KnowledgeError::Busy,
                MailError::Closed | MailError::TimedOut => KnowledgeError::Away,
            })
        })
    }
}

impl Knowledge for KnowledgeHandle {
    fn cut(&self, job_id: JobId) -> BoxFuture<'_, Result<Cut, KnowledgeError>> {
        Box::pin(self.call(move |reply| KnowledgeMessage::Cut { job_id, reply }))
    }

    fn release(&self, job_id: JobId) {
        // What is not let go of now goes with its age.
        if let Ok(mailbox) = self.mailbox() {
            let _ = mailbox.try_send(KnowledgeMessage::Release { job_id });
        }
    }

    fn recall(&self, ask: Ask) -> BoxFuture<'_, Result<Receipt, KnowledgeError>> {
        Box::pin(async move {
            let vector = match &self.embedder {
                Some(embedder) => meaning::of_task(&**embedder, &ask).await,
                None => None,
            };
            let ask = Box::new(ask);
            self.call(|reply| KnowledgeMessage::Decide {
                question: Question::Recall { ask, vector, reply },
            })
            .await
        })
    }

    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), KnowledgeError>> {
        Box::pin(self.call(|reply| KnowledgeMessage::Decide {
            question: Question::Conclude {
                conclusion: Box::new(conclusion),
                reply,
            },
        }))
    }
}
