//! Blackboard: owns the artifacts of one job.
//! Parent: `Lead`, which ends with it; the lead's supervisor starts both anew. Talks to: nobody.
//! Survives a restart: everything that the journal holds; the lead hands it in.
//! Invariants: see [`board::Board`]; a version is true once the lead has journaled it, and only then shown to others.

use std::time::Duration;

use anthill_contracts::artifact::ArtifactVersion;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort};

use crate::mailbox::{Mail, MailError, Mailbox, MailboxBounds};
use crate::metrics;
use board::{Board, PostError, Posting};

pub mod board;

/// Longest wait for the blackboard's answer.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// Writes to the blackboard of one job.
#[derive(Clone)]
pub struct BlackboardHandle {
    mailbox: Mailbox<BlackboardMessage>,
}

/// Failed to post, or to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlackboardError {
    /// The board refused.
    #[error(transparent)]
    Refused(#[from] PostError),
    /// The board did not answer.
    #[error("the blackboard does not answer: {0}")]
    Mail(#[from] MailError),
}

impl BlackboardHandle {
    /// Starts the blackboard of a job under its lead, with the versions that the journal holds.
    pub async fn start(versions: Vec<ArtifactVersion>, lead: ActorCell) -> Result<Self, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Blackboard, versions, lead).await?;
        Ok(Self {
            mailbox: Mailbox::new(
                actor,
                MailboxBounds {
                    data: 1024,
                    control: 4,
                },
            ),
        })
    }

    /// Posts a version; answers the version that now stands under its key.
    pub async fn post(&self, posting: Posting) -> Result<ArtifactVersion, BlackboardError> {
        let answer = self
            .mailbox
            .call(|reply| BlackboardMessage::Post { posting, reply }, CALL_TIME_MAX)
            .await?;
        Ok(answer?)
    }
}

/// The protocol.
enum BlackboardMessage {
    /// Posts a version.
    Post {
        posting: Posting,
        reply: RpcReplyPort<Result<ArtifactVersion, PostError>>,
    },
}

struct Blackboard;

impl Actor for Blackboard {
    type Msg = Mail<BlackboardMessage>;
    type State = Board;
    type Arguments = Vec<ArtifactVersion>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        versions: Vec<ArtifactVersion>,
    ) -> Result<Board, ActorProcessingErr> {
        Board::restore(versions).map_err(Into::into)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        board: &mut Board,
    ) -> Result<(), ActorProcessingErr> {
        for (message, _permit) in mail.open() {
            let BlackboardMessage::Post { posting, reply } = message;
            let answer = board.post(&posting);
            if answer.is_ok() {
                metrics::artifact_version();
            }
            // A writer that is gone by now will post again under the same key.
            let _ = reply.send(answer);
        }
        Ok(())
    }
}
