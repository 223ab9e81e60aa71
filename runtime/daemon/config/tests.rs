//! The file in `config/` says what the code does; wrong values are refused in one line.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::document::{Format, Origin};

const SHIPPED: &str = include_str!("../../../config/anthill.toml");

fn parse(text: &str) -> Result<Config, Problem> {
    let origin = Origin {
        name: "anthill.toml",
        format: Format::Toml,
    };
    document::parse(origin, text)
}

/// Every key in a JSON Schema, through its references.
fn keys_of(schema: &Value, root: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                let target = root.pointer(reference.trim_start_matches('#'));
                keys_of(target.expect("a reference leads somewhere"), root, keys);
            }
            if let Some(Value::Object(properties)) = fields.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            for (name, field) in fields {
                if name != "$defs" && name != "default" {
                    keys_of(field, root, keys);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, root, keys)),
        _ => {}
    }
}

#[test]
fn the_shipped_file_is_exactly_the_defaults() {
    assert_eq!(
        parse(SHIPPED).expect("the shipped file parses"),
        Config::default()
    );
}

#[test]
fn the_shipped_file_names_every_key() {
    let root = serde_json::to_value(schemars::schema_for!(Config)).expect("a schema is JSON");
    let mut keys = BTreeSet::new();
    keys_of(&root, &root, &mut keys);
    assert!(
        keys.contains("log_format") && keys.contains("retry_wait_max"),
        "{keys:?}"
    );
    for key in keys {
        let named = SHIPPED.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ', '[']);
            let assigned = line
                .strip_prefix(&key)
                .is_some_and(|rest| rest.starts_with(" = "));
            assigned || line.split([']', '.']).any(|part| part == key) || line.contains(&format!("{key} = "))
        });
        assert!(named, "config/anthill.toml does not name `{key}`");
    }
}

#[test]
fn what_is_shown_as_an_example_parses() {
    let shown: String = SHIPPED
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = parse(&shown).expect("the examples parse");
    assert_eq!(config.data.journal_bytes_max, Some(10_000_000_000));
    let local = &config.models.providers["local"];
    let mut expected = anthill_models::ProviderConfig::new(anthill_models::ProviderKind::Openai);
    expected.base_url = Some("http://127.0.0.1:8080/v1".to_owned());
    expected.key_env = Some(String::new());
    expected.proxy = Some("env".to_owned());
    expected.ca_file = Some("company-ca.pem".into());
    assert_eq!(
        *local, expected,
        "the file shows the defaults of a provider, and a file for the one key without"
    );
    let embeddings = config.knowledge.embeddings.expect("an example");
    assert_eq!(
        (&*embeddings.provider, embeddings.dimensions),
        ("local", Some(256))
    );
}

#[test]
fn a_flag_goes_above_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("anthill.toml");
    let text = "[data]\ndir = \"from-file\"\n[telemetry]\nlog = \"info\"\n[models.scripts]\na = \"a.toml\"";
    std::fs::write(&file, text).expect("the file is written");
    let overrides = Overrides {
        log: Some("debug".to_owned()),
        ..Overrides::default()
    };
    let config = Config::load(Some(&file), overrides).expect("the file is right");
    assert_eq!(config.data.dir, Path::new("from-file"));
    assert_eq!(config.telemetry.log, "debug");
    assert_eq!(config.models.scripts["a"], folder.path().join("a.toml"));
}

#[test]
fn wrong_values_are_refused() {
    let check = |config: Config, expected: &str| {
        let problem = config.check().expect_err("the value is wrong");
        assert_eq!(format!("{} {}", problem.code.id, problem.message), expected);
    };
    let mut config = Config::default();
    config.data.journal_bytes_max = Some(0);
    check(
        config,
        "AH0104 `data.journal_bytes_max` is 0: leave it out where there is no limit",
    );
    let mut config = Config::default();
    config.telemetry.metrics_addr = Some("here".to_owned());
    check(
        config,
        "AH0104 `here` is no address for metrics; write `:9464` or `127.0.0.1:9464`",
    );
    let problem = parse("[date]\ndir = \"x\"").expect_err("the table is not known");
    assert_eq!(
        problem.message,
        "anthill.toml:1:2: unknown key `date`; did you mean `data`?"
    );
}

#[test]
fn a_port_alone_means_the_loopback_address() {
    let telemetry = TelemetryConfig {
        metrics_addr: Some(":9464".to_owned()),
        ..TelemetryConfig::default()
    };
    let address = telemetry.metrics_socket().expect("it is an address");
    assert_eq!(address, Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
}
