//! What the knowledge stands on: its store and clocks, its numbers, who makes embeddings, and who hears of guards.

use std::collections::BTreeSet;
use std::sync::Arc;

use anthill_contracts::clock::Clock;
use anthill_contracts::knowledge::{Embedder, KnowledgeStore};
use anthill_signals::base::Builtin;
use anthill_signals::params::Params;

use crate::guards::GuardDesk;

/// What the knowledge of a node needs.
#[derive(Clone)]
pub struct KnowledgeArguments {
    /// Where facts and receipts are kept.
    pub store: Arc<dyn KnowledgeStore>,
    /// Its clocks.
    pub clock: Arc<dyn Clock>,
    /// The node's number in its facts, where the store does not hold one yet: drawn at random.
    pub node: u64,
    /// What is known from the start.
    pub builtins: Arc<[Builtin]>,
    /// The numbers of the layer.
    pub params: Params,
    /// Groups that this node's tenants have joined.
    pub groups: BTreeSet<u32>,
    /// Who makes embeddings; without it words and runs of characters alone decide what fits a task.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Where the guards that are in force are laid out for the executor; `None` where nobody runs tools.
    pub guards: Option<Arc<GuardDesk>>,
}

impl KnowledgeArguments {
    /// The knowledge of this store, with the usual numbers and nothing known from the start.
    pub fn new(store: Arc<dyn KnowledgeStore>, clock: Arc<dyn Clock>, node: u64) -> Self {
        Self {
            store,
            clock,
            node,
            builtins: Arc::from([]),
            params: Params::default(),
            groups: BTreeSet::new(),
            embedder: None,
            guards: None,
        }
    }
}
