//! What stands at a target, and what becomes of it.

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

fn write(path: &Path, content: &[u8]) -> Result<Written, Problem> {
    crate::boot::block_on(whole(path, content)).map_err(Failure::into_problem)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[track_caller]
fn check_alone(folder: &tempfile::TempDir, names: &[&str]) {
    let mut there: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    there.sort();
    assert_eq!(there, names, "nothing temporary is left");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file").mode() & 0o7777
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_mode() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, "an older and longer text").expect("a file");
    for kept in [0o640, 0o600, 0o664, 0o755] {
        fs::set_permissions(&path, Permissions::from_mode(kept)).expect("a mode");
        let before = fs::metadata(&path).expect("the file").ino();
        assert_eq!(write(&path, b"new"), Ok(Written::ToFile));
        assert_eq!(fs::read(&path).expect("the file"), b"new");
        assert_eq!(mode(&path), kept);
        assert_ne!(
            fs::metadata(&path).expect("the file").ino(),
            before,
            "another file"
        );
    }
    check_alone(&folder, &["file"]);
}

#[test]
fn a_new_file_has_the_mode_of_one_that_a_shell_makes() {
    let folder = folder();
    let (path, other) = (folder.path().join("file"), folder.path().join("other"));
    write(&path, b"new").expect("it is written");
    fs::write(&other, "").expect("a file");
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn a_group_that_is_lost_takes_its_rights_with_it() {
    let cases = [
        (0o640, 0o600),
        (0o664, 0o644),
        (0o666, 0o666),
        (0o751, 0o711),
        (0o4750, 0o700),
    ];
    for (mode, narrowed) in cases {
        assert_eq!(without_group(mode), narrowed, "{mode:o}");
    }
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("below")).expect("a folder");
    fs::write(at("below/target"), "old").expect("a file");
    // One link to another, the second relative to its own folder.
    symlink("below/second", at("first")).expect("a link");
    symlink("target", at("below/second")).expect("a link");
    write(&at("first"), b"new").expect("it is written");
    assert_eq!(fs::read(at("below/target")).expect("the target"), b"new");
    assert!(at("first").is_symlink() && at("below/second").is_symlink());
    assert!(!at("below/target").is_symlink());
}

#[test]
fn a_link_that_leads_nowhere_makes_its_target() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    symlink(at("target"), at("link")).expect("a link");
    write(&at("link"), b"new").expect("it is written");
    assert_eq!(fs::read(at("target")).expect("the target"), b"new");
    check_alone(&folder, &["link", "target"]);
    symlink("no/folder", at("lost")).expect("a link");
    let problem = write(&at("lost"), b"new").expect_err("its folder is not there");
    assert!(
        problem.message.ends_with("its folder does not exist"),
        "{problem}"
    );
}

#[test]
fn what_cannot_be_a_file_is_refused_in_its_own_words() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    symlink("b", at("a")).expect("a link");
    symlink("a", at("b")).expect("a link");
    fs::create_dir(at("below")).expect("a folder");
    let cases = [
        (at("a"), "Too many levels of symbolic links"),
        (at("below"), "is a folder"),
        (at("new/"), "is a folder"),
        (at("no/file"), "its folder does not exist"),
        (PathBuf::from("/dev/full"), "No space left on device"),
    ];
    for (path, part) in cases {
        let problem = write(&path, b"new").expect_err("it is no file");
        assert_eq!(problem.code, &codes::OUTPUT_NOT_WRITABLE);
        assert!(problem.message.contains(part), "{problem}");
    }
    check_alone(&folder, &["a", "b", "below"]);
}

#[test]
fn a_device_is_written_through() {
    let folder = folder();
    let link = folder.path().join("link");
    symlink("/dev/null", &link).expect("a link");
    for path in [Path::new("/dev/null"), &link] {
        write(path, b"new").expect("it takes everything");
    }
    assert!(link.is_symlink());
    let kind = fs::metadata("/dev/null").expect("the device").file_type();
    assert!(kind.is_char_device(), "it is a device still");
}

#[test]
fn a_socket_gets_all_of_it() {
    let folder = folder();
    let path = folder.path().join("socket");
    let content = vec![b'x'; 300_000];
    let listener = UnixListener::bind(&path).expect("a socket");
    let reader = thread::Builder::new().spawn(move || {
        let mut got = Vec::new();
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_to_end(&mut got).expect("the bytes");
        got
    });
    write(&path, &content).expect("it is written");
    assert_eq!(reader.expect("a thread").join().expect("no panic"), content);
    // The listener is gone by now, its socket stands still.
    let problem = write(&path, b"new").expect_err("nobody listens");
    assert!(problem.message.contains("on which nothing listens"), "{problem}");
}

#[test]
fn an_open_file_is_written_behind_what_it_holds() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, "begun ").expect("a file");
    let open = OpenOptions::new().append(true).open(&path).expect("the file");
    let number = std::os::fd::AsRawFd::as_raw_fd(&open);
    write(&PathBuf::from(format!("/dev/fd/{number}")), b"and ended").expect("it is written");
    assert_eq!(fs::read(&path).expect("the file"), b"begun and ended");
}

#[test]
fn the_standard_streams_have_many_names() {
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert!(matches!(place(Path::new(name)), Ok(Place::Output)), "{name}");
    }
    let folder = folder();
    let link = folder.path().join("link");
    symlink("/dev/stderr", &link).expect("a link");
    assert!(matches!(place(&link), Ok(Place::Errors)));
    assert!(matches!(
        place(&folder.path().join("-")),
        Ok(Place::File(_, None))
    ));
}
