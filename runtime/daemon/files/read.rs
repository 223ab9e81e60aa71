//! Reads files that people name, each with a bound.
//!
//! A regular file above the bound is refused by its size, before a byte of it is read; from a pipe or a device, whose
//! size nothing tells, at most the bound is read. A file of a known format is refused at its first bytes, so that an
//! endless device costs no memory. Waiting for a size before a pipe is read was rejected: there is none.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anthill_contracts::codes::{self, Code};
use anthill_contracts::fault::Problem;
use anthill_contracts::text_file;

use crate::words;

/// The name of the standard input stream where a file may be named.
const STANDARD_INPUT: &str = "-";

/// Bytes after which the beginning of a file is looked at.
const HEAD_BYTES: u64 = 4096;

/// What may be read of a file.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Most bytes.
    pub bytes_max: u64,
    /// How each file of the format begins; empty where nothing is known.
    pub begins: &'static [u8],
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than the bound.
    #[error("it is too large: at most {} is read", words::bytes(*.bytes_max))]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// It does not begin as every file of its format does.
    #[error("it does not begin like such a file")]
    Foreign,
    /// It is a folder.
    #[error("it is a folder: name a file")]
    Folder,
    /// It is no text in a known encoding.
    #[error(transparent)]
    NotText(#[from] text_file::NotText),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    /// The error as it is told, with the code of a file that cannot be read.
    pub fn of(&self, path: &Path, unreadable: &'static Code) -> Problem {
        let code = match self {
            Self::TooLarge { .. } => &codes::FILE_TOO_LARGE,
            Self::Foreign | Self::Folder | Self::NotText(_) | Self::Io(_) => unreadable,
        };
        Problem::new(code, format!("{}: {self}", path.display()))
    }
}

/// Reads a file, or the standard input stream where it is named `-`.
pub fn bytes(path: &Path, bound: Bound) -> Result<Vec<u8>, ReadError> {
    if path.as_os_str() == STANDARD_INPUT {
        return bounded(io::stdin().lock(), bound);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ReadError::Folder);
    }
    if metadata.is_file() && metadata.len() > bound.bytes_max {
        return Err(ReadError::TooLarge {
            bytes_max: bound.bytes_max,
        });
    }
    bounded(file, bound)
}

/// Reads a text that somebody wrote, in UTF-8, or in UTF-16 with a byte order mark.
pub fn text(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    let bound = Bound {
        bytes_max,
        begins: &[],
    };
    Ok(text_file::decode(bytes(path, bound)?)?)
}

fn bounded(mut from: impl Read, bound: Bound) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    from.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes)?;
    if !bytes.starts_with(bound.begins) {
        return Err(ReadError::Foreign);
    }
    let rest_max = (bound.bytes_max + 1).saturating_sub(bytes.len() as u64);
    from.take(rest_max).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bound.bytes_max {
        return Err(ReadError::TooLarge {
            bytes_max: bound.bytes_max,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
