//! Plans: from templates, from the spec or from a model, and what makes one acceptable.
//!
//! A plan is validated before anything is spent on it, with every reason at once, in words that its author can mend:
//! a model gets them back in the next request, a person reads them. The choice rejected was to let the lead find out
//! while it carries the plan out; then the first flaw costs the work of every node before it.
//!
//! The result of a job is the output of the one node that no other node needs. A plan that writes a brief ends with
//! `verify`, so that no brief leaves a job unchecked.

use anthill_contracts::budget::{Dimension, Limits, Span, Usd};
use anthill_contracts::model::{ModelRequest, PLAN_SHAPE_SCHEMA};
use anthill_contracts::plan::{NodeKind, Plan, PlanNode, Role};
use anthill_contracts::signal::{Polarity, Receipt, SignalBody};
use anthill_contracts::spec::{JobSpec, Shape};

use crate::compose::parse_answer;
use crate::prompts::{self, Assignment, WorkOrder};

mod graph;
mod spec;
mod validate;

pub use spec::validate_spec;
pub use validate::validate;

/// How often a model may propose a plan, the first time included.
pub const PROPOSALS_MAX: u32 = 3;

/// Most bytes of a proposed plan.
const PLAN_BYTES_MAX: usize = 256 * 1024;

/// The plan that needs no model to be written, and its author; nothing where a model must plan, or where the spec
/// promises a plan and holds none.
pub fn template(spec: &JobSpec, documents: usize) -> Option<(Plan, String)> {
    template_of(spec, documents, None)
}

/// The same, where the spec leaves the shape open and something was learned of jobs like this.
pub fn template_of(spec: &JobSpec, documents: usize, learned: Option<Shape>) -> Option<(Plan, String)> {
    let shape = learned
        .filter(|_| spec.shape == Shape::Auto)
        .unwrap_or(spec.shape);
    match shape {
        Shape::Plan => spec.plan.clone().map(|plan| (plan, "spec".to_owned())),
        Shape::MapReduceVerify => Some(map_reduce_verify()),
        Shape::Auto if documents > 1 => Some(map_reduce_verify()),
        Shape::Single | Shape::Auto => Some(single()),
        Shape::Model => None,
    }
}

/// The shape that a receipt says, among those that a template has; what cannot be understood says none.
pub fn learned_shape(receipt: &Receipt) -> Option<Shape> {
    let shapes = receipt.exposures.iter().filter(|exposure| exposure.kept);
    let said = shapes
        .filter(|exposure| exposure.polarity == Polarity::Do)
        .find_map(|exposure| match &exposure.body {
            SignalBody::Action { schema, args } if schema == PLAN_SHAPE_SCHEMA => {
                let args: serde_json::Value = serde_json::from_str(args).ok()?;
                serde_json::from_value(args["shape"].clone()).ok()
            }
            SignalBody::Action { .. } | SignalBody::Text { .. } => None,
        });
    said.filter(|shape| matches!(shape, Shape::Single | Shape::MapReduceVerify))
}

/// The node whose output is the job's result: the only one that no other node needs.
pub fn result_node(plan: &Plan) -> Option<&PlanNode> {
    let mut ends = graph::ends(plan).into_iter();
    let end = ends.next();
    end.filter(|_| ends.next().is_none())
}

/// Asks a model for a plan, with the reasons why earlier proposals were refused.
pub fn plan_request(spec: &JobSpec, documents: usize, refused: &[String]) -> ModelRequest {
    prompts::request(&plan_order(spec, documents, refused), &[])
}

/// The work of writing a plan.
pub fn plan_order(spec: &JobSpec, documents: usize, refused: &[String]) -> WorkOrder {
    let (example, _) = if documents > 1 {
        map_reduce_verify()
    } else {
        single()
    };
    let limits = limits_in_words(&spec.budget);
    let assignment = Assignment::Plan {
        documents,
        limits,
        refused: refused.to_vec(),
        example,
    };
    WorkOrder::of_job(spec, assignment)
}

/// Reads a model's answer as a plan, or says why it is none. What a node that asks no model cannot use is dropped.
pub fn parse_plan(reply_text: &str) -> Result<Plan, Vec<String>> {
    if reply_text.len() > PLAN_BYTES_MAX {
        let length = reply_text.len();
        return Err(vec![format!(
            "the plan has {length} bytes; at most {PLAN_BYTES_MAX} are allowed"
        )]);
    }
    let mut plan: Plan = parse_answer(reply_text)
        .map_err(|flaws| flaws.into_iter().map(|flaw| flaw.detail).collect::<Vec<String>>())?;
    for node in &mut plan.nodes {
        if !asks_model(node) {
            node.instructions = None;
            node.review = false;
        }
        node.instructions = node.instructions.take().filter(|text| !text.trim().is_empty());
    }
    Ok(plan)
}

/// Whether the tasks of a node ask a model.
fn asks_model(node: &PlanNode) -> bool {
    node.kind.asks_model() && node.role != Some(Role::Nobody)
}

/// One reader per document, one writer, then a check. A reader that fails costs its document, which the brief names,
/// and not the job.
fn map_reduce_verify() -> (Plan, String) {
    let read = PlanNode {
        role: Some(Role::Reader),
        over: Some("documents".to_owned()),
        review: true,
        optional: true,
        ..node("read", NodeKind::Map, &["documents"])
    };
    let brief = PlanNode {
        role: Some(Role::Writer),
        review: true,
        ..node("brief", NodeKind::Reduce, &["read"])
    };
    let nodes = vec![
        node("documents", NodeKind::Documents, &[]),
        read,
        brief,
        node("verify", NodeKind::Verify, &["brief"]),
    ];
    (Plan { nodes }, "template:map_reduce_verify".to_owned())
}

/// One agent with tools, then a check.
fn single() -> (Plan, String) {
    let answer = PlanNode {
        role: Some(Role::Generalist),
        review: true,
        ..node("answer", NodeKind::Agent, &[])
    };
    let nodes = vec![answer, node("verify", NodeKind::Verify, &["answer"])];
    (Plan { nodes }, "template:single".to_owned())
}

fn node(id: &str, kind: NodeKind, deps: &[&str]) -> PlanNode {
    PlanNode {
        id: id.to_owned(),
        kind,
        role: None,
        deps: deps.iter().map(|dep| (*dep).to_owned()).collect(),
        over: None,
        items: Vec::new(),
        instructions: None,
        review: false,
        budget: Limits::default(),
        optional: false,
    }
}

/// `tokens_in 100000, usd $0.50`; empty without limits.
fn limits_in_words(limits: &Limits) -> String {
    let known = Dimension::ALL.into_iter().filter_map(|dimension| {
        let limit = limits.get(dimension)?;
        let amount = match dimension {
            Dimension::Usd => Usd(limit).to_string(),
            Dimension::Wall => Span(limit).to_string(),
            _ => limit.to_string(),
        };
        Some(format!("{dimension} {amount}"))
    });
    known.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
