//! What anthill has written is never one of its sources.

use std::path::Path;

use anthill_kit::cli::Workplace;
use serde_json::Value;

use super::workplace;

const JOB: &str = "name = \"sea\"\ngoal = \"What moves the sea?\"\n[[inputs]]\npath = \".\"\n";

fn notes() -> Workplace {
    let place = workplace();
    place.write("notes/job.toml", JOB);
    place.write(
        "notes/tides.md",
        "# Tides\n\nThe moon moves the sea: it draws the water towards itself, and the tide comes in twice a day.\n",
    );
    place
}

fn run(place: &Workplace, options: &[&str]) -> String {
    let run = ["run", "notes/job.toml", "--data-dir", "data", "--quiet"];
    place.run(run.iter().chain(options)).ok()
}

fn brief(place: &Workplace, folder: &str) -> Value {
    let text = place.read(Path::new(folder).join("brief.json"));
    serde_json::from_str(&text).expect("a brief is JSON")
}

/// Paths that a brief quotes, each once.
fn quoted(brief: &Value) -> Vec<&str> {
    let citations = brief["citations"].as_array().expect("a list");
    let mut paths: Vec<&str> = citations
        .iter()
        .filter_map(|citation| citation["path"].as_str())
        .collect();
    paths.dedup();
    paths
}

/// Paths that a brief names as output of anthill.
fn own(brief: &Value) -> Vec<&str> {
    let skipped = brief["skipped"].as_array().expect("a list");
    let own = skipped.iter().filter(|file| file["reason"] == "own_output");
    own.filter_map(|file| file["path"].as_str()).collect()
}

/// The second brief quoted the first one as a further source of the same claim.
#[test]
fn the_briefs_of_earlier_jobs_are_no_documents() {
    let place = notes();
    run(&place, &["--out", "notes/reports/jan"]);
    run(&place, &["--out", "notes/reports/feb"]);
    let first = brief(&place, "notes/reports/jan");
    let second = brief(&place, "notes/reports/feb");
    assert_eq!(quoted(&second), ["tides.md"]);
    assert_eq!(quoted(&first), ["tides.md"]);
    assert_eq!(own(&second), ["reports/feb", "reports/jan"]);
    let page = place.read("notes/reports/feb/brief.md");
    assert!(page.contains("`reports/jan`: output of anthill"), "{page}");
    let looked = place
        .run(["doctor", "--input", "notes", "--data-dir", "data"])
        .ok();
    assert!(looked.contains("reports/jan  output of anthill"), "{looked}");
}

/// Results beside somebody's documents: those are read, and only what anthill wrote is not.
#[test]
fn results_among_documents_hide_none_of_them() {
    let place = notes();
    run(&place, &["--out", "notes"]);
    place.write(
        "notes/later.md",
        "The wind moves the sea as well: waves follow it for days.\n",
    );
    run(&place, &["--out", "notes"]);
    let told = brief(&place, "notes");
    assert_eq!(quoted(&told), ["later.md", "tides.md"]);
    assert_eq!(own(&told), ["brief.json", "brief.md"]);
}

/// An output folder reached over a link, from another folder, is the same folder.
#[test]
fn folders_are_known_wherever_a_job_ran_from() {
    let place = notes();
    std::fs::create_dir_all(place.path("notes/made")).expect("a folder");
    std::os::unix::fs::symlink(place.path("notes/made"), place.path("link")).expect("a link");
    run(&place, &["--out", "link"]);
    place.write("elsewhere/job.toml", JOB.replace("\".\"", "\"../notes\""));
    let ran = place.run([
        "run",
        "elsewhere/job.toml",
        "--data-dir",
        "data",
        "--out",
        "out",
        "--quiet",
    ]);
    ran.ok();
    let told = brief(&place, "out");
    assert_eq!((quoted(&told), own(&told)), (vec!["tides.md"], vec!["made"]));
    // Another data directory knows nothing of it.
    place
        .run([
            "run",
            "elsewhere/job.toml",
            "--data-dir",
            "other",
            "--out",
            "out2",
            "--quiet",
        ])
        .ok();
    assert_eq!(own(&brief(&place, "out2")), [""; 0]);
}

/// The data directory below an input is none of its documents.
#[test]
fn the_data_directory_is_no_document() {
    let place = notes();
    place
        .run([
            "run",
            "notes/job.toml",
            "--data-dir",
            "notes/state",
            "--out",
            "out",
            "--quiet",
        ])
        .ok();
    let told = brief(&place, "out");
    assert_eq!((quoted(&told), own(&told)), (vec!["tides.md"], vec!["state"]));
}

/// Whoever names an output folder as an input hears that there is nothing to read in it.
#[test]
fn an_output_folder_that_is_named_as_an_input_is_told() {
    let place = notes();
    run(&place, &["--out", "made"]);
    for input in ["made", "made/brief.md"] {
        let refused = place.run([
            "run",
            "notes/job.toml",
            "--input",
            input,
            "--data-dir",
            "data",
            "--out",
            "out",
        ]);
        let line = refused.refused(2, "AH0106");
        assert!(line.contains("output of anthill"), "{line}");
    }
    place.write(
        "made/mine.md",
        "The wind moves the sea as well: waves follow it for days.\n",
    );
    run(&place, &["--input", "made", "--out", "out"]);
    assert_eq!(
        quoted(&brief(&place, "out")),
        ["mine.md"],
        "somebody's own document is read"
    );
}
