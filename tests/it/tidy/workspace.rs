//! What the rules look at: the repository's files and Cargo's own account of its packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use ignore::WalkBuilder;
use serde::Deserialize;

/// The repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One text file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The syntax tree of a Rust file.
    pub(super) fn parse(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// Whether it is a unit test's file.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The name of the file without folder and extension.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split('.').next().unwrap_or(name)
    }
}

/// Every path of the repository that version control does not ignore, from its root, with `/`.
pub(super) fn paths() -> Vec<String> {
    let mut walk = WalkBuilder::new(root());
    walk.hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_path(Path::cmp);
    walk.build()
        .map(|entry| entry.expect("the repository can be walked"))
        .filter_map(|entry| {
            let path = entry
                .path()
                .strip_prefix(root())
                .expect("the walk stays below its root");
            let path = path.to_str().expect("file names are UTF-8").replace('\\', "/");
            (!path.is_empty()).then_some(path)
        })
        .collect()
}

/// Whether a path holds data that other people wrote, which no rule of ours binds.
fn is_foreign(path: &str) -> bool {
    path.starts_with("tests/fixtures/") || path.starts_with("tests/golden/")
}

/// Every Rust file of ours. In `examples/` only the programs: the documents of a job may hold source code as well.
pub(super) fn rust_sources() -> Vec<Source> {
    let is_program = |path: &str| {
        path.strip_prefix("examples/")
            .is_none_or(|rest| !rest.contains('/'))
    };
    let sources = read(|path| extension(path) == "rs" && is_program(path));
    assert!(sources.len() > 20, "the walk finds the sources");
    sources
}

/// Manifests, configuration, scripts and the pages that we wrote ourselves.
pub(super) fn prose_sources() -> Vec<Source> {
    let is_text = |path: &str| {
        path.starts_with(".ci/") || ["toml", "md", "sh", "py", "yml", "yaml"].contains(&extension(path))
    };
    let is_document =
        |path: &str| path.starts_with("examples/") && extension(path) == "md" && !path.ends_with("README.md");
    read(|path| is_text(path) && !is_document(path))
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn read(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    paths()
        .into_iter()
        .filter(|path| wanted(path) && !is_foreign(path) && root().join(path).is_file())
        .map(|path| {
            let text =
                fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            Source { path, text }
        })
        .collect()
}

/// One package of the workspace, as Cargo sees it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest_path: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// One line of a package's dependencies.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub(super) kind: Option<String>,
    /// Where a package of this repository lies.
    pub(super) path: Option<String>,
}

/// Every package of the workspace.
pub(super) fn packages() -> Vec<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).expect("cargo writes its metadata as JSON");
    assert!(metadata.packages.len() > 5, "cargo lists the packages");
    metadata.packages
}
