//! Whether a plan can be carried out and its result be trusted.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::budget::Dimension;
use anthill_contracts::id::is_name;
use anthill_contracts::plan::{ITEMS_MAX, NODES_MAX, NodeKind, Plan, PlanNode, Role};
use anthill_contracts::spec::{JobSpec, Shape};

use super::{asks_model, graph};

/// Most reasons that are given at once.
const REASONS_MAX: usize = 32;

/// Most bytes of a node's instructions.
const INSTRUCTIONS_BYTES_MAX: usize = 4 * 1024;

/// Most bytes of one written-out item.
const ITEM_BYTES_MAX: usize = 1024;

/// Most characters of a name that is quoted in a reason.
const QUOTED_CHARS_MAX: usize = 80;

/// What a node hands to the nodes that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contract {
    Nothing,
    Documents,
    Findings,
    Brief,
}

/// Every reason why this plan is refused; none means that it is accepted.
///
/// The budget is held against the least that the plan must cost (a step and an agent for each node that asks a
/// model) only where somebody wrote the plan and can write a smaller one. A template with too small a budget goes as
/// far as it comes and ends in a partial result. `documents` bounds what is known to be there to read.
pub fn validate(plan: &Plan, spec: &JobSpec, documents: usize) -> Vec<String> {
    if plan.nodes.is_empty() {
        return vec!["the plan has no nodes".to_owned()];
    }
    if plan.nodes.len() > NODES_MAX {
        return vec![format!(
            "the plan has {} nodes; at most {NODES_MAX} are allowed",
            plan.nodes.len()
        )];
    }
    let mut check = Check {
        plan,
        nodes: graph::by_name(plan),
        reasons: Vec::new(),
    };
    check.names();
    for node in &plan.nodes {
        check.deps(node);
        check.kind(node);
        check.map(node);
        check.texts(node);
        check.budget(node, spec);
    }
    check.flow();
    check.result();
    check.least_cost(spec);
    check.reading(documents);
    check.reasons.truncate(REASONS_MAX);
    check.reasons
}

struct Check<'a> {
    plan: &'a Plan,
    nodes: BTreeMap<&'a str, &'a PlanNode>,
    reasons: Vec<String>,
}

