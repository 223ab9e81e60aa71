//! Alert rules name metrics that exist, say what to do, and fire when they should.
//!
//! The rules are read line by line and not as YAML: what is asked of them is which words they hold. That they are rules
//! at all, and when they fire, is what Prometheus' own tool says of them, where it is installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anthill_actors::metrics::KNOWLEDGE_NOVELTY_RATIO_MIN;

use super::metric_names::metrics;
use super::workspace::rust_sources;
use super::{Flaw, demand_none, told};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config/prometheus")
        .join(name)
}

fn read(name: &str) -> String {
    let path = file(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of metrics that a text holds, with their lines.
fn named(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    text.lines().enumerate().flat_map(move |(index, line)| {
        let words = line.split(move |letter| !is_of_name(letter));
        words
            .filter(|word| word.starts_with("anthill_"))
            .map(move |word| (index + 1, word))
    })
}

/// Names of metrics that nobody records. A histogram is asked for by its parts.
fn unknown(path: &str, text: &str, known: &BTreeSet<String>) -> Vec<Flaw> {
    let is_known = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        known.contains(name) || whole.is_some_and(|whole| known.contains(whole))
    };
    named(text)
        .filter(|(_, name)| !is_known(name))
        .map(|(line, name)| Flaw::in_file(format!("{path}:{line}"), format!("there is no metric `{name}`")))
        .collect()
}

/// The rules of a file, each with its lines.
fn rules(text: &str) -> Vec<(&str, &str)> {
    let rules = text.split("- alert: ").skip(1);
    rules
        .map(|rule| rule.split_once('\n').unwrap_or((rule, "")))
        .collect()
}

fn recorded() -> BTreeSet<String> {
    let sources = rust_sources();
    let sources = sources.iter().filter(|source| source.stem() == "metrics");
    sources.flat_map(metrics).map(|metric| metric.name).collect()
}

#[test]
fn alerts_name_metrics_that_exist() {
    let known = recorded();
    assert!(known.len() > 30, "the metrics are found: {known:?}");
    let flaws = ["alerts.yml", "alerts_test.yml"].map(|name| unknown(name, &read(name), &known));
    demand_none(
        flaws.into_iter().flatten(),
        "name a constant of some `metrics.rs`, or record what the rule needs",
    );
}

#[test]
fn a_metric_that_nobody_records_is_found() {
    let known = BTreeSet::from(["anthill_store_sync_seconds".to_owned()]);
    let text = "expr: anthill_store_sync_seconds_count > 1\nexpr: rate(anthill_store_synced_total[5m]) > 0\n";
    assert_eq!(
        told(unknown("a.yml", text, &known)),
        ["a.yml:2: there is no metric `anthill_store_synced_total`"]
    );
}

#[test]
fn each_alert_says_how_urgent_it_is_and_what_to_do_and_is_tried_out() {
    let (text, tried) = (read("alerts.yml"), read("alerts_test.yml"));
    let rules = rules(&text);
    assert!(rules.len() >= 4);
    for (name, rule) in rules {
        for part in ["expr: ", "for: ", "severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "`{name}` has no `{part}`");
        }
        let fires = format!("alertname=\"{name}\", alertstate=\"firing\", ");
        assert!(tried.contains(&fires), "nothing shows that `{name}` can fire");
    }
}

/// The floor stands in the program and in the rule.
#[test]
fn the_alert_on_novelty_has_the_floor_of_the_program() {
    let expected = format!("anthill_actors_knowledge_novelty_ratio < {KNOWLEDGE_NOVELTY_RATIO_MIN}\n");
    assert!(read("alerts.yml").contains(&expected), "no `{}`", expected.trim());
}

#[test]
fn prometheus_takes_the_rules_and_they_fire_when_they_should() {
    for command in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let [what, of, name] = command;
        let ran = Command::new("promtool").args([what, of]).arg(file(name)).output();
        let Ok(ran) = ran else {
            eprintln!("promtool is not installed, so {name} is read by the other tests alone");
            return;
        };
        let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(ran.status.success(), "{name}: {}", said.concat());
    }
}
