//! Bounds of what is read.

use std::fs;
use std::path::PathBuf;

use super::*;

const SMALL: Bound = Bound {
    bytes_max: 8192,
    begins: b"ANT",
};

fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("file");
    fs::write(&path, bytes).expect("a file");
    path
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut content = b"ANT".to_vec();
    content.resize(8192, b'x');
    let path = file(&folder, &content);
    assert_eq!(bytes(&path, SMALL).expect("it fits"), content);
    content.push(b'x');
    let path = file(&folder, &content);
    let problem = bytes(&path, SMALL)
        .expect_err("one byte too many")
        .of(&path, &codes::SPEC_MISSING);
    assert_eq!(problem.code, &codes::FILE_TOO_LARGE);
    assert!(problem.message.contains("at most 8 KiB is read"), "{problem}");
}

#[test]
fn a_size_is_refused_before_a_byte_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, b"");
    let sparse = fs::OpenOptions::new().write(true).open(&path).expect("the file");
    // No disk of a test holds so much.
    sparse.set_len(1 << 42).expect("a file with a hole");
    assert!(matches!(bytes(&path, SMALL), Err(ReadError::TooLarge { .. })));
}

#[test]
fn an_endless_device_ends_at_its_first_bytes_or_at_the_bound() {
    let zero = Path::new("/dev/zero");
    assert!(matches!(bytes(zero, SMALL), Err(ReadError::Foreign)));
    assert!(matches!(
        text(zero, 9000),
        Err(ReadError::TooLarge { bytes_max: 9000 })
    ));
    assert!(matches!(
        bytes(Path::new("/dev/null"), SMALL),
        Err(ReadError::Foreign)
    ));
    assert_eq!(text(Path::new("/dev/null"), 10).expect("an empty text"), "");
}

#[test]
fn a_folder_is_told_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = bytes(folder.path(), SMALL).expect_err("a folder holds no bytes");
    assert_eq!(error.to_string(), "it is a folder: name a file");
}