impl<'a> Check<'a> {
    fn refuse(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    fn names(&mut self) {
        let mut seen = BTreeSet::new();
        for node in &self.plan.nodes {
            if !is_name(&node.id) {
                let id = quoted(&node.id);
                self.refuse(format!(
                    "{id} is no name: use 1 to 63 characters of a-z, 0-9, - and _"
                ));
            }
            if !seen.insert(node.id.as_str()) {
                self.refuse(format!("two nodes have the name {}", quoted(&node.id)));
            }
        }
    }

    fn deps(&mut self, node: &PlanNode) {
        let id = quoted(&node.id);
        let mut seen = BTreeSet::new();
        for dep in &node.deps {
            if !self.nodes.contains_key(dep.as_str()) {
                self.refuse(format!(
                    "{id} needs {}, which is no node of the plan",
                    quoted(dep)
                ));
            }
            if !seen.insert(dep) {
                self.refuse(format!("{id} names {} twice among its deps", quoted(dep)));
            }
        }
    }

    /// Role, and what only some kinds can have.
    fn kind(&mut self, node: &PlanNode) {
        let id = quoted(&node.id);
        let kind = node.kind.as_str();
        let role = node.role.map_or("none", Role::as_str);
        let (fits, wanted) = match node.kind {
            NodeKind::Map => (
                matches!(node.role, Some(Role::Reader | Role::Nobody)),
                "role `reader`, or `nobody` over written-out items",
            ),
            NodeKind::Reduce => (node.role == Some(Role::Writer), "role `writer`"),
            NodeKind::Agent => (node.role == Some(Role::Generalist), "role `generalist`"),
            NodeKind::Documents | NodeKind::Verify | NodeKind::Pass => (node.role.is_none(), "no role"),
        };
        if !fits {
            self.refuse(format!(
                "{id} has role `{role}`, but a node of kind `{kind}` takes {wanted}"
            ));
        }
        if !asks_model(node) && node.review {
            self.refuse(format!(
                "{id} asks for a review, but makes nothing that can be reviewed"
            ));
        }
        if !asks_model(node) && node.instructions.is_some() {
            self.refuse(format!("{id} has instructions, but nobody who reads them"));
        }
    }

    /// The list that a map fans out over.
    fn map(&mut self, node: &PlanNode) {
        let id = quoted(&node.id);
        if node.kind != NodeKind::Map {
            if node.over.is_some() || !node.items.is_empty() {
                self.refuse(format!("{id} has `over` or `items`, which only a map can have"));
            }
            return;
        }
        match (&node.over, node.items.is_empty()) {
            (None, true) => self.refuse(format!("{id} is a map without `over` and without `items`")),
            (Some(_), false) => self.refuse(format!("{id} is a map with both `over` and `items`")),
            (Some(over), true) => self.map_over(node, over),
            (None, false) => self.map_items(node),
        }
    }

    fn map_over(&mut self, node: &PlanNode, over: &str) {
        let (id, list) = (quoted(&node.id), quoted(over));
        if !node.deps.iter().any(|dep| dep == over) {
            self.refuse(format!("{id} maps over {list}, which is not among its deps"));
        }
        let is_list = self
            .nodes
            .get(over)
            .is_none_or(|target| target.kind == NodeKind::Documents);
        if !is_list {
            self.refuse(format!("{id} maps over {list}, which is not of kind `documents`"));
        }
        if node.role == Some(Role::Nobody) {
            self.refuse(format!(
                "{id} maps over documents with role `nobody`, who reads nothing"
            ));
        }
    }

    fn map_items(&mut self, node: &PlanNode) {
        let id = quoted(&node.id);
        if node.role == Some(Role::Reader) {
            self.refuse(format!(
                "{id} gives its readers `items`; readers read documents, so use `over`"
            ));
        }
        if node.items.len() > ITEMS_MAX {
            self.refuse(format!(
                "{id} has {} items; at most {ITEMS_MAX} are allowed",
                node.items.len()
            ));
        }
        if node
            .items
            .iter()
            .any(|item| item.is_empty() || item.len() > ITEM_BYTES_MAX)
        {
            self.refuse(format!(
                "{id} has an item that is empty or longer than {ITEM_BYTES_MAX} bytes"
            ));
        }
    }

    fn texts(&mut self, node: &PlanNode) {
        let length = node.instructions.as_ref().map_or(0, String::len);
        if length > INSTRUCTIONS_BYTES_MAX {
            let id = quoted(&node.id);
            self.refuse(format!(
                "{id} has {length} bytes of instructions; at most {INSTRUCTIONS_BYTES_MAX} are allowed"
            ));
        }
        if node
            .instructions
            .as_ref()
            .is_some_and(|text| text.trim().is_empty())
        {
            self.refuse(format!("{} has instructions that say nothing", quoted(&node.id)));
        }
    }

    fn budget(&mut self, node: &PlanNode, spec: &JobSpec) {
        let id = quoted(&node.id);
        for dimension in Dimension::ALL {
            let Some(limit) = node.budget.get(dimension) else {
                continue;
            };
            if limit == 0 {
                self.refuse(format!("{id} has a budget of zero in {dimension}"));
            }
            if spec.budget.get(dimension).is_some_and(|whole| limit > whole) {
                self.refuse(format!("{id} may spend more {dimension} than the whole job"));
            }
        }
    }

    /// What flows along the edges, and that it reaches somebody who uses it.
    fn flow(&mut self) {
        let plan = self.plan;
        for node in &plan.nodes {
            let id = quoted(&node.id);
            let given: Vec<(&str, Contract)> = self.given(node);
            for (dep, contract) in &given {
                if !takes(node.kind, *contract) {
                    let kind = node.kind.as_str();
                    self.refuse(format!(
                        "{id} needs {}, but a node of kind `{kind}` has no use for its output",
                        quoted(dep)
                    ));
                }
            }
            let count = |wanted: Contract| given.iter().filter(|(_, contract)| *contract == wanted).count();
            let known = given.len() == node.deps.len();
            if node.kind == NodeKind::Reduce && known && count(Contract::Findings) == 0 {
                self.refuse(format!(
                    "{id} needs no map with readers, so it has nothing to write from"
                ));
            }
            if node.kind == NodeKind::Verify && known && count(Contract::Brief) != 1 {
                self.refuse(format!("{id} must need exactly one node that writes a brief"));
            }
        }
        let verifiers = plan
            .nodes
            .iter()
            .filter(|node| node.kind == NodeKind::Verify)
            .count();
        if verifiers > 1 {
            self.refuse(format!(
                "the plan has {verifiers} nodes of kind `verify`; one is the most"
            ));
        }
        for node in &plan.nodes {
            self.consumer(node);
        }
    }

    fn given(&self, node: &PlanNode) -> Vec<(&'a str, Contract)> {
        let known = node
            .deps
            .iter()
            .filter_map(|dep| self.nodes.get_key_value(dep.as_str()));
        known.map(|(name, dep)| (*name, contract(dep))).collect()
    }

    fn consumer(&mut self, node: &PlanNode) {
        let (kind, advice) = match contract(node) {
            Contract::Findings => (
                NodeKind::Reduce,
                "so what its readers find is lost: add a `reduce`",
            ),
            Contract::Brief => (NodeKind::Verify, "so its brief is never checked: add a `verify`"),
            Contract::Documents | Contract::Nothing => return,
        };
        let mut users = self.plan.nodes.iter().filter(|user| user.kind == kind);
        if !users.any(|user| user.deps.contains(&node.id)) {
            self.refuse(format!(
                "no node of kind `{}` needs {}, {advice}",
                kind.as_str(),
                quoted(&node.id)
            ));
        }
    }

    /// No cycle, and one end that gives the job its result.
    fn result(&mut self) {
        let plan = self.plan;
        if let Some(cycle) = graph::cycle(plan) {
            let names: Vec<String> = cycle.into_iter().map(quoted).collect();
            self.refuse(format!("the deps form a cycle: {}", names.join(" needs ")));
            return;
        }
        let ends = graph::ends(plan);
        if ends.len() > 1 {
            let names: Vec<String> = ends.iter().map(|node| quoted(&node.id)).collect();
            let reason = "the result must come from one node that no other needs, but there are";
            self.refuse(format!("{reason} {}: {}", names.len(), names.join(", ")));
        }
        for node in ends.iter().filter(|node| node.kind == NodeKind::Documents) {
            self.refuse(format!(
                "{} ends the plan, but only lists documents",
                quoted(&node.id)
            ));
        }
        let must_succeed =
            |node: &&PlanNode| contract(node) == Contract::Brief || node.kind == NodeKind::Verify;
        for node in plan
            .nodes
            .iter()
            .filter(must_succeed)
            .filter(|node| node.optional)
        {
            self.refuse(format!(
                "{} cannot be optional: the job's result rests on it",
                quoted(&node.id)
            ));
        }
    }

    fn least_cost(&mut self, spec: &JobSpec) {
        if !matches!(spec.shape, Shape::Plan | Shape::Model) {
            return;
        }
        let least = self.plan.nodes.iter().filter(|node| asks_model(node)).count() as u64;
        for dimension in [Dimension::Steps, Dimension::Agents] {
            if let Some(limit) = spec.budget.get(dimension).filter(|limit| *limit < least) {
                self.refuse(format!(
                    "the plan needs at least {least} {dimension}, but the job may spend only {limit}"
                ));
            }
        }
    }

    fn reading(&mut self, documents: usize) {
        let reads = |node: &&PlanNode| asks_model(node);
        if documents == 0 && self.plan.nodes.iter().any(|node| reads(&node)) {
            self.refuse("the plan asks models to read, but the job has no documents");
        }
        if documents > ITEMS_MAX && self.plan.nodes.iter().any(|node| node.over.is_some()) {
            self.refuse(format!(
                "the job has {documents} documents; a map takes at most {ITEMS_MAX}"
            ));
        }
    }
}

fn contract(node: &PlanNode) -> Contract {
    match (node.kind, node.role) {
        (NodeKind::Documents, _) => Contract::Documents,
        (NodeKind::Map, Some(Role::Nobody)) | (NodeKind::Verify | NodeKind::Pass, _) => Contract::Nothing,
        (NodeKind::Map, _) => Contract::Findings,
        (NodeKind::Reduce | NodeKind::Agent, _) => Contract::Brief,
    }
}

/// Whether a node of this kind can do something with such an input. Nothing and lists of documents may stand before
/// anybody, for the order alone.
const fn takes(kind: NodeKind, contract: Contract) -> bool {
    match contract {
        Contract::Nothing | Contract::Documents => true,
        Contract::Findings => matches!(kind, NodeKind::Reduce),
        Contract::Brief => matches!(kind, NodeKind::Verify),
    }
}

/// A name in a reason: bounded and on one line, because a model may have written it.
fn quoted(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTED_CHARS_MAX)
        .collect();
    format!("`{name}`")
}
