//! What agents learn from each other: signals, what a run was shown of them, and how the run came out.
//!
//! A signal never changes; its weight is no field of it but a reading of the evidence that users of it have left. An
//! agent may propose signals and end a run. Receipts and outcomes are the runtime's own: without a receipt there is no
//! evidence, so nobody can claim runs that were not made. The rejected way was a weight inside the signal that agents
//! vote on; then the text that argues best wins.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{JobId, ReceiptId, SignalId, TaskId, TenantId, is_name};
use crate::model::ModelName;

/// Most bytes of a signal's text, about 150 tokens.
pub const SIGNAL_TEXT_BYTES_MAX: usize = 600;

/// Most proposals of one run.
pub const PROPOSALS_PER_RUN_MAX: usize = 3;

/// Most levels of a scope.
pub const SCOPE_LEVELS_MAX: usize = 4;

/// A kind of task, from the general to the special, such as `read/markdown`: at most four names between slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ScopePath(String);

impl ScopePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope that this one refines; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// This scope and every one that it refines, the most special first.
    pub fn lineage(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Number of levels, 1 to [`SCOPE_LEVELS_MAX`].
    pub fn level(&self) -> usize {
        self.0.split('/').count()
    }

    /// A scope below this one; `None` where the name is none or the path gets too deep.
    pub fn child(&self, name: &str) -> Option<Self> {
        format!("{}/{name}", self.0).parse().ok()
    }
}

impl fmt::Display for ScopePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ScopePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let levels = text.split('/').count();
        if levels <= SCOPE_LEVELS_MAX && text.split('/').all(is_name) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(format!(
            "`{shown}` is no scope: write one to {SCOPE_LEVELS_MAX} names of a-z, 0-9, - and _ with / between them"
        ))
    }
}

impl TryFrom<String> for ScopePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ScopePath> for String {
    fn from(scope: ScopePath) -> Self {
        scope.0
    }
}

/// Whether a signal advises or warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Do this.
    Do,
    /// Do not do this.
    Avoid,
}

impl Polarity {
    /// The word used in tables and ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Do => "do",
            Self::Avoid => "avoid",
        }
    }
}

/// What a signal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalBody {
    /// Words for an agent that reads; at most [`SIGNAL_TEXT_BYTES_MAX`] bytes.
    Text {
        /// The words.
        text: String,
    },
    /// Something that a program carries out. Of all actions with one schema a run follows at most one.
    Action {
        /// What kind of action, such as `extract_strategy` or [`GUARD_SCHEMA`].
        schema: String,
        /// Its arguments as canonical JSON: keys sorted, no spaces.
        args: String,
    },
}

/// For which tasks a signal is meant, beyond its scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Values that the task must have, such as `model_family = llama`; at most 8.
    pub require: BTreeMap<String, String>,
    /// Hashes of words that tasks of this kind contain; at most 16. Words themselves never leave their task.
    pub terms: Vec<u32>,
}

/// How far a signal may travel; each reach includes the ones before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// It stays on its node.
    Private,
    /// Every node of its tenant.
    #[default]
    Tenant,
    /// Tenants that have opted in to this group.
    Group(u32),
    /// Everybody.
    Public,
}

/// Who writes facts: a node for one tenant. `tenant` is the hash of the tenant's name; 0 is the runtime itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
pub struct Origin {
    /// The tenant's number.
    pub tenant: u32,
    /// The node's number.
    pub node: u64,
}

impl Origin {
    /// The origin of what every program of this version knows from the start.
    pub const BUILTIN: Self = Self { tenant: 0, node: 0 };

    /// The number of a tenant: a hash of its name, never 0.
    pub fn tenant_number(tenant: &TenantId) -> u32 {
        let hash = blake3::hash(tenant.as_str().as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}

/// With what a run was made: model family, and the exact model, prompts and tools. Evidence of another class counts
/// less, so that an upgrade is no drift.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
pub struct BundleClass {
    /// Hash of the model's family.
    pub family: u16,
    /// Hash of model, prompts and tools.
    pub exact: u16,
}

/// One signal; grow-only and addressed by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Hash of scope, polarity and canonical body.
    pub id: SignalId,
    /// For which kind of task.
    pub scope: ScopePath,
    /// Advice or warning.
    pub polarity: Polarity,
    /// What it says.
    pub body: SignalBody,
    /// Tokens that it takes in a prompt.
    pub tokens: u16,
    /// For which tasks of the scope.
    pub trigger: Trigger,
    /// Signals that it was made of; at most 4.
    pub parents: Vec<SignalId>,
    /// Who proposed it first.
    pub author: Origin,
    /// The run that it was learned in; its outcomes are no evidence for it. `None` for built-in ones and for people's.
    pub born_in: Option<JobId>,
    /// When.
    pub created: Timestamp,
    /// With what it was learned.
    pub bundle: BundleClass,
    /// How far it may travel.
    pub share: Share,
    /// Where it came from, for people and for `knowledge revoke --source`: a document, a tool, a person.
    pub source: String,
}

/// What an agent may hand in: a signal without anything that only the runtime knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Advice or warning.
    pub polarity: Polarity,
    /// What it says.
    pub body: SignalBody,
    /// For which tasks of the scope.
    #[serde(default)]
    pub trigger: Trigger,
    /// Signals that it was made of.
    #[serde(default)]
    pub parents: Vec<SignalId>,
    /// Where it came from; the runtime fills in the task where this is empty.
    #[serde(default)]
    pub source: String,
}

