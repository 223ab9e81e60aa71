//! What an error of the engine below means for the port, and the flag that stops the store after a failed write.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use anthill_contracts::store::StoreError;
use rusqlite::ErrorCode;

/// The store's health: well, or stopped for good by the first failed write.
///
/// After a failed sync the operating system may have dropped the pages and report success from then on, so nothing
/// that is written later can be trusted before the process has started again and read the journal back.
#[derive(Debug, Default)]
pub(crate) struct Health {
    first_failure: OnceLock<StoreError>,
}

impl Health {
    /// Stops the store. Only the first failure is kept, because the later ones follow from it.
    pub(crate) fn stop(&self, failure: StoreError) {
        let detail = failure.to_string();
        if self.first_failure.set(failure).is_ok() {
            tracing::error!(detail, "the store has stopped after a failed write");
        }
    }

    /// Refuses where the store has stopped.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.first_failure.get() {
            Some(failure) => Err(after(failure)),
            None => Ok(()),
        }
    }

    /// How the store ended: well, or by its first failure, which tells more than that it had stopped.
    pub(crate) fn verdict(&self) -> Result<(), StoreError> {
        self.first_failure.get().cloned().map_or(Ok(()), Err)
    }

    /// What whoever waits hears when the writer is gone.
    pub(crate) fn gone(&self) -> StoreError {
        let closed = || stopped("the store is closed".to_owned());
        self.first_failure.get().map_or_else(closed, after)
    }
}

/// What whoever comes after a failure hears.
fn after(failure: &StoreError) -> StoreError {
    match failure {
        StoreError::Stopped { .. } => failure.clone(),
        _ => stopped(failure.to_string()),
    }
}

/// The error of a store that takes no more writes.
pub(crate) const fn stopped(detail: String) -> StoreError {
    StoreError::Stopped { detail }
}

/// What a failed write means: the disk is full, the file is damaged, or simply unknown.
pub(crate) fn write_failure(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull {
            detail: error.to_string(),
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => corrupt(error),
        _ => StoreError::Stopped {
            detail: error.to_string(),
        },
    }
}

/// What a failed read means. What cannot be read is as good as damaged.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(crate) fn read_failure(error: rusqlite::Error) -> StoreError {
    corrupt(&error)
}

/// What a failure to open the data directory's files means.
pub(crate) fn open_failure(dir: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull {
            detail: error.to_string(),
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => corrupt(error),
        _ => StoreError::NotWritable {
            path: dir.display().to_string(),
            detail: error.to_string(),
        },
    }
}

/// What an error of the operating system under the data directory means.
pub(crate) fn io_failure(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::DiskFull {
                detail: format!("`{}`: {error}", path.display()),
            }
        }
        _ => StoreError::NotWritable {
            path: path.display().to_string(),
            detail: error.to_string(),
        },
    }
}

fn corrupt(error: &rusqlite::Error) -> StoreError {
    StoreError::Corrupt {
        detail: error.to_string(),
    }
}
