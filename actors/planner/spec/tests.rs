//! What a spec may say of routing.

use anthill_contracts::model::ModelName;

use super::*;
use crate::compose::tests::spec;

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
