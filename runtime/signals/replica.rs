//! A replica: the facts that one node holds, and nothing but facts.
//!
//! It is a map from entries, each named with its origin, to values; merging keeps, entry by entry, the value with the
//! larger stamp. What is derived from facts lies elsewhere. Chosen: the stamp (incarnation, count) as order. Rejected:
//! wall clocks, which lose writes when a clock steps back, and decay inside the merge, which makes the result depend on
//! the order of arrival.
//!
//! What fades is dropped by everybody alone ([`Replica::collect`]), and arrivals that have faded are refused by the same
//! rule; so dropping needs no record of what was dropped, and nothing comes back.

mod canonical;
mod cells;
mod claims;
mod exchange;
mod expiry;
mod log;
mod others;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, ScopePath, Signal};
use serde::{Deserialize, Serialize};

use crate::fact::{Alias, Cell, CellKey, Fact, OtherId, ScopeCell, ScopeId, Stamp, Target, Tomb, zone_of};
use crate::params::Params;

pub use canonical::{BUCKETS, Kind};
pub use cells::ORIGINS_PER_KEY_MAX;
pub use exchange::{Delta, Part, Span};
pub use expiry::{FUTURE_MS_MAX, SIGNALS_PER_TREE_MAX};
pub use log::STREAMS_MAX;
pub use others::{OTHER_BYTES_MAX, OTHER_BYTES_PER_ORIGIN_MAX};
pub use take::{CLAIMS_MAX, ENTRIES_PER_STREAM_MAX, PARKED_MAX};

use cells::Cells;
use claims::Claims;
use log::{Item, Logs};
use others::Others;

/// Most origins whose evidence enters one reading; those with the most runs.
pub const ORIGINS_PER_READING_MAX: usize = 64;

/// One incarnation of an origin: what it writes is counted without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// Who writes.
    pub origin: Origin,
    /// In which incarnation.
    pub inc: u32,
}

/// How far a replica has come with each stream: it holds, or has seen superseded, everything up to that count.
pub type Versions = BTreeMap<Stream, u64>;

/// The name of an entry: of what, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Entry {
    /// A signal.
    Signal(SignalId, Origin),
    /// A scope's path.
    Scope(ScopeId, Origin),
    /// Evidence of a signal.
    Cell(CellKey, Origin),
    /// Evidence of a scope.
    ScopeCell(ScopeId, Origin),
    /// Two signals that say the same.
    Alias(Alias, Origin),
    /// A tombstone.
    Tomb(Target, Origin),
    /// A fact of a kind of its own.
    Other(OtherId, Origin),
}

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It was news.
    News,
    /// The replica had it, or something newer.
    Known,
    /// A tombstone covers it.
    Dead,
    /// It has faded; whoever held it has dropped it, or will by itself.
    Expired,
    /// Its time lies more than a minute ahead; it is kept aside until then.
    Parked,
    /// It contradicts a fact that its origin has written under the same stamp. The larger hash was kept; the caller
    /// sets a tombstone on the origin.
    Equivocation,
    /// A bound on what one origin may fill refuses it.
    Full,
}

/// A signal and when something about it came in last.
#[derive(Debug, Clone, Default)]
struct Proposed {
    claims: Claims<(Stamp, Arc<Signal>)>,
    seen: u64,
}

/// From where a node reads. Of what a zone says and what its members say, a reader counts one: raw evidence at home,
/// sums from elsewhere. Facts of the other kind come in where a node moves or somebody brings a snapshot; they are kept
/// and passed on like all others, and not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vantage {
    /// The zone that the node lives in now: what that says of its members is not counted.
    pub zone: Option<u32>,
    /// Nodes that are known to live in other zones: what they say themselves is not counted.
    pub afar: BTreeSet<u64>,
}

impl Vantage {
    fn counts(&self, origin: Origin) -> bool {
        match zone_of(origin) {
            Some(zone) => self.zone != Some(zone),
            None => self.afar.is_empty() || !self.afar.contains(&origin.node),
        }
    }
}

