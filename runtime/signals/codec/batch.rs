//! Batches: many facts in one message, with what they have in common said once.
//!
//! Places instead of ids: a writer, scope, bundle or signal that several facts of a batch share stands once at its
//! front. A writer that both ends know already is a place in their common list of origins, [`Packer::new`].

use std::collections::HashMap;
use std::hash::Hash;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use super::bytes::{Reader, put_count, put_number, put_signed, put_text};
use super::{Flaw, VERSION, VERSION_END, checks, kind, values};
use crate::fact::{Alias, CellKey, Fact, ScopeId, Stamp, Tomb, is_other_kind};

/// Most entries of one list at the front of a batch.
const PLACES_MAX: usize = 65_536;

/// What a batch held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Facts that decode and can be.
    pub facts: Vec<Fact>,
    /// What was wrong with each value that was not taken.
    pub flaws: Vec<Flaw>,
}

/// Things that are said once and named by their place afterwards.
#[derive(Debug, Clone)]
struct Places<T> {
    by_thing: HashMap<T, usize>,
    listed: Vec<T>,
}

impl<T: Copy + Eq + Hash> Places<T> {
    fn new() -> Self {
        Self {
            by_thing: HashMap::new(),
            listed: Vec::new(),
        }
    }

    fn place(&mut self, thing: T) -> usize {
        let next = self.listed.len();
        let place = *self.by_thing.entry(thing).or_insert(next);
        if place == next {
            self.listed.push(thing);
        }
        place
    }
}

/// Writes a batch, fact by fact, and knows how long it has become.
#[derive(Debug, Clone)]
pub struct Packer<'a> {
    common: &'a [Origin],
    base: Option<u64>,
    writers: Places<(Origin, u32)>,
    /// The first write of each writer; the others are written as distances from it.
    first: Vec<u64>,
    scopes: Places<ScopeId>,
    bundles: Places<BundleClass>,
    signals: Places<SignalId>,
    values: Vec<u8>,
    body: Vec<u8>,
    count: usize,
}

impl<'a> Packer<'a> {
    /// Begins a batch. `common` is a sorted list of origins that the reader holds, too; it may be empty.
    pub fn new(common: &'a [Origin]) -> Self {
        Self {
            common,
            base: None,
            writers: Places::new(),
            first: Vec::new(),
            scopes: Places::new(),
            bundles: Places::new(),
            signals: Places::new(),
            values: Vec::new(),
            body: Vec::new(),
            count: 0,
        }
    }

    /// Facts so far.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the batch so far, at most a few too many.
    pub fn len(&self) -> usize {
        24 + self.values.len()
            + self.writers.listed.len() * 20
            + self.scopes.listed.len() * 8
            + self.bundles.listed.len() * 4
            + self.signals.listed.len() * 16
    }

    #[cfg(test)]
    pub(crate) const fn values_len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a fact.
    pub fn push(&mut self, fact: &Fact) {
        let (origin, stamp) = (fact.origin(), fact.stamp());
        let writer = self.writers.place((origin, stamp.inc));
        if writer == self.first.len() {
            self.first.push(stamp.seq);
        }
        self.body.clear();
        put_count(&mut self.body, writer);
        let since = stamp.seq.wrapping_sub(self.first[writer]);
        put_signed(&mut self.body, since.cast_signed());
        let kind = self.put_rest(fact);
        self.values.push(kind);
        put_count(&mut self.values, self.body.len());
        self.values.extend_from_slice(&self.body);
        self.count += 1;
    }

    fn put_rest(&mut self, fact: &Fact) -> u8 {
        match fact {
            Fact::Signal { signal, .. } => {
                self.body.extend_from_slice(signal.id.as_bytes());
                values::put_signal(&mut self.body, signal);
                kind::SIGNAL
            }
            Fact::Scope { path, .. } => {
                put_text(&mut self.body, path.as_str());
                kind::SCOPE
            }
            Fact::Cell { key, cell, .. } => {
                let places = [
                    self.signals.place(key.signal),
                    self.scopes.place(key.scope),
                    self.bundles.place(key.bundle),
                ];
                for place in places {
                    put_count(&mut self.body, place);
                }
                let base = *self.base.get_or_insert(cell.at);
                values::put_cell(&mut self.body, cell, base);
                kind::CELL
            }
            Fact::ScopeCell { scope, cell, .. } => {
                let place = self.scopes.place(*scope);
                put_count(&mut self.body, place);
                let base = *self.base.get_or_insert(cell.at);
                values::put_scope_cell(&mut self.body, cell, base);
                kind::SCOPE_CELL
            }
            Fact::Alias { alias, .. } => {
                self.body.extend_from_slice(alias.stands.as_bytes());
                self.body.extend_from_slice(alias.follows.as_bytes());
                kind::ALIAS
            }
            Fact::Tomb { tomb, .. } => {
                values::put_target(&mut self.body, tomb.target);
                values::put_why(&mut self.body, tomb.why);
                put_number(&mut self.body, tomb.at);
                kind::TOMB
            }
            Fact::Other { other, .. } => {
                values::put_other(&mut self.body, other);
                other.kind
            }
        }
    }

