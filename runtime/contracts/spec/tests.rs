//! The part of a spec that speaks of knowledge.

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
