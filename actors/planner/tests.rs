//! Plans: the templates, every reason of refusal, and that what is accepted can be carried out.

use std::collections::BTreeSet;

use anthill_contracts::model::Matter;
use anthill_contracts::plan::{ITEMS_MAX, NODES_MAX};
use proptest::prelude::*;

use super::*;
use crate::compose::tests::spec;

fn shaped(shape: Shape) -> JobSpec {
    JobSpec { shape, ..spec() }
}

fn reader(id: &str) -> PlanNode {
    PlanNode {
        role: Some(Role::Reader),
        over: Some("documents".to_owned()),
        ..node(id, NodeKind::Map, &["documents"])
    }
}

/// The template's plan with one thing changed.
fn changed(change: impl FnOnce(&mut Vec<PlanNode>)) -> Plan {
    let (mut plan, _) = map_reduce_verify();
    change(&mut plan.nodes);
    plan
}

#[test]
fn shapes_have_their_templates() {
    let table = [
        (Shape::Single, 9, Some("template:single")),
        (Shape::MapReduceVerify, 1, Some("template:map_reduce_verify")),
        (Shape::Auto, 0, Some("template:single")),
        (Shape::Auto, 1, Some("template:single")),
        (Shape::Auto, 2, Some("template:map_reduce_verify")),
        (Shape::Model, 2, None),
        (Shape::Plan, 2, None),
    ];
    for (shape, documents, author) in table {
        let found = template(&shaped(shape), documents);
        assert_eq!(
            found.as_ref().map(|(_, author)| author.as_str()),
            author,
            "{shape:?} {documents}"
        );
        if let Some((plan, _)) = found {
            assert_eq!(
                validate(&plan, &shaped(shape), documents.max(1)),
                Vec::<String>::new()
            );
            assert_eq!(result_node(&plan).map(|node| node.id.as_str()), Some("verify"));
        }
    }
    let (plan, _) = single();
    let own = JobSpec {
        plan: Some(plan.clone()),
        ..shaped(Shape::Plan)
    };
    assert_eq!(template(&own, 3), Some((plan, "spec".to_owned())));
}

#[test]
fn plans_without_models_need_no_documents() {
    let fan = PlanNode {
        role: Some(Role::Nobody),
        items: vec!["a".to_owned(), "b".to_owned()],
        ..node("fan", NodeKind::Map, &[])
    };
    let alone = Plan {
        nodes: vec![fan.clone()],
    };
    let joined = Plan {
        nodes: vec![fan, node("join", NodeKind::Pass, &["fan"])],
    };
    for plan in [alone, joined] {
        assert_eq!(validate(&plan, &shaped(Shape::Plan), 0), Vec::<String>::new());
    }
}

/// Every plan is refused with this reason among others, in a job that may take 100 steps.
fn check_refused(table: Vec<(Plan, &str)>) {
    let mut spec = shaped(Shape::MapReduceVerify);
    spec.budget.steps = Some(100);
    for (plan, expected) in table {
        let reasons = validate(&plan, &spec, 3);
        let is_given = reasons.iter().any(|reason| reason == expected);
        assert!(is_given, "{expected}: {reasons:?}");
    }
}

#[test]
fn names_and_deps_must_make_a_graph() {
    check_refused(vec![
        (Plan::default(), "the plan has no nodes"),
        (
            changed(|n| n.extend((0..NODES_MAX).map(|_| node("x", NodeKind::Pass, &[])))),
            "the plan has 260 nodes; at most 256 are allowed",
        ),
        (
            changed(|n| n[1].id = "Read it".to_owned()),
            "`Read it` is no name: use 1 to 63 characters of a-z, 0-9, - and _",
        ),
        (
            changed(|n| n.push(n[3].clone())),
            "two nodes have the name `verify`",
        ),
        (
            changed(|n| n[1].deps.push("gone".to_owned())),
            "`read` needs `gone`, which is no node of the plan",
        ),
        (
            changed(|n| n[1].deps.push("documents".to_owned())),
            "`read` names `documents` twice among its deps",
        ),
        (
            changed(|n| n[0].deps.push("verify".to_owned())),
            "the deps form a cycle: `brief` needs `read` needs `documents` needs `verify` needs `brief`",
        ),
        (
            changed(|n| n[1].deps.push("read".to_owned())),
            "the deps form a cycle: `read` needs `read`",
        ),
    ]);
}

