//! The parts of a spec that speak of knowledge and of routing.

use super::*;

fn read(json: &str) -> Result<KnowledgeSpec, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn knowledge_is_used_within_the_tenant_unless_somebody_says_otherwise() {
    let silent = read("{}").expect("nothing is said");
    assert!(silent.used);
    assert_eq!(silent.share, Share::Tenant);
    let private = read(r#"{"use": false, "share": "private"}"#).expect("both are said");
    assert!(!private.used);
    assert_eq!(private.share, Share::Private);
}

#[test]
fn every_reach_is_one_word_there_and_back() {
    for (word, share) in [
        ("private", Share::Private),
        ("tenant", Share::Tenant),
        ("group:12", Share::Group(12)),
        ("public", Share::Public),
    ] {
        let spec = read(&format!(r#"{{"share": "{word}"}}"#)).expect("a known reach");
        assert_eq!(spec.share, share);
        let written = serde_json::to_value(&spec).expect("it is JSON");
        assert_eq!(written["share"], word);
    }
}

#[test]
fn a_reach_that_is_none_and_a_key_that_is_none_are_refused() {
    for json in [
        r#"{"share": "everybody"}"#,
        r#"{"share": "group:"}"#,
        r#"{"share": "group:-1"}"#,
        r#"{"used": true}"#,
        r#"{"share": "tenant", "shares": "public"}"#,
    ] {
        assert!(read(json).is_err(), "{json}");
    }
    let error = read(r#"{"share": "everybody"}"#).expect_err("no reach");
    assert!(error.contains("private, tenant, group:N or public"), "{error}");
}

fn routed(model: &str, models: &[&str]) -> JobSpec {
    let json =
        serde_json::json!({"name": "t", "goal": "why?", "model": model, "routing": {"models": models}});
    serde_json::from_value(json).expect("a spec")
}

#[test]
fn a_job_that_says_nothing_of_routing_is_not_routed() {
    let spec: JobSpec =
        serde_json::from_str(r#"{"name": "t", "goal": "why?", "model": "a/b"}"#).expect("a spec");
    assert!(!spec.routing.is_on());
    assert_eq!(spec.usual_model().to_string(), "a/b");
    assert_eq!(spec.routing.quality_min, Quality(800));
}

#[test]
fn the_usual_model_is_the_jobs_own_where_it_is_listed_and_else_the_first() {
    assert_eq!(
        routed("x/large", &["x/small", "x/large"]).usual_model().name(),
        "large"
    );
    assert_eq!(
        routed("y/other", &["x/small", "x/large"]).usual_model().name(),
        "small"
    );
}

#[test]
fn a_quality_is_a_fraction_for_people_and_thousandths_in_the_journal() {
    let spec: RoutingSpec =
        serde_json::from_str(r#"{"models": ["a/b"], "quality_min": 0.725}"#).expect("routing");
    assert_eq!(spec.quality_min, Quality(725));
    let written = serde_json::to_value(&spec).expect("it is JSON");
    assert_eq!(written["quality_min"], 0.725);
    let packed = rmp_serde::to_vec(&spec).expect("it is packed");
    assert_eq!(
        rmp_serde::from_slice::<RoutingSpec>(&packed).expect("it decodes"),
        spec
    );
    for json in [
        r#"{"quality_min": 1.2}"#,
        r#"{"quality_min": -0.1}"#,
        r#"{"model": ["a/b"]}"#,
    ] {
        assert!(serde_json::from_str::<RoutingSpec>(json).is_err(), "{json}");
    }
}
