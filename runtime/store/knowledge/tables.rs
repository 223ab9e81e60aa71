//! The tables of the knowledge: facts by key, receipts by id and time.

use std::path::Path;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{FactRow, KnowledgeBatch, ReceiptRow};
use anthill_contracts::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::directory::KNOWLEDGE_FILE;
use crate::failure::{open_failure, read_failure};
use crate::options::StoreOptions;
use crate::schema;

/// Version of the tables.
pub(super) const FORMAT: u32 = 1;

const TABLES: &str = "
    -- `hash` is a hash over key and value.
    CREATE TABLE facts (
        key   BLOB PRIMARY KEY,
        value BLOB NOT NULL,
        hash  BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- `hash` is a hash over id, time and receipt; `end_hash` one over id and conclusion.
    CREATE TABLE receipts (
        receipt_id BLOB PRIMARY KEY,
        at         INTEGER NOT NULL,
        receipt    BLOB NOT NULL,
        hash       BLOB NOT NULL,
        conclusion BLOB,
        end_hash   BLOB
    ) STRICT;
    CREATE INDEX receipts_by_time ON receipts (at);
";

/// Opens the file for its one writer, and makes its tables where there are none.
pub(super) fn open(dir: &Path, options: &StoreOptions) -> Result<Connection, StoreError> {
    let refused = |error: rusqlite::Error| open_failure(dir, &error);
    let path = dir.join(KNOWLEDGE_FILE);
    let mut conn = Connection::open_with_flags(path, schema::writer_flags()).map_err(refused)?;
    schema::configure(&conn, schema::WRITER_CACHE_KIB).map_err(refused)?;
    let found = schema::user_version(&conn).map_err(refused)?;
    if found > FORMAT {
        return Err(StoreError::TooNew { found, known: FORMAT });
    }
    schema::set_up_durable(&conn, options).map_err(refused)?;
    if found == 0 {
        make_tables(&mut conn).map_err(refused)?;
    }
    Ok(conn)
}

fn make_tables(conn: &mut Connection) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    tx.execute_batch(TABLES)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    tx.commit()
}

/// Opens the file for reading only; `None` where it has no tables yet.
pub(super) fn open_to_read(path: &Path) -> Result<Option<Connection>, StoreError> {
    let conn = schema::open_to_read(path).map_err(|error| open_failure(path, &error))?;
    match schema::user_version(&conn).map_err(read_failure)? {
        0 => Ok(None),
        FORMAT => Ok(Some(conn)),
        found => Err(StoreError::TooNew { found, known: FORMAT }),
    }
}

/// Writes a batch within a transaction.
pub(super) fn write(tx: &Transaction<'_>, batch: &KnowledgeBatch) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached("INSERT OR REPLACE INTO facts (key, value, hash) VALUES (?1, ?2, ?3)")?;
    let mut drop = tx.prepare_cached("DELETE FROM facts WHERE key = ?1")?;
    for row in &batch.facts {
        match &row.value {
            Some(value) => put.execute(params![row.key, value, fact_hash(&row.key, value)])?,
            None => drop.execute(params![row.key])?,
        };
    }
    let mut issue = tx.prepare_cached(
        "INSERT OR IGNORE INTO receipts (receipt_id, at, receipt, hash) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for row in &batch.issued {
        let hash = receipt_hash(row.receipt_id, row.at, &row.receipt);
        issue.execute(params![
            row.receipt_id.as_bytes(),
            signed(row.at),
            row.receipt,
            hash
        ])?;
    }
    // The first end of a run stands.
    let mut conclude = tx.prepare_cached(
        "UPDATE receipts SET conclusion = ?2, end_hash = ?3 WHERE receipt_id = ?1 AND conclusion IS NULL",
    )?;
    for (receipt_id, conclusion) in &batch.concluded {
        let hash = end_hash(*receipt_id, conclusion);
        conclude.execute(params![receipt_id.as_bytes(), conclusion, hash])?;
    }
    if let Some(before) = batch.forget_before {
        tx.execute("DELETE FROM receipts WHERE at < ?1", params![signed(before)])?;
    }
    Ok(())
}

/// About how many bytes a batch adds to the write-ahead log.
pub(super) fn bytes(batch: &KnowledgeBatch) -> u64 {
    let facts = batch
        .facts
        .iter()
        .map(|row| row.key.len() + row.value.as_ref().map_or(0, Vec::len));
    let issued = batch.issued.iter().map(|row| row.receipt.len());
    let concluded = batch.concluded.iter().map(|(_, conclusion)| conclusion.len());
    facts.chain(issued).chain(concluded).sum::<usize>() as u64
}

