//! Names lead to providers, and unknown ones to a useful refusal.

use std::sync::Arc;

use anthill_contracts::clock::SystemClock;
use anthill_contracts::model::{Matter, ModelError, ModelName, ModelRequest, Models as _, Provider};

use super::{KeyResolver, Registry};
use crate::config::{ModelsConfig, ProviderConfig, ProviderKind};

fn name(text: &str) -> ModelName {
    text.parse().expect("a model name")
}

fn registry(config: ModelsConfig, keys: KeyResolver) -> Registry {
    Registry::new(config, keys, Arc::new(SystemClock::new())).expect("a good configuration")
}

fn empty() -> Registry {
    registry(ModelsConfig::default(), Arc::new(|_| None))
}

fn error(registry: &Registry, model: &str) -> ModelError {
    match registry.provider(&name(model)) {
        Ok(_) => panic!("{model} was found"),
        Err(error) => error,
    }
}

fn priced(provider: &Arc<dyn Provider>, model: &str) -> bool {
    let request = ModelRequest {
        model: name(model),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 1,
        matter: Matter::Prompt,
    };
    provider.worst_case(&request).priced
}

#[test]
fn the_built_in_model_is_always_there_and_costs_nothing() {
    let provider = empty().provider(&ModelName::default()).expect("built in");
    assert!(priced(&provider, "builtin/extract"));
}

#[test]
fn an_unknown_model_is_told_with_what_there_is() {
    let ModelError::Unknown { model, known } = error(&empty(), "opnai/gpt-5") else {
        panic!("another error");
    };
    assert_eq!(model, "opnai/gpt-5");
    assert!(
        known.starts_with("builtin/extract, anthropic/MODEL, openai/MODEL"),
        "{known}"
    );
    assert!(known.ends_with("did you mean `openai/gpt-5`?"), "{known}");
    let typo = error(&empty(), "builtin/extrct").to_string();
    assert!(typo.contains("did you mean `builtin/extract`?"), "{typo}");
    let far = error(&empty(), "zzz/q").to_string();
    assert!(!far.contains("did you mean"), "{far}");
}

#[test]
fn a_key_is_asked_for_by_name_and_only_when_needed() {
    let missing = error(&empty(), "anthropic/claude");
    assert_eq!(
        missing,
        ModelError::KeyMissing {
            provider: "anthropic".to_owned(),
            variable: "ANTHROPIC_API_KEY".to_owned()
        }
    );
    let blank: KeyResolver = Arc::new(|_| Some("  ".to_owned()));
    let blank = registry(ModelsConfig::default(), blank);
    assert!(matches!(error(&blank, "openai/x"), ModelError::KeyMissing { .. }));
    let broken: KeyResolver = Arc::new(|_| Some("a\nb".to_owned()));
    let broken = registry(ModelsConfig::default(), broken);
    assert!(!error(&broken, "openai/x").to_string().contains("a\nb"));

    let config = ModelsConfig {
        providers: [("local".to_owned(), ProviderConfig::new(ProviderKind::Openai))].into(),
        ..ModelsConfig::default()
    };
    let never: KeyResolver = Arc::new(|variable| {
        let names_proxy = variable.to_ascii_uppercase().ends_with("_PROXY");
        assert!(names_proxy, "nobody needs {variable}");
        None
    });
    let local = registry(config, never);
    let provider = local.provider(&name("local/any/model")).expect("no key needed");
    assert!(!priced(&provider, "local/any/model"), "no price is invented");
}

#[test]
fn a_provider_is_built_once() {
    let registry = registry(ModelsConfig::default(), Arc::new(|_| Some("sk-test".to_owned())));
    let first = registry.provider(&name("openai/a")).expect("found");
    let second = registry.provider(&name("openai/b")).expect("found");
    assert!(
        Arc::ptr_eq(&first, &second),
        "its limit on concurrency holds for all its models"
    );
}

#[test]
fn scripts_are_found_by_path_and_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "[[rules]]\ntext = \"hi\"").expect("written");
    let config = ModelsConfig {
        scripts: [("demo".to_owned(), path.clone())].into(),
        ..ModelsConfig::default()
    };
    let registry = registry(config, Arc::new(|_| None));
    let by_path = format!("scripted/{}", path.display());
    for model in ["scripted/demo", by_path.as_str()] {
        let provider = registry.provider(&name(model)).expect("a script");
        assert!(priced(&provider, model));
    }
    let absent = error(&registry, "scripted/none.toml");
    assert!(matches!(&absent, ModelError::Refused { .. }), "{absent}");
    assert!(absent.to_string().contains("none.toml"), "{absent}");
}
