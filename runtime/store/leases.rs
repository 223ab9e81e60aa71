//! The lease row of a job: its fence and the head of its chain, sealed by a hash.
//!
//! The head is the witness against a cut tail: frames that were acknowledged and are gone show against it. The seal is
//! the witness for the row itself, because a flipped bit in an epoch would let a fenced writer back in.

use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::failure::read_failure;
use crate::journal::JournalHead;
use crate::schema::SEQ_BITS;

const SEAL_CONTEXT: &str = "anthill 2026 lease row v1";

/// One row of `leases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRow {
    /// The job's number in this file.
    pub(crate) job_no: i64,
    /// The job.
    pub(crate) job_id: JobId,
    /// The node that took the last lease.
    pub(crate) holder: NodeId,
    /// Where the journal stands.
    pub(crate) head: JournalHead,
}

impl LeaseRow {
    /// The key of a frame of this job.
    pub(crate) fn frame_key(&self, seq: u64) -> i64 {
        let seq = i64::try_from(seq).expect("frames are numbered up to 32 bits");
        assert!(seq >> SEQ_BITS == 0, "a frame's number fits its part of the key");
        self.job_no << SEQ_BITS | seq
    }

    fn seal(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(SEAL_CONTEXT);
        hasher
            .update(&self.job_no.to_le_bytes())
            .update(self.job_id.as_bytes())
            .update(self.holder.as_bytes());
        hasher
            .update(&self.head.epoch.to_le_bytes())
            .update(&self.head.last_seq.to_le_bytes());
        hasher.update(self.head.head.as_bytes());
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// The row of a job, if it has one.
pub(crate) fn load(conn: &Connection, job_id: JobId) -> Result<Option<LeaseRow>, StoreError> {
    let sql = "SELECT job_no, job_id, holder, epoch, last_seq, head, seal FROM leases WHERE job_id = ?1";
    let row = conn
        .prepare_cached(sql)
        .map_err(read_failure)?
        .query_row([job_id.as_bytes()], decode)
        .optional();
    row.map_err(read_failure)?.map(check).transpose()
}

/// A row, or the job whose row is damaged.
pub(crate) type ListedLease = Result<LeaseRow, (JobId, StoreError)>;

/// Every row, in the order in which the jobs became known.
pub(crate) fn load_all(conn: &Connection) -> Result<Vec<ListedLease>, StoreError> {
    let sql = "SELECT job_no, job_id, holder, epoch, last_seq, head, seal FROM leases ORDER BY job_no";
    let mut statement = conn.prepare_cached(sql).map_err(read_failure)?;
    let rows = statement.query_map([], decode).map_err(read_failure)?;
    let mut leases = Vec::new();
    for row in rows {
        let sealed = row.map_err(read_failure)?;
        let job_id = sealed.0.job_id;
        leases.push(check(sealed).map_err(|error| (job_id, error)));
    }
    Ok(leases)
}

/// Writes the row of a new job and answers its number.
pub(crate) fn insert(
    conn: &Connection,
    job_id: JobId,
    holder: NodeId,
    head: JournalHead,
) -> rusqlite::Result<LeaseRow> {
    let job_no: i64 = conn.query_row("SELECT coalesce(max(job_no), 0) + 1 FROM leases", [], |row| {
        row.get(0)
    })?;
    let lease = LeaseRow {
        job_no,
        job_id,
        holder,
        head,
    };
    let sql = "INSERT INTO leases (job_no, job_id, holder, epoch, last_seq, head, seal)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    conn.prepare_cached(sql)?.execute(params![
        job_no,
        job_id.as_bytes(),
        holder.as_bytes(),
        head.epoch,
        head.last_seq,
        head.head.as_bytes(),
        lease.seal().as_bytes()
    ])?;
    Ok(lease)
}

/// Moves the row on from what it held before. `false` means that it held something else: the fence of last resort,
/// inside the transaction that writes the frames.
pub(crate) fn update(conn: &Connection, lease: &LeaseRow, before: (u64, u64)) -> rusqlite::Result<bool> {
    let sql = "UPDATE leases SET holder = ?2, epoch = ?3, last_seq = ?4, head = ?5, seal = ?6
               WHERE job_no = ?1 AND epoch = ?7 AND last_seq = ?8";
    let changed = conn.prepare_cached(sql)?.execute(params![
        lease.job_no,
        lease.holder.as_bytes(),
        lease.head.epoch,
        lease.head.last_seq,
        lease.head.head.as_bytes(),
        lease.seal().as_bytes(),
        before.0,
        before.1
    ])?;
    Ok(changed == 1)
}

fn decode(row: &Row<'_>) -> rusqlite::Result<(LeaseRow, Digest)> {
    let head = JournalHead {
        epoch: row.get(3)?,
        last_seq: row.get(4)?,
        head: Digest::from_bytes(row.get(5)?),
    };
    let lease = LeaseRow {
        job_no: row.get(0)?,
        job_id: JobId::from_bytes(row.get(1)?),
        holder: NodeId::from_bytes(row.get(2)?),
        head,
    };
    Ok((lease, Digest::from_bytes(row.get(6)?)))
}

fn check((lease, seal): (LeaseRow, Digest)) -> Result<LeaseRow, StoreError> {
    if lease.seal() == seal {
        return Ok(lease);
    }
    let detail = format!("the lease row of job {} is not what was written", lease.job_id);
    Err(StoreError::Corrupt { detail })
}
