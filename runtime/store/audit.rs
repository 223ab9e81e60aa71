//! The audit: walks every chain from its first frame to its head, and every body that it names.
//!
//! What it cannot see is a journal cut *together with* its lease row by somebody who can compute the seal; only a head
//! that is kept elsewhere shows that.

use std::collections::HashSet;
use std::ops::ControlFlow;

use anthill_contracts::digest::Digest;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::JobId;
use anthill_contracts::store::{AuditFlaw, AuditReport, StoreError};

use crate::failure::read_failure;
use crate::frames::{self, WalkError};
use crate::leases::{self, LeaseRow};
use crate::readers::{Reader, load_snapshot};

/// Bodies remembered as sound, so that shared ones are read once; beyond that some are read again.
const KNOWN_SOUND_MAX: usize = 1_000_000;

/// Walks one job, or all of them.
pub(crate) fn verify(reader: &Reader, job_id: Option<JobId>) -> Result<AuditReport, StoreError> {
    let mut audit = Audit {
        reader,
        sound: HashSet::new(),
        report: AuditReport::default(),
    };
    match job_id {
        Some(job_id) => match leases::load(&reader.journal, job_id) {
            Ok(Some(_)) => audit.walk(job_id)?,
            Ok(None) => return Err(StoreError::NoJob { job_id }),
            Err(error) => audit.flaw(job_id, 0, &error),
        },
        None => audit.walk_all()?,
    }
    Ok(audit.report)
}

/// The bodies that an event names.
pub(crate) fn bodies_of(event: &JobEvent) -> Vec<Digest> {
    match event {
        JobEvent::StepRecorded { step, .. } => vec![step.request, step.answer],
        JobEvent::ArtifactPosted { version, .. } => vec![version.body],
        JobEvent::TaskSucceeded { output, .. } | JobEvent::JobSucceeded { output, .. } => {
            output.iter().copied().collect()
        }
        JobEvent::JobPaused { partial, .. } => partial.iter().copied().collect(),
        _ => Vec::new(),
    }
}

struct Audit<'a> {
    reader: &'a Reader,
    sound: HashSet<Digest>,
    report: AuditReport,
}

impl Audit<'_> {
    fn walk_all(&mut self) -> Result<(), StoreError> {
        for lease in leases::load_all(&self.reader.journal)? {
            match lease {
                Ok(lease) => self.walk(lease.job_id)?,
                Err((job_id, error)) => self.flaw(job_id, 0, &error),
            }
        }
        self.look_for_strays()
    }

    /// Walks one job within one read transaction, so that a running writer does not disturb it.
    fn walk(&mut self, job_id: JobId) -> Result<(), StoreError> {
        let tx = self.reader.begin()?;
        let lease = match leases::load(&tx, job_id) {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.flaw(job_id, 0, &error);
                return Ok(());
            }
        };
        self.report.jobs += 1;
        let mut at = 1;
        let mut broken_body = None;
        let walked = frames::walk(&tx, &lease, 1, |frame| {
            at = frame.seq;
            self.report.frames += 1;
            self.report.events += frame.events.len() as u64;
            broken_body = frame
                .events
                .iter()
                .flat_map(bodies_of)
                .find_map(|digest| self.check_body(digest).err());
            Ok(if broken_body.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        });
        match (walked, broken_body) {
            (Err(WalkError::Flaw(flaw)), _) => self.flaw(job_id, flaw.seq, &flaw.detail),
            (Err(WalkError::Store(error)), _) | (Ok(()), Some(error)) => self.flaw(job_id, at, &error),
            (Ok(()), None) => self.check_ends(&tx, &lease)?,
        }
        Ok(())
    }

    /// Looks behind the head, and at the snapshot.
    fn check_ends(&mut self, tx: &rusqlite::Connection, lease: &LeaseRow) -> Result<(), StoreError> {
        let last = frames::last_stored(tx, lease)?;
        if last > lease.head.last_seq {
            self.flaw(
                lease.job_id,
                lease.head.last_seq + 1,
                &"it was never acknowledged",
            );
        } else if let Err(error) = load_snapshot(tx, lease) {
            self.flaw(lease.job_id, lease.head.last_seq, &error);
        }
        Ok(())
    }

    fn check_body(&mut self, digest: Digest) -> Result<(), StoreError> {
        if self.sound.contains(&digest) {
            return Ok(());
        }
        self.reader.blob(digest)?;
        self.report.blobs += 1;
        if self.sound.len() >= KNOWN_SOUND_MAX {
            self.sound.clear();
        }
        self.sound.insert(digest);
        Ok(())
    }

    /// Frames whose job has no lease row: the row was deleted. They are told under the job with no id.
    fn look_for_strays(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT count(*), min(id & 4294967295) FROM frames
                   WHERE id >> 32 NOT IN (SELECT job_no FROM leases)";
        let strays = self
            .reader
            .journal
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (count, first): (u64, Option<u64>) = strays.map_err(read_failure)?;
        if count > 0 {
            let detail = format!("{count} frames belong to no job: its lease row is gone");
            self.flaw(JobId::from_bytes([0; 16]), first.unwrap_or(0), &detail);
        }
        Ok(())
    }

    fn flaw(&mut self, job_id: JobId, seq: u64, detail: &dyn std::fmt::Display) {
        self.report.flaws.push(AuditFlaw {
            job_id,
            seq,
            detail: detail.to_string(),
        });
    }
}