#[test]
fn nodes_must_fit_their_kind() {
    check_refused(vec![
        (
            changed(|n| n[1].deps.clear()),
            "`read` maps over `documents`, which is not among its deps",
        ),
        (
            changed(|n| n[1].over = Some("brief".to_owned())),
            "`read` maps over `brief`, which is not of kind `documents`",
        ),
        (
            changed(|n| n[1].over = None),
            "`read` is a map without `over` and without `items`",
        ),
        (
            changed(|n| n[1].items.push("x".to_owned())),
            "`read` is a map with both `over` and `items`",
        ),
        (
            changed(|n| n[2].items.push("x".to_owned())),
            "`brief` has `over` or `items`, which only a map can have",
        ),
        (
            changed(|n| (n[1].over, n[1].items) = (None, vec!["x".to_owned()])),
            "`read` gives its readers `items`; readers read documents, so use `over`",
        ),
        (
            changed(|n| n[1].role = Some(Role::Nobody)),
            "`read` maps over documents with role `nobody`, who reads nothing",
        ),
        (
            changed(|n| n[1].role = Some(Role::Writer)),
            "`read` has role `writer`, but a node of kind `map` takes role `reader`, or `nobody` over written-out items",
        ),
        (
            changed(|n| n[2].role = None),
            "`brief` has role `none`, but a node of kind `reduce` takes role `writer`",
        ),
        (
            changed(|n| n[3].role = Some(Role::Reader)),
            "`verify` has role `reader`, but a node of kind `verify` takes no role",
        ),
        (
            changed(|n| n[3].review = true),
            "`verify` asks for a review, but makes nothing that can be reviewed",
        ),
        (
            changed(|n| n[0].instructions = Some("List!".to_owned())),
            "`documents` has instructions, but nobody who reads them",
        ),
        (
            changed(|n| n[1].instructions = Some("x".repeat(5000))),
            "`read` has 5000 bytes of instructions; at most 4096 are allowed",
        ),
        (
            changed(|n| n[1].instructions = Some(" ".to_owned())),
            "`read` has instructions that say nothing",
        ),
    ]);
}

#[test]
fn outputs_must_reach_somebody_who_uses_them() {
    check_refused(vec![
        (
            changed(|n| n[2].deps = vec!["documents".to_owned()]),
            "`brief` needs no map with readers, so it has nothing to write from",
        ),
        (
            changed(|n| n[3].deps = vec!["read".to_owned()]),
            "`verify` must need exactly one node that writes a brief",
        ),
        (
            changed(|n| n[3].deps.push("read".to_owned())),
            "`verify` needs `read`, but a node of kind `verify` has no use for its output",
        ),
        (
            changed(|n| n.truncate(3)),
            "no node of kind `verify` needs `brief`, so its brief is never checked: add a `verify`",
        ),
        (
            changed(|n| n.truncate(2)),
            "no node of kind `reduce` needs `read`, so what its readers find is lost: add a `reduce`",
        ),
        (
            changed(|n| n.truncate(1)),
            "`documents` ends the plan, but only lists documents",
        ),
        (
            changed(|n| n.push(node("again", NodeKind::Verify, &["brief"]))),
            "the plan has 2 nodes of kind `verify`; one is the most",
        ),
        (
            changed(|n| n.push(node("more", NodeKind::Pass, &[]))),
            "the result must come from one node that no other needs, but there are 2: `verify`, `more`",
        ),
        (
            changed(|n| n[2].optional = true),
            "`brief` cannot be optional: the job's result rests on it",
        ),
        (
            changed(|n| n[1].budget.steps = Some(0)),
            "`read` has a budget of zero in steps",
        ),
        (
            changed(|n| n[1].budget.steps = Some(101)),
            "`read` may spend more steps than the whole job",
        ),
    ]);
}

