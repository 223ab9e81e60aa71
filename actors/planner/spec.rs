//! Whether a job spec says something that can be done, before it is submitted.

use std::fmt::Display;
use std::ops::RangeInclusive;

use anthill_contracts::budget::Dimension;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::is_name;
use anthill_contracts::plan::{NodeKind, Plan, Role};
use anthill_contracts::spec::{InputSpec, JobSpec, OutputSpec, ReviewSpec, RoutingSpec, Shape, WorkSpec};

/// Most bytes of a goal.
const GOAL_BYTES_MAX: usize = 8 * 1024;

/// Most inputs of a job.
const INPUTS_MAX: usize = 64;

/// Most patterns of one input, and most bytes of one.
const PATTERNS_MAX: usize = 64;
const PATTERN_BYTES_MAX: usize = 512;

/// The first thing that is wrong with a spec, with its code and what is allowed.
pub fn validate_spec(spec: &JobSpec) -> Result<(), Problem> {
    texts(spec)?;
    budget(spec)?;
    inputs(spec)?;
    review(&spec.review)?;
    output(&spec.output)?;
    work(&spec.work)?;
    routing(spec)?;
    match (spec.shape, &spec.plan) {
        (Shape::Plan, None) => Err(refused("shape is `plan`, but there is no `plan`")),
        (Shape::Plan, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err(refused("there is a `plan`, but shape is not `plan`")),
    }
}

fn refused(message: impl Display) -> Problem {
    Problem::new(&codes::SPEC_VALUE, message)
}

fn texts(spec: &JobSpec) -> Result<(), Problem> {
    if !is_name(&spec.name) {
        let name: String = spec.name.chars().take(64).collect();
        return Err(refused(format!(
            "name `{name}`: use 1 to 63 characters of a-z, 0-9, - and _"
        )));
    }
    if spec.goal.trim().is_empty() {
        return Err(refused("goal is empty: write what is wanted, usually a question"));
    }
    if spec.goal.len() > GOAL_BYTES_MAX {
        let length = spec.goal.len();
        return Err(refused(format!(
            "goal has {length} bytes; at most {GOAL_BYTES_MAX} are allowed"
        )));
    }
    let is_strange = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    if spec.goal.contains(is_strange) {
        return Err(refused("goal holds control characters"));
    }
    Ok(())
}

fn budget(spec: &JobSpec) -> Result<(), Problem> {
    match Dimension::ALL
        .into_iter()
        .find(|dimension| spec.budget.get(*dimension) == Some(0))
    {
        Some(dimension) => Err(Problem::new(
            &codes::BUDGET_ZERO,
            format!("budget.{dimension} is zero"),
        )),
        None => Ok(()),
    }
}

fn inputs(spec: &JobSpec) -> Result<(), Problem> {
    let reads = spec.shape != Shape::Plan || spec.plan.as_ref().is_some_and(reads_documents);
    if spec.inputs.is_empty() && reads {
        return Err(refused("inputs is empty: name a folder or file to read"));
    }
    if spec.inputs.len() > INPUTS_MAX {
        let count = spec.inputs.len();
        return Err(refused(format!(
            "inputs has {count} entries; at most {INPUTS_MAX} are allowed"
        )));
    }
    spec.inputs
        .iter()
        .enumerate()
        .try_for_each(|(index, input)| one_input(index, input))
}

fn one_input(index: usize, input: &InputSpec) -> Result<(), Problem> {
    if input.path.as_os_str().is_empty() {
        return Err(refused(format!("inputs[{index}].path is empty")));
    }
    for (key, patterns) in [("include", &input.include), ("exclude", &input.exclude)] {
        let is_odd = |pattern: &String| pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX;
        if patterns.len() > PATTERNS_MAX || patterns.iter().any(is_odd) {
            let bounds =
                format!("at most {PATTERNS_MAX} patterns of 1 to {PATTERN_BYTES_MAX} bytes are allowed");
            return Err(refused(format!("inputs[{index}].{key}: {bounds}")));
        }
    }
    Ok(())
}

/// Whether some node of the plan has something to read.
fn reads_documents(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| match node.kind {
        NodeKind::Documents | NodeKind::Reduce | NodeKind::Agent | NodeKind::Verify => true,
        NodeKind::Map => node.role != Some(Role::Nobody),
        NodeKind::Pass => false,
    })
}

fn review(review: &ReviewSpec) -> Result<(), Problem> {
    within("review.rounds", review.rounds, &(0..=ReviewSpec::ROUNDS_MAX))
}

fn output(output: &OutputSpec) -> Result<(), Problem> {
    within("output.sections_max", output.sections_max, &(1..=64))?;
    within("output.claims_max", output.claims_max, &(1..=1_000))?;
    within(
        "output.claims_per_document_max",
        output.claims_per_document_max,
        &(1..=1_000),
    )?;
    within("output.words_max", output.words_max, &(10..=100_000))
}

fn work(work: &WorkSpec) -> Result<(), Problem> {
    within("work.workers_max", work.workers_max, &(1..=1_024))?;
    within("work.attempts_max", work.attempts_max, &(1..=16))?;
    within("work.steps_per_task_max", work.steps_per_task_max, &(1..=1_000))?;
    within(
        "work.context_tokens_max",
        work.context_tokens_max,
        &(1_000..=2_000_000),
    )?;
    within("work.answer_tokens_max", work.answer_tokens_max, &(16..=200_000))?;
    within(
        "work.file_bytes_max",
        work.file_bytes_max,
        &(1..=4 * 1024 * 1024 * 1024),
    )?;
    // Readers hold one chunk each, and take no longer ones.
    within("work.chunk_bytes", work.chunk_bytes, &(1_024..=256 * 1024))
}

fn routing(spec: &JobSpec) -> Result<(), Problem> {
    let models = &spec.routing.models;
    if models.len() > RoutingSpec::MODELS_MAX {
        let (count, most) = (models.len(), RoutingSpec::MODELS_MAX);
        return Err(refused(format!(
            "routing.models has {count} entries; at most {most} are allowed"
        )));
    }
    let twice = models
        .iter()
        .enumerate()
        .find(|(place, model)| models[..*place].contains(model));
    if let Some((_, model)) = twice {
        return Err(refused(format!("routing.models names `{model}` twice")));
    }
    if spec.routing.is_on() && !spec.knowledge.used {
        return Err(refused(
            "routing.models needs `knowledge.use = true`: models are chosen by what was learned of them",
        ));
    }
    Ok(())
}

fn within<T: PartialOrd + Display + Copy>(
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), Problem> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(refused(format!(
        "{key} is {value}; from {} to {} is allowed",
        range.start(),
        range.end()
    )))
}

#[cfg(test)]
mod tests;
