//! The tables of `views.db`: what the fold gave out, as rows of JSON beside the columns that they are found by.
//!
//! Everything here can be made again from the journal. So there are no migrations: tables of another version are
//! dropped and filled anew. JSON was chosen over a column per field because people look into it with `sqlite3`
//! (`row ->> '$.status'`), and because a new field needs no new table.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, TaskId, TenantId};
use anthill_contracts::store::{ArtifactRow, JobFilter, JobRow, JobStatus, Memo, StepRow, TaskRow};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fold::{Delta, JobFold, MemoEntry, ReviewEntry, join_reviews};
use crate::schema::user_version;

/// Version of the tables and of the rows in them.
pub(crate) const VIEWS_FORMAT: u32 = 2;

const TABLES: [&str; 7] = [
    "cursors",
    "jobs",
    "tasks",
    "steps",
    "artifacts",
    "reviews",
    "memos",
];

const SCHEMA: &str = "
    -- How far each job's journal has been taken in, and the hash of that frame.
    CREATE TABLE cursors (job_id BLOB PRIMARY KEY, seq INTEGER NOT NULL, head BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE jobs (
        job_id BLOB PRIMARY KEY, tenant TEXT NOT NULL, status TEXT NOT NULL, row TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tasks (
        job_id BLOB, position INTEGER, row TEXT NOT NULL, PRIMARY KEY (job_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE steps (
        job_id BLOB, position INTEGER, row TEXT NOT NULL, PRIMARY KEY (job_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE artifacts (
        job_id BLOB, position INTEGER, row TEXT NOT NULL, PRIMARY KEY (job_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE reviews (
        job_id BLOB, artifact INTEGER, number INTEGER, row TEXT NOT NULL, PRIMARY KEY (job_id, artifact, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE memos (
        job_id BLOB, task_id BLOB, tenant TEXT NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,
        output BLOB NOT NULL, cost TEXT NOT NULL, PRIMARY KEY (job_id, task_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memos_by_key ON memos (tenant, key, at, job_id);
";

/// How far a job's journal has been taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Number of the last frame.
    pub(crate) seq: u64,
    /// Its hash: a journal that was put back from a backup has another one.
    pub(crate) head: Digest,
}

/// Makes the tables, or makes them anew where they are of another version.
pub(crate) fn set_up(conn: &mut Connection) -> rusqlite::Result<()> {
    if user_version(conn)? == VIEWS_FORMAT {
        return Ok(());
    }
    let tx = conn.transaction()?;
    for table in TABLES {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    tx.execute_batch(SCHEMA)?;
    tx.pragma_update(None, "user_version", VIEWS_FORMAT)?;
    tx.commit()
}

/// Whether the tables are there and of this version.
pub(crate) fn are_known(conn: &Connection) -> bool {
    user_version(conn).is_ok_and(|format| format == VIEWS_FORMAT)
}

/// Forgets a job.
pub(crate) fn forget(conn: &Connection, job_id: JobId) -> rusqlite::Result<()> {
    for table in TABLES {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE job_id = ?1"))?
            .execute([job_id.as_bytes()])?;
    }
    Ok(())
}

/// Every cursor.
pub(crate) fn cursors(conn: &Connection) -> rusqlite::Result<Vec<(JobId, Cursor)>> {
    let mut statement = conn.prepare_cached("SELECT job_id, seq, head FROM cursors")?;
    let rows = statement.query_map([], |row| {
        let cursor = Cursor {
            seq: row.get(1)?,
            head: Digest::from_bytes(row.get(2)?),
        };
        Ok((JobId::from_bytes(row.get(0)?), cursor))
    })?;
    rows.collect()
}

/// The cursor of one job.
pub(crate) fn cursor(conn: &Connection, job_id: JobId) -> rusqlite::Result<Option<Cursor>> {
    let mut statement = conn.prepare_cached("SELECT seq, head FROM cursors WHERE job_id = ?1")?;
    let cursor = |row: &rusqlite::Row<'_>| {
        Ok(Cursor {
            seq: row.get(0)?,
            head: Digest::from_bytes(row.get(1)?),
        })
    };
    statement.query_row([job_id.as_bytes()], cursor).optional()
}

/// Writes what some frames changed, and the cursor with it.
pub(crate) fn write(conn: &Connection, job_id: JobId, fold: &JobFold, delta: &Delta) -> rusqlite::Result<()> {
    write_job(conn, job_id, fold)?;
    for position in &delta.tasks {
        let row = json(&fold.tasks()[*position])?;
        put(
            conn,
            "INSERT OR REPLACE INTO tasks VALUES (?1, ?2, ?3)",
            (job_id, *position as u64, row),
        )?;
    }
    for (position, step) in &delta.steps {
        put(
            conn,
            "INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3)",
            (job_id, *position, json(step)?),
        )?;
    }
    for (position, artifact) in &delta.artifacts {
        put(
            conn,
            "INSERT OR REPLACE INTO artifacts VALUES (?1, ?2, ?3)",
            (job_id, *position, json(artifact)?),
        )?;
    }
    for entry in &delta.reviews {
        let mut statement = conn.prepare_cached("INSERT OR REPLACE INTO reviews VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![
            job_id.as_bytes(),
            entry.artifact,
            entry.number,
            json(&entry.review)?
        ])?;
    }
    for entry in &delta.memos {
        write_memo(conn, entry)?;
    }
    Ok(())
}

fn write_job(conn: &Connection, job_id: JobId, fold: &JobFold) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached("INSERT OR REPLACE INTO cursors VALUES (?1, ?2, ?3)")?;
    statement.execute(params![job_id.as_bytes(), fold.seq(), fold.head().as_bytes()])?;
    let Some(job) = fold.job() else { return Ok(()) };
    let mut statement = conn.prepare_cached("INSERT OR REPLACE INTO jobs VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute(params![
        job_id.as_bytes(),
        job.tenant.as_str(),
        job.status.as_str(),
        json(job)?
    ])?;
    Ok(())
}

fn write_memo(conn: &Connection, entry: &MemoEntry) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO memos (job_id, task_id, tenant, key, at, output, cost)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    conn.prepare_cached(sql)?.execute(params![
        entry.memo.job_id.as_bytes(),
        entry.memo.task_id.as_bytes(),
        entry.tenant.as_str(),
        entry.key.as_bytes(),
        entry.at.0,
        entry.memo.output.as_bytes(),
        json(&entry.memo.cost)?
    ])?;
    Ok(())
}

fn put(conn: &Connection, sql: &str, (job_id, position, row): (JobId, u64, String)) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?
        .execute(params![job_id.as_bytes(), position, row])?;
    Ok(())
}

/// One job.
pub(crate) fn job(conn: &Connection, job_id: JobId) -> rusqlite::Result<Option<JobRow>> {
    let mut statement = conn.prepare_cached("SELECT row FROM jobs WHERE job_id = ?1")?;
    statement
        .query_row([job_id.as_bytes()], |row| parse(row, 0))
        .optional()
}

/// Jobs that pass the filter, newest first: an id begins with the time at which it was made.
pub(crate) fn jobs(conn: &Connection, filter: &JobFilter, rows_max: usize) -> rusqlite::Result<Vec<JobRow>> {
    let sql = "SELECT row FROM jobs
               WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR job_id < ?3)
               ORDER BY job_id DESC LIMIT ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let before = filter.before.as_ref().map(JobId::as_bytes);
    let status = filter.state.map(JobStatus::as_str);
    let wanted = params![
        filter.tenant.as_ref().map(TenantId::as_str),
        status,
        before,
        rows_max
    ];
    statement.query_map(wanted, |row| parse(row, 0))?.collect()
}

/// Tasks of a job.
pub(crate) fn tasks(conn: &Connection, job_id: JobId) -> rusqlite::Result<Vec<TaskRow>> {
    let mut statement = conn.prepare_cached("SELECT row FROM tasks WHERE job_id = ?1 ORDER BY position")?;
    statement
        .query_map([job_id.as_bytes()], |row| parse(row, 0))?
        .collect()
}

/// Steps of a job.
pub(crate) fn steps(conn: &Connection, job_id: JobId) -> rusqlite::Result<Vec<StepRow>> {
    let mut statement = conn.prepare_cached("SELECT row FROM steps WHERE job_id = ?1 ORDER BY position")?;
    statement
        .query_map([job_id.as_bytes()], |row| parse(row, 0))?
        .collect()
}

/// Versions of a job's artifacts with their reviews.
pub(crate) fn artifacts(conn: &Connection, job_id: JobId) -> rusqlite::Result<Vec<ArtifactRow>> {
    let mut statement =
        conn.prepare_cached("SELECT position, row FROM artifacts WHERE job_id = ?1 ORDER BY position")?;
    let rows = statement.query_map([job_id.as_bytes()], |row| Ok((row.get(0)?, parse(row, 1)?)))?;
    let artifacts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement = conn.prepare_cached("SELECT artifact, number, row FROM reviews WHERE job_id = ?1")?;
    let rows = statement.query_map([job_id.as_bytes()], |row| {
        Ok(ReviewEntry {
            artifact: row.get(0)?,
            number: row.get(1)?,
            review: parse(row, 2)?,
        })
    })?;
    Ok(join_reviews(
        artifacts,
        rows.collect::<rusqlite::Result<Vec<_>>>()?,
    ))
}

/// The newest memo under a key.
pub(crate) fn memo(conn: &Connection, tenant: &TenantId, key: Digest) -> rusqlite::Result<Option<MemoEntry>> {
    let sql = "SELECT job_id, task_id, output, cost, at FROM memos WHERE tenant = ?1 AND key = ?2
               ORDER BY at DESC, job_id DESC, task_id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    let decode = |row: &rusqlite::Row<'_>| {
        let memo = Memo {
            job_id: JobId::from_bytes(row.get(0)?),
            task_id: TaskId::from_bytes(row.get(1)?),
            output: Digest::from_bytes(row.get(2)?),
            cost: parse(row, 3)?,
        };
        Ok(MemoEntry {
            tenant: tenant.clone(),
            key,
            at: Timestamp(row.get(4)?),
            memo,
        })
    };
    statement
        .query_row(params![tenant.as_str(), key.as_bytes()], decode)
        .optional()
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn parse<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|_| unreadable(column, Box::new(FromSqlError::InvalidType)))?;
    serde_json::from_str(text).map_err(|error| unreadable(column, Box::new(error)))
}

fn unreadable(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}