/// The facts of one node.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    params: Params,
    vantage: Arc<Vantage>,
    logs: Logs,
    cells: Cells,
    signals: BTreeMap<SignalId, Proposed>,
    scopes: BTreeMap<ScopeId, Claims<(Stamp, ScopePath)>>,
    scope_cells: BTreeMap<ScopeId, Claims<ScopeCell>>,
    aliases: BTreeMap<Alias, Claims<(Stamp, ())>>,
    tombs: BTreeMap<Target, Claims<(Stamp, Tomb)>>,
    others: Others,
    /// Of each tombstone: the least counts of the streams that it has kept out.
    kept_out: BTreeMap<Target, Versions>,
    parked: BTreeMap<(u64, Stream, u64), Fact>,
    refused: u64,
    gone: Option<Vec<Entry>>,
    #[cfg(any(test, feature = "seeded-bugs"))]
    bugs: Bugs,
}

/// Known bugs of merging.
#[cfg(any(test, feature = "seeded-bugs"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bugs {
    /// The value with the later clock wins, whatever its stamp.
    pub merge_by_wall_clock: bool,
    /// What is merged is decayed to the time of its arrival.
    pub decay_inside_merge: bool,
    /// A fact written after a tombstone brings back what it covers.
    pub tomb_resurrection: bool,
}

impl Replica {
    /// An empty replica.
    pub fn new(params: &Params) -> Self {
        Self {
            params: params.clone(),
            ..Self::default()
        }
    }

    /// Plants known bugs, to show that they are found.
    #[cfg(any(test, feature = "seeded-bugs"))]
    pub const fn plant(&mut self, bugs: Bugs) {
        self.bugs = bugs;
    }

    /// The numbers that its facts fade by.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Reads from here from now on.
    pub fn read_from(&mut self, vantage: &Arc<Vantage>) {
        if !Arc::ptr_eq(&self.vantage, vantage) {
            self.vantage = Arc::clone(vantage);
        }
    }

    /// What stands on a target, joined over everybody who set it: the strongest reason, the latest time.
    pub fn tomb(&self, target: Target) -> Option<Tomb> {
        join(self.tombs.get(&target)?)
    }

    /// What one origin has set on a target.
    pub fn tomb_by(&self, target: Target, origin: Origin) -> Option<Tomb> {
        let (_, tomb) = self.tombs.get(&target)?.get(origin)?;
        Some(*tomb)
    }

