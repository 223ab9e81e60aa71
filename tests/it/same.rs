//! Equal jobs on equal knowledge have equal results: whoever runs them, with how many workers, and whatever was killed
//! in between. What is drawn is drawn from content, so another question draws otherwise.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};

use anthill_kit::cli::Workplace;

use crate::cli::workplace;

/// The example's job, with documents where they are.
fn example() -> String {
    let folder = format!("{}/examples/brief", env!("CARGO_MANIFEST_DIR"));
    let job = std::fs::read_to_string(format!("{folder}/job.toml")).expect("the example");
    job.replace("path = \"documents\"", &format!("path = \"{folder}/documents\""))
}

/// What the job has made, for people and for programs.
fn brief(place: &Workplace) -> [String; 2] {
    ["brief.md", "brief.json"].map(|file| place.read(format!("anthill-out/ant-paths/{file}")))
}

/// The brief of the example with this change, on a fresh data directory.
fn made(change: impl Fn(String) -> String) -> [String; 2] {
    let place = workplace();
    place.write("job.toml", change(example()));
    place.run(["run", "job.toml", "--quiet"]).ok();
    brief(&place)
}

/// What readers of a job were told to do, by document.
fn strategies(change: impl Fn(String) -> String) -> BTreeSet<(String, String)> {
    let place = workplace();
    place.write("job.toml", change(example()));
    place.run(["run", "job.toml", "--quiet"]).ok();
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    let shown = place.run(["job", "show", &job, "--json"]).json();
    let labels: std::collections::BTreeMap<&str, &str> = shown["tasks"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|task| Some((task["task_id"].as_str()?, task["label"].as_str()?)))
        .collect();
    let events = place.run(["job", "events", &job, "--json"]).json_lines();
    events
        .iter()
        .filter(|event| event["event"] == "signal_exposed")
        .filter_map(|event| {
            let label = labels.get(event["fields"]["task_id"].as_str()?)?;
            let receipt = &event["fields"]["receipt"];
            let told = format!("{} {}", receipt["arm"], receipt["exposures"]);
            Some(((*label).to_owned(), told))
        })
        .collect()
}

#[test]
fn eight_fresh_data_directories_make_one_brief() {
    let first = made(|job| job);
    assert!(first[0].contains("\\[1\\]"), "it has claims: {}", first[0]);
    for run in 1..8 {
        assert_eq!(made(|job| job), first, "run {run}");
    }
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let with =
        |workers: u32| made(move |job| job.replace("workers_max = 4", &format!("workers_max = {workers}")));
    let usual = made(|job| job);
    for workers in [1, 2, 16] {
        assert_eq!(with(workers), usual, "{workers} workers");
    }
}

#[test]
fn a_job_that_was_killed_half_way_ends_as_one_that_was_not() {
    let whole = made(|job| job.replace("workers_max = 4", "workers_max = 1"));
    for ended in [1, 4, 9] {
        let place = workplace();
        place.write(
            "job.toml",
            example().replace("workers_max = 4", "workers_max = 1"),
        );
        let mut child = place.start(["run", "job.toml", "--json"]);
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let steps = lines
            .map_while(Result::ok)
            .filter(|line| line.contains("step_recorded"));
        assert_eq!(steps.take(ended).count(), ended, "it gets so far");
        // SIGKILL: it has no last word.
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        // What others learn meanwhile is not for a job that has begun.
        let advice = "Read the last paragraph before the first one.";
        place
            .run(["knowledge", "contribute", "read", "--do", advice])
            .ok();
        let jobs = place.run(["job", "list", "--json"]).json();
        let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
        place.run(["job", "resume", &job, "--quiet"]).ok();
        assert_eq!(brief(&place), whole, "killed after {ended} steps");
        let events = place.run(["job", "events", &job, "--json"]).json_lines();
        let cuts = events.iter().filter(|event| event["event"] == "knowledge_cut");
        assert_eq!(cuts.count(), 1, "it went on with what it had begun with");
    }
}

#[test]
fn another_question_draws_otherwise_and_another_name_does_not() {
    let usual = strategies(|job| job);
    assert!(usual.len() >= 8, "{usual:?}");
    assert_eq!(strategies(|job| job.replace("\"ant-paths\"", "\"other\"")), usual);
    let other = strategies(|job| job.replace("goal = \"How do", "goal = \"By which means do"));
    assert_ne!(other, usual);
}
