//! The servers as child processes, started when a test first asks for them and shared by all.
//!
//! Each holds the other end of a pipe to this process and ends when that closes, so none outlives the tests, however
//! they end: statics are never dropped, and a killed process drops nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::Duration;

/// Longest time until a server says where it listens; the proxy takes a quarter of a minute on a busy machine.
const START_TIME_MAX: Duration = Duration::from_mins(3);

const LLAMA_KEY: &str = "sk-llama-0123456789abcdef";
/// The proxy refuses shorter ones.
const LITELLM_KEY: &str = "sk-litellm-0123456789abcdef0123456789abcdef";

static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(find_python);

static LLAMA: LazyLock<Option<Server>> = LazyLock::new(|| {
    let python = python()?;
    Some(Server::start(python, "llama_server", &[("LLAMA_KEY", LLAMA_KEY)]))
});

static LITELLM: LazyLock<Option<Server>> = LazyLock::new(|| {
    let (python, llama) = (python()?, llama()?);
    let base = format!("{}/v1", llama.url);
    let variables = [
        ("LLAMA_KEY", LLAMA_KEY),
        ("LLAMA_API_BASE", &base),
        ("LITELLM_MASTER_KEY", LITELLM_KEY),
    ];
    Some(Server::start(python, "litellm_proxy", &variables))
});

/// A llama.cpp server with the scripted model; nothing where it is not installed.
pub(super) fn llama() -> Option<&'static Server> {
    LLAMA.as_ref()
}

/// A `LiteLLM` proxy in front of it; nothing where it is not installed.
pub(super) fn litellm() -> Option<&'static Server> {
    LITELLM.as_ref()
}

/// A running server.
pub(super) struct Server {
    /// Such as `http://127.0.0.1:1234`.
    pub(super) url: String,
    /// The key that it wants.
    pub(super) key: String,
    child: Child,
}

impl Server {
    fn start(python: &Path, script: &str, variables: &[(&str, &str)]) -> Self {
        let log =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{script}.{}.log", std::process::id()));
        let key = variables.last().expect("the last variable is the server's key").1;
        let mut child = Command::new(python)
            .arg(folder().join(format!("{script}.py")))
            .env_clear()
            .envs(variables.iter().copied())
            // Nothing is written beside the scripts.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the log can be written"))
            .spawn()
            .expect("the server can be started");
        let out = child.stdout.take().expect("the output stream is piped");
        let url = first_line(out).unwrap_or_else(|| {
            let told = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("{script} did not say where it listens; its log:\n{told}")
        });
        // Whoever starts nothing wants no log; while it is open the server can still write to it.
        let _ = std::fs::remove_file(&log);
        Self {
            url,
            key: key.to_owned(),
            child,
        }
    }
}

/// The first line of a server's output, if it comes in time.
fn first_line(out: impl std::io::Read + Send + 'static) -> Option<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("first-line".to_owned())
        .spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(out).read_line(&mut line);
            // An error means that nobody waits any more.
            let _ = sender.send(read.map(|_| line.trim().to_owned()));
        })
        .expect("a thread");
    let line = receiver.recv_timeout(START_TIME_MAX).ok()?.ok()?;
    Some(line).filter(|line| line.starts_with("http://"))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/counterparts")
}

/// The interpreter that has the servers; nothing where they are not installed, which is said once.
fn python() -> Option<&'static Path> {
    PYTHON.as_deref()
}

/// They must be there where `ANTHILL_COUNTERPARTS` names their environment.
fn find_python() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one switch of these tests")]
    let demanded = std::env::var_os("ANTHILL_COUNTERPARTS");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it lies in the target folder");
    let usual = target.join("counterparts/venv");
    let venv = demanded.as_ref().map_or(usual, PathBuf::from);
    let python = venv.join("bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        demanded.is_none(),
        "ANTHILL_COUNTERPARTS names {}, which is not there",
        venv.display()
    );
    say_skipped(&venv);
    None
}

/// Past the capture of passing tests: what is not tested must be seen.
fn say_skipped(venv: &Path) {
    use std::io::Write as _;
    let line = format!(
        "skipped: tests against llama.cpp and LiteLLM; to run them: python3 -m venv {venv} && {venv}/bin/pip install -r \
         {requirements}\n",
        venv = venv.display(),
        requirements = folder().join("requirements.txt").display(),
    );
    // Nothing depends on it.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[test]
fn a_server_ends_with_whoever_started_it() {
    let Some(python) = python() else { return };
    for (script, variables) in [
        ("llama_server", [("LLAMA_KEY", LLAMA_KEY)].as_slice()),
        (
            "litellm_proxy",
            &[
                ("LLAMA_API_BASE", "http://127.0.0.1:9/v1"),
                ("LLAMA_KEY", LLAMA_KEY),
                ("LITELLM_MASTER_KEY", LITELLM_KEY),
            ],
        ),
    ] {
        let mut server = Server::start(python, script, variables);
        drop(server.child.stdin.take());
        let status = anthill_kit::wait::wait_for("the server's end", || {
            server.child.try_wait().expect("an own child can be waited for")
        });
        assert!(status.success(), "{script}: {status}");
    }
}
