//! One place for lints and versions: every manifest of a member defers to the workspace's.

use std::fs;

use toml::{Table, Value};

use super::workspace::{packages, root};
use super::{Flaw, demand_none, told};

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn defers(value: Option<&Value>) -> bool {
    value
        .and_then(|value| value.get("workspace"))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn flaws(path: &str, text: &str) -> Vec<Flaw> {
    let manifest: Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let lints =
        (!defers(manifest.get("lints"))).then(|| Flaw::in_file(path, "lacks `[lints] workspace = true`"));
    let versions = SECTIONS
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flatten()
        .filter(|(_, value)| !defers(Some(value)))
        .map(|(name, _)| Flaw::in_file(path, format!("`{name}` does not say `workspace = true`")));
    lints.into_iter().chain(versions).collect()
}

#[test]
fn every_member_defers_to_the_workspace() {
    let found = packages().into_iter().flat_map(|package| {
        let text = fs::read_to_string(&package.manifest_path).expect("cargo names manifests that exist");
        let path = package
            .manifest_path
            .strip_prefix(root().to_str().expect("the root is UTF-8"))
            .unwrap_or(&package.manifest_path)
            .trim_start_matches('/');
        flaws(path, &text)
    });
    demand_none(
        found,
        "lints stand in `[workspace.lints]`, versions in `[workspace.dependencies]` of the root manifest",
    );
}

#[test]
fn a_manifest_of_its_own_mind_is_found() {
    let text = "[dependencies]\nserde = \"1\"\ntokio.workspace = true\n[dev-dependencies]\nrand = { version = \"1\" }\n";
    assert_eq!(
        told(flaws("actors/Cargo.toml", text)),
        [
            "actors/Cargo.toml: lacks `[lints] workspace = true`",
            "actors/Cargo.toml: `serde` does not say `workspace = true`",
            "actors/Cargo.toml: `rand` does not say `workspace = true`",
        ]
    );
    assert_eq!(told(flaws("a", "[lints]\nworkspace = true\n")), [""; 0]);
}
