//! The data directory: made for its owner alone, and held by one process at a time.
//!
//! The lock belongs to an open file and not to the file's existence, so a killed process leaves nothing to clean up.
//! Who holds it stands in the file, for the error message of the one who comes second.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anthill_contracts::store::StoreError;

use crate::failure::io_failure;

/// The journal, its leases and the smaller blobs.
pub(crate) const JOURNAL_FILE: &str = "journal.db";
/// The projections; may be deleted while nobody has the directory open.
pub(crate) const VIEWS_FILE: &str = "views.db";
/// What the node has learned.
pub(crate) const KNOWLEDGE_FILE: &str = "knowledge.db";
const LOCK_FILE: &str = "lock";
const KNOWLEDGE_LOCK_FILE: &str = "knowledge.lock";
const HOLDER_BYTES_MAX: u64 = 200;

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The directory, without links and relative parts.
    pub(crate) path: PathBuf,
    _lock: File,
}

/// Makes the directory if needed and takes its lock.
pub(crate) fn claim(dir: &Path) -> Result<Claim, StoreError> {
    create(dir)?;
    let path = fs::canonicalize(dir).map_err(|error| io_failure(dir, &error))?;
    let lock = take_lock(&path, LOCK_FILE)?;
    for file in [JOURNAL_FILE, VIEWS_FILE] {
        create_private(&path.join(file))?;
    }
    sync(&path)?;
    if let Some(parent) = path.parent() {
        // The entry of the new directory must last as well; a parent that may not be opened is not ours to sync.
        let _ = sync(parent);
    }
    Ok(Claim { path, _lock: lock })
}

/// Makes the directory if needed and takes the lock of its knowledge. That is a lock of its own: a command may add to
/// what is known while nobody has the journal open, and a node holds both.
pub(crate) fn claim_knowledge(dir: &Path) -> Result<Claim, StoreError> {
    create(dir)?;
    let path = fs::canonicalize(dir).map_err(|error| io_failure(dir, &error))?;
    let lock = take_lock(&path, KNOWLEDGE_LOCK_FILE)?;
    create_private(&path.join(KNOWLEDGE_FILE))?;
    sync(&path)?;
    Ok(Claim { path, _lock: lock })
}

/// Finds a directory with a journal in it and touches nothing.
pub(crate) fn find(dir: &Path) -> Result<PathBuf, StoreError> {
    let missing = || StoreError::NoData {
        path: dir.display().to_string(),
    };
    // A directory that may not be entered is there; saying that it is not would send its reader looking elsewhere.
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(),
        _ => io_failure(dir, &error),
    };
    let path = fs::canonicalize(dir).map_err(failed)?;
    let journal = fs::metadata(path.join(JOURNAL_FILE)).map_err(failed)?;
    if journal.is_file() {
        Ok(path)
    } else {
        Err(missing())
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(|error| io_failure(dir, &error))
}

/// Makes a directory that only its owner may enter.
pub(crate) fn create(dir: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| io_failure(dir, &error))
}

/// Options for a file that only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// `SQLite` would make the file readable for all; the files beside it inherit its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    match private().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_failure(path, &error)),
    }
}

fn take_lock(dir: &Path, file: &str) -> Result<File, StoreError> {
    let path = dir.join(file);
    let mut file = private()
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| io_failure(dir, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse {
                path: dir.display().to_string(),
                holder: read_holder(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(io_failure(dir, &error)),
    }
    write_holder(&mut file).map_err(|error| io_failure(dir, &error))?;
    Ok(file)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    let program = std::env::current_exe().ok();
    let program = program
        .as_deref()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(
        file,
        "process {} ({})",
        std::process::id(),
        program.as_deref().unwrap_or("unknown")
    )
}

fn read_holder(file: &mut File) -> String {
    let mut holder = String::new();
    // The holder may not have written its name yet; the lock counts, not the text.
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
    let holder: String = holder
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    if holder.is_empty() {
        "another process".to_owned()
    } else {
        holder
    }
}

#[cfg(test)]
mod tests;
