//! Lifecycle: where a signal stands. A reading of its evidence, with its reasons, never a field that somebody sets.
//!
//! A new signal is on probation: few see it until its users' outcomes are known. It becomes active when enough runs of
//! several origins say that it helps, and is quarantined when they say that it harms. The evidence of a quarantined
//! signal fades like all other, so a wrong judgement is no last one. Rejected: states that are replicated, for then a
//! wrong rule has to be repaired in the data of every node.
//!
//! An origin that works alone in a scope has nobody to confirm it. There distinct runs take the place of distinct
//! origins: each is a receipt of its own, and the run in which a signal was born never counts for it. Once a second
//! origin has made [`RUNS_MIN`] runs in the scope, its evidence is asked for, too.

use std::collections::BTreeSet;
use std::fmt;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Origin, Polarity, Proposal, Signal, SignalState};

use crate::evidence::{Reader, Reading};
use crate::fact::CellKey;
use crate::fixed;
use crate::params::Params;
use crate::posterior::Posterior;
use crate::replica::Replica;
use crate::route;
use crate::trust;
use crate::view::View;

/// Probability of a gain from which a signal is active.
pub const ACTIVE_FROM: f64 = 0.8;

/// Probability of a loss from which it is quarantined.
pub const QUARANTINE_FROM: f64 = 0.95;

/// Least runs, and least origins or tenants, for a signal to become active.
pub const RUNS_MIN: f64 = 8.0;
/// See [`RUNS_MIN`].
pub const VOICES_MIN: usize = 2;

/// Incidents of harm from which it is quarantined.
pub const HARM_MAX: u32 = 2;

/// Most nodes that show a signal on probation, each to one run at a time.
pub const PROBATION_SEATS: usize = 24;

/// A loss beyond this, with the probability [`TWIN_FROM`], makes an advice a warning.
const TWIN_LOSS: f64 = -0.05;
const TWIN_FROM: f64 = 0.9;

/// Runs below which nothing is left of a signal's evidence.
const FADED: f64 = 1.0 / 64.0;

/// Half-lives that a signal without any evidence is kept on probation for.
const UNUSED_HALF_LIVES: u64 = 4;

/// Why a signal stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// A tombstone lies on it.
    Revoked,
    /// So many incidents of harm were seen by so many origins.
    Harmed {
        /// Incidents.
        incidents: u32,
        /// Origins that saw one.
        origins: usize,
    },
    /// The probability that it makes runs worse.
    Worsens(f64),
    /// The probability that it makes runs better.
    Improves(f64),
    /// Runs that it is known from, decayed and weighed.
    Runs(f64),
    /// Distinct origins of the reader's tenant that have used it.
    Origins(usize),
    /// Distinct tenants that have used it; counts where it was not born in the reader's tenant.
    Tenants(usize),
    /// One origin works alone in the scope; its runs count instead.
    Alone,
    /// Nobody has used it lately.
    Faded,
    /// The replica does not hold it.
    Unknown,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => write!(f, "it was revoked"),
            Self::Harmed { incidents, origins } => {
                write!(f, "{incidents} incidents of harm at {origins} origins")
            }
            Self::Worsens(share) => write!(f, "it harms with a probability of {share:.2}"),
            Self::Improves(share) => write!(f, "it helps with a probability of {share:.2}"),
            Self::Runs(runs) => write!(f, "known from {runs:.1} runs"),
            Self::Origins(count) => write!(f, "used by {count} origins"),
            Self::Tenants(count) => write!(f, "used by {count} tenants"),
            Self::Alone => write!(f, "one origin works alone here, so its runs confirm each other"),
            Self::Faded => write!(f, "its evidence has faded"),
            Self::Unknown => write!(f, "it is not held here"),
        }
    }
}

/// Where a signal stands for one reader, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Where.
    pub state: SignalState,
    /// Why, the decisive reason first.
    pub reasons: Vec<Reason>,
    /// What it is expected to add to a run, by all evidence of its scope.
    pub posterior: Posterior,
}

