//! What agents ask for, by role and model.

use super::*;

fn spec(model: &str) -> JobSpec {
    serde_json::from_value(serde_json::json!({"name": "t", "goal": "why?", "model": model})).expect("a spec")
}

fn node(role: Role) -> PlanNode {
    let node = serde_json::json!({"id": "n", "kind": "map", "role": role});
    serde_json::from_value(node).expect("a node")
}

fn agent<'a>(kind: AgentKind, spec: &'a JobSpec, node: Option<&'a PlanNode>) -> Agent<'a> {
    Agent {
        kind,
        spec,
        node,
        document_kind: Some("html"),
        documents: 5,
        tools: &[],
        routed: None,
    }
}

#[test]
fn the_kind_of_task_says_what_is_done_and_to_what() {
    let spec = spec("builtin/extract");
    let scope = |kind, role: Option<Role>| {
        let node = role.map(node);
        let agent = agent(kind, &spec, node.as_ref());
        let face = agent.face().expect("somebody who asks a model");
        agent.scope(face).expect("a scope").to_string()
    };
    assert_eq!(scope(AgentKind::Worker, Some(Role::Reader)), "read/html");
    assert_eq!(scope(AgentKind::Worker, Some(Role::Writer)), "write/brief");
    assert_eq!(scope(AgentKind::Worker, Some(Role::Generalist)), "answer/brief");
    assert_eq!(scope(AgentKind::Critic, Some(Role::Reader)), "review/findings");
    assert_eq!(scope(AgentKind::Planner, None), "plan/auto");
}

#[test]
fn who_cannot_read_words_is_shown_none_and_follows_strategies_instead() {
    let reader = node(Role::Reader);
    let (program, model) = (spec("builtin/extract"), spec("anthropic/claude-sonnet-4-5"));
    let program = agent(AgentKind::Worker, &program, Some(&reader));
    assert!(!program.reads_text());
    assert_eq!(program.schemas(Face::Reader), [EXTRACT_STRATEGY_SCHEMA]);
    let model = agent(AgentKind::Worker, &model, Some(&reader));
    assert!(model.reads_text());
    assert_eq!(model.schemas(Face::Reader), Vec::<String>::new());
    assert_eq!(model.schemas(Face::Planner), [PLAN_SHAPE_SCHEMA]);
}

#[test]
fn the_state_of_a_task_names_what_triggers_may_require() {
    let spec = spec("ollama/llama3");
    let reader = node(Role::Reader);
    let state = agent(AgentKind::Worker, &spec, Some(&reader)).state(Face::Reader);
    let expected = [
        ("document_kind", "html"),
        ("model_family", "ollama/llama"),
        ("role", "reader"),
        ("documents", "few"),
    ];
    assert_eq!(
        state,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

fn routed_spec() -> JobSpec {
    let mut spec = spec("builtin/extract");
    spec.routing.models = ["ollama/llama3", "builtin/extract"]
        .map(|name| name.parse().expect("a model's name"))
        .into();
    spec
}

/// Two models of which one has a price, and one is not there.
struct Shelf;

impl Models for Shelf {
    fn provider(
        &self,
        model: &ModelName,
    ) -> Result<Arc<dyn anthill_contracts::model::Provider>, anthill_contracts::model::ModelError> {
        Err(anthill_contracts::model::ModelError::Unknown {
            model: model.to_string(),
            known: String::new(),
        })
    }
}

#[test]
fn each_model_of_the_list_comes_with_what_it_can_follow() {
    let (spec, reader) = (routed_spec(), node(Role::Reader));
    let worker = agent(AgentKind::Worker, &spec, Some(&reader));
    let options = worker.options(Face::Reader, &Shelf);
    let [llama, program] = options.as_slice() else {
        panic!("an option for each model: {options:?}");
    };
    assert_eq!(llama.model.to_string(), "ollama/llama3");
    assert!(llama.reads_text && !program.reads_text);
    assert_eq!(llama.state["model_family"], "ollama/llama");
    assert_eq!(program.schemas, [EXTRACT_STRATEGY_SCHEMA]);
    assert_ne!(llama.bundle, program.bundle);
    assert_eq!(
        llama.price, None,
        "a model that is not there is no reason not to ask"
    );
}

#[test]
fn critics_and_planners_keep_their_model() {
    let (spec, reader) = (routed_spec(), node(Role::Reader));
    for kind in [AgentKind::Critic, AgentKind::Planner] {
        let one = agent(kind, &spec, Some(&reader));
        assert!(one.options(Face::Reader, &Shelf).is_empty());
        assert_eq!(one.model(), &spec.model);
    }
}

#[test]
fn a_worker_that_was_routed_is_what_its_model_makes_it() {
    let (spec, reader) = (routed_spec(), node(Role::Reader));
    let usual = agent(AgentKind::Worker, &spec, Some(&reader));
    assert_eq!(usual.model(), &spec.model, "it is one of the list");
    let routed = Agent {
        routed: spec.routing.models.first(),
        ..usual
    };
    assert!(routed.reads_text());
    assert_eq!(routed.schemas(Face::Reader), Vec::<String>::new());
}