#[test]
fn items_are_bounded() {
    let over_nothing = |items: Vec<String>| PlanNode {
        role: Some(Role::Nobody),
        items,
        ..node("fan", NodeKind::Map, &[])
    };
    let table = [
        (vec!["x".to_owned(); ITEMS_MAX], None),
        (
            vec!["x".to_owned(); ITEMS_MAX + 1],
            Some("`fan` has 100001 items; at most 100000 are allowed"),
        ),
        (
            vec![String::new()],
            Some("`fan` has an item that is empty or longer than 1024 bytes"),
        ),
        (
            vec!["x".repeat(1025)],
            Some("`fan` has an item that is empty or longer than 1024 bytes"),
        ),
    ];
    for (items, expected) in table {
        let plan = Plan {
            nodes: vec![over_nothing(items)],
        };
        let reasons = validate(&plan, &shaped(Shape::Plan), 0);
        assert_eq!(
            reasons.iter().map(String::as_str).collect::<Vec<_>>(),
            expected.into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn reasons_come_all_at_once_and_bounded() {
    let bad = |index: usize| PlanNode {
        review: true,
        ..node(&format!("N{index}"), NodeKind::Pass, &["gone"])
    };
    let reasons = validate(
        &Plan {
            nodes: (0..99).map(bad).collect(),
        },
        &spec(),
        3,
    );
    assert_eq!(reasons.len(), 32);
    let two = validate(&changed(|n| (n[1].role, n[3].review) = (None, true)), &spec(), 3);
    assert_eq!(two.len(), 2, "{two:?}");
}

#[test]
fn only_a_written_plan_is_held_against_the_budget_in_advance() {
    let (plan, _) = map_reduce_verify();
    let mut spec = shaped(Shape::Plan);
    spec.budget.agents = Some(1);
    let expected = "the plan needs at least 2 agents, but the job may spend only 1";
    assert_eq!(validate(&plan, &spec, 3), [expected]);
    assert_eq!(
        validate(
            &plan,
            &JobSpec {
                shape: Shape::Auto,
                ..spec
            },
            3
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        validate(&plan, &shaped(Shape::Plan), 0),
        ["the plan asks models to read, but the job has no documents"]
    );
}

#[test]
fn several_readers_may_feed_one_writer() {
    let plan = changed(|nodes| {
        nodes.push(reader("again"));
        nodes[2].deps.push("again".to_owned());
    });
    assert_eq!(validate(&plan, &spec(), 3), Vec::<String>::new());
}

#[test]
fn a_model_is_asked_with_an_example_that_would_do() {
    for documents in [1, 5] {
        let refused = ["too many nodes".to_owned()];
        let Matter::Plan {
            example,
            refused: told,
            ..
        } = plan_request(&spec(), documents, &refused).matter
        else {
            panic!("a planner plans");
        };
        assert_eq!(
            validate(&example, &shaped(Shape::Model), documents),
            Vec::<String>::new()
        );
        assert_eq!(told, refused);
        let text = serde_json::to_string(&example).expect("a plan is JSON");
        assert_eq!(parse_plan(&format!("```json\n{text}\n```")), Ok(example));
    }
}

#[test]
fn a_models_plan_is_read_with_patience() {
    let text = r#"{"nodes": [
        {"id": "a", "kind": "agent", "role": "generalist", "instructions": " "},
        {"id": "v", "kind": "verify", "deps": ["a"], "review": true, "instructions": "Check well."}
    ]}"#;
    let plan = parse_plan(text).expect("the plan fits its schema");
    assert_eq!(validate(&plan, &shaped(Shape::Model), 1), Vec::<String>::new());
    let table = [
        ("no plan".to_owned(), "the answer holds no JSON object"),
        (
            r#"{"nodes": [{"id": "a", "kind": "magic"}]}"#.to_owned(),
            "/nodes/0/kind:",
        ),
        (
            r#"{"nodes": [], "name": "x"}"#.to_owned(),
            "the answer: Additional properties are not allowed",
        ),
        ("x".repeat(PLAN_BYTES_MAX + 1), "the plan has 262145 bytes"),
    ];
    for (text, expected) in table {
        let reasons = parse_plan(&text).expect_err("this is no plan");
        assert!(reasons[0].starts_with(expected), "{reasons:?}");
    }
}

/// Nodes whose names, deps, kinds and roles are drawn from small sets, so that some plans are nearly right.
fn any_plan() -> impl Strategy<Value = Plan> {
    let name = prop::sample::select(vec!["documents", "read", "brief", "verify", "x", "Y", ""])
        .prop_map(str::to_owned);
    let kind = prop::sample::select(vec![
        NodeKind::Documents,
        NodeKind::Map,
        NodeKind::Reduce,
        NodeKind::Agent,
        NodeKind::Verify,
        NodeKind::Pass,
    ]);
    let role = prop::option::of(prop::sample::select(vec![
        Role::Reader,
        Role::Writer,
        Role::Generalist,
        Role::Nobody,
    ]));
    let deps = prop::collection::vec(name.clone(), 0..3);
    let over = prop::option::of(name.clone());
    let items = prop::collection::vec("[a-z]{0,2}", 0..2);
    let any_node =
        (name, kind, role, deps, over, items).prop_map(|(id, kind, role, deps, over, items)| PlanNode {
            role,
            deps,
            over,
            items,
            ..node(&id, kind, &[])
        });
    prop::collection::vec(any_node, 0..7).prop_map(|nodes| Plan { nodes })
}

/// Deps and roles added to or taken from a plan that is right.
fn nearly_right() -> impl Strategy<Value = Plan> {
    let edit = (0..5_usize, 0..5_usize, 0..4_u8);
    prop::collection::vec(edit, 0..4).prop_map(|edits| {
        let mut plan = changed(|nodes| {
            nodes.push(reader("again"));
            nodes[2].deps.push("again".to_owned());
        });
        for (node, other, what) in edits {
            let other = plan.nodes[other].id.clone();
            let node = &mut plan.nodes[node];
            match what {
                0 => node.deps.push(other),
                1 => node.deps.retain(|dep| *dep != other),
                2 => node.role = None,
                _ => node.optional = true,
            }
        }
        plan
    })
}

/// Whether every node can start in some order and ends in the one result.
fn can_be_carried_out(plan: &Plan) -> bool {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for _ in &plan.nodes {
        let ready = plan
            .nodes
            .iter()
            .filter(|node| node.deps.iter().all(|dep| done.contains(dep.as_str())));
        let ready: Vec<&str> = ready.map(|node| node.id.as_str()).collect();
        done.extend(ready);
    }
    done.len() == plan.nodes.len() && result_node(plan).is_some()
}

proptest! {
    #[test]
    fn accepted_plans_can_be_carried_out(plan in prop_oneof![any_plan(), nearly_right()]) {
        let reasons = validate(&plan, &shaped(Shape::Plan), 3);
        prop_assert!(!reasons.is_empty() || can_be_carried_out(&plan), "{plan:?}");
        let verified = plan.nodes.iter().any(|node| node.kind == NodeKind::Verify);
        let writes = plan.nodes.iter().any(|node| matches!(node.kind, NodeKind::Reduce | NodeKind::Agent));
        prop_assert!(!reasons.is_empty() || !writes || verified, "a brief left the plan unchecked: {plan:?}");
    }

    #[test]
    fn any_answer_is_read_without_a_panic(text in "[{}\\[\\]\":,a-z`\n ]{0,200}") {
        let _ = parse_plan(&text);
    }
}

#[test]
fn a_learned_shape_decides_only_where_the_spec_leaves_it_open() {
    let author = |shape, learned| template_of(&shaped(shape), 5, learned).map(|(_, author)| author);
    assert_eq!(
        author(Shape::Auto, None),
        template(&shaped(Shape::MapReduceVerify), 5).map(|(_, author)| author)
    );
    assert_eq!(
        author(Shape::Auto, Some(Shape::Single)),
        template(&shaped(Shape::Single), 5).map(|(_, author)| author)
    );
    assert_eq!(
        author(Shape::MapReduceVerify, Some(Shape::Single)),
        author(Shape::MapReduceVerify, None)
    );
    assert_ne!(
        author(Shape::Auto, Some(Shape::Single)),
        author(Shape::Auto, None)
    );
}