/// Where a signal stands for the reader of this view.
pub fn state(replica: &Replica, view: &View, signal: SignalId, now: u64, params: &Params) -> Standing {
    let standing = |state, reasons, posterior| Standing {
        state,
        reasons,
        posterior,
    };
    let Some(signal) = replica.signal(signal) else {
        let prior = Posterior::prior(params);
        return standing(SignalState::Retired, vec![Reason::Unknown], prior);
    };
    let record = Record::of(replica, view, signal, now, params);
    let posterior = record.posterior(params);
    if replica.is_dead(signal.id) {
        return standing(SignalState::Quarantined, vec![Reason::Revoked], posterior);
    }
    if record.is_harmful(view.own()) {
        let harmed = Reason::Harmed {
            incidents: record.incidents,
            origins: record.harmed.len(),
        };
        return standing(SignalState::Quarantined, vec![harmed], posterior);
    }
    let worsens = 1.0 - posterior.above(0.0);
    // A choice among models is one between prices, too: one that does worse than the dearest may be the better one.
    if worsens >= QUARANTINE_FROM && !route::is_choice(&signal.body) {
        let reasons = vec![Reason::Worsens(worsens), Reason::Runs(record.n)];
        return standing(SignalState::Quarantined, reasons, posterior);
    }
    if record.has_faded(signal, now, params) {
        return standing(SignalState::Retired, vec![Reason::Faded], posterior);
    }
    let improves = posterior.above(0.0);
    let (confirmed, by) = record.confirmed(signal, view.own());
    let reasons = vec![Reason::Improves(improves), Reason::Runs(record.n), by];
    let state = if improves >= ACTIVE_FROM && record.n >= RUNS_MIN && confirmed {
        SignalState::Active
    } else {
        SignalState::Probation
    };
    standing(state, reasons, posterior)
}

/// Whether this node may show a signal on probation to one more run, where `waiting` of its runs with it have not
/// ended. Of a tenant's fleet larger than [`PROBATION_SEATS`] the nodes whose hashes with the signal are smallest may;
/// so the bound holds over the whole fleet although nobody is asked.
pub fn has_seat(replica: &Replica, signal: &Signal, own: Origin, waiting: usize) -> bool {
    if waiting > 0 {
        return false;
    }
    let scope = crate::fact::ScopeId::of(&signal.scope);
    let rank = |origin: Origin| {
        let hash = blake3::Hasher::new()
            .update(signal.id.as_bytes())
            .update(&origin.tenant.to_le_bytes())
            .update(&origin.node.to_le_bytes())
            .finalize();
        *hash.as_bytes()
    };
    let mine = rank(own);
    let before = replica
        .scope_cells(scope)
        .filter(|(origin, _)| origin.tenant == own.tenant && *origin != own && rank(*origin) < mine);
    before.count() < PROBATION_SEATS
}

/// The warning that an advice has turned into, for the runtime to propose; it has to prove itself like any other.
/// `None` where the advice is not known to harm, or is no advice.
pub fn twin(replica: &Replica, view: &View, signal: SignalId, now: u64, params: &Params) -> Option<Proposal> {
    let signal = replica
        .signal(signal)
        .filter(|signal| signal.polarity == Polarity::Do)?;
    if replica.is_dead(signal.id) {
        return None;
    }
    let record = Record::of(replica, view, signal, now, params);
    let harms = 1.0 - record.posterior(params).above(TWIN_LOSS) >= TWIN_FROM;
    let (confirmed, _) = record.confirmed(signal, view.own());
    let has_twin = |other: &Signal| other.polarity == Polarity::Avoid && other.parents.contains(&signal.id);
    if !harms || !confirmed || replica.signals().any(|other| has_twin(other)) {
        return None;
    }
    Some(Proposal {
        polarity: Polarity::Avoid,
        body: signal.body.clone(),
        trigger: signal.trigger.clone(),
        parents: vec![signal.id],
        source: format!("runs that followed {}", signal.id),
    })
}

/// What is on record of one signal at its own scope, which contains the runs of the scopes below.
#[derive(Debug, Default)]
struct Record {
    /// Runs, outcomes and advantages, weighed.
    n: f64,
    y: f64,
    adv: f64,
    /// Runs, whoever claims them.
    claimed: f64,
    /// Believed origins that have used it.
    users: BTreeSet<Origin>,
    incidents: u32,
    own_incidents: u32,
    harmed: BTreeSet<Origin>,
    /// Believed origins that work in the scope, and those of them that have worked there for a while.
    active: BTreeSet<Origin>,
    settled: BTreeSet<Origin>,
}

