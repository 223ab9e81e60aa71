//! Reading beside a running process, and directories that cannot be opened.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anthill_contracts::store::JobFilter;

use super::*;
use crate::conformance::{Lead, samples};
use crate::directory::JOURNAL_FILE;

#[tokio::test]
async fn it_reads_beside_a_running_writer_and_sees_every_acknowledged_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    // A projector that lags for ever, unless somebody of its own process asks.
    let options = StoreOptions {
        project_linger: std::time::Duration::from_hours(1),
        ..StoreOptions::default()
    };
    let writer = open_with(folder.path(), options).expect("it opens");
    let store: Arc<dyn Store> = Arc::new(writer);
    let mut lead = Lead::take(&store, job(1)).await;
    let reader = SqliteStore::open_read_only(folder.path()).expect("it opens beside it");
    lead.append(
        vec![JobEvent::JobSubmitted {
            spec: Box::new(samples::spec("default")),
        }],
        Vec::new(),
    )
    .await;
    for number in 0..5 {
        let task_id = TaskId::derive(job(1), "map", Some(number));
        lead.append(
            vec![JobEvent::TaskStarted { task_id, attempt: 1 }],
            vec![samples::body("a")],
        )
        .await;
        let seen = reader.job(job(1)).await.expect("a read").expect("it is known");
        assert_eq!(
            (seen.seq, seen.tasks),
            (lead.seq, u64::from(number) + 1),
            "folded from the journal"
        );
        assert_eq!(reader.jobs(JobFilter::default()).await.expect("a read"), [seen]);
        assert_eq!(
            reader.tasks(job(1)).await.expect("a read").len(),
            number as usize + 1
        );
    }
    assert_eq!(
        reader.job(job(1)).await,
        store.job(job(1)).await,
        "the same rows from the tables"
    );
    assert_eq!(reader.verify(None).await.expect("an audit").flaws, []);
    assert!(reader.blob(samples::body("a").digest()).await.is_ok());
}

#[tokio::test]
async fn it_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).close().expect("a clean end");
    let before = names(folder.path());
    let reader = SqliteStore::open_read_only(folder.path()).expect("it opens");
    assert!(matches!(
        reader.take_lease(job(1), node()).await,
        Err(StoreError::NotWritable { .. })
    ));
    let append = reader.append(result_frame(job(1), 1, 1)).await;
    assert!(
        matches!(append, Err(StoreError::NotWritable { .. })),
        "{append:?}"
    );
    reader.close().expect("a clean end");
    open(folder.path()).close().expect("no lock was taken");
    assert_eq!(names(folder.path()), before);
}

#[tokio::test]
async fn a_directory_without_data_is_told_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for dir in [folder.path().to_owned(), folder.path().join("missing")] {
        let refused = SqliteStore::open_read_only(&dir).err();
        assert!(matches!(refused, Some(StoreError::NoData { .. })), "{refused:?}");
    }
    // As a process that was killed before its first transaction leaves it.
    std::fs::write(folder.path().join(JOURNAL_FILE), "").expect("an empty file");
    let refused = SqliteStore::open_read_only(folder.path()).err();
    assert!(matches!(refused, Some(StoreError::NoData { .. })), "{refused:?}");
    open(folder.path());
}

#[test]
fn a_newer_format_and_a_foreign_file_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).close().expect("a clean end");
    let conn = tamper(folder.path(), JOURNAL_FILE);
    conn.pragma_update(None, "user_version", 99)
        .expect("a version of the future");
    drop(conn);
    let too_new = Some(StoreError::TooNew {
        found: 99,
        known: crate::schema::JOURNAL_FORMAT,
    });
    assert_eq!(open_with(folder.path(), StoreOptions::default()).err(), too_new);
    assert_eq!(SqliteStore::open_read_only(folder.path()).err(), too_new);
    std::fs::write(
        folder.path().join(JOURNAL_FILE),
        "no database at all, but long enough to be read as one".repeat(100),
    )
    .expect("a foreign file");
    for refused in [
        open_with(folder.path(), StoreOptions::default()).err(),
        SqliteStore::open_read_only(folder.path()).err(),
    ] {
        assert!(matches!(refused, Some(StoreError::Corrupt { .. })), "{refused:?}");
    }
}

/// The other process: says how it fares in the directory that it is told.
#[tokio::test]
#[ignore = "started by `a_frozen_directory_is_read_and_not_written`"]
async fn visitor_of_a_frozen_directory() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).expect("where to look");
    let dir = Path::new(dir.trim());
    let written = open_with(dir, StoreOptions::default()).err();
    let refused = matches!(&written, Some(StoreError::NotWritable { .. }));
    let made = open_with(&dir.join("deeper"), StoreOptions::default()).err();
    let refused = refused && matches!(&made, Some(StoreError::NotWritable { .. }));
    let store = SqliteStore::open_read_only(dir).expect("it can be read");
    let frames = store.frames(job(1), 1, 10).await.expect("the journal").len();
    let tasks = store.tasks(job(1)).await.expect("the tasks").len();
    let flaws = store.verify(None).await.expect("an audit").flaws.len();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\nrefused {refused} frames {frames} tasks {tasks} flaws {flaws}"
    )
    .expect("somebody listens");
}

/// Permissions do not bind the superuser, so the visitor is a process of its own and, where this one is the
/// superuser, somebody else.
#[tokio::test]
async fn a_frozen_directory_is_read_and_not_written() {
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().expect("a folder");
    let (dir, program) = (folder.path().join("data"), folder.path().join("visitor"));
    let store = open(&dir);
    let epoch = store.take_lease(job(1), node()).await.expect("a lease").epoch;
    store
        .append(result_frame(job(1), epoch, 1))
        .await
        .expect("it is durable");
    store.close().expect("a clean end");
    std::fs::copy(std::env::current_exe().expect("this binary"), &program).expect("a copy that all may run");
    for (path, mode) in [(folder.path(), 0o755), (&program, 0o755)] {
        set_mode(path, mode);
    }
    for name in names(&dir) {
        set_mode(&dir.join(name), 0o444);
    }
    set_mode(&dir, 0o555);
    let mut command = Command::new(&program);
    command.args([
        "sqlite::tests::read_only::visitor_of_a_frozen_directory",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    if std::fs::metadata(&dir).expect("it is there").uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let child = command
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("it starts");
    writeln!(child.stdin.take().expect("its input"), "{}", dir.display()).expect("it is told where");
    let said = child.wait_with_output().expect("it ends");
    set_mode(&dir, 0o755);
    let (out, err) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    assert!(
        out.contains("refused true frames 1 tasks 2 flaws 0"),
        "{out}\n{err}"
    );
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its owner may");
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the folder").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
