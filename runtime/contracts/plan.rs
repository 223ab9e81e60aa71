//! A plan is data: nodes, their dependencies, and how lists fan out and come together.
//!
//! The planner proposes it, validation accepts or refuses it with reasons, the lead carries it out. Nothing is spent
//! on a plan that has not passed validation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::Limits;
use crate::digest::Digest;
use crate::sources::DocumentKind;

/// Nodes in the order in which they are shown; the order of work follows `deps` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The nodes; 1 to 256 of them.
    pub nodes: Vec<PlanNode>,
}

/// Most nodes of one plan.
pub const NODES_MAX: usize = 256;

/// Most items that one map may fan out to.
pub const ITEMS_MAX: usize = 100_000;

/// One node of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanNode {
    /// Its name, unique within the plan: `a-z`, `0-9`, `-`, `_`.
    pub id: String,
    /// What it does.
    pub kind: NodeKind,
    /// Who does it; only for nodes that ask a model.
    #[serde(default)]
    pub role: Option<Role>,
    /// Nodes that must have ended before; their outputs are this node's inputs.
    #[serde(default)]
    pub deps: Vec<String>,
    /// For `map`: the node whose list it maps over (it must be among `deps`), unless `items` is given.
    #[serde(default)]
    pub over: Option<String>,
    /// For `map`: the list itself, written out.
    #[serde(default)]
    pub items: Vec<String>,
    /// What is asked of this node beyond the job's goal.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Whether a critic reviews the output.
    #[serde(default)]
    pub review: bool,
    /// What each task of this node may spend at most.
    #[serde(default)]
    pub budget: Limits,
    /// Whether the job can go on when a task of this node fails.
    #[serde(default)]
    pub optional: bool,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Lists the job's documents, without a model. Its list can be mapped over.
    Documents,
    /// One task for each item of a list.
    Map,
    /// One task over the outputs of all its dependencies.
    Reduce,
    /// One task of one agent with tools.
    Agent,
    /// Checks the brief it depends on against the source files, without a model. Its result is the job's.
    Verify,
    /// Joins its dependencies and does nothing; a map of these is the runtime's own cost and nothing else.
    Pass,
}

impl NodeKind {
    /// Whether a task of this kind asks a model.
    pub const fn asks_model(self) -> bool {
        matches!(self, Self::Map | Self::Reduce | Self::Agent)
    }

    /// The word used in plans and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Map => "map",
            Self::Reduce => "reduce",
            Self::Agent => "agent",
            Self::Verify => "verify",
            Self::Pass => "pass",
        }
    }
}

/// Who works on a node: it fixes the instructions, the tools and the output contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads one document and reports claims with quotations (contract `findings`).
    Reader,
    /// Writes a brief from the readers' findings (contract `brief`).
    Writer,
    /// Finds its own way with tools and writes a brief (contract `brief`).
    Generalist,
    /// Does nothing with an item and succeeds; only for `map` over written-out `items`.
    Nobody,
}

impl Role {
    /// The name of the output contract.
    pub const fn contract(self) -> &'static str {
        match self {
            Self::Reader => "findings",
            Self::Writer | Self::Generalist => "brief",
            Self::Nobody => "none",
        }
    }

    /// The word used in plans and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Generalist => "generalist",
            Self::Nobody => "nobody",
        }
    }
}

/// One item of a list that a map fans out over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// What people see: a path, or the written-out text.
    pub label: String,
    /// For a document: which bytes of which content.
    pub document: Option<DocumentSlice>,
    /// For a document: what kind of text it is.
    #[serde(default)]
    pub kind: Option<DocumentKind>,
}

/// A range of bytes of one source file with known content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentSlice {
    /// Path below its input, with `/`; the first part names the input where the job has several.
    pub path: String,
    /// Hash of the whole file when it was listed.
    pub digest: Digest,
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
}
