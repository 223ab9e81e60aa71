//! The regime: an event-driven loss of memory for signals whose worth has changed.
//!
//! Constant forgetting is dear while nothing changes and slow when something does. So each origin compares what a
//! signal has done of late with what it did before; where they differ too much to be chance, it votes for a new regime
//! of that signal. The effective regime is a rank among the votes of the trusted origins that are active in the scope,
//! more than a third of them, so neither a few false alarms nor liars can make the fleet forget; and however many nodes
//! another tenant claims to have, they cannot carry a vote for the reader's own. One broken signal is a
//! matter of its own; with a second one the world has turned, and from then on its siblings' evidence is cut, too.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::Origin;

use crate::evidence::{self, Reader, Reading};
use crate::fact::{Cell, CellKey, Fact, ScopeId, Sums, VOTES_MAX};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;
use crate::trust;
use crate::writer::Writer;

/// Which evidence of a signal is of today. Older evidence counts less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Regime {
    /// How often the signal itself has broken.
    pub own: u8,
    /// How often the scope around it has turned.
    pub era: u8,
}

impl Regime {
    /// What an entry is worth in this regime, Q16.16.
    pub fn keep(self, cell: &Cell, params: &Params) -> i64 {
        if self.own > cell.regime {
            return 0;
        }
        if self.era <= cell.era {
            return fixed::ONE;
        }
        fixed::from_f64(params.sibling_keep.powi(i32::from(self.era - cell.era)))
    }
}

/// The regimes of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeRegimes {
    /// Signals that have broken, by id, and how often.
    broken: Vec<(SignalId, u8)>,
    era: u8,
}

/// How many votes a new regime needs where so many origins are active: more than a third.
pub const fn quorum(active: usize) -> usize {
    active / 3 + 1
}

/// Whose votes count, for a reader of one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Electorate<F> {
    /// The reader's tenant. Its own nodes are the measure where it works; see [`trust::carries`].
    pub tenant: u32,
    /// Who has a say at all.
    pub trusted: F,
}

impl ScopeRegimes {
    /// The regimes of a scope by the votes of those who are trusted and active in it.
    pub fn of(
        replica: &Replica,
        scope: ScopeId,
        now: u64,
        params: &Params,
        electorate: &Electorate<impl Fn(Origin) -> bool>,
    ) -> Self {
        let Some((votes, active)) = votes(replica, scope, now, params, &electorate.trusted) else {
            return Self::default();
        };
        Self::counted(&votes, |voters| {
            trust::carries(electorate.tenant, voters, &active)
        })
    }

    /// The regimes of a scope if two votes were enough, however many there are.
    #[cfg(feature = "seeded-bugs")]
    pub fn with_quorum_of_two(
        replica: &Replica,
        scope: ScopeId,
        now: u64,
        params: &Params,
        trusted: impl Fn(Origin) -> bool,
    ) -> Self {
        let Some((votes, _)) = votes(replica, scope, now, params, trusted) else {
            return Self::default();
        };
        Self::counted(&votes, |voters| voters.len() >= 2)
    }

    /// The regimes that are carried: for each signal the largest whose voters, with those for a larger one, are enough.
    fn counted(votes: &Votes, carries: impl Fn(&BTreeSet<Origin>) -> bool) -> Self {
        let broken: Vec<(SignalId, u8)> = votes
            .iter()
            .filter_map(|(signal, votes)| {
                let mut falling = votes.clone();
                falling.sort_unstable_by(|left, right| right.cmp(left));
                let mut so_far = BTreeSet::new();
                let of_level = falling.chunk_by(|left, right| left.0 == right.0);
                let mut enough = of_level.filter_map(|level| {
                    so_far.extend(level.iter().map(|(_, origin)| *origin));
                    carries(&so_far).then_some(level[0].0)
                });
                let regime = enough.next()?;
                (regime > 0).then_some((*signal, regime))
            })
            .collect();
        let era = era(&broken);
        Self { broken, era }
    }

    /// Whether nothing has ever broken here.
    pub const fn is_calm(&self) -> bool {
        self.broken.is_empty()
    }

