//! Facts as bytes: rows of a store, batches on the wire, snapshots in a file. One format of contents for all three.
//!
//! A batch says who wrote and where once, in lists at its front, and refers to them by place; so a cell takes about
//! 50 bytes. Every value carries its kind and its length. What a reader does not know (kinds after its own, fields
//! after those it knows) it skips by length, and what is damaged or cannot be costs that one value and not the batch.
//! So programs of two versions work side by side: a version below [`VERSION_END`] may add kinds and add fields at the
//! end of a content, and nothing else. Rejected: a self-describing format, at twice the bytes, and one length for the
//! whole batch, with which one bad value would spoil its neighbours.
//!
//! What is skipped is not passed on: a content names writers, scopes and signals by their places in its own batch, and
//! what of an unknown content is a place nobody older can tell. So an older node neither holds nor forwards values of a
//! newer kind, and forwards values with newer fields without them, under the same stamp. It does say how far the
//! stream has come, so a newer node that has a stretch of a stream from an older one misses the newer kinds in it until
//! a comparison of ranges with a newer node brings them (`tree_rounds`, each minute). Whoever adds a kind therefore
//! writes its content without places, so that the version after this one can carry on what it cannot read. A field is
//! added only where a reader that misses it reads the same value: otherwise the short and the whole value, with one
//! stamp, would convict their origin of having written twice.
//!
//! ```text
//! batch    = version:u8, time:number, writers, scopes, bundles, signals, value*
//! writers  = count, (known:number | 0 tenant:u32 node:u64, incarnation:number, write:number)*
//! scopes   = count, u64*    bundles = count, u32*    signals = count, 16 bytes*
//! value    = kind:u8, length:number, writer:place, write:signed (after the writer's), key, content
//! row      = key bytes (kind first, in order of kinds and ids) -> version:u8, stamp, [origin], content
//! snapshot = "ANTHILLK", version:u8, facts:u64, (length:u32, batch)*, 0:u32, BLAKE3 of all before it
//! ```

use anthill_contracts::signal::Origin;

use self::bytes::{Reader, put_number};
use crate::fact::{Alias, CellKey, Fact, ScopeId, Stamp, Tomb};

pub mod batch;
pub(crate) mod bytes;
mod checks;
pub mod snapshot;
mod values;

pub use self::batch::{Batch, Packer, unpack};
pub use self::checks::check;
pub use self::snapshot::{SnapshotError, read_snapshot, snapshot_of};

/// The version that this program writes.
pub const VERSION: u8 = 1;

/// From this version on the frame itself is another one, and nothing can be read.
pub const VERSION_END: u8 = 128;

/// Why one value was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Flaw {
    /// It ends in the middle.
    #[error("it ends in the middle")]
    Cut,
    /// It does not decode.
    #[error("it does not decode")]
    Damaged,
    /// A newer program wrote it; nothing is wrong with it.
    #[error("a newer program wrote it")]
    Newer,
    /// It is longer than anybody may write.
    #[error("it is larger than allowed")]
    TooLarge,
    /// It decodes, and cannot be: more successes than runs, a time that never comes.
    #[error("it says what cannot be")]
    Impossible,
    /// Its path is no scope.
    #[error("its path is no scope")]
    NoScope,
    /// Its id is not the hash of its content.
    #[error("its id is not that of its content")]
    NotItself,
}

/// The kinds of facts, as bytes.
pub(crate) mod kind {
    pub(crate) const SIGNAL: u8 = 1;
    pub(crate) const SCOPE: u8 = 2;
    pub(crate) const CELL: u8 = 3;
    pub(crate) const SCOPE_CELL: u8 = 4;
    pub(crate) const ALIAS: u8 = 5;
    pub(crate) const TOMB: u8 = 6;
}

/// A fact as a row: a key that sorts by kind and id and is the same for every value of one entry, and a value.
pub fn row(fact: &Fact) -> (Vec<u8>, Vec<u8>) {
    let mut value = vec![VERSION];
    let stamp = fact.stamp();
    put_number(&mut value, stamp.inc.into());
    put_number(&mut value, stamp.seq);
    let key = key(fact);
    match fact {
        Fact::Signal { signal, .. } => {
            values::put_origin(&mut value, signal.author);
            values::put_signal(&mut value, signal);
        }
        Fact::Scope { origin, path, .. } => {
            values::put_origin(&mut value, *origin);
            bytes::put_text(&mut value, path.as_str());
        }
        Fact::Cell { cell, .. } => values::put_cell(&mut value, cell, 0),
        Fact::ScopeCell { cell, .. } => values::put_scope_cell(&mut value, cell, 0),
        Fact::Alias { origin, .. } => values::put_origin(&mut value, *origin),
        Fact::Tomb { tomb, .. } => {
            values::put_origin(&mut value, tomb.by);
            values::put_why(&mut value, tomb.why);
            put_number(&mut value, tomb.at);
        }
    }
    (key, value)
}

