//! Bodies by content: compressed where it helps, stored once, checked whenever they are read.
//!
//! Up to 256 KiB a body lies inside the database, where it is written and synced together with the frame that names
//! it. Above, a file is faster; it is synced, and its name as well, before the frame is even handed to the writer.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use crate::directory;
use crate::failure::{io_failure, read_failure};

/// Longest body inside the database, before compression.
pub(crate) const INLINE_BYTES_MAX: usize = 256 * 1024;

/// Longest body at all. It also bounds what a damaged length can make a reader allocate.
pub(crate) const BLOB_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Below this length compression does not pay for its header.
const COMPRESS_BYTES_MIN: usize = 128;

/// The level at which the compressor still keeps up with the disk.
const COMPRESS_LEVEL: i32 = 3;

const FOLDER: &str = "blobs";
const UNFINISHED: &str = "unfinished";

/// How a body is stored; the numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain = 0,
    Zstd = 1,
    FilePlain = 2,
    FileZstd = 3,
}

impl Form {
    fn of(number: i64) -> Option<Self> {
        [Self::Plain, Self::Zstd, Self::FilePlain, Self::FileZstd]
            .into_iter()
            .find(|form| *form as i64 == number)
    }

    const fn is_zstd(self) -> bool {
        matches!(self, Self::Zstd | Self::FileZstd)
    }
}

/// A body that is ready to be written together with the frame that names it.
#[derive(Debug)]
pub(crate) struct PreparedBlob {
    digest: Digest,
    form: Form,
    bytes: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Plain(Blob),
    Packed(Vec<u8>),
    InFile,
}

impl PreparedBlob {
    /// Bytes that the writer puts into the database.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.inline().map_or(0, <[u8]>::len)
    }

    fn inline(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Plain(blob) => Some(blob.bytes()),
            Body::Packed(bytes) => Some(bytes),
            Body::InFile => None,
        }
    }
}

/// The folder of the bodies that are too large for the database.
#[derive(Debug)]
pub(crate) struct BlobFolder {
    root: PathBuf,
    unfinished: AtomicU64,
}

impl BlobFolder {
    /// The folder below a data directory.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            root: dir.join(FOLDER),
            unfinished: AtomicU64::new(0),
        }
    }

    /// Removes what a killed process left half written. Only the owner of the data directory may do this.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let folder = self.root.join(UNFINISHED);
        match fs::remove_dir_all(&folder) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_failure(&folder, &error)),
        }
    }

    /// Compresses a body where that helps and, where it is large, makes its file durable.
    pub(crate) fn prepare(&self, blob: &Blob) -> Result<PreparedBlob, StoreError> {
        let bytes = blob.bytes().len();
        if bytes > BLOB_BYTES_MAX {
            let detail = format!("a body of {bytes} bytes, at most {BLOB_BYTES_MAX} fit");
            return Err(StoreError::Invalid { detail });
        }
        let packed = pack(blob.bytes());
        let digest = blob.digest();
        if bytes > INLINE_BYTES_MAX {
            let form = if packed.is_some() {
                Form::FileZstd
            } else {
                Form::FilePlain
            };
            self.write_file(digest, form, packed.as_deref().unwrap_or(blob.bytes()))?;
            return Ok(PreparedBlob {
                digest,
                form,
                bytes,
                body: Body::InFile,
            });
        }
        Ok(match packed {
            Some(packed) => PreparedBlob {
                digest,
                form: Form::Zstd,
                bytes,
                body: Body::Packed(packed),
            },
            None => PreparedBlob {
                digest,
                form: Form::Plain,
                bytes,
                body: Body::Plain(blob.clone()),
            },
        })
    }

    fn path(&self, digest: Digest, form: Form) -> PathBuf {
        let hex = blake3::Hash::from_bytes(*digest.as_bytes()).to_hex();
        let (folder, name) = hex.as_str().split_at(2);
        let extension = if form.is_zstd() { "zst" } else { "raw" };
        self.root.join(folder).join(format!("{name}.{extension}"))
    }

    fn write_file(&self, digest: Digest, form: Form, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(digest, form);
        let folder = path.parent().expect("a body's file lies in a folder");
        directory::create(folder)?;
        let exists = fs::metadata(&path).is_ok_and(|file| file.len() == bytes.len() as u64);
        if !exists {
            let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
            let unfinished = self.root.join(UNFINISHED).join(number.to_string());
            directory::create(&self.root.join(UNFINISHED))?;
            write_synced(&unfinished, bytes).map_err(|error| io_failure(&path, &error))?;
            fs::rename(&unfinished, &path).map_err(|error| io_failure(&path, &error))?;
        }
        // Also where the file is there already: whoever made it may not have come this far yet, and this append must
        // not be acknowledged on a name that a power cut takes away.
        directory::sync(folder)?;
        directory::sync(&self.root)
    }

    fn read_file(&self, digest: Digest, form: Form) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest, form);
        let mut bytes = Vec::new();
        let read =
            File::open(&path).and_then(|file| file.take(BLOB_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(damaged(digest, &format!("`{}`: {error}", path.display()))),
        }
    }
}

/// Writes a body's row; one that is there already is left as it is.
pub(crate) fn insert(conn: &Connection, blob: &PreparedBlob) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO blobs (digest, form, bytes, body) VALUES (?1, ?2, ?3, ?4)";
    let row = params![
        blob.digest.as_bytes(),
        blob.form as i64,
        blob.bytes,
        blob.inline()
    ];
    conn.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Reads a body and checks it against its address.
pub(crate) fn read(conn: &Connection, folder: &BlobFolder, digest: Digest) -> Result<Blob, StoreError> {
    let sql = "SELECT form, bytes, body FROM blobs WHERE digest = ?1";
    let mut statement = conn.prepare_cached(sql).map_err(read_failure)?;
    let row = statement
        .query_row([digest.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional();
    let (number, bytes, body): (i64, usize, Option<Vec<u8>>) =
        row.map_err(read_failure)?.ok_or(StoreError::NoBlob { digest })?;
    let form = Form::of(number).ok_or_else(|| damaged(digest, "its form is not known"))?;
    if bytes > BLOB_BYTES_MAX {
        return Err(damaged(digest, "its length is beyond the limit"));
    }
    let stored = match body {
        Some(body) => body,
        None => folder.read_file(digest, form)?,
    };
    let plain = if form.is_zstd() {
        unpack(&stored, bytes).map_err(|error| damaged(digest, &error.to_string()))?
    } else {
        stored
    };
    let blob = Blob::new(plain);
    if blob.digest() == digest && blob.bytes().len() == bytes {
        return Ok(blob);
    }
    Err(damaged(digest, "its content does not fit its address"))
}

/// The compressed form, where it is shorter.
pub(crate) fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < COMPRESS_BYTES_MIN {
        return None;
    }
    let packed = zstd::bulk::compress(bytes, COMPRESS_LEVEL).ok()?;
    (packed.len() < bytes.len()).then_some(packed)
}

/// The plain form of `bytes` bytes; more than that is an error before it is allocated.
pub(crate) fn unpack(packed: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    zstd::bulk::decompress(packed, bytes)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = directory::private().create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn damaged(digest: Digest, detail: &str) -> StoreError {
    StoreError::Corrupt {
        detail: format!("blob {digest}: {detail}"),
    }
}

#[cfg(test)]
mod tests;
