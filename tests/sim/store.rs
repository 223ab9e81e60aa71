//! A simulated store around the real journal head: appends are taken in, synced in groups, and acknowledged then.
//!
//! A crash loses what was not synced, or a part of it, or nothing: the outcome of a write that failed is unknown.

use std::collections::BTreeMap;
use std::fmt;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::JobId;
use anthill_contracts::store::Lease;
use anthill_store::decode_events;
use anthill_store::journal::{AckGate, Bugs, FrameHeader, JournalHead, Verdict, chain};

use crate::dice::Dice;
use crate::schedule::LeadNo;

/// What a lead asks of the store.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Who asks.
    pub(crate) lead: LeadNo,
    /// What.
    pub(crate) work: Work,
}

/// What can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Make me the owner.
    Lease,
    /// Append a frame.
    Append {
        epoch: u64,
        seq: u64,
        body: Vec<u8>,
        blobs: Vec<Blob>,
    },
}

/// What the store says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// To whom.
    pub(crate) lead: LeadNo,
    /// What.
    pub(crate) outcome: Outcome,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The lease is granted.
    Leased(Lease),
    /// The frame is durable.
    Appended { seq: u64, hash: Digest },
    /// The frame is refused.
    Refused(Verdict),
}

/// A frame as it lies on the disk.
#[derive(Clone)]
pub(crate) struct Stored {
    /// What the chain covers beside the body.
    pub(crate) header: FrameHeader,
    /// The encoded events.
    pub(crate) body: Vec<u8>,
    /// The chain.
    pub(crate) hash: Digest,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = decode_events(&self.body);
        write!(
            f,
            "frame {} of epoch {}: {events:?}",
            self.header.seq, self.header.epoch
        )
    }
}

/// One write.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// A new owner.
    Grant { epoch: u64 },
    /// A frame with its bodies.
    Frame(Stored, Vec<Blob>),
}

/// The store.
#[derive(Debug)]
pub(crate) struct SimStore {
    job_id: JobId,
    bugs: Bugs,
    /// Counts its lives.
    pub(crate) generation: u32,
    /// Whether it runs.
    pub(crate) up: bool,
    head: JournalHead,
    durable_head: JournalHead,
    unsynced: Vec<Write>,
    gate: AckGate<Answer>,
    frames: Vec<Stored>,
    blobs: BTreeMap<Digest, Blob>,
}

impl SimStore {
    /// An empty store.
    pub(crate) fn new(job_id: JobId, bugs: Bugs) -> Self {
        Self {
            job_id,
            bugs,
            generation: 0,
            up: true,
            head: JournalHead::EMPTY,
            durable_head: JournalHead::EMPTY,
            unsynced: Vec::new(),
            gate: AckGate::default(),
            frames: Vec::new(),
            blobs: BTreeMap::new(),
        }
    }

    /// Takes a request in. An answer that comes back at once is a planted bug.
    pub(crate) fn take(&mut self, request: Request, now_ms: u64) -> Option<Answer> {
        let outcome = match request.work {
            Work::Lease => {
                let epoch = self.head.grant();
                self.unsynced.push(Write::Grant { epoch });
                Outcome::Leased(Lease {
                    epoch,
                    last_seq: self.head.last_seq,
                })
            }
            Work::Append {
                epoch,
                seq,
                body,
                blobs,
            } => {
                if let Err(verdict) = self.head.admit_with(self.bugs, epoch, seq) {
                    Outcome::Refused(verdict)
                } else {
                    let at = Timestamp(now_ms);
                    let header = FrameHeader {
                        job_id: self.job_id,
                        seq,
                        epoch,
                        at,
                    };
                    let hash = chain(self.head.head, &header, &body);
                    self.head.advance(&header, hash);
                    self.unsynced
                        .push(Write::Frame(Stored { header, body, hash }, blobs));
                    Outcome::Appended { seq, hash }
                }
            }
        };
        self.gate.hold_with(
            self.bugs,
            Answer {
                lead: request.lead,
                outcome,
            },
        )
    }

    /// How many writes are not durable.
    pub(crate) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Makes everything durable; answers what became so.
    pub(crate) fn sync(&mut self) -> Vec<Write> {
        let writes = std::mem::take(&mut self.unsynced);
        self.keep(&writes);
        writes
    }

    /// The answers that may go out.
    pub(crate) fn released(&mut self) -> Vec<Answer> {
        self.gate.synced()
    }

    /// Dies. Answers what became durable all the same, and who will never hear of it.
    pub(crate) fn crash(&mut self, dice: &mut Dice) -> (Vec<Write>, Vec<LeadNo>) {
        let mut writes = std::mem::take(&mut self.unsynced);
        let survive = match dice.index(4) {
            0 => writes.len(),
            1 => dice.index(writes.len() + 1),
            _ => 0,
        };
        writes.truncate(survive);
        self.keep(&writes);
        self.head = self.durable_head;
        self.up = false;
        self.generation += 1;
        let waiting = self.gate.failed().into_iter().map(|answer| answer.lead).collect();
        (writes, waiting)
    }

    fn keep(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Grant { epoch } => self.durable_head.epoch = *epoch,
                Write::Frame(frame, blobs) => {
                    self.durable_head.advance(&frame.header, frame.hash);
                    self.frames.push(frame.clone());
                    self.blobs
                        .extend(blobs.iter().map(|blob| (blob.digest(), blob.clone())));
                }
            }
        }
    }

    /// The durable frames.
    pub(crate) fn frames(&self) -> &[Stored] {
        &self.frames
    }

    /// The events of the durable journal, read back from their bytes.
    pub(crate) fn events(&self) -> impl Iterator<Item = JobEvent> + '_ {
        self.frames
            .iter()
            .flat_map(|frame| decode_events(&frame.body).expect("a durable frame decodes"))
    }

    /// A durable body.
    pub(crate) fn blob(&self, digest: Digest) -> Option<&Blob> {
        self.blobs.get(&digest)
    }
}