    /// The signals that have broken, by id.
    pub fn broken(&self) -> impl Iterator<Item = SignalId> {
        self.broken.iter().map(|(signal, _)| *signal)
    }

    /// The regime of one signal.
    pub fn of_signal(&self, signal: SignalId) -> Regime {
        let own = match self.broken.binary_search_by_key(&signal, |(broken, _)| *broken) {
            Ok(place) => self.broken[place].1,
            Err(_) => 0,
        };
        Regime { own, era: self.era }
    }
}

/// How often a scope has turned: with every signal after the first that has broken at least once, with every one after
/// the first that has broken at least twice, and so on. A single signal that breaks time and again turns nothing.
fn era(broken: &[(SignalId, u8)]) -> u8 {
    let highest = broken.iter().map(|(_, regime)| *regime).max().unwrap_or(0);
    (1..=highest).fold(0, |era: u8, level| {
        let reached = broken.iter().filter(|(_, regime)| *regime >= level).count();
        era.saturating_add(u8::try_from(reached.saturating_sub(1)).unwrap_or(u8::MAX))
    })
}

/// Of each signal the regimes that are voted for, and by whom.
type Votes = BTreeMap<SignalId, Vec<(u8, Origin)>>;

/// The votes of a scope's trusted and active origins, and all such origins; `None` where nobody has voted.
fn votes(
    replica: &Replica,
    scope: ScopeId,
    now: u64,
    params: &Params,
    trusted: impl Fn(Origin) -> bool,
) -> Option<(Votes, BTreeSet<Origin>)> {
    let cells = replica.scope_cells(scope);
    // Most scopes are calm, and this is asked before every use.
    if cells.clone().all(|(_, cell)| cell.votes.is_empty()) {
        return None;
    }
    let (mut votes, mut active) = (Votes::new(), BTreeSet::new());
    for (origin, cell) in cells {
        let runs = i64::from(cell.slow_at(now, params).n);
        if runs * 2 < fixed::ONE || !trusted(*origin) {
            continue;
        }
        active.insert(*origin);
        for (signal, regime) in &cell.votes {
            votes.entry(*signal).or_default().push((*regime, *origin));
        }
    }
    Some((votes, active))
}

/// Cuts the origin's own entry to the regime that its view sees. Done before each write of evidence, so that what is
/// added belongs to the regime that the entry says. Answers the fact where there was something to do.
///
/// Of a broken signal's evidence the fast sums stay, in both counters: it is by them that it broke. Rejected: to keep
/// nothing. Then the fleet has to try anew what it has just seen fail, and that costs more rounds than to see it.
pub fn fold(
    replica: &mut Replica,
    writer: &mut Writer,
    reader: &Reader<'_>,
    scope: ScopeId,
    signal: SignalId,
) -> Option<Fact> {
    let regime = reader.view.regime(scope, signal);
    let key = CellKey {
        signal,
        scope,
        bundle: reader.bundle,
    };
    let held = replica.cell(&key, writer.origin).unwrap_or_default();
    if held.regime >= regime.own && held.era >= regime.era {
        return None;
    }
    let keep = regime.keep(&held, reader.params);
    Some(writer.cell(replica, key, reader.now, |cell| {
        if regime.own > cell.regime {
            cell.slow = cell.fast;
        } else {
            cell.slow = share(cell.slow, keep);
            cell.fast = share(cell.fast, keep);
        }
        cell.regime = cell.regime.max(regime.own);
        cell.era = cell.era.max(regime.era);
    }))
}

/// A share of sums, Q16.16.
fn share(sums: Sums, keep: i64) -> Sums {
    let part = |value: u32| u32::try_from(i64::from(value) * keep / fixed::ONE).unwrap_or(value);
    Sums {
        n: part(sums.n),
        y: part(sums.y),
        adv: sums.adv * keep / fixed::ONE,
    }
}

