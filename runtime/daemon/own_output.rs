//! Which folders the jobs of a data directory have written to, so that no job reads them as documents.
//!
//! The record lies in the data directory as a small file of its own: it must be there before a job lists its inputs,
//! and the journal of another job, which may have run anywhere, says nothing of folders. A folder that was made for
//! results is left out whole; where results were written beside somebody's documents, only the files that are written
//! are. The choice rejected was to go by names alone: a document may be called `brief.md` too.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_tools::inputs::OwnOutput;

use crate::console::Failure;
use crate::export;
use crate::files::write::whole;

/// The record's name within the data directory.
const RECORD: &str = "outputs";

/// Most folders that are remembered; the oldest is forgotten first.
const FOLDERS_MAX: usize = 4096;

/// Most bytes of the record that are read.
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One folder that jobs have written to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    path: PathBuf,
    /// Whether there was nothing else in it when the first job wrote to it.
    is_whole: bool,
}

/// Remembers a folder to which a job is about to write. It exists already.
pub async fn remember(data_dir: &Path, folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let message = format!(
            "the data directory `{}` cannot be written: {error}",
            data_dir.display()
        );
        Problem::new(&codes::DATA_NOT_WRITABLE, message)
    };
    let path = folder.canonicalize().map_err(failed)?;
    let mut folders = read(data_dir).map_err(failed)?;
    let known = folders.iter().position(|known| known.path == path);
    let entry = match known.and_then(|position| folders.remove(position)) {
        Some(entry) => entry,
        None => Folder {
            is_whole: holds_nothing_else(&path).map_err(failed)?,
            path,
        },
    };
    folders.push_back(entry);
    if folders.len() > FOLDERS_MAX {
        folders.retain(|folder| folder.path.is_dir());
        let surplus = folders.len().saturating_sub(FOLDERS_MAX);
        folders.drain(..surplus);
    }
    whole(&data_dir.join(RECORD), &encode(&folders)).await?;
    Ok(())
}

/// What no job may read: the data directory and everything that its jobs have written.
pub fn known(data_dir: &Path) -> Result<OwnOutput, Problem> {
    let failed = |error: io::Error| {
        let message = format!(
            "the data directory `{}` cannot be read: {error}",
            data_dir.display()
        );
        Problem::new(&codes::DATA_NOT_WRITABLE, message)
    };
    let mut own = OwnOutput::default();
    own.add_data(real(data_dir).map_err(failed)?);
    own.add_folder(real(&export::default_folders()).map_err(failed)?);
    for folder in read(data_dir).map_err(failed)? {
        for name in export::NAMES {
            own.add_file(folder.path.join(name));
        }
        if folder.is_whole {
            own.add_folder(folder.path);
        }
    }
    Ok(own)
}

/// Whether a folder holds nothing but what jobs write.
fn holds_nothing_else(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !export::NAMES.iter().any(|known| name == OsStr::new(known)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One entry is a letter and a path, and ends with a zero byte, which no path holds.
fn read(data_dir: &Path) -> io::Result<VecDeque<Folder>> {
    let file = match fs::File::open(data_dir.join(RECORD)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(VecDeque::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(RECORD_BYTES_MAX).read_to_end(&mut bytes)?;
    let entries = bytes.split(|byte| *byte == 0).filter_map(|entry| {
        let (kind, path) = entry.split_first()?;
        Some(Folder {
            path: PathBuf::from(OsStr::from_bytes(path)),
            is_whole: *kind == b'w',
        })
    });
    Ok(entries.filter(|folder| folder.path.is_absolute()).collect())
}

fn encode(folders: &VecDeque<Folder>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for folder in folders {
        bytes.push(if folder.is_whole { b'w' } else { b'f' });
        bytes.extend_from_slice(folder.path.as_os_str().as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The path without symbolic links, as far as it exists.
fn real(path: &Path) -> io::Result<PathBuf> {
    let full = std::path::absolute(path)?;
    let there = full.ancestors().find_map(|above| {
        let real = above.canonicalize().ok()?;
        let rest = full.strip_prefix(above).ok()?;
        Some(real.join(rest))
    });
    Ok(there.unwrap_or(full))
}

#[cfg(test)]
mod tests;