impl Record {
    fn of(replica: &Replica, view: &View, signal: &Signal, now: u64, params: &Params) -> Self {
        let scope = crate::fact::ScopeId::of(&signal.scope);
        let reader = Reader {
            view,
            bundle: signal.bundle,
            now,
            params,
        };
        let reading = reader.of(replica);
        let mut record = Self::default();
        for bundle in view.bundles(scope, signal.bundle) {
            let key = CellKey {
                signal: signal.id,
                scope,
                bundle,
            };
            record.add(&reading, &key);
        }
        for (origin, cell) in replica.scope_cells(scope) {
            if !view.is_trusted(*origin) {
                continue;
            }
            let runs = fixed::to_f64(i64::from(cell.slow_at(now, params).n));
            if runs >= 0.5 {
                record.active.insert(*origin);
            }
            if runs >= RUNS_MIN {
                record.settled.insert(*origin);
            }
        }
        record
    }

    fn add(&mut self, reading: &Reading<'_>, key: &CellKey) {
        let Reader {
            view, now, params, ..
        } = reading.by;
        let (regime, bound) = (view.regime(key.scope, key.signal), view.bound(key));
        for (origin, cell) in reading.replica.cells(key) {
            let sums = cell.slow_at(now, params);
            self.claimed += fixed::to_f64(i64::from(sums.n));
            if !view.is_trusted(origin) {
                continue;
            }
            if cell.harm > 0 {
                self.incidents += u32::from(cell.harm);
                self.harmed.insert(origin);
                if origin == view.own() {
                    self.own_incidents += u32::from(cell.harm);
                }
            }
            let share = if origin == view.own() {
                fixed::ONE
            } else {
                bound.share(origin, sums.n)
            };
            let believed = fixed::to_f64(view.weight(origin)) * fixed::to_f64(regime.keep(&cell, params));
            let weight = believed * fixed::to_f64(share);
            let n = fixed::to_f64(i64::from(sums.n));
            self.n += weight * n;
            self.y += weight * fixed::to_f64(i64::from(sums.y));
            self.adv += weight * fixed::to_f64(sums.adv).clamp(-2.0 * n, 2.0 * n);
            // A bound on what an origin's runs count for does not make it less of a user.
            if believed * n >= 0.5 {
                self.users.insert(origin);
            }
        }
    }

    /// The gain by the evidence of this scope alone, as normal prior and normal noise have it.
    fn posterior(&self, params: &Params) -> Posterior {
        let mean = (self.y + 1.0) / (self.n + 2.0);
        let noise = (mean * (1.0 - mean)).clamp(params.noise_var / 25.0, params.noise_var);
        let precision = params.prior_sd.powi(-2) + self.n / noise;
        Posterior {
            mean: self.adv / noise / precision,
            sd: precision.recip().sqrt(),
            runs: self.n,
            seen: self.n / noise,
        }
    }

    /// Whether enough incidents were seen by enough of those who work here; the reader's own are enough by themselves.
    fn is_harmful(&self, own: Origin) -> bool {
        let seen = self.incidents >= HARM_MAX && trust::carries(own.tenant, &self.harmed, &self.active);
        seen || self.own_incidents >= HARM_MAX
    }

    fn has_faded(&self, signal: &Signal, now: u64, params: &Params) -> bool {
        let kept_ms = params.slow_half_life_ms.saturating_mul(UNUSED_HALF_LIVES);
        let is_old = kept_ms > 0 && now.saturating_sub(signal.created.0) > kept_ms;
        signal.author != Origin::BUILTIN && is_old && self.claimed < FADED
    }

    /// Whether others than the first have confirmed it, and who.
    fn confirmed(&self, signal: &Signal, own: Origin) -> (bool, Reason) {
        let tenants: BTreeSet<u32> = self.users.iter().map(|origin| origin.tenant).collect();
        let is_foreign = signal.author.tenant != own.tenant && signal.author != Origin::BUILTIN;
        if is_foreign {
            return (tenants.len() >= VOICES_MIN, Reason::Tenants(tenants.len()));
        }
        let of_ours = |origins: &BTreeSet<Origin>| {
            let ours = origins.iter().filter(|origin| origin.tenant == own.tenant);
            ours.count()
        };
        let users = of_ours(&self.users);
        if users >= 1 && of_ours(&self.settled) <= 1 {
            return (true, Reason::Alone);
        }
        (users >= VOICES_MIN, Reason::Origins(users))
    }
}

#[cfg(test)]
mod tests;