/// Whether a signal has broken in a scope, as far as the reader can see: what it has done of late differs from what it
/// did before by more than chance.
pub fn has_broken(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> bool {
    deviates(reading, signal, scope, enough(reading, signal, scope))
}

/// How many standard deviations are enough for an own vote: fewer where a sibling has broken of late, as whatever broke
/// it may well have broken others.
fn enough(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> f64 {
    let params = reading.by.params;
    let mut broken = reading.by.view.broken(scope);
    if broken.any(|sibling| sibling != signal && is_cut_of_late(reading, sibling, scope)) {
        params.drift_sibling_z
    } else {
        params.drift_z
    }
}

/// Whether a signal was cut within about two fast half-lives. A cut leaves the fast sums in both counters, and from then
/// on one fades so much faster than the other that their ratio tells the time.
fn is_cut_of_late(reading: &Reading<'_>, signal: SignalId, scope: ScopeId) -> bool {
    let fast = evidence::fast(reading, signal, scope);
    let slow = evidence::slow(reading, signal, scope);
    fast.n > 0.0 && slow.n < 4.0 * fast.n
}

/// Whether what a signal has done of late differs by more than so many standard deviations from what it did before.
fn deviates(reading: &Reading<'_>, signal: SignalId, scope: ScopeId, z: f64) -> bool {
    let params = reading.by.params;
    let fast = evidence::fast(reading, signal, scope);
    if fast.n < params.drift_runs_min {
        return false;
    }
    let old = evidence::slow(reading, signal, scope).without(fast);
    // While a signal is young its recent runs are most of its runs, and what looks like a change is a bad start that
    // ends it: a learner stops trying when it has been unlucky.
    if old.n < params.drift_runs_min.max(2.0 * fast.n) {
        return false;
    }
    deviation((fast.n, fast.y), (old.n, old.y)) > z
}

/// How many standard deviations lie between the means of two samples of outcomes, each given as runs and their sum: the
/// root of the likelihood ratio (Wilks 1938). Near 0 and 1 the plain difference of means, measured in its standard
/// error, raises many more false alarms.
pub fn deviation(left: (f64, f64), right: (f64, f64)) -> f64 {
    let pooled = (left.1 + right.1) / (left.0 + right.0);
    let both = divergence(left, pooled) + divergence(right, pooled);
    (2.0 * both.max(0.0)).sqrt()
}

/// How much likelier a sample is under its own mean than under this one, as a logarithm.
fn divergence((runs, sum): (f64, f64), mean: f64) -> f64 {
    let own = (sum / runs).clamp(0.0, 1.0);
    let mean = mean.clamp(1e-9, 1.0 - 1e-9);
    let part = |own: f64, mean: f64| if own > 0.0 { own * (own / mean).ln() } else { 0.0 };
    runs * (part(own, mean) + part(1.0 - own, 1.0 - mean))
}

/// Votes for a new regime of each of these signals that has broken. Answers the fact where there is a new vote.
///
/// A vote is for the regime after the one that the view sees. So there is at most one until it is heard, and the next
/// needs evidence from after the cut on both sides of the comparison: at least a fast half-life lies between.
pub fn vote(
    replica: &mut Replica,
    writer: &mut Writer,
    reader: &Reader<'_>,
    scope: ScopeId,
    signals: impl IntoIterator<Item = SignalId>,
) -> Option<Fact> {
    let reading = reader.of(replica);
    let new: Vec<(SignalId, u8)> = signals
        .into_iter()
        .filter_map(|signal| new_vote(&reading, writer.origin, scope, signal))
        .collect();
    cast_votes(replica, writer, scope, reader.now, new)
}

/// The vote that `own` has not cast yet for a signal that has broken.
fn new_vote(reading: &Reading<'_>, own: Origin, scope: ScopeId, signal: SignalId) -> Option<(SignalId, u8)> {
    let next = reading.by.view.regime(scope, signal).own.checked_add(1)?;
    let cast = reading.replica.scope_cell(scope, own);
    let is_cast = cast.is_some_and(|cell| cell.vote_for(signal) >= next);
    (!is_cast && has_broken(reading, signal, scope)).then_some((signal, next))
}

/// Looks at all scopes, about as often as the view is taken: cuts this origin's own entries of signals that have broken,
/// and seconds what others have voted for and have not carried yet, where the reader's own facts point the same way.
/// It costs little where no vote was ever cast. Answers the facts that are new.
///
/// Whoever meets a scope seldom would be late with its own vote, and the quorum waits for it. A suspicion needs less to
/// be confirmed than to be raised among thousands of signals, so a lower deviation is enough; it still has to lie in
/// evidence that this reader believes, so votes alone, however many, move nobody who does not see it. Rejected: own
/// votes here, too. Looks that follow each other so closely multiply the false alarms and gain a single round.
pub fn second(replica: &mut Replica, writer: &mut Writer, reader: &Reader<'_>) -> Vec<Fact> {
    let scopes: Vec<ScopeId> = replica.scope_ids().collect();
    let mut facts = Vec::new();
    for scope in scopes {
        facts.extend(cut_own(replica, writer, reader, scope));
        let mut seconded = open_votes(replica, writer.origin, reader, scope);
        seconded.retain(|(signal, _)| {
            let keys = replica.keys_of(*signal);
            let bundles = keys.iter().filter(|key| key.scope == scope).map(|key| key.bundle);
            bundles
                .map(|bundle| Reader { bundle, ..*reader })
                .any(|reader| deviates(&reader.of(replica), *signal, scope, reader.params.drift_second_z))
        });
        facts.extend(cast_votes(replica, writer, scope, reader.now, seconded));
    }
    facts
}

/// Cuts the origin's own entries of a scope's broken signals, used or not; see [`fold`]. What is not cut yet is read as
/// nothing, and a signal of which nothing is known is tried again.
fn cut_own(replica: &mut Replica, writer: &mut Writer, reader: &Reader<'_>, scope: ScopeId) -> Vec<Fact> {
    let mut facts = Vec::new();
    for signal in reader.view.broken(scope) {
        let mut keys = replica.keys_of(signal);
        keys.retain(|key| key.scope == scope && replica.cell(key, writer.origin).is_some());
        keys.sort_unstable();
        for key in keys {
            let reader = Reader {
                bundle: key.bundle,
                ..*reader
            };
            facts.extend(fold(replica, writer, &reader, scope, signal));
        }
    }
    facts
}

/// What trusted origins have voted for beyond the regimes that the view sees, and `own` has not.
fn open_votes(replica: &Replica, own: Origin, reader: &Reader<'_>, scope: ScopeId) -> Vec<(SignalId, u8)> {
    let cast = replica.scope_cell(scope, own);
    let cells = replica.scope_cells(scope);
    let heard = cells.filter(|(origin, cell)| !cell.votes.is_empty() && reader.view.is_trusted(*origin));
    let open: BTreeSet<(SignalId, u8)> = heard
        .flat_map(|(_, cell)| &cell.votes)
        .filter_map(|(signal, regime)| {
            let next = reader.view.regime(scope, *signal).own.checked_add(1)?;
            let is_cast = cast.is_some_and(|cell| cell.vote_for(*signal) >= next);
            (*regime >= next && !is_cast).then_some((*signal, next))
        })
        .collect();
    open.into_iter().collect()
}

/// Writes votes down, where there are any.
fn cast_votes(
    replica: &mut Replica,
    writer: &mut Writer,
    scope: ScopeId,
    now: u64,
    votes: Vec<(SignalId, u8)>,
) -> Option<Fact> {
    if votes.is_empty() {
        return None;
    }
    Some(writer.scope_cell(replica, scope, now, |cell| {
        for (signal, regime) in votes {
            cast_vote(&mut cell.votes, signal, regime);
        }
    }))
}

/// Enters a vote; where there are too many, the one for the lowest regime goes.
fn cast_vote(votes: &mut Vec<(SignalId, u8)>, signal: SignalId, regime: u8) {
    votes.retain(|(voted, _)| *voted != signal);
    while votes.len() >= VOTES_MAX {
        let lowest = votes.iter().enumerate().min_by_key(|(_, (_, regime))| *regime);
        let Some((place, _)) = lowest else { break };
        votes.remove(place);
    }
    votes.push((signal, regime));
    votes.sort_unstable();
}

#[cfg(test)]
mod tests;
