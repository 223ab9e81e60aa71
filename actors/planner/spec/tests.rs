//! What a spec may say.

use anthill_contracts::budget::{Span, Usd};
use anthill_contracts::model::ModelName;

use super::*;
use crate::compose::tests::spec;
use crate::planner::node;

fn routed(models: &[&str]) -> JobSpec {
    let mut spec = spec();
    let named = models.iter().map(|model| model.parse().expect("a model's name"));
    spec.routing.models = named.collect();
    spec
}

#[test]
fn a_list_of_models_is_bounded_and_names_each_once() {
    let refusal = |spec: &JobSpec| validate_spec(spec).expect_err("it is refused").message;
    assert_eq!(validate_spec(&routed(&[])), Ok(()));
    assert_eq!(validate_spec(&routed(&["a/small", "a/large"])), Ok(()));
    assert_eq!(
        refusal(&routed(&["a/small", "b/large", "a/small"])),
        "routing.models names `a/small` twice"
    );
    let mut many = routed(&[]);
    let names = (0..=RoutingSpec::MODELS_MAX).map(|number| format!("a/{number}").parse::<ModelName>());
    many.routing.models = names.collect::<Result<_, _>>().expect("names of models");
    assert_eq!(
        refusal(&many),
        "routing.models has 9 entries; at most 8 are allowed"
    );
}

#[test]
fn models_cannot_be_chosen_by_what_nobody_asks() {
    let mut spec = routed(&["a/small", "a/large"]);
    spec.knowledge.used = false;
    let refused = validate_spec(&spec).expect_err("it is refused").message;
    assert!(
        refused.starts_with("routing.models needs `knowledge.use = true`"),
        "{refused}"
    );
}

/// A change to a good spec.
type Change = fn(&mut JobSpec);

/// A spec is refused with this code and message, or not at all.
fn check_specs(table: &[(Change, Option<(&codes::Code, &str)>)]) {
    for (change, expected) in table {
        let mut spec = spec();
        change(&mut spec);
        match (validate_spec(&spec), expected) {
            (Ok(()), None) => {}
            (Err(problem), Some((code, message))) => {
                assert_eq!(problem.code, *code);
                assert!(problem.message.starts_with(message), "{}", problem.message);
            }
            (result, expected) => panic!("{result:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn texts_and_budgets_of_specs_are_bounded() {
    check_specs(&[
        (|_| {}, None),
        (
            |s| s.name = "A job".to_owned(),
            Some((&codes::SPEC_VALUE, "name `A job`: use 1 to 63")),
        ),
        (
            |s| s.goal = " \n".to_owned(),
            Some((&codes::SPEC_VALUE, "goal is empty")),
        ),
        (
            |s| s.goal = "x".repeat(8193),
            Some((&codes::SPEC_VALUE, "goal has 8193 bytes; at most 8192")),
        ),
        (
            |s| s.goal = "a\u{7}".to_owned(),
            Some((&codes::SPEC_VALUE, "goal holds control characters")),
        ),
        (
            |s| s.budget.tokens_out = Some(0),
            Some((&codes::BUDGET_ZERO, "budget.tokens_out is zero")),
        ),
        (
            |s| s.budget.usd = Some(Usd(0)),
            Some((&codes::BUDGET_ZERO, "budget.usd is zero")),
        ),
        (
            |s| s.budget.wall = Some(Span(0)),
            Some((&codes::BUDGET_ZERO, "budget.wall is zero")),
        ),
    ]);
}

#[test]
fn inputs_and_numbers_of_specs_are_bounded() {
    check_specs(&[
        (
            |s| s.inputs.clear(),
            Some((&codes::SPEC_VALUE, "inputs is empty")),
        ),
        (
            |s| s.inputs = vec![s.inputs[0].clone(); 65],
            Some((&codes::SPEC_VALUE, "inputs has 65 entries; at most 64")),
        ),
        (
            |s| s.inputs[0].include = vec![String::new()],
            Some((&codes::SPEC_VALUE, "inputs[0].include: at most 64")),
        ),
        (
            |s| s.review.rounds = 9,
            Some((&codes::SPEC_VALUE, "review.rounds is 9; from 0 to 8 is allowed")),
        ),
        (
            |s| s.output.claims_max = 0,
            Some((&codes::SPEC_VALUE, "output.claims_max is 0; from 1 to 1000")),
        ),
        (
            |s| s.work.workers_max = 0,
            Some((&codes::SPEC_VALUE, "work.workers_max is 0; from 1 to 1024")),
        ),
        (
            |s| s.work.chunk_bytes = 1,
            Some((&codes::SPEC_VALUE, "work.chunk_bytes is 1; from 1024 to 262144")),
        ),
        (
            |s| s.shape = Shape::Plan,
            Some((&codes::SPEC_VALUE, "shape is `plan`, but there is no `plan`")),
        ),
        (
            |s| s.plan = Some(Plan::default()),
            Some((&codes::SPEC_VALUE, "there is a `plan`, but shape is not")),
        ),
        (
            |s| {
                s.shape = Shape::Plan;
                s.plan = Some(Plan {
                    nodes: vec![node("p", NodeKind::Pass, &[])],
                });
                s.inputs = Vec::<InputSpec>::new();
            },
            None,
        ),
    ]);
}
