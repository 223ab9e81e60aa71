//! The command line itself: help, codes, schemas, completions, the doctor.

use std::path::PathBuf;

use anthill_kit::cli::{Workplace, golden};

/// The program in an empty folder.
pub(crate) fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_anthill"))
}

fn golden_help(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/help/{name}.txt"))
}

#[test]
fn the_help_of_every_command_is_as_agreed() {
    let place = workplace();
    let commands: [&[&str]; 26] = [
        &[],
        &["run"],
        &["job"],
        &["job", "list"],
        &["job", "show"],
        &["job", "events"],
        &["job", "resume"],
        &["job", "cancel"],
        &["artifact"],
        &["artifact", "list"],
        &["artifact", "show"],
        &["artifact", "diff"],
        &["knowledge"],
        &["knowledge", "list"],
        &["knowledge", "show"],
        &["knowledge", "query"],
        &["knowledge", "contribute"],
        &["knowledge", "revoke"],
        &["knowledge", "stats"],
        &["knowledge", "export"],
        &["knowledge", "import"],
        &["bench", "knowledge"],
        &["audit", "verify"],
        &["doctor"],
        &["explain"],
        &["schema"],
    ];
    for command in commands {
        let name = if command.is_empty() {
            "anthill".to_owned()
        } else {
            command.join("-")
        };
        let help = place.run(command.iter().chain(&["--help"])).ok();
        golden(&golden_help(&name), &help);
    }
}

#[test]
fn without_a_command_there_is_the_help() {
    let finished = workplace().run(["--version"]);
    assert_eq!(finished.ok(), format!("anthill {}\n", env!("CARGO_PKG_VERSION")));
    let nothing: [&str; 0] = [];
    assert!(workplace().run(nothing).ok().contains("Usage: anthill"));
}

#[test]
fn a_code_is_explained_and_a_misspelt_one_guessed() {
    let place = workplace();
    assert!(
        place
            .run(["explain", "ah0105"])
            .ok()
            .starts_with("# AH0105: an input does not exist")
    );
    assert!(
        place
            .run(["explain", "budget_exhausted:usd"])
            .ok()
            .contains("--budget usd=LIMIT")
    );
    let line = place.run(["explain", "critic_rejectd"]).refused(6, "AH0405");
    assert!(line.contains("did you mean `critic_rejected`?"), "{line}");
    let all = place.run(["explain", "--json"]).json();
    let listed = all["errors"].as_array().expect("a list").len();
    assert_eq!(listed, anthill_contracts::codes::ALL.len());
}

#[test]
fn the_schemas_are_schemas() {
    for file in ["job", "plan", "config"] {
        let schema = workplace().run(["schema", file]).json();
        assert_eq!(schema["type"], "object", "{file}");
        assert_eq!(
            schema["additionalProperties"], false,
            "{file} refuses unknown keys"
        );
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = workplace().run(["completions", shell]).ok();
        assert!(
            script.contains("artifact") && script.contains("data-dir"),
            "{shell}"
        );
    }
}

#[test]
fn the_doctor_tries_the_real_thing_and_leaves_nothing_behind() {
    let place = workplace();
    place.write("docs/a.md", "# A\n\nSome words.\n");
    place.write("docs/b.bin", [0, 159, 146, 150]);
    let report = place.run(["doctor", "--json", "--input", "docs"]).json();
    let checks = report["checks"].as_array().expect("a list");
    let verdict = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.map_or_else(
            || panic!("no check `{name}`: {checks:?}"),
            |check| check["verdict"].clone(),
        )
    };
    assert_eq!(verdict("disk"), "good");
    assert_eq!(
        verdict("anthropic"),
        "warning",
        "there is no key in an empty environment"
    );
    assert_eq!(verdict("builtin/extract"), "good");
    assert_eq!(report["inputs"][0]["documents"][0]["path"], "a.md");
    assert_eq!(report["inputs"][0]["skipped"][0]["reason"], "binary");
    assert!(
        !place.path(".anthill").exists(),
        "the doctor makes no data directory"
    );
    let text = place.run(["doctor", "--input", "docs"]).ok();
    assert!(text.contains("skipped  b.bin  not text"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
}
