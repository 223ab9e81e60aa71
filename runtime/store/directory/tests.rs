//! Ownership of a directory.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn only_its_owner_may_look_into_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("deep/data");
    let claimed = claim(&dir).expect("it is made");
    assert_eq!(mode(&dir), 0o700);
    for file in [LOCK_FILE, JOURNAL_FILE, VIEWS_FILE] {
        assert_eq!(mode(&claimed.path.join(file)), 0o600, "{file}");
    }
}

#[test]
fn the_second_one_hears_who_was_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = claim(folder.path()).expect("nobody has it");
    let refused = claim(folder.path()).expect_err("somebody has it");
    let StoreError::InUse { holder, path } = refused else {
        panic!("{refused:?}")
    };
    assert!(
        holder.starts_with(&format!("process {} (anthill_store", std::process::id())),
        "{holder}"
    );
    assert_eq!(path, first.path.display().to_string());
    drop(first);
    claim(folder.path()).expect("the lock went with its holder");
}

#[test]
fn a_holder_that_wrote_no_name_still_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = claim(folder.path()).expect("nobody has it");
    fs::write(folder.path().join(LOCK_FILE), "\u{1b}[2J\n").expect("the text is overwritten");
    let refused = claim(folder.path()).expect_err("somebody has it");
    let StoreError::InUse { holder, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(holder, "[2J", "control characters do not reach the terminal");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    for place in [file.clone(), file.join("below")] {
        let refused = claim(&place).expect_err("a file is no directory");
        assert!(matches!(&refused, StoreError::NotWritable { .. }), "{refused:?}");
    }
}

#[test]
fn looking_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    assert!(matches!(find(&dir), Err(StoreError::NoData { .. })));
    assert!(!dir.exists());
    fs::create_dir(&dir).expect("an empty directory");
    assert!(matches!(find(&dir), Err(StoreError::NoData { .. })));
    assert_eq!(fs::read_dir(&dir).expect("it is read").count(), 0);
}

/// A directory that its reader may not enter was told of as missing.
#[cfg(unix)]
#[test]
fn only_what_is_not_there_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = find(&folder.path().join("nowhere"));
    assert!(matches!(missing, Err(StoreError::NoData { .. })), "{missing:?}");
    // A link to itself fails for every user, as permissions do not.
    let circle = folder.path().join("circle");
    std::os::unix::fs::symlink(&circle, &circle).expect("a link");
    let refused = find(&circle);
    assert!(
        matches!(refused, Err(StoreError::NotWritable { .. })),
        "{refused:?}"
    );
}
