//! Writes files that people name.
//!
//! What stands at the target decides how. A device, a pipe, a socket or a descriptor of the process (`/dev/stdout`) is
//! written *through*: it is opened and gets the bytes. A regular file is replaced *whole*: a draft beside it is written,
//! synced and renamed, so that neither a crash nor a full disk leaves half a file under the name that somebody opens. A
//! link is followed to what it leads to and stays; one that leads nowhere yet makes its target. A replaced file keeps its
//! mode and, as far as the system permits, its owner and group. A file that may not be written is not replaced either,
//! although its folder would permit it.
//!
//! Opening every target with truncation was rejected: it keeps links and modes by itself, but a full disk then costs the
//! old content as well. The draft has a hidden random name, is made by nobody else, and is readable by its owner alone
//! until it gets the mode of the target.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use rustix::fs::OFlags;
use rustix::io::Errno;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time;

use crate::console::{self, Failure};
use crate::session::signals::Signals;

/// The name of the standard output stream where a file may be named.
const STANDARD_OUTPUT: &str = "-";

/// Most links from a name to what it names; the kernel follows as many.
const LINKS_MAX: u32 = 40;

/// How often a pipe is asked whether somebody reads it by now.
const READER_ASKED_EVERY: Duration = Duration::from_millis(50);

/// The mode of a new file, before the umask.
const NEW_MODE: u32 = 0o666;

/// What stands at a target.
#[derive(Debug)]
enum Place {
    /// The standard output stream.
    Output,
    /// The standard error stream.
    Errors,
    /// A regular file with what is known of it, or nothing yet.
    File(PathBuf, Option<Metadata>),
    /// A regular file that another descriptor of a process holds open.
    Opened(PathBuf),
    /// A device.
    Device(PathBuf),
    /// A pipe with a name, or one that a descriptor holds.
    Pipe(PathBuf),
    /// A socket.
    Socket(PathBuf),
}

/// Where the bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// To the standard output stream, where nothing else may follow.
    ToOutput,
    /// Elsewhere.
    ToFile,
}

/// Writes the bytes to the target; `-` is the standard output stream.
pub async fn whole(target: &Path, bytes: &[u8]) -> Result<Written, Failure> {
    let told = |error: &io::Error| refused(target, error);
    match place(target).map_err(|error| told(&error))? {
        Place::Output => {
            console::raw(bytes)?;
            return Ok(Written::ToOutput);
        }
        Place::Errors => io::stderr()
            .lock()
            .write_all(bytes)
            .map_err(|error| told(&error))?,
        Place::File(path, old) => {
            replace(&path, old.as_ref(), bytes).map_err(|error| full(target, &error))?;
        }
        Place::Opened(path) => append(&path, bytes).map_err(|error| full(target, &error))?,
        Place::Device(path) => to_device(&path, bytes).map_err(|error| told(&error))?,
        Place::Pipe(path) => interruptible(target, to_pipe(&path, bytes)).await?,
        Place::Socket(path) => interruptible(target, to_socket(&path, bytes)).await?,
    }
    Ok(Written::ToFile)
}

/// Follows links to what stands at a target.
fn place(target: &Path) -> io::Result<Place> {
    if target.as_os_str() == STANDARD_OUTPUT {
        return Ok(Place::Output);
    }
    if target.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut path = target.to_owned();
    for _ in 0..LINKS_MAX {
        if let Some(stream) = stream(&path) {
            return Ok(stream);
        }
        let about = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(path, None)),
            about => about?,
        };
        if !about.is_symlink() {
            return of_kind(path, about);
        }
        if is_descriptor(&path) {
            return of_descriptor(path);
        }
        let link = fs::read_link(&path)?;
        path = folder_of(&path).join(link);
    }
    Err(Errno::LOOP.into())
}

/// The standard stream that a path names by its words.
fn stream(path: &Path) -> Option<Place> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Place::Output),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Place::Errors),
        _ => None,
    }
}

/// Whether the path is a descriptor of a process, which Linux shows as a link that leads to more than its words.
fn is_descriptor(path: &Path) -> bool {
    let folder = folder_of(path).canonicalize().unwrap_or_default();
    folder.starts_with("/proc") && folder.file_name().is_some_and(|name| name == "fd")
}

fn of_descriptor(path: PathBuf) -> io::Result<Place> {
    let about = fs::metadata(&path)?;
    if about.is_file() {
        return Ok(Place::Opened(path));
    }
    of_kind(path, about)
}