    /// Every target with a tombstone, joined over everybody who set it.
    pub fn tombs(&self) -> impl Iterator<Item = Tomb> + '_ {
        self.tombs.values().filter_map(join)
    }

    /// Pairs of signals that say the same.
    pub fn aliases(&self) -> impl Iterator<Item = Alias> + '_ {
        self.aliases.keys().copied()
    }

    /// Whether a signal is shown to nobody: a tombstone stands on it, or on everybody who has proposed it.
    pub fn is_dead(&self, signal: SignalId) -> bool {
        if self.tombs.is_empty() {
            return false;
        }
        if self.tombs.contains_key(&Target::Signal(signal)) {
            return true;
        }
        let claims = self
            .signals
            .get(&signal)
            .map_or(&[][..], |held| held.claims.all());
        !claims.is_empty() && claims.iter().all(|(origin, _)| self.is_revoked(*origin))
    }

    /// Whether a tombstone stands on an origin or on its tenant.
    pub fn is_revoked(&self, origin: Origin) -> bool {
        self.tombs.contains_key(&Target::Origin(origin))
            || self.tombs.contains_key(&Target::Tenant(origin.tenant))
    }

    /// A signal. Where several have proposed it, the earliest stands, then the smaller origin.
    pub fn signal(&self, id: SignalId) -> Option<&Arc<Signal>> {
        standing(&self.signals.get(&id)?.claims)
    }

    /// Every signal, by id.
    pub fn signals(&self) -> impl Iterator<Item = &Arc<Signal>> {
        self.signals.values().filter_map(|held| standing(&held.claims))
    }

    /// The path of a scope.
    pub fn scope(&self, id: ScopeId) -> Option<&ScopePath> {
        let claims = self.scopes.get(&id)?.all();
        claims.iter().map(|(_, (_, path))| path).min()
    }

    /// Every scope whose path is known.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeId> + '_ {
        self.scopes.keys().copied()
    }

    /// Every scope that holds evidence, in order.
    pub fn scope_ids(&self) -> impl Iterator<Item = ScopeId> + '_ {
        self.scope_cells.keys().copied()
    }

    /// The evidence at a key that counts here, by origin.
    pub fn cells(&self, key: &CellKey) -> impl Iterator<Item = (Origin, Cell)> + '_ {
        let held = self.cells_held(key);
        held.filter(|(origin, _)| self.vantage.counts(*origin))
    }

    /// The evidence at a key, counted here or not, by origin.
    fn cells_held(&self, key: &CellKey) -> impl ExactSizeIterator<Item = (Origin, Cell)> + '_ {
        self.cells.in_slot(self.cells.slot(key), &self.logs)
    }

    /// Hands the evidence at a key that enters a reading to `each`, by origin: of the [`ORIGINS_PER_READING_MAX`] origins
    /// with the most runs at that time, among which the reader's own always is.
    pub fn cells_read(
        &self,
        key: &CellKey,
        now: u64,
        own: Option<Origin>,
        mut each: impl FnMut(Origin, Cell),
    ) {
        let cells = self.cells(key);
        if self.cells_held(key).len() <= ORIGINS_PER_READING_MAX {
            // Nearly always; a list of them would cost more than the sums that are made of it.
            cells.for_each(|(origin, cell)| each(origin, cell));
            return;
        }
        let mut most: Vec<(Origin, Cell)> = cells.collect();
        most.sort_by_cached_key(|(origin, cell)| {
            let runs = cell.slow_at(now, &self.params).n;
            (Some(*origin) != own, std::cmp::Reverse(runs), *origin)
        });
        most.truncate(ORIGINS_PER_READING_MAX);
        most.sort_unstable_by_key(|(origin, _)| *origin);
        for (origin, cell) in most {
            each(origin, cell);
        }
    }

    /// The evidence of a scope that counts here, by origin.
    pub fn scope_cells(&self, scope: ScopeId) -> impl Iterator<Item = &(Origin, ScopeCell)> + Clone + '_ {
        let held = self.scope_cells.get(&scope).map_or(&[][..], Claims::all);
        held.iter().filter(|(origin, _)| self.vantage.counts(*origin))
    }

    /// Every scope with evidence.
    pub fn scopes_with_cells(&self) -> impl Iterator<Item = ScopeId> + '_ {
        self.scope_cells.keys().copied()
    }

    /// One origin's evidence at a key.
    pub fn cell(&self, key: &CellKey, origin: Origin) -> Option<Cell> {
        self.cells.get(self.cells.slot(key)?, origin, &self.logs)
    }

    /// One origin's evidence of a scope.
    pub fn scope_cell(&self, scope: ScopeId, origin: Origin) -> Option<&ScopeCell> {
        self.scope_cells.get(&scope)?.get(origin)
    }

    /// Every key that holds evidence, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &CellKey> {
        self.cells.keys()
    }

    /// The same without measures: a mean of tokens is no mean of outcomes, so no reading of outcomes may take it in.
    pub fn signal_keys(&self) -> impl Iterator<Item = &CellKey> {
        self.keys().filter(|key| !key.signal.is_measure())
    }

    /// The keys of one signal that hold evidence, in order.
    pub fn keys_of(&self, signal: SignalId) -> Vec<CellKey> {
        self.cells.keys_of(signal)
    }

    /// How many cells of signals it holds.
    pub const fn cell_count(&self) -> usize {
        self.cells.len()
    }

    /// How many facts bounds have refused since the start.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// From now on names of entries that are dropped are kept for [`Replica::take_gone`].
    pub fn remember_gone(&mut self) {
        self.gone.get_or_insert_default();
    }

    /// Entries dropped since the last call: rows that whoever keeps the facts deletes.
    pub fn take_gone(&mut self) -> Vec<Entry> {
        self.gone.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Bytes of evidence and of its order: cells and streams. Texts of signals are not counted.
    pub fn memory_bytes(&self) -> usize {
        self.cells.memory_bytes() + self.logs.memory_bytes()
    }

    /// The fact behind an entry.
    pub fn fact(&self, entry: Entry) -> Option<Fact> {
        Some(match entry {
            Entry::Signal(id, origin) => {
                let (stamp, signal) = self.signals.get(&id)?.claims.get(origin)?;
                Fact::Signal {
                    stamp: *stamp,
                    signal: Box::new(Signal::clone(signal)),
                }
            }
            Entry::Scope(id, origin) => {
                let (stamp, path) = self.scopes.get(&id)?.get(origin)?;
                Fact::Scope {
                    origin,
                    stamp: *stamp,
                    path: path.clone(),
                }
            }
            Entry::Cell(key, origin) => Fact::Cell {
                origin,
                key,
                cell: self.cell(&key, origin)?,
            },
            Entry::ScopeCell(scope, origin) => Fact::ScopeCell {
                origin,
                scope,
                cell: self.scope_cell(scope, origin)?.clone(),
            },
            Entry::Alias(alias, origin) => Fact::Alias {
                origin,
                stamp: self.aliases.get(&alias)?.get(origin)?.0,
                alias,
            },
            Entry::Tomb(target, origin) => {
                let (stamp, tomb) = self.tombs.get(&target)?.get(origin)?;
                Fact::Tomb {
                    stamp: *stamp,
                    tomb: *tomb,
                }
            }
            Entry::Other(id, origin) => {
                let (stamp, other) = self.others.get(id, origin)?;
                Fact::Other {
                    origin,
                    stamp: *stamp,
                    other: Box::new((**other).clone()),
                }
            }
        })
    }

    /// The names of every entry, in order.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.cells.len() + self.signals.len());
        for (id, held) in &self.signals {
            let claims = held.claims.all().iter();
            entries.extend(claims.map(|(origin, _)| Entry::Signal(*id, *origin)));
        }
        for (id, claims) in &self.scopes {
            entries.extend(claims.all().iter().map(|(origin, _)| Entry::Scope(*id, *origin)));
        }
        let cells = entries.len();
        for key in self.cells.keys() {
            entries.extend(self.cells_held(key).map(|(origin, _)| Entry::Cell(*key, origin)));
        }
        entries[cells..].sort_unstable();
        for (id, claims) in &self.scope_cells {
            entries.extend(
                claims
                    .all()
                    .iter()
                    .map(|(origin, _)| Entry::ScopeCell(*id, *origin)),
            );
        }
        for (alias, claims) in &self.aliases {
            entries.extend(
                claims
                    .all()
                    .iter()
                    .map(|(origin, _)| Entry::Alias(*alias, *origin)),
            );
        }
        for (target, claims) in &self.tombs {
            entries.extend(
                claims
                    .all()
                    .iter()
                    .map(|(origin, _)| Entry::Tomb(*target, *origin)),
            );
        }
        entries.extend(self.others.entries());
        entries
    }

    /// Every fact, in order of entries.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        self.entries().into_iter().filter_map(|entry| self.fact(entry))
    }
}

