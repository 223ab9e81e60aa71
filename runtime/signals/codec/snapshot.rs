//! Snapshots: all facts of a replica, or those after some versions, as one file that knows whether it is whole.
//!
//! Batches of bounded size one after another, and a hash over everything at the end; a snapshot that was cut or
//! changed by a single bit is refused whole, before anything of it is merged. The hash is no signature: whoever brings
//! a snapshot is believed as far as its file is.

use super::batch::{Batch, Packer, unpack};
use super::bytes::Reader;
use super::{Flaw, VERSION, VERSION_END};
use crate::fact::Fact;

/// How every snapshot begins.
pub const SNAPSHOT_MAGIC: &[u8] = b"ANTHILLK";

/// A batch is closed when it has grown to this.
const BATCH_BYTES: usize = 64 * 1024;

/// Why a snapshot was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin like one.
    #[error("it is no snapshot of the knowledge")]
    NotOne,
    /// A program with another frame wrote it.
    #[error("it has version {version}, which this program cannot read")]
    Newer {
        /// Its version.
        version: u8,
    },
    /// It is not as it was written: it was cut, or changed.
    #[error("it is damaged: what it holds does not fit the hash at its end")]
    Damaged,
}

/// These facts as a snapshot.
pub fn snapshot_of<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<u8> {
    let mut out = SNAPSHOT_MAGIC.to_vec();
    out.push(VERSION);
    let count_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let (mut packer, mut count) = (Packer::new(&[]), 0_u64);
    for fact in facts {
        packer.push(fact);
        count += 1;
        if packer.len() >= BATCH_BYTES {
            let full = std::mem::replace(&mut packer, Packer::new(&[]));
            put_batch(&mut out, full);
        }
    }
    if !packer.is_empty() {
        put_batch(&mut out, packer);
    }
    out.extend_from_slice(&[0; 4]);
    out[count_at..count_at + 8].copy_from_slice(&count.to_be_bytes());
    let hash = blake3::hash(&out);
    out.extend_from_slice(hash.as_bytes());
    out
}

fn put_batch(out: &mut Vec<u8>, packer: Packer<'_>) {
    let batch = packer.finish();
    let length =
        u32::try_from(batch.len()).expect("a batch is closed at 64 KiB and a fact is far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&batch);
}

/// The facts of a snapshot.
pub fn read_snapshot(bytes: &[u8]) -> Result<Vec<Fact>, SnapshotError> {
    open_snapshot(bytes).map(|batch| batch.facts)
}

/// The facts of a snapshot, and what of it was not taken.
pub fn open_snapshot(bytes: &[u8]) -> Result<Batch, SnapshotError> {
    let Some((content, hash)) = bytes.split_last_chunk::<32>() else {
        return Err(SnapshotError::NotOne);
    };
    let Some(rest) = content.strip_prefix(SNAPSHOT_MAGIC) else {
        return Err(SnapshotError::NotOne);
    };
    let Some((version, rest)) = rest.split_first() else {
        return Err(SnapshotError::NotOne);
    };
    if *version >= VERSION_END {
        return Err(SnapshotError::Newer { version: *version });
    }
    if blake3::hash(content).as_bytes() != hash {
        return Err(SnapshotError::Damaged);
    }
    batches(rest).map_err(|_| SnapshotError::Damaged)
}

fn batches(bytes: &[u8]) -> Result<Batch, Flaw> {
    let mut from = Reader::new(bytes);
    let promised = u64::from_be_bytes(from.array()?);
    let mut all = Batch::default();
    loop {
        let length = u32::from_be_bytes(from.array()?);
        if length == 0 {
            break;
        }
        let batch = unpack(from.take(length as usize)?, &[])?;
        all.facts.extend(batch.facts);
        all.flaws.extend(batch.flaws);
    }
    let found = (all.facts.len() + all.flaws.len()) as u64;
    if found != promised || !from.is_empty() {
        return Err(Flaw::Damaged);
    }
    Ok(all)
}
