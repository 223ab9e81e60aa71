//! The journal's verdicts, pure: who may append, which number comes next, and how frames are chained.
//!
//! An engine asks [`JournalHead::admit`] before it writes, and holds its answers in an [`AckGate`] until the write is
//! durable. Both are used by the `SQLite` engine and by the simulator, so that what the simulator proves is what runs.
//! Nothing here reads a clock, draws a number or touches a disk.

use std::sync::LazyLock;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::JobId;
use anthill_contracts::store::StoreError;

/// What stands before the first frame of every journal.
pub const GENESIS: Digest = Digest::from_bytes([0; 32]);

/// Most frames of one job.
pub const SEQ_MAX: u64 = u32::MAX as u64;

/// Separates the chain's hashes from every other use of the hash function; its number follows the chain's format.
const CHAIN_CONTEXT: &str = "anthill 2026 journal frame v1";

/// Deriving the key costs a hash of its own, so it is done once.
static CHAIN: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key(CHAIN_CONTEXT));

/// Where a job's journal stands: its fence, and the last frame of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalHead {
    /// The epoch that owns the job; 0 before the first lease.
    pub epoch: u64,
    /// Number of the last frame; 0 where there is none.
    pub last_seq: u64,
    /// Hash of the last frame; [`GENESIS`] where there is none.
    pub head: Digest,
}

/// Why an append is refused. A refusal changes nothing and harms nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Another epoch owns the job.
    Fenced {
        /// The epoch that owns it.
        current: u64,
    },
    /// The frame's number is not the next one.
    OutOfOrder {
        /// The last frame's.
        last: u64,
    },
}

impl Verdict {
    /// The refusal as the port tells it.
    pub const fn refusal(self, job_id: JobId, epoch: u64, seq: u64) -> StoreError {
        match self {
            Self::Fenced { current } => StoreError::Fenced {
                job_id,
                epoch,
                current,
            },
            Self::OutOfOrder { last } => StoreError::OutOfOrder { job_id, seq, last },
        }
    }
}

impl JournalHead {
    /// A job of which nothing is known.
    pub const EMPTY: Self = Self {
        epoch: 0,
        last_seq: 0,
        head: GENESIS,
    };

    /// Gives the job to a new owner and answers its epoch, which is higher than every earlier one.
    pub fn grant(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// Whether a frame of this epoch and number may be appended. An epoch that was never granted is refused as well.
    pub const fn admit(&self, epoch: u64, seq: u64) -> Result<(), Verdict> {
        if epoch != self.epoch || epoch == 0 {
            return Err(Verdict::Fenced { current: self.epoch });
        }
        if seq != self.last_seq + 1 || seq > SEQ_MAX {
            return Err(Verdict::OutOfOrder { last: self.last_seq });
        }
        Ok(())
    }

    /// [`JournalHead::admit`] with planted faults.
    #[cfg(feature = "seeded-bugs")]
    pub const fn admit_with(&self, bugs: Bugs, epoch: u64, seq: u64) -> Result<(), Verdict> {
        match self.admit(epoch, seq) {
            Err(Verdict::Fenced { .. }) if bugs.no_fence => self.admit(self.epoch, seq),
            verdict => verdict,
        }
    }

    /// Moves on to an admitted frame.
    pub fn advance(&mut self, header: &FrameHeader, hash: Digest) {
        assert_eq!(
            header.seq,
            self.last_seq + 1,
            "only an admitted frame advances the head"
        );
        self.last_seq = header.seq;
        self.head = hash;
    }
}

/// What the chain covers beside a frame's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// The job.
    pub job_id: JobId,
    /// The frame's number.
    pub seq: u64,
    /// The writer's fence.
    pub epoch: u64,
    /// When it was appended.
    pub at: Timestamp,
}

/// The hash of a frame: over the hash before it, its header and its encoded body.
///
/// Every field but the last has a fixed length, so no two frames share the bytes that are hashed.
pub fn chain(prev: Digest, header: &FrameHeader, body: &[u8]) -> Digest {
    let mut hasher = CHAIN.clone();
    hasher.update(prev.as_bytes()).update(header.job_id.as_bytes());
    for number in [header.seq, header.epoch, header.at.0] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(body);
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

/// Holds answers back until what they acknowledge is durable. An engine that answers only through a gate cannot
/// acknowledge before the sync.
#[derive(Debug)]
pub struct AckGate<T> {
    held: Vec<T>,
}

impl<T> Default for AckGate<T> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<T> AckGate<T> {
    /// Holds an answer.
    pub fn hold(&mut self, answer: T) {
        self.held.push(answer);
    }

    /// [`AckGate::hold`] with planted faults; an answer that comes back is sent at once.
    #[cfg(feature = "seeded-bugs")]
    #[must_use]
    pub fn hold_with(&mut self, bugs: Bugs, answer: T) -> Option<T> {
        if bugs.acknowledge_before_sync {
            return Some(answer);
        }
        self.hold(answer);
        None
    }

    /// Everything written so far is durable: the answers may go out, in the order in which they came.
    #[must_use]
    pub fn synced(&mut self) -> Vec<T> {
        std::mem::take(&mut self.held)
    }

    /// The write or the sync failed: whoever waits must hear that the outcome is unknown.
    #[must_use]
    pub fn failed(&mut self) -> Vec<T> {
        std::mem::take(&mut self.held)
    }
}

/// Faults that the simulator plants to prove that it finds them.
#[cfg(feature = "seeded-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bugs {
    /// Late writes of an older lead are let through.
    pub no_fence: bool,
    /// Appends are acknowledged when they are handed over, and not when they are durable.
    pub acknowledge_before_sync: bool,
}

#[cfg(test)]
mod tests;
