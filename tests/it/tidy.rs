//! The house rules, as tests: what no test checks is a wish.
//!
//! Each rule is a function from something small (a source file, a manifest, a list of names) to its flaws, so that it
//! is tested twice: on a bad example, where it must find them, and on the whole repository, where it must find none.
//! The choice rejected was a script beside the tests: it would be run by some and not by others.

mod alerts;
mod arrow;
mod checks;
mod documentation;
mod layout;
mod manifests;
mod metric_names;
mod pages;
mod sizes;
mod words;
mod workspace;
mod writers;

use workspace::Source;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flaw {
    /// `file` or `file:line`, from the root of the repository.
    place: String,
    /// What is wrong there.
    what: String,
}

impl Flaw {
    fn in_file(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: path.into(),
            what: what.into(),
        }
    }

    fn at(source: &Source, line: usize, what: impl Into<String>) -> Self {
        Self {
            place: format!("{}:{line}", source.path),
            what: what.into(),
        }
    }
}

/// Fails with every flaw and the one thing to do about them.
fn demand_none(flaws: impl IntoIterator<Item = Flaw>, remedy: &str) {
    let lines = flaws
        .into_iter()
        .map(|flaw| format!("  {}: {}", flaw.place, flaw.what))
        .collect::<Vec<_>>();
    assert!(
        lines.is_empty(),
        "the house is not tidy:\n{}\n  remedy: {remedy}",
        lines.join("\n")
    );
}

/// The flaws of a bad example, as lines to compare with.
fn told(flaws: impl IntoIterator<Item = Flaw>) -> Vec<String> {
    flaws
        .into_iter()
        .map(|flaw| format!("{}: {}", flaw.place, flaw.what))
        .collect()
}

#[test]
#[should_panic(expected = "a.rs:3: too red")]
fn a_flaw_names_its_place_and_its_remedy() {
    let source = Source::new("a.rs", "");
    demand_none([Flaw::at(&source, 3, "too red")], "paint it");
}
