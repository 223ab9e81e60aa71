//! What the program says: results on the standard output stream, errors on one line of the standard error stream.
//!
//! A reader that went away (`anthill job list | head`) ends a command silently; a stream that cannot be written for
//! another reason (a full disk, a descriptor that is open for reading) is an error of its own, also of `--help`. Colours
//! go away by themselves where the stream is no terminal or `NO_COLOR` is set.

use std::io::{self, Write};

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use rustix::fs::{OFlags, fcntl_getfl};
use serde::Serialize;
use serde_json::json;

use crate::words;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something to tell the user.
    Problem(Problem),
    /// Nobody reads the output any more.
    ReaderGone,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            let message = format!("the standard output stream cannot be written: {error}");
            Self::Problem(Problem::new(&codes::STDOUT_NOT_WRITABLE, message))
        }
    }
}

impl From<anthill_contracts::store::StoreError> for Failure {
    fn from(error: anthill_contracts::store::StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl Failure {
    /// The failure as a problem, for a caller to whom a reader that is gone is one.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::ReaderGone => Problem::new(&codes::STDOUT_NOT_WRITABLE, "its reader went away"),
        }
    }

    /// Whether the standard output stream is what failed, for whatever reason.
    pub fn is_of_output(&self) -> bool {
        match self {
            Self::ReaderGone => true,
            Self::Problem(problem) => problem.code == &codes::STDOUT_NOT_WRITABLE,
        }
    }
}

/// The two streams, and whether people or programs read them.
pub struct Console {
    json: bool,
    out: Box<dyn Write>,
}

impl Console {
    /// The standard streams.
    pub fn standard(json: bool) -> Self {
        let out: Box<dyn Write> = match Output::open() {
            Output::Open(out) if json => Box::new(out),
            Output::Open(out) => Box::new(anstream::AutoStream::auto(out)),
            refused @ Output::ReadOnly => Box::new(refused),
        };
        Self { json, out }
    }

    /// Whether programs read the output.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line for people; nothing in it can steer their terminal.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{}", words::harmless(&text.to_string()))?)
    }

    /// Prints a line that begins in a colour, an escape sequence of this program's own.
    pub fn coloured(&mut self, colour: &str, begin: &str, rest: &str) -> Result<(), Failure> {
        let (begin, rest) = (words::harmless(begin), words::harmless(rest));
        Ok(writeln!(self.out, "{colour}{begin}\u{1b}[0m{rest}")?)
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        Ok(self.out.flush()?)
    }

    /// Prints one JSON document on several lines.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.json_with(value, serde_json::to_string_pretty)
    }

    /// Prints one JSON object on one line and sends it off.
    pub fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.json_with(value, serde_json::to_string)?;
        Ok(self.out.flush()?)
    }

    fn json_with<T: Serialize>(
        &mut self,
        value: &T,
        encode: impl Fn(&T) -> serde_json::Result<String>,
    ) -> Result<(), Failure> {
        let text = encode(value).map_err(|error| Problem::new(&codes::DEFECT, error))?;
        // JSON has its own escapes, and what it says must stay what it is.
        Ok(writeln!(self.out, "{text}")?)
    }
}

/// The standard output stream. The standard library takes a descriptor that may not be written for one that is closed,
/// and swallows what is written to it; here it is an error.
enum Output {
    Open(io::Stdout),
    ReadOnly,
}

impl Output {
    fn open() -> Self {
        let out = io::stdout();
        let flags = fcntl_getfl(&out).unwrap_or(OFlags::WRONLY);
        if flags & OFlags::RWMODE == OFlags::RDONLY {
            Self::ReadOnly
        } else {
            Self::Open(out)
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(out) => out.write(bytes),
            Self::ReadOnly => Err(io::Error::other("it is open for reading only")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(out) => out.flush(),
            Self::ReadOnly => Ok(()),
        }
    }
}

/// Prints bytes that are a result themselves, beside any console.
pub fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = Output::open();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Prints what clap has rendered, in colours where the stream takes them.
pub fn rendered(text: &clap::builder::StyledStr) -> Result<(), Failure> {
    match Output::open() {
        Output::Open(out) => write!(anstream::AutoStream::auto(out), "{}", text.ansi())?,
        mut refused @ Output::ReadOnly => write!(refused, "{text}")?,
    }
    Ok(())
}

/// Says something about what the program does on a line of the standard error stream, where no result is.
pub fn notice(text: &str) {
    // Where the error stream is closed there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", words::name(text));
}

/// Tells of an error on one line of the standard error stream, as text or as JSON.
pub fn report(problem: &Problem, json: bool) {
    let line = if json {
        let (code, remedy) = (problem.code.id, problem.code.remedy);
        json!({ "error": { "code": code, "message": problem.message, "remedy": remedy } }).to_string()
    } else {
        words::name(&format!("error: {problem}")).into_owned()
    };
    // Where the error stream is closed there is nobody left to tell; the exit code still speaks.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