/// The key of a fact's row.
pub fn key(fact: &Fact) -> Vec<u8> {
    match fact {
        Fact::Signal { signal, .. } => [&[kind::SIGNAL], signal.id.as_bytes().as_slice()].concat(),
        Fact::Scope { path, .. } => [&[kind::SCOPE], ScopeId::of(path).0.to_be_bytes().as_slice()].concat(),
        Fact::Cell { origin, key, .. } => {
            let mut out = vec![kind::CELL];
            out.extend_from_slice(key.signal.as_bytes());
            out.extend_from_slice(&key.scope.0.to_be_bytes());
            values::put_bundle(&mut out, key.bundle);
            values::put_origin(&mut out, *origin);
            out
        }
        Fact::ScopeCell { origin, scope, .. } => {
            let mut out = vec![kind::SCOPE_CELL];
            out.extend_from_slice(&scope.0.to_be_bytes());
            values::put_origin(&mut out, *origin);
            out
        }
        Fact::Alias { alias, .. } => {
            let mut out = vec![kind::ALIAS];
            out.extend_from_slice(alias.stands.as_bytes());
            out.extend_from_slice(alias.follows.as_bytes());
            out
        }
        Fact::Tomb { tomb, .. } => {
            let mut out = vec![kind::TOMB];
            values::put_target(&mut out, tomb.target);
            out
        }
    }
}

/// The fact behind a row. Only its form is looked at: what a node has written it reads again.
pub fn fact(key: &[u8], value: &[u8]) -> Result<Fact, Flaw> {
    let (mut key, mut value) = (Reader::new(key), Reader::new(value));
    if value.byte()? >= VERSION_END {
        return Err(Flaw::Newer);
    }
    let stamp = Stamp {
        inc: value.small()?,
        seq: value.number()?,
    };
    let fact = fact_of(&mut key, &mut value, stamp)?;
    if !key.is_empty() {
        return Err(Flaw::Damaged);
    }
    Ok(fact)
}

fn fact_of(key: &mut Reader<'_>, value: &mut Reader<'_>, stamp: Stamp) -> Result<Fact, Flaw> {
    Ok(match key.byte()? {
        kind::SIGNAL => {
            let id = values::signal_id(key)?;
            let author = values::origin(value)?;
            let signal = Box::new(values::signal(value, id, author)?);
            Fact::Signal { stamp, signal }
        }
        kind::SCOPE => {
            let id = u64::from_be_bytes(key.array()?);
            let origin = values::origin(value)?;
            scope_fact(value, origin, stamp, ScopeId(id))?
        }
        kind::CELL => Fact::Cell {
            key: CellKey {
                signal: values::signal_id(key)?,
                scope: ScopeId(u64::from_be_bytes(key.array()?)),
                bundle: values::bundle(key)?,
            },
            origin: values::origin(key)?,
            cell: values::cell(value, stamp, 0)?,
        },
        kind::SCOPE_CELL => Fact::ScopeCell {
            scope: ScopeId(u64::from_be_bytes(key.array()?)),
            origin: values::origin(key)?,
            cell: values::scope_cell(value, stamp, 0)?,
        },
        kind::ALIAS => Fact::Alias {
            origin: values::origin(value)?,
            stamp,
            alias: Alias {
                stands: values::signal_id(key)?,
                follows: values::signal_id(key)?,
            },
        },
        kind::TOMB => Fact::Tomb {
            stamp,
            tomb: Tomb {
                target: values::target(key)?,
                by: values::origin(value)?,
                why: values::why(value)?,
                at: value.number()?,
            },
        },
        _ => return Err(Flaw::Newer),
    })
}

/// A scope's path under the number that it is said to have.
fn scope_fact(from: &mut Reader<'_>, origin: Origin, stamp: Stamp, id: ScopeId) -> Result<Fact, Flaw> {
    let path = from.text(1024)?.parse().map_err(|_| Flaw::NoScope)?;
    if ScopeId::of(&path) != id {
        return Err(Flaw::NotItself);
    }
    Ok(Fact::Scope { origin, stamp, path })
}

#[cfg(test)]
mod tests;
