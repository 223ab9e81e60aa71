//! Where things lie: the top level, the pages of invariants, files named after their subject, and the one test command.

use std::fs;

use super::workspace::{paths, root};
use super::{Flaw, Source, demand_none, told};

/// The one command that runs every test, as people and the continuous integration type it.
const TEST_COMMAND: &str = "cargo test --workspace";

/// The top level beside dot files.
const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "actors",
    "config",
    "examples",
    "runtime",
    "supervisors",
    "tests",
];

/// Settings of tools: under these names the tools find them, and a tool that finds none says nothing.
const SETTINGS: [&str; 3] = [".clippy.toml", ".deny.toml", ".rustfmt.toml"];

/// Folders that say in a README what does not happen in them.
const DESCRIBED: [&str; 6] = ["actors", "config", "examples", "runtime", "supervisors", "tests"];

/// Names of files and modules that have no subject.
const NAMELESS: [&str; 6] = ["common", "helpers", "misc", "mod", "util", "utils"];

fn strays(paths: &[String]) -> Vec<Flaw> {
    paths
        .iter()
        .filter(|path| !path.contains('/') && !path.starts_with('.') && !TOP.contains(&path.as_str()))
        .map(|path| Flaw::in_file(path, "does not belong at the top level"))
        .collect()
}

fn missing_settings(paths: &[String]) -> Vec<Flaw> {
    SETTINGS
        .iter()
        .filter(|name| !paths.iter().any(|path| path == *name))
        .map(|name| Flaw::in_file(*name, "is not at the top level, so its tool runs without it"))
        .collect()
}

fn undescribed(paths: &[String]) -> Vec<Flaw> {
    DESCRIBED
        .iter()
        .filter(|folder| !paths.contains(&format!("{folder}/README.md")))
        .map(|folder| Flaw::in_file(*folder, "has no README.md"))
        .collect()
}

fn nameless(paths: &[String]) -> Vec<Flaw> {
    paths
        .iter()
        .filter(|path| {
            path.strip_suffix(".rs")
                .and_then(|path| path.rsplit('/').next())
                .is_some_and(|stem| NAMELESS.contains(&stem))
        })
        .map(|path| Flaw::in_file(path, "is named after no subject"))
        .collect()
}

fn without_test_command(source: &Source) -> Option<Flaw> {
    let stands = source.text.lines().any(|line| line.trim() == TEST_COMMAND);
    (!stands).then(|| Flaw::in_file(&source.path, format!("has no line `{TEST_COMMAND}`")))
}

#[test]
fn people_and_ci_run_the_same_tests() {
    let sources = ["README.md", ".ci/run"].map(|path| {
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        Source::new(path, text)
    });
    demand_none(
        sources.iter().filter_map(without_test_command),
        "give the command a line of its own, the same in both",
    );
}

#[test]
fn the_top_level_holds_nothing_else() {
    demand_none(strays(&paths()), "put it into the folder of its subject");
}

#[test]
fn tools_find_their_settings() {
    demand_none(
        missing_settings(&paths()),
        "keep the settings of clippy, rustfmt and cargo-deny in dot files at the top",
    );
}

#[test]
fn each_folder_says_what_it_does_not_do() {
    demand_none(
        undescribed(&paths()),
        "write the folder's README.md: what it is for, and its invariants",
    );
}

#[test]
fn files_are_named_after_their_subject() {
    demand_none(
        nameless(&paths()),
        "name the concept; a module `x` is `x.rs` with a folder `x/`",
    );
}

#[test]
fn another_test_command_is_found() {
    let check = |text: &str| told(without_test_command(&Source::new(".ci/run", text)));
    assert_eq!(check("set -eu\n  cargo test --workspace\n"), [""; 0]);
    assert_eq!(
        check("cargo test --workspace -p anthill\n"),
        [".ci/run: has no line `cargo test --workspace`"]
    );
}

#[test]
fn misplaced_files_are_found() {
    let listing = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        told(strays(&listing(&["src", "src/lib.rs", ".gitignore", "runtime"]))),
        ["src: does not belong at the top level"]
    );
    assert_eq!(
        told(strays(&listing(&["clippy.toml", ".clippy.toml"]))),
        ["clippy.toml: does not belong at the top level"]
    );
    assert_eq!(
        told(missing_settings(&listing(&[
            ".clippy.toml",
            ".deny.toml",
            "rustfmt.toml"
        ]))),
        [".rustfmt.toml: is not at the top level, so its tool runs without it"]
    );
    assert_eq!(
        told(undescribed(&listing(&[
            "actors/README.md",
            "config/README.md",
            "examples/README.md",
            "runtime/README.md",
            "tests/README.md",
        ]))),
        ["supervisors: has no README.md"]
    );
    assert_eq!(
        told(nameless(&listing(&[
            "actors/util.rs",
            "tests/it/mod.rs",
            "actors/utility.rs",
        ]))),
        [
            "actors/util.rs: is named after no subject",
            "tests/it/mod.rs: is named after no subject"
        ]
    );
}