/// Every fact, in order of keys. One whose hash does not fit comes without its value.
pub(super) fn facts(conn: &Connection) -> Result<Vec<FactRow>, StoreError> {
    let mut query = conn
        .prepare("SELECT key, value, hash FROM facts ORDER BY key")
        .map_err(read_failure)?;
    let rows = query
        .query_map([], |row| {
            let (key, value, hash): (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let is_whole = hash == fact_hash(&key, &value);
            Ok(FactRow {
                key,
                value: is_whole.then_some(value),
            })
        })
        .map_err(read_failure)?;
    rows.collect::<Result<_, _>>().map_err(read_failure)
}

const RECEIPT_COLUMNS: &str = "SELECT receipt_id, at, receipt, hash, conclusion, end_hash FROM receipts";

/// One receipt.
pub(super) fn receipt(conn: &Connection, receipt_id: ReceiptId) -> Result<Option<ReceiptRow>, StoreError> {
    let mut query = conn
        .prepare_cached(&format!("{RECEIPT_COLUMNS} WHERE receipt_id = ?1"))
        .map_err(read_failure)?;
    let found = query
        .query_row(params![receipt_id.as_bytes()], read_receipt)
        .optional();
    found.map_err(read_failure)?.transpose()
}

/// Receipts from a time on, oldest first.
pub(super) fn receipts_since(
    conn: &Connection,
    from: Timestamp,
    rows_max: usize,
) -> Result<Vec<ReceiptRow>, StoreError> {
    let order = "WHERE at >= ?1 ORDER BY at, receipt_id LIMIT ?2";
    receipts(conn, order, (from, rows_max))
}

/// Receipts from a time on that have no conclusion, newest first.
pub(super) fn open_receipts(
    conn: &Connection,
    from: Timestamp,
    rows_max: usize,
) -> Result<Vec<ReceiptRow>, StoreError> {
    let order = "WHERE at >= ?1 AND conclusion IS NULL ORDER BY at DESC, receipt_id DESC LIMIT ?2";
    receipts(conn, order, (from, rows_max))
}

fn receipts(
    conn: &Connection,
    order: &str,
    (from, rows_max): (Timestamp, usize),
) -> Result<Vec<ReceiptRow>, StoreError> {
    let mut query = conn
        .prepare_cached(&format!("{RECEIPT_COLUMNS} {order}"))
        .map_err(read_failure)?;
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let rows = query
        .query_map(params![signed(from), rows_max], read_receipt)
        .map_err(read_failure)?;
    rows.map(|row| row.map_err(read_failure)?).collect()
}

/// A receipt, or where it is damaged.
fn read_receipt(row: &Row<'_>) -> rusqlite::Result<Result<ReceiptRow, StoreError>> {
    let (id, at): ([u8; 16], i64) = (row.get(0)?, row.get(1)?);
    let (receipt, hash): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
    let (conclusion, ended): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(4)?, row.get(5)?);
    let receipt_id = ReceiptId::from_bytes(id);
    let at = Timestamp(u64::try_from(at).unwrap_or(0));
    let end = conclusion
        .as_ref()
        .map(|conclusion| end_hash(receipt_id, conclusion).to_vec());
    if hash != receipt_hash(receipt_id, at, &receipt) || ended != end {
        return Ok(Err(StoreError::Corrupt {
            detail: format!("{receipt_id} does not fit its hash"),
        }));
    }
    Ok(Ok(ReceiptRow {
        receipt_id,
        at,
        receipt,
        conclusion,
    }))
}

fn fact_hash(key: &[u8], value: &[u8]) -> [u8; 8] {
    short(&Digest::of_parts([b"fact v1".as_slice(), key, value]))
}

fn receipt_hash(receipt_id: ReceiptId, at: Timestamp, receipt: &[u8]) -> [u8; 8] {
    let at = at.0.to_le_bytes();
    short(&Digest::of_parts([
        b"receipt v1".as_slice(),
        receipt_id.as_bytes(),
        &at,
        receipt,
    ]))
}

fn end_hash(receipt_id: ReceiptId, conclusion: &[u8]) -> [u8; 8] {
    short(&Digest::of_parts([
        b"conclusion v1".as_slice(),
        receipt_id.as_bytes(),
        conclusion,
    ]))
}

/// Eight bytes of a hash: enough against decay of the disk, which is all that it is for.
fn short(digest: &Digest) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&digest.as_bytes()[..8]);
    short
}

fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
