//! Files that are written and read: what stands at a target stays what it is, marks and empty variables say nothing, and
//! output that cannot be written is told.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anthill_kit::cli::Workplace;

use crate::cli::workplace;

/// How an export begins.
const EXPORT: &[u8] = b"ANTHILLK";

/// A folder with a job about bees, in the words of its file.
fn bees() -> (Workplace, &'static str) {
    let place = workplace();
    place.write(
        "docs/hive.md",
        "# The hive\n\nBees find a new home because scouts dance for the sites that they have seen.\n",
    );
    place.write(
        "docs/dance.txt",
        "A scout dances longer for a better home, and other bees follow the dance to it.\n",
    );
    let job = "name = \"bees\"\ngoal = \"How do bees find a new home?\"\n\n[[inputs]]\npath = \"docs\"\n";
    (place, job)
}

/// The same after the job, so that there is something to export.
fn done() -> Workplace {
    let (place, job) = bees();
    place.write("job.toml", job);
    place.run(["run", "job.toml", "--quiet"]).ok();
    place
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

fn reader_of(path: &Path) -> std::thread::JoinHandle<Vec<u8>> {
    let path = path.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        let mut pipe = File::open(path).expect("the pipe");
        pipe.read_to_end(&mut bytes).expect("its bytes");
        bytes
    };
    std::thread::Builder::new().spawn(read).expect("a thread")
}

#[test]
fn an_export_goes_through_a_pipe_to_its_reader() {
    let place = done();
    let pipe = place.path("pipe");
    make_pipe(&pipe);
    let reader = reader_of(&pipe);
    place.run(["knowledge", "export", "pipe"]).ok();
    let bytes = reader.join().expect("no panic");
    assert!(
        bytes.starts_with(EXPORT) && bytes.len() > 100,
        "{} bytes",
        bytes.len()
    );
    let kind = pipe.symlink_metadata().expect("the pipe").file_type();
    assert!(kind.is_fifo(), "the pipe is one still");
    // What went through can be taken in, from a pipe as well.
    place.write("kept", &bytes);
    let other = workplace();
    let file = place.path("kept");
    other
        .run(["knowledge".as_ref(), "import".as_ref(), file.as_os_str()])
        .ok();
}

#[test]
fn an_export_follows_a_link_and_leaves_it() {
    let place = done();
    place.write("shelf/target", "old");
    symlink("shelf/target", place.path("link")).expect("a link");
    fs::set_permissions(place.path("shelf/target"), PermissionsExt::from_mode(0o640)).expect("a mode");
    place.run(["knowledge", "export", "link"]).ok();
    assert!(place.path("link").is_symlink());
    let about = place.path("shelf/target").symlink_metadata().expect("the target");
    assert!(about.is_file());
    assert_eq!(about.mode() & 0o777, 0o640, "a replaced file keeps its mode");
    assert!(
        fs::read(place.path("shelf/target"))
            .expect("the target")
            .starts_with(EXPORT)
    );
    let left = fs::read_dir(place.path("shelf")).expect("the folder").count();
    assert_eq!(left, 1, "nothing temporary is left");

    symlink("shelf/later", place.path("early")).expect("a link");
    place.run(["knowledge", "export", "early"]).ok();
    assert!(place.path("early").is_symlink() && place.path("shelf/later").is_file());
}

#[test]
fn an_export_to_a_device_leaves_the_device() {
    let place = done();
    place.run(["knowledge", "export", "/dev/null"]).ok();
    let device = fs::symlink_metadata("/dev/null").expect("the device");
    assert!(device.file_type().is_char_device());
    let line = place
        .run(["knowledge", "export", "/dev/full"])
        .refused(4, "AH0113");
    assert!(line.contains("No space left"), "{line}");
}

#[test]
fn a_pipe_that_nobody_reads_is_told_and_can_be_left() {
    let place = done();
    make_pipe(&place.path("pipe"));
    let running = place.launch(["knowledge", "export", "pipe"]);
    running.wait_for_error("waiting for a reader of the pipe `pipe`");
    running.interrupt();
    let finished = running.end();
    assert_eq!(finished.exit(), Some(130), "{finished:?}");
    assert!(finished.stderr().contains("AH0002"), "{finished:?}");
    // A reader that comes late gets all of it.
    let running = place.launch(["knowledge", "export", "pipe"]);
    running.wait_for_error("waiting for a reader");
    let reader = reader_of(&place.path("pipe"));
    running.end().ok();
    assert!(reader.join().expect("no panic").starts_with(EXPORT));
}

