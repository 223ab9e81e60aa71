//! A plan as a graph: who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::plan::{Plan, PlanNode};

/// Every node by its name; of two with one name, the first.
pub(super) fn by_name(plan: &Plan) -> BTreeMap<&str, &PlanNode> {
    let mut nodes = BTreeMap::new();
    for node in &plan.nodes {
        nodes.entry(node.id.as_str()).or_insert(node);
    }
    nodes
}

/// Nodes that no node needs, in the order of the plan.
pub(super) fn ends(plan: &Plan) -> Vec<&PlanNode> {
    let needed: BTreeSet<&str> = plan
        .nodes
        .iter()
        .flat_map(|node| &node.deps)
        .map(String::as_str)
        .collect();
    plan.nodes
        .iter()
        .filter(|node| !needed.contains(node.id.as_str()))
        .collect()
}

/// A cycle, as the names along it with the first one again at the end; nothing where there is none.
pub(super) fn cycle(plan: &Plan) -> Option<Vec<&str>> {
    let stuck = stuck(plan);
    let mut path: Vec<&str> = Vec::new();
    let mut at = *stuck.keys().next()?;
    while !path.contains(&at) {
        path.push(at);
        // A stuck node needs at least one other stuck node, or it would have been done.
        at = stuck
            .get(at)?
            .deps
            .iter()
            .map(String::as_str)
            .find(|dep| stuck.contains_key(dep))?;
    }
    let start = path.iter().position(|name| *name == at)?;
    let mut cycle = path.split_off(start);
    cycle.push(at);
    Some(cycle)
}

/// Nodes that can never start, because some node they need needs them. Unknown names hold nobody up here.
fn stuck(plan: &Plan) -> BTreeMap<&str, &PlanNode> {
    let mut waiting = by_name(plan);
    loop {
        let ready: Vec<&str> = waiting
            .values()
            .filter(|node| node.deps.iter().all(|dep| !waiting.contains_key(dep.as_str())))
            .map(|node| node.id.as_str())
            .collect();
        if ready.is_empty() {
            return waiting;
        }
        for name in ready {
            waiting.remove(name);
        }
    }
}
