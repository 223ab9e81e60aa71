//! Reading frames back, each checked against the one before it.

use std::ops::ControlFlow;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::Frame;
use anthill_contracts::id::JobId;
use anthill_contracts::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::encoding::decode_events;
use crate::failure::read_failure;
use crate::journal::{FrameHeader, GENESIS, chain};
use crate::leases::LeaseRow;

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The frame.
    pub(crate) seq: u64,
    /// What is wrong with it.
    pub(crate) detail: String,
}

impl Flaw {
    fn new(seq: u64, detail: &str) -> Self {
        Self {
            seq,
            detail: detail.to_owned(),
        }
    }

    /// The flaw as an error of a read.
    pub(crate) fn of(self, job_id: JobId) -> StoreError {
        StoreError::Corrupt {
            detail: format!("frame {} of job {job_id}: {}", self.seq, self.detail),
        }
    }
}

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum WalkError {
    /// The chain is broken.
    Flaw(Flaw),
    /// It could not be read, or by this program.
    Store(StoreError),
}

impl WalkError {
    /// The same as an error of the port.
    pub(crate) fn of(self, job_id: JobId) -> StoreError {
        match self {
            Self::Flaw(flaw) => flaw.of(job_id),
            Self::Store(error) => error,
        }
    }
}

struct RawFrame {
    key: i64,
    epoch: u64,
    at: Timestamp,
    body: Vec<u8>,
    hash: Digest,
}

/// Walks the frames of a job from number `from` to the head that the lease row names, until `visit` has had enough.
///
/// Both must come from one read transaction, because the head moves. A frame that is missing at the end is a flaw.
pub(crate) fn walk(
    conn: &Connection,
    lease: &LeaseRow,
    from: u64,
    mut visit: impl FnMut(Frame) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), WalkError> {
    if from > lease.head.last_seq {
        return Ok(());
    }
    let mut link = Link {
        lease,
        seq: from,
        prev: previous_hash(conn, lease, from)?,
        epoch: 0,
    };
    let sql = "SELECT id, epoch, at, body, hash FROM frames WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut statement = conn.prepare_cached(sql).map_err(unreadable)?;
    let keys = [lease.frame_key(from), lease.frame_key(lease.head.last_seq)];
    let rows = statement.query_map(keys, decode).map_err(unreadable)?;
    for row in rows {
        let raw = row.map_err(|error| WalkError::Flaw(Flaw::new(link.seq, &error.to_string())))?;
        let frame = link.check(&raw)?;
        if visit(frame).map_err(WalkError::Store)?.is_break() {
            return Ok(());
        }
    }
    if link.seq <= lease.head.last_seq {
        return Err(WalkError::Flaw(Flaw::new(
            link.seq,
            "it was acknowledged and is missing",
        )));
    }
    Ok(())
}

/// Number of the last frame in the table, whatever the lease row says.
pub(crate) fn last_stored(conn: &Connection, lease: &LeaseRow) -> Result<u64, StoreError> {
    let sql = "SELECT max(id) FROM frames WHERE id BETWEEN ?1 AND ?2";
    let keys = [lease.frame_key(0), lease.frame_key(u64::from(u32::MAX))];
    let last: Option<i64> = conn
        .query_row(sql, keys, |row| row.get(0))
        .map_err(read_failure)?;
    Ok(last.map_or(0, |key| u64::try_from(key - lease.frame_key(0)).unwrap_or(0)))
}

/// What the next frame must fit.
struct Link<'a> {
    lease: &'a LeaseRow,
    seq: u64,
    prev: Digest,
    epoch: u64,
}

impl Link<'_> {
    fn check(&mut self, raw: &RawFrame) -> Result<Frame, WalkError> {
        let seq = self.seq;
        let flaw = |detail: &str| Err(WalkError::Flaw(Flaw::new(seq, detail)));
        if raw.key != self.lease.frame_key(seq) {
            return flaw("it is missing");
        }
        let header = FrameHeader {
            job_id: self.lease.job_id,
            seq,
            epoch: raw.epoch,
            at: raw.at,
        };
        if chain(self.prev, &header, &raw.body) != raw.hash {
            return flaw("its hash does not fit its content and the frame before it");
        }
        if raw.epoch < self.epoch || raw.epoch > self.lease.head.epoch {
            return flaw("its epoch is out of order");
        }
        if seq == self.lease.head.last_seq && raw.hash != self.lease.head.head {
            return flaw("it is not the frame that was acknowledged as the last");
        }
        let events = decode_events(&raw.body).map_err(WalkError::Store)?;
        (self.seq, self.prev, self.epoch) = (seq + 1, raw.hash, raw.epoch);
        Ok(Frame {
            job_id: header.job_id,
            seq,
            epoch: raw.epoch,
            at: raw.at,
            events,
            hash: raw.hash,
        })
    }
}

fn previous_hash(conn: &Connection, lease: &LeaseRow, from: u64) -> Result<Digest, WalkError> {
    if from == 1 {
        return Ok(GENESIS);
    }
    let sql = "SELECT hash FROM frames WHERE id = ?1";
    let mut statement = conn.prepare_cached(sql).map_err(unreadable)?;
    let hash = statement
        .query_row([lease.frame_key(from - 1)], |row| row.get(0))
        .optional();
    match hash.map_err(unreadable)? {
        Some(bytes) => Ok(Digest::from_bytes(bytes)),
        None => Err(WalkError::Flaw(Flaw::new(from - 1, "it is missing"))),
    }
}

fn decode(row: &Row<'_>) -> rusqlite::Result<RawFrame> {
    Ok(RawFrame {
        key: row.get(0)?,
        epoch: row.get(1)?,
        at: Timestamp(row.get(2)?),
        body: row.get(3)?,
        hash: Digest::from_bytes(row.get(4)?),
    })
}

fn unreadable(error: rusqlite::Error) -> WalkError {
    WalkError::Store(read_failure(error))
}
