//! The two database files: how they are opened, and the tables of the journal's.
//!
//! `journal.db` is the truth and is written with `synchronous=FULL`: a power cut loses no acknowledged frame. Frames
//! lie in one tree whose key is the job's number and the frame's number together, so that an append touches one page
//! of its job and no index, and a job is read in one sweep. `views.db` can be made again from the journal, so it is
//! written with `synchronous=NORMAL`, which costs no sync.

use std::path::Path;
use std::time::Duration;

use anthill_contracts::store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::directory::{JOURNAL_FILE, VIEWS_FILE};
use crate::failure::{open_failure, read_failure};
use crate::options::StoreOptions;

/// Version of the journal's tables.
pub(crate) const JOURNAL_FORMAT: u32 = 1;

/// Bits of a frame's key that hold its number; the bits above hold the job's.
pub(crate) const SEQ_BITS: u32 = 32;

/// Readers of another process may hold a lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) const WRITER_CACHE_KIB: i64 = 32 * 1024;
const READER_CACHE_KIB: i64 = 8 * 1024;
const PAGE_BYTES: u64 = 4096;

/// One entry per version: what leads from the version before to it.
const JOURNAL_MIGRATIONS: [&str; JOURNAL_FORMAT as usize] = ["
    -- Where each job stands: its fence and its head. `seal` is a hash over the row.
    CREATE TABLE leases (
        job_no   INTEGER PRIMARY KEY,
        job_id   BLOB NOT NULL UNIQUE,
        holder   BLOB NOT NULL,
        epoch    INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        head     BLOB NOT NULL,
        seal     BLOB NOT NULL
    ) STRICT;
    -- `id` is job_no << 32 | seq.
    CREATE TABLE frames (
        id    INTEGER PRIMARY KEY,
        epoch INTEGER NOT NULL,
        at    INTEGER NOT NULL,
        body  BLOB NOT NULL,
        hash  BLOB NOT NULL
    ) STRICT;
    -- `form`: 0 as it is, 1 zstd, 2 in a file, 3 zstd in a file. `bytes` is the length as it is.
    CREATE TABLE blobs (
        blob_no INTEGER PRIMARY KEY,
        digest  BLOB NOT NULL UNIQUE,
        form    INTEGER NOT NULL,
        bytes   INTEGER NOT NULL,
        body    BLOB
    ) STRICT;
    CREATE TABLE snapshots (
        job_no INTEGER PRIMARY KEY,
        seq    INTEGER NOT NULL,
        state  BLOB NOT NULL,
        hash   BLOB NOT NULL
    ) STRICT;
    -- For people with `sqlite3`.
    CREATE VIEW journal AS
        SELECT hex(job_id) AS job_id, id & 4294967295 AS seq, frames.epoch,
               datetime(at / 1000, 'unixepoch') AS at, length(body) AS bytes, hex(hash) AS hash
        FROM frames JOIN leases ON job_no = id >> 32;
"];

/// Opens the journal for its one writer and brings its tables up to date.
pub(crate) fn open_journal(dir: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let refused = |error: rusqlite::Error| open_failure(dir, &error);
    let mut conn = Connection::open_with_flags(dir.join(JOURNAL_FILE), writer_flags()).map_err(refused)?;
    configure(&conn, WRITER_CACHE_KIB).map_err(refused)?;
    let found = user_version(&conn).map_err(refused)?;
    if found > JOURNAL_FORMAT {
        return Err(StoreError::TooNew {
            found,
            known: JOURNAL_FORMAT,
        });
    }
    set_up_durable(&conn, options).map_err(refused)?;
    migrate(&mut conn, found).map_err(refused)?;
    Ok(conn)
}

/// Opens the projections for the projector, without tables.
pub(crate) fn open_views(dir: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(dir.join(VIEWS_FILE), writer_flags())?;
    configure(&conn, READER_CACHE_KIB)?;
    set_wal(&conn)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(conn)
}

/// Opens the journal for reading only.
pub(crate) fn open_journal_to_read(dir: &Path) -> Result<Connection, StoreError> {
    let conn = open_to_read(&dir.join(JOURNAL_FILE)).map_err(|error| open_failure(dir, &error))?;
    match user_version(&conn).map_err(read_failure)? {
        0 => Err(StoreError::NoData {
            path: dir.display().to_string(),
        }),
        JOURNAL_FORMAT => Ok(conn),
        found => Err(StoreError::TooNew {
            found,
            known: JOURNAL_FORMAT,
        }),
    }
}

/// Opens the projections for reading only.
pub(crate) fn open_views_to_read(dir: &Path) -> rusqlite::Result<Connection> {
    open_to_read(&dir.join(VIEWS_FILE))
}

/// Copies the write-ahead log into the database.
///
/// Done by hand, because the automatic checkpoint swallows its errors: a failed sync of the database would be tried
/// again, reported as well the second time, and the log that still held the frames would be overwritten. Answers
/// whether all of the log could be copied; a reader that still looks at an older state holds a part of it back.
pub(crate) fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<bool> {
    conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (is_held, pages, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(!is_held && pages == copied)
    })
}

/// Opens a database for reading only.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    // The first read tells whether the write-ahead log can be shared. It cannot where the folder is read-only; then
    // nobody writes either, and the file may be taken as it is unless a log was left behind.
    if user_version(&conn).is_err() && !has_log(path) {
        let frozen = format!("file:{}?immutable=1", escape(path));
        conn = Connection::open_with_flags(frozen, flags | OpenFlags::SQLITE_OPEN_URI)?;
    }
    configure(&conn, READER_CACHE_KIB)?;
    Ok(conn)
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// A path as it may stand in a URI.
fn escape(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

pub(crate) fn writer_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

pub(crate) fn configure(conn: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "trusted_schema", "OFF")
}

/// Sets a file up to lose nothing that was committed.
pub(crate) fn set_up_durable(conn: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    set_wal(conn)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain sync does not reach the platter.
    conn.pragma_update(None, "fullfsync", "ON")?;
    conn.pragma_update(None, "checkpoint_fullfsync", "ON")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    if let Some(bytes_max) = options.database_bytes_max {
        let pages = i64::try_from(bytes_max / PAGE_BYTES).unwrap_or(i64::MAX);
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

fn set_wal(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
}

fn migrate(conn: &mut Connection, found: u32) -> rusqlite::Result<()> {
    for (format, statements) in (1_u32..).zip(JOURNAL_MIGRATIONS).skip(found as usize) {
        let tx = conn.transaction()?;
        tx.execute_batch(statements)?;
        tx.pragma_update(None, "user_version", format)?;
        tx.commit()?;
        tracing::info!(format, "the journal has been brought up to date");
    }
    Ok(())
}

/// The version of a file's tables; 0 where it has none.
pub(crate) fn user_version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}
