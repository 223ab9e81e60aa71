//! No path leads out of the inputs.

use std::fs;

use super::*;

fn input(path: &Path) -> InputSpec {
    InputSpec {
        path: path.to_path_buf(),
        include: Vec::new(),
        exclude: Vec::new(),
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().expect("every path has a folder")).expect("the folder can be made");
    fs::write(full, text).expect("the file can be written");
}

fn files(inputs: &[InputSpec]) -> Vec<String> {
    let mut files = Roots::open(inputs)
        .and_then(|roots| roots.walk())
        .expect("the inputs can be walked")
        .files;
    files.sort();
    files
}

#[test]
fn hidden_names_are_no_part_of_an_input_and_gitignore_is_not_obeyed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for path in [".git/config", ".env", "a/.hidden/b.md", "a/b.md", "ignored.md"] {
        write(dir.path(), path, "text");
    }
    write(dir.path(), ".gitignore", "ignored.md\n");
    assert_eq!(files(&[input(dir.path())]), ["a/b.md", "ignored.md"]);
    let roots = Roots::open(&[input(dir.path())]).expect("the input exists");
    for path in [".env", ".git/config", "a/.hidden/b.md"] {
        assert_eq!(roots.open_file(path).err(), Some(outside(path)));
    }
}

#[test]
fn globs_include_and_exclude_files_and_folders() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for path in ["a.md", "b.txt", "sub/c.md", "sub/deep/d.md", "vendor/e.md"] {
        write(dir.path(), path, "text");
    }
    let with = |include: &[&str], exclude: &[&str]| {
        files(&[InputSpec {
            path: dir.path().to_path_buf(),
            include: include.iter().map(ToString::to_string).collect(),
            exclude: exclude.iter().map(ToString::to_string).collect(),
        }])
    };
    assert_eq!(
        with(&["*.md"], &["vendor"]),
        ["a.md", "sub/c.md", "sub/deep/d.md"]
    );
    assert_eq!(with(&["sub/*.md"], &[]), ["sub/c.md"]);
    assert_eq!(with(&["sub/"], &["**/deep/**"]), ["sub/c.md"]);
    assert_eq!(with(&[], &["*.md"]), ["b.txt"]);
}

#[test]
fn what_a_glob_leaves_out_cannot_be_opened() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "keys/secret.txt", "text");
    write(dir.path(), "open.txt", "text");
    let mut spec = input(dir.path());
    spec.exclude = vec!["keys/".to_owned()];
    let roots = Roots::open(&[spec]).expect("the input exists");
    assert!(roots.open_file("open.txt").is_ok());
    assert_eq!(
        roots.open_file("keys/secret.txt").err(),
        Some(outside("keys/secret.txt"))
    );
}

#[test]
fn wrong_globs_are_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for pattern in ["a[", "", "!x", "#x", "{a,b"] {
        let mut spec = input(dir.path());
        spec.include = vec![pattern.to_owned()];
        let error = Roots::open(&[spec]).err().expect("the pattern is wrong");
        assert!(
            matches!(&error, SourceError::Pattern { pattern: named, .. } if named == pattern),
            "{error}"
        );
    }
}

#[test]
fn several_inputs_are_told_apart_by_their_names() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for path in ["one/docs/a.md", "two/docs/a.md", "notes.txt"] {
        write(dir.path(), path, "text");
    }
    let inputs = ["one/docs", "two/docs", "notes.txt"].map(|path| input(&dir.path().join(path)));
    assert_eq!(files(&inputs), ["docs/a.md", "docs~2/a.md", "notes.txt"]);
    let roots = Roots::open(&inputs).expect("the inputs exist");
    for path in ["docs/a.md", "docs~2/a.md", "notes.txt"] {
        assert!(roots.open_file(path).is_ok(), "{path}");
    }
    for path in ["a.md", "docs", "docs~3/a.md", "notes.txt/x"] {
        assert!(roots.open_file(path).is_err(), "{path}");
    }
}

#[test]
fn a_single_file_can_be_an_input_and_its_neighbours_are_not() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "mine.txt", "text");
    write(dir.path(), "other.txt", "text");
    let roots = Roots::open(&[input(&dir.path().join("mine.txt"))]).expect("the input exists");
    assert!(roots.open_file("mine.txt").is_ok());
    assert_eq!(roots.open_file("other.txt").err(), Some(outside("other.txt")));
}

