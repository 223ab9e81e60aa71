//! Artifacts: linear chains of versions, each with one writer and a known origin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ArtifactId, TaskId, ToolCallId};
use crate::task::ReasonCode;

/// One version of an artifact. Version 1 has no parent; version n + 1 names the body of version n.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactVersion {
    /// The artifact, derived from its owner and name.
    pub artifact_id: ArtifactId,
    /// Its name within the task, such as `findings` or `brief`.
    pub name: String,
    /// Number of this version, from 1.
    pub version: u32,
    /// Body of the version before.
    pub parent: Option<Digest>,
    /// Body of this version.
    pub body: Digest,
    /// Length of the body in bytes.
    pub bytes: u64,
    /// The task that owns the artifact.
    pub owner: TaskId,
    /// The call that posted this version; posting twice under one key changes nothing.
    pub key: ToolCallId,
    /// The output contract that the body claims to fulfil.
    pub contract: String,
    /// The model that wrote it, or `none`.
    pub model: String,
    /// The trust of what went into it.
    pub trust: Trust,
}

/// How far a value may be believed; a value derived from others has the least of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Held back; nothing may be built on it.
    Quarantined,
    /// Read from outside the organisation's control.
    External,
    /// Made inside, not checked by a program.
    Internal,
    /// Checked by a program against its sources.
    Verified,
}

/// A critic's verdict on one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// The artifact that was reviewed.
    pub artifact_id: ArtifactId,
    /// The version that was reviewed.
    pub version: u32,
    /// The round of work and review, from 0.
    pub round: u32,
    /// What was found wrong; empty means accepted.
    pub findings: Vec<ReviewFinding>,
    /// How good it is, in thousandths: the share of claims that stand verified, times what they hold of what was wanted.
    /// What the critic measured, not what anybody felt.
    pub score_milli: u32,
}

impl Review {
    /// Whether the version passed.
    pub fn accepted(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One thing that a critic found wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewFinding {
    /// The kind of flaw.
    pub reason: ReasonCode,
    /// Where and what, for the worker that must mend it.
    pub detail: String,
}
