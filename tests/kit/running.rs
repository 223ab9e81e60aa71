//! A program that still runs: what it has said so far, signals, and its end.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{COMMAND_TIME_MAX, Finished};
use crate::wait::{wait_for, wait_up_to};

/// A child process whose streams are read as it writes them: a full pipe would stop it. Killed where a test lets go
/// of it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: Stream,
    err: Stream,
}

impl Running {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let out = Stream::new(child.stdout.take().expect("the output stream is piped"));
        let err = Stream::new(child.stderr.take().expect("the error stream is piped"));
        Self { child, out, err }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its output stream by now.
    pub fn stdout(&self) -> String {
        self.out.text()
    }

    /// What it has written to its error stream by now.
    pub fn stderr(&self) -> String {
        self.err.text()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
    }

    /// Waits until it has written something to its output stream.
    #[track_caller]
    pub fn wait_for_output(&self, part: &str) {
        wait_for(part, || self.stdout().contains(part).then_some(()));
    }

    /// Waits until it has written something to its error stream.
    #[track_caller]
    pub fn wait_for_error(&self, part: &str) {
        wait_for(part, || self.stderr().contains(part).then_some(()));
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).expect("an own child can be signalled");
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(mut self) -> Finished {
        self.child.kill().expect("an own child can be killed");
        self.end()
    }

    /// Waits for its end; it is killed where it does not come.
    #[track_caller]
    pub fn end(mut self) -> Finished {
        let ended = wait_up_to(COMMAND_TIME_MAX, || self.has_ended().then_some(()));
        assert!(
            ended.is_some(),
            "the program did not end within {COMMAND_TIME_MAX:?}\nstdout: {}\nstderr: {}",
            self.stdout(),
            self.stderr()
        );
        let status = self.child.wait().expect("a child can be waited for");
        Finished::new(Output {
            status,
            stdout: self.out.close(),
            stderr: self.err.close(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            // A child that ended in between is what is wanted.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One stream of a child, read by a thread of its own.
#[derive(Debug)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&bytes);
        let read = move || {
            let mut window = [0; 16 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut window) {
                let mut all = shared.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend_from_slice(&window[..length]);
            }
        };
        let reader = Builder::new().name("kit-stream".to_owned()).spawn(read);
        Self {
            bytes,
            reader: Some(reader.expect("a thread can be started")),
        }
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn close(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
