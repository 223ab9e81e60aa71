//! Ways to providers from variables and keys.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use super::Way;
use crate::config::{ConfigError, ProviderConfig, ProviderKind};
use crate::registry::KeyResolver;

fn variables(pairs: &[(&str, &str)]) -> KeyResolver {
    let all: BTreeMap<String, String> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Arc::new(move |name| all.get(name).cloned())
}

fn find(url: &str, proxy: Option<&str>, pairs: &[(&str, &str)]) -> Result<String, ConfigError> {
    let config = ProviderConfig {
        proxy: proxy.map(str::to_owned),
        ..ProviderConfig::new(ProviderKind::Openai)
    };
    let url = url.parse().expect("a URL");
    Way::find("p", &config, &url, &variables(pairs)).map(|way| way.route.to_string())
}

#[track_caller]
fn check(url: &str, pairs: &[(&str, &str)], expected: &str) {
    assert_eq!(
        find(url, None, pairs).expect("a way"),
        expected,
        "{url} {pairs:?}"
    );
}

#[test]
fn the_scheme_chooses_the_variable() {
    let both = [("HTTP_PROXY", "http://a:1"), ("https_proxy", "http://b:2")];
    check(
        "http://model.example/v1",
        &both,
        "model.example through the proxy http://a:1 (HTTP_PROXY)",
    );
    check(
        "https://model.example/v1",
        &both,
        "model.example through the proxy http://b:2 (https_proxy)",
    );
    check("https://model.example/v1", &both[..1], "model.example directly");
    let all = [("ALL_PROXY", "socks5://c:3")];
    check(
        "https://model.example:9/",
        &all,
        "model.example:9 through the proxy socks5://c:3 (ALL_PROXY)",
    );
    check(
        "http://model.example/",
        &[("all_proxy", "d:4")],
        "model.example through the proxy http://d:4 (all_proxy)",
    );
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    check(
        "http://model.example/",
        &[("http_proxy", " "), ("HTTP_PROXY", "a:1")],
        "model.example through the proxy http://a:1 (HTTP_PROXY)",
    );
    check(
        "http://model.example/",
        &[("HTTP_PROXY", "")],
        "model.example directly",
    );
    check(
        "http://model.example/",
        &[("HTTP_PROXY", ""), ("ALL_PROXY", "a:1"), ("NO_PROXY", "")],
        "model.example through the proxy http://a:1 (ALL_PROXY)",
    );
}

#[test]
fn exceptions_and_this_machine_are_reached_directly() {
    let with = |exceptions: &'static str| [("ALL_PROXY", "http://a:1"), ("no_proxy", exceptions)];
    for (url, exceptions) in [
        ("http://model.example/", "model.example"),
        ("http://eu.model.example/", "other.example, .model.example"),
        ("http://model.example/", "*"),
        ("http://10.1.2.3/", "10.0.0.0/8"),
    ] {
        let way = find(url, None, &with(exceptions)).expect("a way");
        assert!(way.ends_with(" directly"), "{way} {exceptions}");
    }
    let way = find("http://notmodel.example/", None, &with("model.example")).expect("a way");
    assert!(way.contains("through the proxy"), "{way}");
    for url in [
        "http://localhost:8080/",
        "http://127.0.0.5/",
        "http://[::1]:1/",
        "http://x.localhost/",
    ] {
        let way = find(url, None, &with("")).expect("a way");
        assert!(way.ends_with(" directly"), "{way}");
    }
}

#[test]
fn the_configuration_goes_above_the_environment() {
    let environment = [("ALL_PROXY", "http://a:1"), ("NO_PROXY", "*")];
    let way = |proxy: &str| find("http://127.0.0.1:5/", Some(proxy), &environment).expect("a way");
    assert_eq!(way("none"), "127.0.0.1:5 directly");
    assert_eq!(
        way("http://b:2"),
        "127.0.0.1:5 through the proxy http://b:2 (proxy)"
    );
    let way = find("http://model.example/", Some("env"), &environment[..1]).expect("a way");
    assert!(way.contains("(ALL_PROXY)"), "{way}");
}

#[test]
fn a_password_is_told_to_nobody() {
    let way = find(
        "http://model.example/",
        None,
        &[("HTTP_PROXY", "http://me:secret@a:1")],
    )
    .expect("a way");
    assert_eq!(way, "model.example through the proxy http://a:1 (HTTP_PROXY)");
    for value in [
        "http://me:secret@",
        "ftp://me:secret@a",
        "http://me:secret@a:99999999",
    ] {
        let error = find("http://model.example/", None, &[("HTTP_PROXY", value)]).expect_err("no proxy");
        assert!(
            error.to_string().contains("HTTP_PROXY") && !error.to_string().contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn a_file_of_certificates_is_checked_when_it_is_named() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"no certificate").expect("written");
    for path in [file.path().to_owned(), "/nowhere/at/all.pem".into()] {
        let config = ProviderConfig {
            ca_file: Some(path.clone()),
            ..ProviderConfig::new(ProviderKind::Openai)
        };
        let url = "https://model.example/".parse().expect("a URL");
        let found = Way::find("p", &config, &url, &variables(&[]));
        let error = found.err().expect("no certificates").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
