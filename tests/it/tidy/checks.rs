//! Format, lints and licences, asked of the tools that know them, so that `cargo test` alone enforces the house.
//!
//! They run at low priority: tests that measure time share the machine with them. A tool that is not installed is
//! named and skipped, because a machine with nothing but a compiler must be able to test; `.ci/run` brings them all.

use std::process::{Command, Output};

use super::workspace::root;

/// Runs a Cargo command.
fn run(arguments: &[&str]) -> Output {
    Command::new("nice")
        .args(["-n", "19", env!("CARGO")])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs")
}

/// Runs a Cargo command; `None` where it is not installed.
fn run_if_installed(arguments: &[&str]) -> Option<Output> {
    let subcommand = arguments[0];
    if run(&[subcommand, "--version"]).status.success() {
        return Some(run(arguments));
    }
    eprintln!("skipped: `cargo {subcommand}` is not installed");
    None
}

/// Fails with what the tool said.
fn demand_success(output: &Output, remedy: &str) {
    assert!(
        output.status.success(),
        "{}{}\n  remedy: {remedy}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn demand(arguments: &[&str], remedy: &str) {
    if let Some(output) = run_if_installed(arguments) {
        demand_success(&output, remedy);
    }
}

#[test]
fn the_format_is_rustfmt_s() {
    demand(
        &["fmt", "--all", "--check", "--", "--color", "never"],
        "run `cargo fmt --all`",
    );
}

#[test]
fn no_lint_is_broken() {
    demand(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        "mend it, or `#[expect(lint, reason = \"..\")]` where the lint is wrong",
    );
}

#[test]
fn only_what_is_permitted_is_linked() {
    demand(
        &[
            "deny",
            "--workspace",
            "--locked",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ],
        "see .deny.toml; a new licence or duplicate is added there with its reason",
    );
}

#[test]
#[should_panic(expected = "remedy: write it")]
fn a_tool_that_finds_something_fails_the_test() {
    demand_success(
        &run(&["metadata", "--manifest-path", "nowhere/Cargo.toml"]),
        "write it",
    );
}

#[test]
fn a_tool_that_is_missing_is_skipped() {
    assert!(run_if_installed(&["no-such-tool"]).is_none());
}