    /// The batch.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        out.push(VERSION);
        put_number(&mut out, self.base.unwrap_or(0));
        put_count(&mut out, self.writers.listed.len());
        for ((origin, inc), first) in self.writers.listed.iter().zip(&self.first) {
            if let Ok(place) = self.common.binary_search(origin) {
                put_count(&mut out, place + 1);
            } else {
                out.push(0);
                values::put_origin(&mut out, *origin);
            }
            put_number(&mut out, u64::from(*inc));
            put_number(&mut out, *first);
        }
        put_count(&mut out, self.scopes.listed.len());
        for scope in &self.scopes.listed {
            out.extend_from_slice(&scope.0.to_be_bytes());
        }
        put_count(&mut out, self.bundles.listed.len());
        for bundle in &self.bundles.listed {
            values::put_bundle(&mut out, *bundle);
        }
        put_count(&mut out, self.signals.listed.len());
        for signal in &self.signals.listed {
            out.extend_from_slice(signal.as_bytes());
        }
        out.extend_from_slice(&self.values);
        out
    }
}

/// The lists at the front of a batch.
struct Front {
    base: u64,
    writers: Vec<(Origin, u32, u64)>,
    scopes: Vec<ScopeId>,
    bundles: Vec<BundleClass>,
    signals: Vec<SignalId>,
}

/// Reads a batch. `Err` where not even its front can be read; otherwise every good value is taken, whatever the
/// others are. `common` is the list of origins that its writer was given.
pub fn unpack(bytes: &[u8], common: &[Origin]) -> Result<Batch, Flaw> {
    let mut from = Reader::new(bytes);
    if from.byte()? >= VERSION_END {
        return Err(Flaw::Newer);
    }
    let front = front(&mut from, common)?;
    let mut batch = Batch::default();
    while !from.is_empty() {
        let Some((kind, body)) = frame(&mut from) else {
            // The lengths no longer fit: nothing after this place can be told apart.
            batch.flaws.push(Flaw::Cut);
            break;
        };
        match value(kind, Reader::new(body), &front) {
            Ok(fact) => batch.facts.push(fact),
            Err(flaw) => batch.flaws.push(flaw),
        }
    }
    Ok(batch)
}

fn front(from: &mut Reader<'_>, common: &[Origin]) -> Result<Front, Flaw> {
    let base = from.number()?;
    let mut writers = Vec::new();
    for _ in 0..from.count(3, PLACES_MAX)? {
        let origin = match from.small::<usize>()? {
            0 => values::origin(from)?,
            place => *common.get(place - 1).ok_or(Flaw::Damaged)?,
        };
        writers.push((origin, from.small()?, from.number()?));
    }
    let scopes = (0..from.count(8, PLACES_MAX)?)
        .map(|_| from.array().map(|bytes| ScopeId(u64::from_be_bytes(bytes))))
        .collect::<Result<_, _>>()?;
    let bundles = (0..from.count(4, PLACES_MAX)?)
        .map(|_| values::bundle(from))
        .collect::<Result<_, _>>()?;
    let signals = (0..from.count(16, PLACES_MAX)?)
        .map(|_| values::signal_id(from))
        .collect::<Result<_, _>>()?;
    Ok(Front {
        base,
        writers,
        scopes,
        bundles,
        signals,
    })
}

fn frame<'a>(from: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let kind = from.byte().ok()?;
    let length = from.small().ok()?;
    Some((kind, from.take(length).ok()?))
}

fn place<T: Copy>(from: &mut Reader<'_>, list: &[T]) -> Result<T, Flaw> {
    let place: usize = from.small()?;
    list.get(place).copied().ok_or(Flaw::Damaged)
}

/// One value.
fn value(kind: u8, mut from: Reader<'_>, front: &Front) -> Result<Fact, Flaw> {
    let (origin, inc, first) = place(&mut from, &front.writers)?;
    let seq = first.wrapping_add(from.signed()?.cast_unsigned());
    let stamp = Stamp { inc, seq };
    let fact = content(kind, &mut from, front, (origin, stamp))?;
    if !from.is_empty() {
        return Err(Flaw::Damaged);
    }
    checks::check(&fact)?;
    Ok(fact)
}

fn content(
    kind: u8,
    from: &mut Reader<'_>,
    front: &Front,
    (origin, stamp): (Origin, Stamp),
) -> Result<Fact, Flaw> {
    Ok(match kind {
        kind::SIGNAL => {
            let id = values::signal_id(from)?;
            let signal = Box::new(values::signal(from, id, origin)?);
            Fact::Signal { stamp, signal }
        }
        kind::SCOPE => {
            let path = from.text(1024)?.parse().map_err(|_| Flaw::NoScope)?;
            Fact::Scope { origin, stamp, path }
        }
        kind::CELL => Fact::Cell {
            origin,
            key: CellKey {
                signal: place(from, &front.signals)?,
                scope: place(from, &front.scopes)?,
                bundle: place(from, &front.bundles)?,
            },
            cell: values::cell(from, stamp, front.base)?,
        },
        kind::SCOPE_CELL => Fact::ScopeCell {
            origin,
            scope: place(from, &front.scopes)?,
            cell: values::scope_cell(from, stamp, front.base)?,
        },
        kind::ALIAS => Fact::Alias {
            origin,
            stamp,
            alias: Alias {
                stands: values::signal_id(from)?,
                follows: values::signal_id(from)?,
            },
        },
        kind::TOMB => Fact::Tomb {
            stamp,
            tomb: Tomb {
                by: origin,
                target: values::target(from)?,
                why: values::why(from)?,
                at: from.number()?,
            },
        },
        _ if is_other_kind(kind) => Fact::Other {
            origin,
            stamp,
            other: Box::new(values::other(from, kind)?),
        },
        _ => return Err(Flaw::Damaged),
    })
}
