//! The blackboard's state, as a pure machine: artifacts are chains, and each has one writer.
//!
//! Posting names the version that the writer built on. If another version came in between, the answer is a conflict
//! and nothing changes. Posting twice under one key answers the first posting's version again, so that a repeated
//! call after a crash has no second effect.

use std::collections::BTreeMap;

use anthill_contracts::artifact::ArtifactVersion;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{ArtifactId, TaskId, ToolCallId};

/// A version that a task wants to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The version; its number and parent are the writer's claim of what it built on.
    pub version: ArtifactVersion,
}

/// Failed to post.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Another version came in between.
    #[error("version {claimed} does not follow version {current}, which is the newest")]
    Conflict {
        /// What the writer wanted to post.
        claimed: u32,
        /// What there is.
        current: u32,
    },
    /// The artifact has another owner.
    #[error("the artifact belongs to {owner}")]
    NotOwner {
        /// The owner.
        owner: TaskId,
    },
    /// Too many artifacts or versions.
    #[error("the blackboard holds {versions_max} versions and takes no more")]
    Full {
        /// The bound.
        versions_max: usize,
    },
}

/// All artifacts of one job.
#[derive(Debug, Clone, Default)]
pub struct Board {
    chains: BTreeMap<ArtifactId, Vec<ArtifactVersion>>,
    keys: BTreeMap<ToolCallId, (ArtifactId, u32)>,
}

impl Board {
    /// Most versions over all artifacts of a job.
    pub const VERSIONS_MAX: usize = 1_000_000;

    /// A board with the versions that the journal holds, in their order.
    pub fn restore(versions: impl IntoIterator<Item = ArtifactVersion>) -> Result<Self, PostError> {
        let mut board = Self::default();
        for version in versions {
            board.post(&Posting { version })?;
        }
        Ok(board)
    }

    /// Posts a version, or answers what the same key has posted before.
    pub fn post(&mut self, posting: &Posting) -> Result<ArtifactVersion, PostError> {
        let wanted = &posting.version;
        if let Some(first) = self.posted_under(wanted.key) {
            return Ok(first.clone());
        }
        if self.keys.len() >= Self::VERSIONS_MAX {
            return Err(PostError::Full {
                versions_max: Self::VERSIONS_MAX,
            });
        }
        let chain = self.chains.entry(wanted.artifact_id).or_default();
        if let Some(owner) = chain
            .first()
            .map(|first| first.owner)
            .filter(|owner| *owner != wanted.owner)
        {
            return Err(PostError::NotOwner { owner });
        }
        let (current, parent) = chain
            .last()
            .map_or((0, None), |last| (last.version, Some(last.body)));
        if wanted.version != current + 1 || wanted.parent != parent {
            return Err(PostError::Conflict {
                claimed: wanted.version,
                current,
            });
        }
        chain.push(wanted.clone());
        self.keys.insert(wanted.key, (wanted.artifact_id, wanted.version));
        Ok(wanted.clone())
    }

    /// The newest version of an artifact.
    pub fn newest(&self, artifact_id: ArtifactId) -> Option<&ArtifactVersion> {
        self.chains.get(&artifact_id).and_then(|chain| chain.last())
    }

    /// How many versions there are.
    pub fn versions(&self) -> usize {
        self.keys.len()
    }

    /// Whether every artifact is one chain: numbers without gaps, each naming the body before it.
    pub fn check(&self) -> Result<(), String> {
        for (artifact_id, chain) in &self.chains {
            let mut parent: Option<Digest> = None;
            for (position, version) in chain.iter().enumerate() {
                if version.version as usize != position + 1 || version.parent != parent {
                    return Err(format!("{artifact_id} breaks at version {}", version.version));
                }
                parent = Some(version.body);
            }
        }
        Ok(())
    }

    fn posted_under(&self, key: ToolCallId) -> Option<&ArtifactVersion> {
        let (artifact_id, number) = self.keys.get(&key)?;
        self.chains.get(artifact_id)?.get(*number as usize - 1)
    }
}

#[cfg(test)]
mod tests;