fn of_kind(path: PathBuf, about: Metadata) -> io::Result<Place> {
    let kind = about.file_type();
    if kind.is_file() {
        Ok(Place::File(path, Some(about)))
    } else if kind.is_fifo() {
        Ok(Place::Pipe(path))
    } else if kind.is_socket() {
        Ok(Place::Socket(path))
    } else if kind.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Ok(Place::Device(path))
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Puts a new file in the place of the old one.
fn replace(path: &Path, old: Option<&Metadata>, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".anthill-").suffix(".part");
    if old.is_some() {
        // Fails where the file itself may not be written, which a new name in its folder would pass over.
        OpenOptions::new()
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path)?;
    } else {
        builder.permissions(Permissions::from_mode(NEW_MODE));
    }
    let mut draft = builder
        .tempfile_in(folder)
        .map_err(|error| without_name(&error))?;
    draft.write_all(bytes).map_err(|error| without_name(&error))?;
    if let Some(old) = old {
        keep(draft.as_file(), old)?;
    }
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// The error alone: with the draft's name it would speak of a file that nobody knows.
fn without_name(error: &io::Error) -> io::Error {
    let inner = std::error::Error::source(error).and_then(|inner| inner.downcast_ref::<io::Error>());
    let raw = error.raw_os_error().or(inner.and_then(io::Error::raw_os_error));
    raw.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Gives a draft the mode of the file that it replaces, and its owner and group where that is permitted. Where the group
/// cannot be kept, its members get no more than everybody has.
fn keep(draft: &File, old: &Metadata) -> io::Result<()> {
    let new = draft.metadata()?;
    let is_same = (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !is_same && fchown(draft, Some(old.uid()), Some(old.gid())).is_err() {
        // Only root may give a file away; a member may at least set the group, and what is left is narrowed below.
        let _ = fchown(draft, None, Some(old.gid()));
    }
    let mode = if draft.metadata()?.gid() == old.gid() {
        old.mode() & 0o777
    } else {
        without_group(old.mode())
    };
    draft.set_permissions(Permissions::from_mode(mode))
}

/// A mode whose group may do no more than everybody.
const fn without_group(mode: u32) -> u32 {
    (mode & 0o707) | (mode & 0o070 & ((mode & 0o007) << 3))
}

/// Makes the new name last. A folder that may be written but not read cannot be asked, and some file systems cannot
/// say; the file is in its place either way.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Writes behind what a shell has written to the descriptor.
fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(bytes)
}

fn to_device(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut device = OpenOptions::new().write(true).open(path)?;
    device.write_all(bytes)?;
    if device.metadata()?.file_type().is_block_device() {
        device.sync_all()?;
    }
    Ok(())
}

/// Writes to a pipe once somebody reads it, and says so while nobody does.
async fn to_pipe(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut is_told = false;
    let mut sender = loop {
        match pipe::OpenOptions::new().open_sender(path) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                if !is_told {
                    console::notice(&format!("waiting for a reader of the pipe `{}`", path.display()));
                    is_told = true;
                }
                time::sleep(READER_ASKED_EVERY).await;
            }
            sender => break sender?,
        }
    };
    sender.write_all(bytes).await
}

async fn to_socket(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut stream = UnixStream::connect(path).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// Waits for what may never come, until a signal asks the process to stop.
async fn interruptible(target: &Path, writing: impl Future<Output = io::Result<()>>) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        written = writing => Ok(written.map_err(|error| refused(target, &error))?),
        () = signals.next() => {
            let message = format!("stopped while `{}` was written", target.display());
            Err(Problem::new(&codes::INTERRUPTED, message).into())
        }
    }
}

/// An error of a regular file, whose disk may be full.
fn full(target: &Path, error: &io::Error) -> Problem {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let code = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => &codes::DISK_FULL,
        _ => return refused(target, error),
    };
    Problem::new(code, format!("`{}`: {error}", target.display()))
}

/// An error as it is told.
fn refused(target: &Path, error: &io::Error) -> Problem {
    let name = target.display();
    let message = match error.kind() {
        io::ErrorKind::IsADirectory => format!("`{name}` is a folder: name a file"),
        io::ErrorKind::NotFound => format!("`{name}`: its folder does not exist"),
        io::ErrorKind::ConnectionRefused => format!("`{name}` is a socket on which nothing listens"),
        io::ErrorKind::BrokenPipe => format!("the reader of `{name}` went away before the end"),
        _ => format!("`{name}`: {error}"),
    };
    Problem::new(&codes::OUTPUT_NOT_WRITABLE, message)
}

#[cfg(test)]
mod tests;
