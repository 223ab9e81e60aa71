//! An example over another folder: what it bounds is money, whatever the folder holds.

use std::fs;
use std::path::{Path, PathBuf};

use anthill_contracts::budget::{Dimension, Limits};
use anthill_kit::cli::Workplace;
use serde_json::Value;

use crate::cli::workplace;

/// More documents than any example holds, and more than fit a limit on agents that a person would write.
const DOCUMENTS: usize = 260;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Every job file among the examples.
fn job_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in fs::read_dir(examples()).expect("the examples") {
        let folder = folder.expect("an entry").path();
        if folder.is_dir() {
            let entries = fs::read_dir(&folder)
                .expect("an example")
                .map(|entry| entry.expect("an entry").path());
            files
                .extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")));
        }
    }
    assert!(files.len() >= 3, "{files:?}");
    files
}

fn many_documents() -> Workplace {
    let place = workplace();
    for number in 0..DOCUMENTS {
        let text = format!(
            "# Plot {number}\n\nIn plot {number} the ants of the colony found a short path to food within {} minutes.\n\n\
             What caused the outage of trail {number}: rain washed the marks away.\n",
            number % 60 + 1
        );
        place.write(format!("plots/{:02}/plot-{number}.md", number % 20), text);
    }
    place
}

#[test]
fn every_example_takes_a_folder_of_any_size() {
    let place = many_documents();
    for file in job_files() {
        let job = file.to_str().expect("a path");
        let finished = place.run(["run", job, "--input", "plots", "--out", "out", "--json"]);
        finished.ok();
        let lines = finished.json_lines();
        let summary = &lines.last().expect("a summary")["summary"];
        assert_eq!(summary["status"], "succeeded", "{job}: {summary}");
        assert_eq!(summary["tasks_succeeded"], summary["tasks"], "{job}");
        let tasks = summary["tasks"].as_u64().expect("a count");
        assert!(tasks > DOCUMENTS as u64, "{job}: {tasks} tasks");
        let result = &summary["result"];
        assert_eq!(result["partial"], false, "{job}");
        assert!(
            result["claims"].as_u64().is_some_and(|claims| claims > 0),
            "{job}: {result}"
        );
    }
}

#[test]
fn the_limits_of_examples_bound_money_alone() {
    for file in job_files() {
        let text = fs::read_to_string(&file).expect("a job file");
        let job: Value = toml_value(&text);
        let limits: Limits = match job.get("budget") {
            Some(budget) => serde_json::from_value(budget.clone()).expect("limits"),
            None => Limits::default(),
        };
        for dimension in Dimension::ALL
            .into_iter()
            .filter(|dimension| *dimension != Dimension::Usd)
        {
            assert_eq!(limits.get(dimension), None, "{}: {dimension}", file.display());
        }
    }
}

fn toml_value(text: &str) -> Value {
    anthill::document::parse(
        anthill::document::Origin {
            name: "job",
            format: anthill::document::Format::Toml,
        },
        text,
    )
    .expect("an example is valid")
}
