//! The configuration of models reads as people write it, and refuses what it does not know.

use anthill_contracts::budget::{Span, Usd};

use super::{ConfigError, ModelsConfig, ProviderConfig, ProviderKind};

fn parse(text: &str) -> Result<ModelsConfig, toml::de::Error> {
    toml::from_str(text)
}

fn at(kind: ProviderKind, url: &str) -> ProviderConfig {
    ProviderConfig {
        base_url: Some(url.to_owned()),
        ..ProviderConfig::new(kind)
    }
}

#[test]
fn a_table_says_only_what_differs() {
    let config = parse(
        r#"
        [providers.local]
        kind = "openai"
        base_url = "http://127.0.0.1:8080/v1"
        timeout = "90s"
        [prices."local/*"]
        usd_per_million_in = 0.25
        usd_per_million_out = 1
        [scripts]
        demo = "demo.toml"
        "#,
    )
    .expect("valid");
    config.check().expect("good");
    let local = &config.providers["local"];
    assert_eq!(local.timeout, Span(90_000));
    assert_eq!(local.retries_max, 4);
    assert_eq!(config.prices["local/*"].usd_per_million_in, Usd(250_000));
    assert_eq!(
        local.key_variable("local"),
        None,
        "a key never goes to a host that did not ask for it"
    );
    let names: Vec<String> = config.all_providers().into_keys().collect();
    assert_eq!(names, ["anthropic", "local", "openai"]);
}

#[test]
fn unknown_keys_are_errors() {
    for text in [
        "provider = 1",
        "[providers.x]\nkind = \"openai\"\nurl = \"\"",
        "[prices.\"a/b\"]\nin = 1",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn keys_have_the_usual_variables() {
    let anthropic = ProviderConfig::new(ProviderKind::Anthropic);
    assert_eq!(
        anthropic.key_variable("anthropic").as_deref(),
        Some("ANTHROPIC_API_KEY")
    );
    assert_eq!(anthropic.key_variable("mine"), None);
    let mut openai = ProviderConfig::new(ProviderKind::Openai);
    assert_eq!(openai.key_variable("openai").as_deref(), Some("OPENAI_API_KEY"));
    openai.key_env = Some("MINE".to_owned());
    assert_eq!(openai.key_variable("x").as_deref(), Some("MINE"));
    openai.key_env = Some(String::new());
    assert_eq!(openai.key_variable("openai"), None);
}

#[test]
fn base_urls_work_as_people_write_them() {
    let check = |kind, url: &str, expected: &str| {
        let endpoint = at(kind, url).endpoint("p").expect(url);
        assert_eq!(endpoint.as_str(), expected);
    };
    check(
        ProviderKind::Openai,
        "http://h:1",
        "http://h:1/v1/chat/completions",
    );
    check(
        ProviderKind::Openai,
        "http://h/v1/",
        "http://h/v1/chat/completions",
    );
    check(
        ProviderKind::Openai,
        "https://h/openai/v2",
        "https://h/openai/v2/chat/completions",
    );
    check(ProviderKind::Anthropic, "https://h", "https://h/v1/messages");
    check(
        ProviderKind::Anthropic,
        "https://h/a/v1",
        "https://h/a/v1/messages",
    );
    for bad in [
        "",
        "h:1",
        "ftp://h",
        "http://user:pw@h",
        "http://h/?key=1",
        "http://h/#x",
    ] {
        let error = at(ProviderKind::Openai, bad).endpoint("p").expect_err(bad);
        assert!(matches!(error, ConfigError::BaseUrl { .. }), "{bad}: {error}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let with = |name: &str, provider: ProviderConfig| ModelsConfig {
        providers: [(name.to_owned(), provider)].into(),
        ..ModelsConfig::default()
    };
    let plain = || ProviderConfig::new(ProviderKind::Openai);
    assert!(matches!(
        with("builtin", plain()).check(),
        Err(ConfigError::Reserved { .. })
    ));
    assert!(matches!(
        with("a/b", plain()).check(),
        Err(ConfigError::ProviderName { .. })
    ));
    let none = ProviderConfig {
        concurrency_max: 0,
        ..plain()
    };
    assert!(matches!(
        with("x", none).check(),
        Err(ConfigError::Range {
            key: "concurrency_max",
            ..
        })
    ));
    let never = ProviderConfig {
        idle_timeout: Span(0),
        ..plain()
    };
    assert!(matches!(
        with("x", never).check(),
        Err(ConfigError::Range {
            key: "idle_timeout",
            ..
        })
    ));
    let endless = ProviderConfig {
        retries_max: 1_000,
        ..plain()
    };
    assert!(matches!(
        with("x", endless).check(),
        Err(ConfigError::Range {
            key: "retries_max",
            ..
        })
    ));
    let price = |model: &str| {
        parse(&format!(
            "[prices.\"{model}\"]\nusd_per_million_in = 1\nusd_per_million_out = 1"
        ))
        .expect("valid")
        .check()
    };
    assert!(matches!(
        price("nowhere/m"),
        Err(ConfigError::PriceProvider { .. })
    ));
    assert!(matches!(price("nameless"), Err(ConfigError::PriceName { .. })));
    assert_eq!(price("openai/m"), Ok(()));
}
