//! One function writes the files that people name; a second one would replace a device or lose a mode again.

use super::workspace::rust_sources;
use super::{Flaw, Source, demand_none, told};

/// Calls that make, replace or rename a file.
const CALLS: [&str; 6] = [
    "fs::write(",
    "fs::rename(",
    "File::create(",
    "File::create_new(",
    ".persist(",
    ".create(true)",
];

/// Who may make them: the function itself, and the bench in a scratch folder that it removes.
const WRITERS: [&str; 3] = [
    "runtime/daemon/files/write.rs",
    "runtime/daemon/bench.rs",
    "runtime/daemon/bench/floor.rs",
];

fn strangers(source: &Source) -> Vec<Flaw> {
    let is_bound = source.path.starts_with("runtime/daemon/") && !source.is_test();
    if !is_bound || WRITERS.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let lines = source.text.lines().zip(1..);
    lines
        .filter_map(|(line, number)| {
            let call = CALLS.into_iter().find(|call| line.contains(call))?;
            Some(Flaw::at(source, number, format!("`{call}` writes by itself")))
        })
        .collect()
}

#[test]
fn files_are_written_by_one_function() {
    demand_none(
        rust_sources().iter().flat_map(strangers),
        "write with `files::write::whole`",
    );
}

#[test]
fn a_second_writer_is_found() {
    let text = "fn f() {\n    std::fs::write(path, bytes);\n}\n";
    let found = |path: &str| told(strangers(&Source::new(path, text)));
    assert_eq!(
        found("runtime/daemon/view.rs"),
        ["runtime/daemon/view.rs:2: `fs::write(` writes by itself"]
    );
    assert_eq!(found("runtime/daemon/view/tests.rs"), [""; 0]);
    assert_eq!(found("runtime/daemon/files/write.rs"), [""; 0]);
}