#[test]
fn escapes_are_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "in/a.md", "text");
    write(dir.path(), "secret.txt", "text");
    let roots = Roots::open(&[input(&dir.path().join("in"))]).expect("the input exists");
    let absolute = dir.path().join("secret.txt").display().to_string();
    for path in [
        "../secret.txt",
        "a/../../secret.txt",
        "./a.md",
        "a.md/",
        "/a.md",
        "",
        "a//b",
        "x\0y",
        &absolute,
    ] {
        assert_eq!(roots.open_file(path).err(), Some(outside(path)), "{path:?}");
    }
    assert_eq!(
        roots.open_file("b.md").err(),
        Some(SourceError::Missing {
            path: "b.md".to_owned()
        })
    );
    assert!(matches!(
        roots.open_file("a.md/b").err(),
        Some(SourceError::Missing { .. })
    ));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_named_and_never_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "in/real/a.md", "text");
    write(dir.path(), "secret/s.txt", "text");
    let link =
        |target: &str, name: &str| symlink(dir.path().join(target), dir.path().join(name)).expect("a link");
    link("secret/s.txt", "in/file.md");
    link("secret", "in/folder");
    link("in", "in/real/loop");
    link("nowhere", "in/dangling.md");
    link("in", "way-in");
    let roots =
        Roots::open(&[input(&dir.path().join("way-in"))]).expect("an input may be reached over a link");
    let mut walked = roots.walk().expect("the input can be walked");
    walked.skipped.sort_by(|one, other| one.path.cmp(&other.path));
    let skipped: Vec<(&str, SkipReason)> = walked
        .skipped
        .iter()
        .map(|skipped| (skipped.path.as_str(), skipped.reason))
        .collect();
    assert_eq!(walked.files, ["real/a.md"]);
    assert_eq!(
        skipped,
        ["dangling.md", "file.md", "folder", "real/loop"].map(|path| (path, SkipReason::SymbolicLink))
    );
    for path in [
        "file.md",
        "folder/s.txt",
        "folder",
        "real/loop/real/a.md",
        "dangling.md",
    ] {
        assert_eq!(roots.open_file(path).err(), Some(outside(path)), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn an_input_that_turns_into_a_link_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "in/a.md", "text");
    write(dir.path(), "other/a.md", "secret");
    let roots = Roots::open(&[input(&dir.path().join("in"))]).expect("the input exists");
    fs::remove_dir_all(dir.path().join("in")).expect("it can be removed");
    std::os::unix::fs::symlink(dir.path().join("other"), dir.path().join("in")).expect("a link");
    assert_eq!(roots.open_file("a.md").err(), Some(outside("a.md")));
}

#[cfg(unix)]
#[test]
fn sockets_and_odd_names_are_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("a socket");
    fs::write(
        dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xffname.md")),
        "text",
    )
    .expect("a file");
    let mut walked = Roots::open(&[input(dir.path())])
        .and_then(|roots| roots.walk())
        .expect("it can be walked");
    walked.skipped.sort_by(|one, other| one.path.cmp(&other.path));
    let reasons: Vec<SkipReason> = walked.skipped.iter().map(|skipped| skipped.reason).collect();
    assert_eq!(reasons, [SkipReason::PathNotUtf8, SkipReason::NotAFile]);
}

#[test]
fn deep_folders_are_walked_and_missing_inputs_are_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let deep = format!("{}a.md", "d/".repeat(300));
    write(dir.path(), &deep, "text");
    assert_eq!(files(&[input(dir.path())]), std::slice::from_ref(&deep));
    let roots = Roots::open(&[input(dir.path())]).expect("the input exists");
    assert!(roots.open_file(&deep).is_ok());
    let missing = dir.path().join("missing");
    let error = Roots::open(&[input(&missing)]).err();
    assert_eq!(
        error,
        Some(SourceError::Missing {
            path: missing.display().to_string()
        })
    );
}

/// A machine that had run out of open files was told that its documents had changed.
#[test]
fn a_process_with_too_many_files_open_blames_no_document() {
    for code in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
        let error = refusal("a.md", &io::Error::from_raw_os_error(code.raw_os_error()));
        let expected = SourceError::DescriptorsExhausted {
            path: "a.md".to_owned(),
        };
        assert_eq!(error, expected);
    }
    let error = refusal("a.md", &io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(matches!(error, SourceError::Unreadable { .. }), "{error}");
}

/// A file was replaced by a pipe after it was listed; opening it waited for somebody who writes.
#[cfg(unix)]
#[test]
fn what_has_taken_a_files_place_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(dir.path(), "a.md", "text");
    let roots = Roots::open(&[input(dir.path())]).expect("the input exists");
    assert!(roots.open_file("a.md").is_ok());
    let pipe = dir.path().join("a.md");
    fs::remove_file(&pipe).expect("it can be removed");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).expect("a pipe can be made");
    assert!(roots.open_file("a.md").is_err());
    // As if it had been checked before.
    drop(open_now(&pipe).expect("it is opened at once"));
    let link = dir.path().join("link.md");
    std::os::unix::fs::symlink("/etc/hostname", &link).expect("a link can be made");
    assert!(open_now(&link).is_err(), "a link is not followed");
}
