//! The real binary in a folder of its own.
//!
//! The path of the binary comes from the test, because only an integration test of the root package knows it. Nothing
//! of the caller's environment reaches the program but its path for shared libraries, so a key or a setting on the
//! developer's machine changes no test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::running::Running;

/// Longest time that one command may take.
pub(crate) const COMMAND_TIME_MAX: Duration = Duration::from_mins(2);

/// A temporary folder in which the program runs.
#[derive(Debug)]
pub struct Workplace {
    program: PathBuf,
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Workplace {
    /// An empty folder for this program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            program: program.into(),
            folder,
            variables: Vec::new(),
        }
    }

    /// Sets a variable of the program's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path within the folder.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        let parent = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent).expect("a folder can be made");
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Reads a file as text.
    pub fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        self.launch(arguments).end()
    }

    /// Starts the program, and reads its streams as it writes them.
    pub fn launch<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Starts the program, with both streams piped and left to the test.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        self.command(arguments)
            .spawn()
            .expect("the program can be started")
    }

    /// Runs the program to its end, with its standard output stream somewhere else.
    pub fn run_into<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        stdout: impl Into<Stdio>,
    ) -> Finished {
        let mut command = self.command(arguments);
        let child = command.stdout(stdout).spawn();
        // The program's own handle is the only one, so that a pipe ends with it.
        drop(command);
        let child = child.expect("the program can be started");
        Finished::new(child.wait_with_output().expect("a child can be waited for"))
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    output: Output,
}

impl Finished {
    pub(crate) const fn new(output: Output) -> Self {
        Self { output }
    }

    /// The exit code; `None` where a signal ended it.
    pub fn exit(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// The standard output stream.
    pub fn stdout(&self) -> String {
        text(&self.output.stdout)
    }

    /// The standard error stream.
    pub fn stderr(&self) -> String {
        text(&self.output.stderr)
    }

    /// The output of a program that ended well.
    #[track_caller]
    pub fn ok(&self) -> String {
        assert_eq!(
            self.exit(),
            Some(0),
            "stdout: {}\nstderr: {}",
            self.stdout(),
            self.stderr()
        );
        self.stdout()
    }

    /// The JSON document of a program that ended well.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.ok()).expect("the output is one JSON document")
    }

    /// The JSON objects of the output, one for each line, however the program ended.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).expect("each line is a JSON object");
        self.stdout().lines().map(line).collect()
    }

    /// Checks that the program refused: this exit code, and one line with this error code and a remedy.
    #[track_caller]
    pub fn refused(&self, exit: i32, code: &str) -> String {
        let stderr = self.stderr();
        assert_eq!(
            self.exit(),
            Some(exit),
            "stdout: {}\nstderr: {stderr}",
            self.stdout()
        );
        assert_eq!(stderr.lines().count(), 1, "an error is one line: {stderr}");
        assert!(stderr.starts_with(&format!("error: {code}: ")), "{stderr}");
        assert!(
            stderr.trim_end().ends_with(')') && stderr.contains(" (remedy: "),
            "{stderr}"
        );
        stderr.trim_end().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

/// Compares with a golden file, or writes it where `UPDATE_GOLDEN` is set.
#[track_caller]
pub fn golden(file: &Path, actual: &str) {
    #[expect(clippy::disallowed_methods, reason = "the one switch of the golden files")]
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        let parent = file.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent).expect("a folder can be made");
        fs::write(file, actual).expect("a golden file can be written");
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    let name = file.display();
    assert_eq!(
        actual, expected,
        "{name} differs; if that is wanted, run the tests with UPDATE_GOLDEN=1"
    );
}