#[test]
fn the_standard_output_stream_gets_the_export_alone() {
    let place = done();
    place.run(["knowledge", "export", "plain"]).ok();
    let plain = fs::read(place.path("plain")).expect("the export");
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let out = File::create(place.path("out")).expect("a file");
        let finished = place.run_into(["knowledge", "export", name], out);
        assert_eq!(finished.exit(), Some(0), "{finished:?}");
        assert!(finished.stderr().contains("bytes"), "{finished:?}");
        let got = fs::read(place.path("out")).expect("the export");
        assert_eq!(got.len(), plain.len(), "`{name}`: the export and nothing else");
        assert!(got.starts_with(EXPORT));
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_no_draft() {
    let place = done();
    place.write("shelf/target", "old");
    let command = format!(
        "ulimit -f 0; exec {} knowledge export shelf/target",
        env!("CARGO_BIN_EXE_anthill")
    );
    let output = Command::new("bash")
        .args(["-c", &command])
        .current_dir(place.path(""))
        .output()
        .expect("bash runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.starts_with("error: AH02"), "{told}");
    assert_eq!(place.read("shelf/target"), "old");
    assert_eq!(fs::read_dir(place.path("shelf")).expect("the folder").count(), 1);
}

#[test]
fn a_target_that_cannot_be_a_file_is_refused_by_name() {
    let place = done();
    fs::create_dir(place.path("folder")).expect("a folder");
    symlink("loop", place.path("loop")).expect("a link");
    for (target, part) in [
        ("folder", "`folder` is a folder"),
        ("no/such/file", "its folder does not exist"),
        ("loop", "symbolic links"),
    ] {
        let line = place.run(["knowledge", "export", target]).refused(4, "AH0113");
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_result_is_written_through_what_stands_in_the_output_folder() {
    let (place, job) = bees();
    place.write("job.toml", job);
    fs::create_dir(place.path("out")).expect("a folder");
    place.write("kept/brief.json", "old");
    symlink(place.path("kept/brief.json"), place.path("out/brief.json")).expect("a link");
    make_pipe(&place.path("out/brief.md"));
    let reader = reader_of(&place.path("out/brief.md"));
    place.run(["run", "job.toml", "--quiet", "--out", "out"]).ok();
    let text = String::from_utf8(reader.join().expect("no panic")).expect("a text");
    assert!(text.contains("How do bees find a new home?"), "{text}");
    assert!(place.path("out/brief.json").is_symlink());
    assert!(place.read("kept/brief.json").contains("citations"));
}

#[test]
fn a_result_that_nobody_takes_can_be_left_and_written_later() {
    let (place, job) = bees();
    place.write("job.toml", job);
    fs::create_dir(place.path("out")).expect("a folder");
    make_pipe(&place.path("out/brief.md"));
    let running = place.launch(["run", "job.toml", "--out", "out"]);
    running.wait_for_error("waiting for a reader of the pipe");
    running.interrupt();
    let finished = running.end();
    assert_eq!(finished.exit(), Some(130), "{finished:?}");
    let jobs = place.run(["job", "list", "--json"]).json();
    assert_eq!(jobs["jobs"][0]["status"], "succeeded");
    fs::remove_file(place.path("out/brief.md")).expect("the pipe");
    let job_id = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    place.run(["job", "resume", &job_id, "--out", "out"]).ok();
    assert!(
        place
            .read("out/brief.md")
            .contains("How do bees find a new home?")
    );
}

#[test]
fn a_mark_at_the_beginning_of_a_file_says_nothing() {
    let (place, job) = bees();
    let json = "{\"name\": \"bees\", \"goal\": \"How do bees find a new home?\", \"inputs\": [{\"path\": \"docs\"}]}";
    place.write("job.json", format!("\u{feff}{json}"));
    place.write("config.json", "\u{feff}{\"telemetry\": {\"log\": \"off\"}}\n");
    place
        .run(["run", "job.json", "--quiet", "--config", "config.json"])
        .ok();
    place.write("job.toml", format!("\u{feff}{job}"));
    place.write("config.toml", "\u{feff}[telemetry]\nlog = \"off\"\n");
    place
        .run(["run", "job.toml", "--quiet", "--config", "config.toml"])
        .ok();
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(job.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    place.write("wide.toml", utf16);
    place.run(["run", "wide.toml", "--quiet"]).ok();
    place.write("script.toml", "\u{feff}[[rules]]\nextract = true\n");
    place
        .run(["run", "job.toml", "--quiet", "--model", "scripted/script.toml"])
        .ok();
    place
        .run([
            "knowledge",
            "contribute",
            "read/text",
            "--schema",
            "extract_strategy",
            "--do",
            "\u{feff}{\"a\": 1}",
        ])
        .ok();
    // Places are counted without it.
    place.write("wrong.json", "\u{feff}{\"name\": 7}");
    let line = place.run(["run", "wrong.json"]).refused(2, "AH0104");
    assert!(line.contains("wrong.json:1:10"), "{line}");
}

#[test]
fn a_job_may_come_through_a_pipe() {
    let (place, job) = bees();
    make_pipe(&place.path("pipe"));
    for text in [
        job.to_owned(),
        "{\"name\": \"bees\", \"goal\": \"How do bees dance?\", \"inputs\": [{\"path\": \"docs\"}]}"
            .to_owned(),
    ] {
        let pipe = place.path("pipe");
        let running = place.launch(["run", "pipe", "--quiet"]);
        fs::write(pipe, text).expect("the program reads it");
        running.end().ok();
    }
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let (place, job) = bees();
    let mut place = place;
    place.write("job.toml", job);
    for name in [
        "ANTHILL_DATA_DIR",
        "ANTHILL_CONFIG",
        "ANTHILL_LOG",
        "ANTHROPIC_API_KEY",
        "NO_COLOR",
    ] {
        place = place.with_variable(name, "");
    }
    let finished = place.run(["run", "job.toml", "--quiet"]);
    finished.ok();
    assert_eq!(finished.stderr(), "");
    assert!(place.path(".anthill").is_dir(), "the default holds");
    let line = place
        .run(["run", "job.toml", "--model", "anthropic/some"])
        .refused(5, "AH0302");
    assert!(line.contains("ANTHROPIC_API_KEY"), "{line}");
    assert!(place.run(["--help"]).ok().contains("--data-dir"));
    // Only a variable can be empty by accident; what is typed is meant.
    place.run(["job", "list", "--data-dir", ""]).refused(2, "AH0114");
}

#[test]
fn output_that_cannot_be_written_is_told() {
    let place = done();
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    let commands: [&[&str]; 12] = [
        &["--help"],
        &["--version"],
        &["run", "--help"],
        &["explain"],
        &["explain", "AH0105", "--json"],
        &["completions", "bash"],
        &["schema", "job"],
        &["job", "list"],
        &["job", "show", &job, "--json"],
        &["job", "events", &job],
        &["job", "events", &job, "--json"],
        &["knowledge", "export", "-"],
    ];
    for command in commands {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("the device");
        let finished = place.run_into(command, full);
        assert_eq!(finished.exit(), Some(4), "{command:?}: {finished:?}");
        assert!(finished.stderr().contains("AH0121"), "{command:?}: {finished:?}");
        assert_eq!(finished.stderr().lines().count(), 1, "{command:?}: {finished:?}");
        let for_reading = File::open("/dev/null").expect("the device");
        let finished = place.run_into(command, for_reading);
        assert_eq!(finished.exit(), Some(4), "{command:?}: {finished:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let place = done();
    for command in [
        &["explain"][..],
        &["--help"],
        &["completions", "zsh"],
        &["knowledge", "export", "-"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let finished = place.run_into(command, writer);
        assert_eq!(
            (finished.exit(), finished.stderr().as_str()),
            (Some(0), ""),
            "{command:?}"
        );
    }
}

#[test]
fn a_job_goes_on_without_its_lines_and_says_so_at_the_end() {
    for json in [&[][..], &["--json"]] {
        let (place, job) = bees();
        place.write("job.toml", job);
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("the device");
        let finished = place.run_into(["run", "job.toml"].iter().chain(json), full);
        assert_eq!(finished.exit(), Some(4), "{finished:?}");
        assert!(finished.stderr().contains("AH0121"), "{finished:?}");
        assert!(place.read("anthill-out/bees/brief.md").contains("How do bees"));
        let jobs = place.run(["job", "list", "--json"]).json();
        assert_eq!(jobs["jobs"][0]["status"], "succeeded");
    }
}

#[test]
fn a_file_is_refused_by_its_size() {
    let place = done();
    let large = File::create(place.path("large.toml")).expect("a file");
    large.set_len(1 << 41).expect("a file with a hole");
    for (command, limit) in [
        (&["run", "large.toml"][..], "1 MiB"),
        (&["job", "list", "--config", "large.toml"], "1 MiB"),
        (&["knowledge", "import", "large.toml"], "1 GiB"),
        (&["knowledge", "export", "out", "--since", "large.toml"], "1 GiB"),
        (&["bench", "knowledge", "--world", "large.toml"], "1 MiB"),
    ] {
        let line = place.run(command).refused(2, "AH0120");
        assert!(line.contains(&format!("at most {limit} is read")), "{line}");
    }
    place.run(["run", "/dev/zero"]).refused(2, "AH0120");
    place
        .run(["knowledge", "import", "/dev/zero"])
        .refused(2, "AH0606");
    place.run(["knowledge", "import", "docs"]).refused(2, "AH0606");
    place
        .run(["job", "list", "--config", "/dev/urandom"])
        .refused(2, "AH0120");
}
