//! Facts as bytes: rows of a store, batches on the wire, snapshots in a file. One format of contents for all three.
//!
//! A batch says who wrote and where once, in lists at its front, and refers to them by place; so a cell takes about
//! 50 bytes. Every value carries its kind and its length, so what is damaged or cannot be costs that one value and not
//! the batch. Rejected: a self-describing format, at twice the bytes, and one length for the whole batch, with which one
//! bad value would spoil its neighbours.
//!
//! Programs of two versions work side by side, and neither loses what the other says. The kinds 1 to 6 are frozen: bytes
//! after the content of one, or a choice in it that has no meaning, are damage, to every version alike. What a later
//! version has to say more it says in a kind of its own that stands beside and is keyed alike. All kinds from 7 to 254
//! have one form for good ([`Other`](crate::fact::Other)), which names nothing by its place in a batch: an older program
//! merges, keeps and passes on what it cannot read, and reads it in its rows once it has become a newer one. Whether a
//! content of such a kind makes sense is looked at where it is read, never where it arrives, so that all versions hold the
//! same facts. A version from [`VERSION_END`] on is another format. Rejected: fields added at the end of a known kind.
//! An older node passes the value on without them, under the same stamp, and a newer one takes the two for a lie.
//!
//! ```text
//! batch    = version:u8, time:number, writers, scopes, bundles, signals, value*
//! writers  = count, (known:number | 0 tenant:u32 node:u64, incarnation:number, write:number)*
//! scopes   = count, u64*    bundles = count, u32*    signals = count, 16 bytes*
//! value    = kind:u8, length:number, writer:place, write:signed (after the writer's), key, content
//! other    = at:number, about, key:(count, bytes), content:(count, bytes)    about = 0 | 1, 16 bytes
//! row      = key bytes (kind first, in order of kinds and ids) -> version:u8, stamp, [origin], content
//! other    = kind:u8, about, key (no count), origin -> version:u8, stamp, at:number, content:(count, bytes)
//! snapshot = "ANTHILLK", version:u8, facts:u64, (length:u32, batch)*, 0:u32, BLAKE3 of all before it
//! ```

use anthill_contracts::signal::Origin;

use self::bytes::{Reader, put_number};
use crate::fact::{
    Alias, CellKey, Fact, OTHER_CONTENT_BYTES_MAX, OTHER_KEY_BYTES_MAX, Other, ScopeId, Stamp, Tomb,
    is_other_kind,
};

pub mod batch;
pub(crate) mod bytes;
mod checks;
pub mod snapshot;
mod values;

pub use self::batch::{Batch, Packer, unpack};
pub use self::checks::check;
pub use self::snapshot::{SNAPSHOT_MAGIC, SnapshotError, read_snapshot, snapshot_of};

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
    /// A newer program wrote it in another frame; nothing is wrong with it.
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

/// Bytes of an origin in the key of a row.
const ORIGIN_BYTES: usize = 12;

/// The kinds of facts, as bytes. Their contents are frozen, and the list is closed.
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
        Fact::Other { other, .. } => {
            put_number(&mut value, other.at);
            values::put_bytes(&mut value, &other.content);
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
        Fact::Other { origin, other, .. } => {
            let mut out = vec![other.kind];
            values::put_about(&mut out, other.about);
            out.extend_from_slice(&other.key);
            values::put_origin(&mut out, *origin);
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
    if !key.is_empty() || !value.is_empty() {
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
        kind if is_other_kind(kind) => other_fact(key, value, (kind, stamp))?,
        _ => return Err(Flaw::Damaged),
    })
}

/// A fact of a kind of its own. Its key is as long as its row's key leaves it.
fn other_fact(
    key: &mut Reader<'_>,
    value: &mut Reader<'_>,
    (kind, stamp): (u8, Stamp),
) -> Result<Fact, Flaw> {
    let about = values::about(key)?;
    let length = key.left().checked_sub(ORIGIN_BYTES).ok_or(Flaw::Cut)?;
    if length > OTHER_KEY_BYTES_MAX {
        return Err(Flaw::TooLarge);
    }
    let name = key.take(length)?.to_vec();
    let origin = values::origin(key)?;
    let other = Box::new(Other {
        kind,
        at: value.number()?,
        about,
        key: name,
        content: values::bytes(value, OTHER_CONTENT_BYTES_MAX)?,
    });
    Ok(Fact::Other { origin, stamp, other })
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
