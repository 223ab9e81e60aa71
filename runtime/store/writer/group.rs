//! One group of appends within its transaction.
//!
//! The heads that the group moves are the writer's own. That is safe because a group that fails ends the writer, and
//! with it every head that ran ahead of the disk.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::store::{Lease, Snapshot, StoreError};
use rusqlite::{Connection, params};

use super::{Answer, PreparedAppend, Report, Work, Written, snapshot_hash};
use crate::blobs;
use crate::failure::write_failure;
use crate::journal::{JournalHead, Verdict, chain};
use crate::leases::{self, LeaseRow};

/// A group under way. Answers are verdicts; errors are failures of the disk, which end the writer.
pub(super) struct Group<'a> {
    conn: &'a Connection,
    heads: &'a mut HashMap<JobId, LeaseRow>,
    /// Epoch and last frame of the jobs that moved, as their rows still hold them.
    moved: HashMap<JobId, (u64, u64)>,
    report: Report,
}

impl<'a> Group<'a> {
    pub(super) fn new(conn: &'a Connection, heads: &'a mut HashMap<JobId, LeaseRow>) -> Self {
        Self {
            conn,
            heads,
            moved: HashMap::new(),
            report: Report::default(),
        }
    }

    /// Carries one piece of work out. The answer holds once the transaction is durable.
    pub(super) fn take(&mut self, work: Work) -> Result<Answer, StoreError> {
        let answer = match work {
            Work::Append(append) => self.append(&append)?,
            Work::TakeLease { job_id, holder } => self.lease(job_id, holder)?,
            Work::PutSnapshot { job_id, snapshot } => self.keep(job_id, &snapshot)?,
        };
        self.report.refused += u64::from(answer.is_err());
        Ok(answer)
    }

    /// Moves the lease rows on. Each must still hold what this writer believes: the fence of last resort.
    pub(super) fn finish(mut self) -> Result<Report, StoreError> {
        for (job_id, before) in std::mem::take(&mut self.moved) {
            let lease = self.heads.get(&job_id).expect("a job that moved has a head");
            if !leases::update(self.conn, lease, before).map_err(|error| write_failure(&error))? {
                let detail = format!("the lease row of job {job_id} was changed by somebody else");
                return Err(StoreError::Corrupt { detail });
            }
            self.report.jobs.push(job_id);
        }
        Ok(self.report)
    }

    fn append(&mut self, append: &PreparedAppend) -> Result<Answer, StoreError> {
        let header = &append.header;
        let head = self.head(header.job_id)?;
        if let Err(verdict) = head
            .map_or(JournalHead::EMPTY, |lease| lease.head)
            .admit(header.epoch, header.seq)
        {
            return Ok(Err(verdict.refusal(header.job_id, header.epoch, header.seq)));
        }
        self.remember(header.job_id);
        let lease = self
            .heads
            .get_mut(&header.job_id)
            .expect("an admitted frame has a lease");
        let hash = chain(lease.head.head, header, &append.body);
        let sql = "INSERT INTO frames (id, epoch, at, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
        let key = lease.frame_key(header.seq);
        lease.head.advance(header, hash);
        let row = params![key, header.epoch, header.at.0, append.body, hash.as_bytes()];
        let inserted = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(row));
        inserted.map_err(|error| write_failure(&error))?;
        for blob in &append.blobs {
            blobs::insert(self.conn, blob).map_err(|error| write_failure(&error))?;
            self.report.blob_bytes += blob.stored_bytes() as u64;
        }
        self.report.frames += 1;
        self.report.frame_bytes += append.body.len() as u64;
        Ok(Ok(Written::Done))
    }

    fn lease(&mut self, job_id: JobId, holder: NodeId) -> Result<Answer, StoreError> {
        if self.head(job_id)?.is_some() {
            self.remember(job_id);
        } else {
            let mut head = JournalHead::EMPTY;
            head.grant();
            let lease =
                leases::insert(self.conn, job_id, holder, head).map_err(|error| write_failure(&error))?;
            self.heads.insert(job_id, lease);
            return Ok(Ok(Written::Leased(Lease {
                epoch: head.epoch,
                last_seq: 0,
            })));
        }
        let lease = self.heads.get_mut(&job_id).expect("the head was loaded above");
        lease.holder = holder;
        let epoch = lease.head.grant();
        Ok(Ok(Written::Leased(Lease {
            epoch,
            last_seq: lease.head.last_seq,
        })))
    }

    fn keep(&mut self, job_id: JobId, snapshot: &Snapshot) -> Result<Answer, StoreError> {
        let Some(lease) = self.head(job_id)? else {
            return Ok(Err(StoreError::NoJob { job_id }));
        };
        let (job_no, last) = (lease.job_no, lease.head.last_seq);
        if snapshot.seq > last {
            return Ok(Err(Verdict::OutOfOrder { last }.refusal(job_id, 0, snapshot.seq)));
        }
        let sql = "INSERT INTO snapshots (job_no, seq, state, hash) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (job_no) DO UPDATE SET seq = excluded.seq, state = excluded.state, hash = excluded.hash
                   WHERE excluded.seq >= snapshots.seq";
        let hash = snapshot_hash(job_id, snapshot.seq, &snapshot.state);
        let row = params![job_no, snapshot.seq, snapshot.state, hash.as_bytes()];
        let written = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(row));
        written.map_err(|error| write_failure(&error))?;
        self.report.blob_bytes += snapshot.state.len() as u64;
        Ok(Ok(Written::Done))
    }

    /// The job's head, from memory or from its row.
    fn head(&mut self, job_id: JobId) -> Result<Option<&LeaseRow>, StoreError> {
        match self.heads.entry(job_id) {
            Entry::Occupied(entry) => Ok(Some(entry.into_mut())),
            Entry::Vacant(entry) => Ok(leases::load(self.conn, job_id)?.map(|lease| &*entry.insert(lease))),
        }
    }

    fn remember(&mut self, job_id: JobId) {
        let head = self.heads.get(&job_id).map(|lease| lease.head);
        let head = head.expect("only a job with a lease moves");
        self.moved.entry(job_id).or_insert((head.epoch, head.last_seq));
    }
}