/// Of several who have proposed one signal, the earliest, then the smaller origin.
fn standing(claims: &Claims<(Stamp, Arc<Signal>)>) -> Option<&Arc<Signal>> {
    let signals = claims.all().iter().map(|(_, (_, signal))| signal);
    signals.min_by_key(|signal| (signal.created, signal.author))
}

/// The join of what several have set on one target: a maximum in each part, so that no order plays a part.
fn join(claims: &Claims<(Stamp, Tomb)>) -> Option<Tomb> {
    let tombs = || claims.all().iter().map(|(_, (_, tomb))| tomb);
    let latest = tombs().max_by_key(|tomb| (tomb.at, tomb.by))?;
    let why = tombs().map(|tomb| tomb.why).max()?;
    Some(Tomb { why, ..*latest })
}

impl Fact {
    /// The entry that it is a value of.
    pub fn entry(&self) -> Entry {
        let origin = self.origin();
        match self {
            Self::Signal { signal, .. } => Entry::Signal(signal.id, origin),
            Self::Scope { path, .. } => Entry::Scope(ScopeId::of(path), origin),
            Self::Cell { key, .. } => Entry::Cell(*key, origin),
            Self::ScopeCell { scope, .. } => Entry::ScopeCell(*scope, origin),
            Self::Alias { alias, .. } => Entry::Alias(*alias, origin),
            Self::Tomb { tomb, .. } => Entry::Tomb(tomb.target, origin),
            Self::Other { other, .. } => Entry::Other(other.id(), origin),
        }
    }
}

#[cfg(test)]
mod tests;