/// Where a signal stands; a reading of its evidence, never stored in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// New: shown to few until its users' outcomes are known.
    Probation,
    /// Its users did better.
    Active,
    /// Its users did worse, or it was revoked: shown to nobody.
    Quarantined,
    /// Its evidence has faded or it was evicted.
    Retired,
}

impl SignalState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Probation, Self::Active, Self::Quarantined, Self::Retired];

    /// The word used in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probation => "probation",
            Self::Active => "active",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
        }
    }
}

/// Why a signal was chosen for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// Its draw from the posterior was among the best.
    Drawn,
    /// The share of slots that is kept for little-shown signals.
    Probation,
}

/// One signal of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// The signal.
    pub signal: SignalId,
    /// Probability, in thousandths, with which a chosen signal is kept; the rest is dropped to measure it.
    pub propensity_milli: u16,
    /// Whether it was shown. A dropped one was chosen and withheld.
    pub kept: bool,
    /// Why it was chosen.
    pub chosen: Chosen,
    /// Tokens that it took.
    pub tokens: u16,
    /// What it said, as it was shown: a resumed run shows the same.
    pub polarity: Polarity,
    /// See [`Exposure::polarity`].
    pub body: SignalBody,
    /// Its expected gain at that time, in millionths of the outcome.
    pub mean_micro: i32,
}

/// The agent of a task that does its work, as receipts name it.
pub const WORKER: &str = "worker";

/// Whether a run was given what the knowledge holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// It was.
    Treated,
    /// Nothing was shown, to know what would have happened without.
    Control,
}

/// What one agent of a task was shown; issued by the runtime before the agent begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Its id, derived from task and agent.
    pub receipt_id: ReceiptId,
    /// The job.
    pub job_id: JobId,
    /// The task.
    pub task_id: TaskId,
    /// The tenant.
    pub tenant: TenantId,
    /// The kind of task.
    pub scope: ScopePath,
    /// With what the run is made.
    pub bundle: BundleClass,
    /// Whether anything was shown.
    pub arm: Arm,
    /// The signals that were chosen, in the order in which they are shown.
    pub exposures: Vec<Exposure>,
    /// When it was issued.
    pub at: Timestamp,
    /// The model that the run is made with, where it was routed.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// The models that were weighed for it, as the job lists them.
    #[serde(default)]
    pub weighed: Vec<Weighed>,
}

/// A model that was weighed for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Weighed {
    /// The model.
    pub model: ModelName,
    /// The success that was drawn for it, in millionths; a draw may lie outside of 0 to 1.
    pub success_micro: i32,
    /// What a run with it is expected to cost, in millionths of a US dollar.
    pub cost_usd_micro: u64,
}

/// Who says how a run came out, from the surest to the least sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceClass {
    /// A test with a known answer.
    Test,
    /// A program that checks the work against its sources.
    Verifier,
    /// A person.
    Human,
    /// A model.
    Judge,
    /// The agent itself; moves no weight alone.
    SelfReport,
}

/// How a run came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The receipt of the run.
    pub receipt_id: ReceiptId,
    /// How good the result was, in thousandths.
    pub score_milli: u16,
    /// Who says so.
    pub class: EvidenceClass,
    /// Whether harm was seen: a policy incident, a blocked effect, a poisoned result.
    pub harm: bool,
    /// When.
    pub at: Timestamp,
}

/// The schema of an avoid signal that a program enforces: its `args` are a [`Guard`].
pub const GUARD_SCHEMA: &str = "guard";

/// A negative constraint on tool calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The tool.
    pub tool: String,
    /// What must hold of the arguments, all of it; at most 8.
    #[serde(default)]
    pub when: Vec<Predicate>,
    /// Values that the task must have, such as `document_kind = html`; at most 8.
    #[serde(default)]
    pub state: BTreeMap<String, String>,
}

/// One condition on a tool call's arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// JSON pointer into the arguments, such as `/path`.
    pub at: String,
    /// What is compared.
    pub is: Test,
}

/// What a predicate asks of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// There is a value.
    Present,
    /// It is exactly this JSON value, in canonical form.
    Equals(String),
    /// It is a text that begins so.
    Prefix(String),
    /// It is a text that contains this.
    Contains(String),
    /// It is a number above this.
    Above(i64),
    /// It is a text or list longer than this.
    LongerThan(u64),
}

/// What happens to a call that a guard matches.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GuardMode {
    /// The agent's prompt says it; the call runs.
    #[default]
    Advise,
    /// The call runs; its output carries the warning.
    Warn,
    /// The call does not run and ends with `known_bad`.
    Block,
}

#[cfg(test)]
mod tests;
