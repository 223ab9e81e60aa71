//! Memo keys: under which name a finished task's work is found again.
//!
//! A key covers everything that the work depends on, and nothing else: two tasks of one key would ask the same of the
//! same model about the same content. Prompts are covered by their templates' hash, so a changed prompt is new work.

use anthill_contracts::digest::Digest;
use anthill_contracts::plan::{DocumentSlice, PlanNode};
use anthill_contracts::sources::Listing;
use anthill_contracts::spec::JobSpec;
use serde_json::{Value, json};

use super::Coverage;
use crate::prompts::{Face, template_digest};

/// Changes when the same inputs give other work for a reason that is not in the key.
const MEMO_VERSION: u32 = 1;

/// What a task works on.
#[derive(Debug, Clone, Copy)]
pub enum MemoInput<'a> {
    /// One document or a slice of it.
    Document(&'a DocumentSlice),
    /// The outputs of the readers, and what they covered.
    Findings {
        /// Bodies of the outputs, in the order of their tasks.
        bodies: &'a [Digest],
        /// What was covered.
        coverage: &'a Coverage,
    },
    /// Every document, through tools.
    Documents(&'a Listing),
}

/// The key of a node's task; nothing where no model works, because then there is nothing worth remembering.
///
/// The tenant is no part of it: whoever looks a key up looks only among the tenant's own jobs.
pub fn memo_key(spec: &JobSpec, node: &PlanNode, input: MemoInput<'_>) -> Option<Digest> {
    let face = node.role.and_then(Face::of)?;
    let opinion_model = spec.review.model.as_ref().unwrap_or(&spec.model).to_string();
    let opinion = (node.review && spec.review.opinion).then_some(opinion_model);
    let prompts = [face, Face::Critic].map(|face| template_digest(face).to_string());
    let parts = json!({
        "version": MEMO_VERSION,
        "kind": node.kind,
        "role": node.role,
        "instructions": node.instructions,
        "question": spec.goal,
        "model": models(spec),
        "review": node.review,
        "opinion": opinion,
        "prompts": prompts,
        "output": output(face, spec),
        "context_tokens_max": spec.work.context_tokens_max,
        "answer_tokens_max": spec.work.answer_tokens_max,
        "input": input_parts(input),
    });
    Some(Digest::of(parts.to_string().as_bytes()))
}

/// Whose work it may be. Work of any model of a routed job is as good as what the next run would be given.
fn models(spec: &JobSpec) -> Value {
    if spec.routing.is_on() {
        json!(spec.routing.models)
    } else {
        json!(spec.model)
    }
}

fn output(face: Face, spec: &JobSpec) -> Value {
    match face {
        Face::Reader => json!(spec.output.claims_per_document_max),
        Face::Writer | Face::Generalist | Face::Critic | Face::Planner => json!(spec.output),
    }
}

fn input_parts(input: MemoInput<'_>) -> Value {
    match input {
        MemoInput::Document(slice) => json!({ "document": slice }),
        MemoInput::Findings { bodies, coverage } => {
            // A document's content counts through what was found in it; its name counts because briefs list it.
            let documents = coverage.listing.documents.iter();
            let documents: Vec<Value> = documents
                .map(|document| json!([document.path, document.encoding]))
                .collect();
            json!({ "bodies": bodies, "documents": documents, "skipped": coverage.skipped() })
        }
        MemoInput::Documents(listing) => json!({ "listing": listing }),
    }
}

#[cfg(test)]
mod tests;
