//! What people see: rows, lives and figures as plain data.
//!
//! Reports look at the facts anew and change nothing, so they can be made beside a running node, too.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, ReceiptId, SignalId, TaskId, TenantId};
use anthill_contracts::knowledge::{Ask, ModelOption};
use anthill_contracts::model::MODEL_CHOICE_SCHEMA;
use anthill_contracts::signal::{
    BundleClass, Origin, Polarity, ScopePath, Share, Signal, SignalBody, SignalState,
};
use anthill_contracts::spec::Quality;
use serde::{Deserialize, Serialize};

use super::cut::Banned;
use super::{Considered, Counts, KnowledgeBase, ModelRow, Shipped, seam};
use crate::audit;
use crate::fact::{Cell, CellKey, ScopeId};
use crate::fixed;
use crate::lifecycle;
use crate::route::Tokens;
use crate::view::View;

/// Standard errors on either side of an interval that holds 95 of 100 times.
const INTERVAL_Z: f64 = 1.96;

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// An estimate with its standard deviation.
    pub(super) fn of(mean: f64, sd: f64) -> Self {
        Self {
            mean,
            low: mean - INTERVAL_Z * sd,
            high: mean + INTERVAL_Z * sd,
        }
    }
}

/// A signal in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRow {
    /// Its id.
    pub signal: SignalId,
    /// Where it stands.
    pub state: SignalState,
    /// Advice or warning.
    pub polarity: Polarity,
    /// For which kind of task.
    pub scope: ScopePath,
    /// What it says.
    pub body: SignalBody,
    /// Runs behind it, decayed.
    pub runs: f64,
    /// What it adds to the outcome, by the advantages of its users.
    pub gain: Interval,
    /// How many origins have seen it used.
    pub origins: usize,
    /// Runs that were shown it since ever.
    pub exposures: u64,
    /// How far it may travel.
    pub share: Share,
    /// Where it came from.
    pub source: String,
    /// What the program ships of it, measured on documents of its own; it is worth so many runs beside those seen.
    #[serde(default)]
    pub shipped: Vec<Shipped>,
}

/// What was seen of a signal in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExposureRow {
    /// The scope; its number where nobody has told its path.
    pub scope: String,
    /// With what the runs were made.
    pub bundle: BundleClass,
    /// Who saw it.
    pub origins: Vec<Origin>,
    /// Runs since ever.
    pub exposures: u64,
    /// Runs, decayed.
    pub runs: f64,
    /// Their mean outcome.
    pub outcome: f64,
    /// What the signal added, with the other signals and the task's kind taken into account.
    pub gain: Interval,
    /// Runs for which it was chosen and withheld, decayed.
    pub withheld: f64,
    /// Users' outcomes against those of the withheld; `None` where nobody was withheld.
    pub against_withheld: Option<Interval>,
    /// Runs of the scope that were shown nothing, decayed.
    pub control: f64,
    /// Users' outcomes against those of the control arm; `None` where there is none.
    pub against_control: Option<Interval>,
    /// Incidents of harm.
    pub harm: u32,
}

/// A relation of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relative {
    /// The other signal.
    pub signal: SignalId,
    /// What it says; `None` where it is not here.
    pub body: Option<SignalBody>,
}

/// The life of a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// The row of it.
    pub row: SignalRow,
    /// Why it stands where it stands.
    pub reasons: Vec<String>,
    /// What it adds, from the runs that it was withheld from; `None` where there are none.
    pub measured: Option<Interval>,
    /// Who has proposed it first.
    pub author: Origin,
    /// In which job it was born.
    pub born_in: Option<JobId>,
    /// When.
    pub created: Timestamp,
    /// What it was made of.
    pub parents: Vec<Relative>,
    /// What was made of it.
    pub children: Vec<Relative>,
    /// Signals that say the same.
    pub aliases: Vec<SignalId>,
    /// What was seen of it, by scope.
    pub exposures: Vec<ExposureRow>,
    /// Tokens of a run that follows it, where it decides what a run costs and one is known.
    pub tokens: Option<Tokens>,
}

/// What would be chosen for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The tenant that asks.
    pub tenant: TenantId,
    /// The kind of task.
    pub scope: ScopePath,
    /// What the task is about.
    pub text: String,
    /// Values of the task.
    pub state: BTreeMap<String, String>,
    /// With what the run would be made.
    pub bundle: BundleClass,
    /// Which draws: each number is another run.
    pub run: u64,
    /// The models between which the run would be routed.
    pub models: Vec<ModelOption>,
    /// The share of success that is enough for a model to be taken for its cost.
    pub quality_min: Quality,
}

/// The answer, and everything that was thought of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// The rows of those that would be taken, in order.
    pub taken: Vec<SignalRow>,
    /// Every candidate, the best first.
    pub considered: Vec<Considered>,
    /// What is known of the models, in the order of the query.
    pub models: Vec<ModelRow>,
}

/// What one tenant's origins have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TenantView {
    /// The tenant's number.
    pub tenant: u32,
    /// Its origins.
    pub origins: usize,
    /// Its signals.
    pub signals: usize,
}

/// The layer in figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Signals by state.
    pub signals: BTreeMap<String, u64>,
    /// Runs that were shown a signal, times signals, since ever.
    pub exposures: u64,
    /// Runs that were shown what the knowledge holds, decayed.
    pub treated: f64,
    /// Runs that were shown nothing, decayed.
    pub control: f64,
    /// What the layer adds to the outcome of a run, from both experiments; `None` where neither has runs.
    pub gain: Option<Interval>,
    /// The same relative to the outcome without the layer.
    pub lift: Option<f64>,
    /// What the layer adds, from the runs that were shown nothing.
    pub against_control: Option<Interval>,
    /// What it adds, from the signals that were withheld one by one.
    pub against_withheld: Option<Interval>,
    /// Share of what was shown of late that had few runs behind it; `None` where nothing was shown.
    pub novelty: Option<f64>,
    /// Age of the newest evidence from another node, in milliseconds; `None` where there is none.
    pub lag_ms: Option<u64>,
    /// Bumped regimes.
    pub regime_bumps: u64,
    /// Facts that are held.
    pub facts: u64,
    /// By tenant.
    pub tenants: Vec<TenantView>,
    /// What happened since the node started.
    pub counts: Counts,
    /// Of the facts, those of newer programs: kept and passed on, and not read here.
    pub newer: u64,
}

/// Sums of what was seen, decayed, as floating point.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    n: f64,
    y: f64,
    adv: f64,
    held_n: f64,
    held_y: f64,
    total: u64,
    harm: u32,
}

impl Seen {
    fn add(&mut self, cell: &Cell) {
        self.n += fixed::to_f64(i64::from(cell.slow.n));
        self.y += fixed::to_f64(i64::from(cell.slow.y));
        self.adv += fixed::to_f64(cell.slow.adv);
        self.held_n += fixed::to_f64(i64::from(cell.held_n));
        self.held_y += fixed::to_f64(i64::from(cell.held_y));
        self.total += u64::from(cell.total);
        self.harm += u32::from(cell.harm);
    }
}

impl KnowledgeBase {
    /// Every signal, the best proven first.
    pub fn list(&self, tenant: u32, now: u64) -> Vec<SignalRow> {
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        let cells = self.cells_by_signal();
        let mut rows: Vec<SignalRow> = self
            .replica
            .signals()
            .map(|signal| self.signal_row(signal, &cells, &view, now))
            .collect();
        rows.sort_by(|left, right| {
            (left.state != SignalState::Active)
                .cmp(&(right.state != SignalState::Active))
                .then_with(|| right.gain.low.total_cmp(&left.gain.low))
                .then_with(|| left.signal.cmp(&right.signal))
        });
        rows
    }

    /// The life of a signal; `None` where it is not known.
    pub fn show(&self, id: SignalId, tenant: u32, now: u64) -> Option<Life> {
        let signal = self.replica.signal(id)?;
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        let cells = self.cells_by_signal();
        let standing = lifecycle::state(&self.replica, &view, id, now, &self.params);
        let relative = |signal: SignalId| Relative {
            signal,
            body: self.replica.signal(signal).map(|signal| signal.body.clone()),
        };
        let keys = cells.get(&id).into_iter().flatten();
        Some(Life {
            row: self.signal_row(signal, &cells, &view, now),
            reasons: standing.reasons.iter().map(ToString::to_string).collect(),
            measured: audit::uplift(&self.replica, id, now, &self.params, |origin| view.weight(origin))
                .map(interval),
            author: signal.author,
            born_in: signal.born_in,
            created: signal.created,
            parents: signal.parents.iter().copied().map(relative).collect(),
            children: self
                .replica
                .signals()
                .filter(|other| other.parents.contains(&id))
                .map(|other| relative(other.id))
                .collect(),
            aliases: seam::aliases(&self.replica, id),
            exposures: keys.map(|key| self.exposure_row(key, now)).collect(),
            tokens: self.tokens_of(signal, &view, now),
        })
    }

    /// What would be chosen now, and why.
    pub fn query(&mut self, query: &Query, now: u64) -> QueryAnswer {
        let tenant = Origin::tenant_number(&query.tenant);
        self.view(tenant, now);
        let ask = self.ask_of(query);
        let choice = self.choose(&ask, None, now, &Banned::none());
        let models = self.models(&ask, now);
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        let cells = self.cells_by_signal();
        let taken = choice
            .taken
            .iter()
            .filter_map(|place| self.replica.signal(choice.considered[*place].signal))
            .map(|signal| self.signal_row(signal, &cells, &view, now))
            .collect();
        let mut considered = choice.considered;
        considered.sort_by(|left, right| {
            (right.relevance * right.draw)
                .total_cmp(&(left.relevance * left.draw))
                .then_with(|| left.signal.cmp(&right.signal))
        });
        QueryAnswer {
            taken,
            considered,
            models,
        }
    }

    /// The layer in figures.
    pub fn stats(&self, tenant: u32, now: u64) -> Stats {
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        let mut stats = Stats {
            counts: self.counts,
            facts: self.facts().len() as u64,
            newer: self.replica.other_count() as u64,
            ..Stats::default()
        };
        for state in SignalState::ALL {
            stats.signals.insert(state.as_str().to_owned(), 0);
        }
        for signal in self.replica.signals() {
            let stands = lifecycle::state(&self.replica, &view, signal.id, now, &self.params).state;
            *stats.signals.entry(stands.as_str().to_owned()).or_default() += 1;
        }
        for key in self.replica.signal_keys().filter(|key| self.is_top(key.scope)) {
            stats.exposures += self.seen(key, now).total;
        }
        let gain = audit::gain(&self.replica, now, &self.params, |origin| view.weight(origin));
        stats.gain = gain.both.map(interval);
        stats.lift = gain.lift();
        stats.against_control = gain.by_control.map(interval);
        stats.against_withheld = gain.by_withheld.map(interval);
        stats.novelty = audit::novelty(&self.replica, now, &self.params);
        stats.lag_ms = self.lag_ms(now);
        self.count_arms(&mut stats, now);
        stats.tenants = self.tenants();
        stats
    }

    /// Runs of the two arms over all top scopes, and the bumped regimes. Sums of a scope contain those below it.
    fn count_arms(&self, stats: &mut Stats, now: u64) {
        for scope in self.replica.scope_ids() {
            for (_, cell) in self.replica.scope_cells(scope) {
                let cell = cell.clone().brought_to(now, &self.params);
                let votes = cell.votes.iter().map(|(_, regime)| u64::from(*regime));
                stats.regime_bumps += votes.sum::<u64>();
                if self.is_top(scope) {
                    stats.treated += fixed::to_f64(i64::from(cell.slow.n));
                    stats.control += fixed::to_f64(i64::from(cell.control_n));
                }
            }
        }
    }

    fn lag_ms(&self, now: u64) -> Option<u64> {
        let cells = self.replica.keys().flat_map(|key| self.replica.cells(key));
        let foreign = cells.filter(|(origin, _)| origin.node != self.node);
        let newest = foreign.map(|(_, cell)| cell.at).max()?;
        Some(now.saturating_sub(newest))
    }

    fn is_top(&self, scope: ScopeId) -> bool {
        self.replica.scope(scope).is_none_or(|path| path.level() == 1)
    }

    fn tenants(&self) -> Vec<TenantView> {
        let mut origins: BTreeMap<u32, BTreeSet<Origin>> = BTreeMap::new();
        for fact in self.facts() {
            origins
                .entry(fact.origin().tenant)
                .or_default()
                .insert(fact.origin());
        }
        let signals = |tenant: u32| {
            let of = self
                .replica
                .signals()
                .filter(|signal| signal.author.tenant == tenant);
            of.count()
        };
        origins
            .into_iter()
            .map(|(tenant, origins)| TenantView {
                tenant,
                origins: origins.len(),
                signals: signals(tenant),
            })
            .collect()
    }

    fn ask_of(&self, query: &Query) -> Ask {
        let nobody = JobId::from_bytes([0; 16]);
        let task_id = TaskId::derive(nobody, "query", u32::try_from(query.run).ok());
        let schemas: BTreeSet<String> = self
            .replica
            .signals()
            .filter_map(|signal| match &signal.body {
                SignalBody::Action { schema, .. } if schema != MODEL_CHOICE_SCHEMA => Some(schema.clone()),
                SignalBody::Action { .. } | SignalBody::Text { .. } => None,
            })
            .collect();
        Ask {
            receipt_id: ReceiptId::derive(task_id, "query"),
            job_id: nobody,
            task_id,
            seed: Digest::of_parts([b"query".as_slice(), &query.run.to_le_bytes()]),
            cut: None,
            peers: 1,
            tenant: query.tenant.clone(),
            scope: query.scope.clone(),
            bundle: query.bundle,
            text: query.text.clone(),
            state: query.state.clone(),
            schemas: schemas.into_iter().collect(),
            reads_text: true,
            tokens_max: self.params.tokens_max,
            slots_max: self.params.slots_max,
            models: query.models.clone(),
            quality_min: query.quality_min,
        }
    }

    fn cells_by_signal(&self) -> BTreeMap<SignalId, BTreeSet<CellKey>> {
        let mut keys: BTreeMap<SignalId, BTreeSet<CellKey>> = BTreeMap::new();
        for key in self.replica.signal_keys() {
            keys.entry(key.signal).or_default().insert(*key);
        }
        keys
    }

    fn signal_row(
        &self,
        signal: &Signal,
        cells: &BTreeMap<SignalId, BTreeSet<CellKey>>,
        view: &View,
        now: u64,
    ) -> SignalRow {
        let state = lifecycle::state(&self.replica, view, signal.id, now, &self.params).state;
        let home = ScopeId::of(&signal.scope);
        let mut seen = Seen::default();
        let mut origins = BTreeSet::new();
        // Runs of the scopes below are counted at the signal's own scope, too.
        for key in cells
            .get(&signal.id)
            .into_iter()
            .flatten()
            .filter(|key| key.scope == home)
        {
            let one = self.seen(key, now);
            seen.n += one.n;
            seen.adv += one.adv;
            seen.total += one.total;
            origins.extend(self.replica.cells(key).map(|(origin, _)| origin));
        }
        SignalRow {
            signal: signal.id,
            state,
            polarity: signal.polarity,
            scope: signal.scope.clone(),
            body: signal.body.clone(),
            runs: seen.n,
            gain: self.gain(&seen),
            origins: origins.len(),
            exposures: seen.total,
            share: signal.share,
            source: signal.source.clone(),
            shipped: self.shipped_of(signal.id).to_vec(),
        }
    }

    fn exposure_row(&self, key: &CellKey, now: u64) -> ExposureRow {
        let seen = self.seen(key, now);
        let (mut control_n, mut control_y) = (0.0, 0.0);
        for (_, cell) in self.replica.scope_cells(key.scope) {
            let cell = cell.clone().brought_to(now, &self.params);
            control_n += fixed::to_f64(i64::from(cell.control_n));
            control_y += fixed::to_f64(i64::from(cell.control_y));
        }
        let path = self.replica.scope(key.scope);
        ExposureRow {
            scope: path.map_or_else(|| key.scope.to_string(), ToString::to_string),
            bundle: key.bundle,
            origins: self.replica.cells(key).map(|(origin, _)| origin).collect(),
            exposures: seen.total,
            runs: seen.n,
            outcome: if seen.n > 0.0 { seen.y / seen.n } else { 0.0 },
            gain: self.gain(&seen),
            withheld: seen.held_n,
            against_withheld: self.difference((seen.y, seen.n), (seen.held_y, seen.held_n)),
            control: control_n,
            against_control: self.difference((seen.y, seen.n), (control_y, control_n)),
            harm: seen.harm,
        }
    }

    fn seen(&self, key: &CellKey, now: u64) -> Seen {
        let mut seen = Seen::default();
        for (_, cell) in self.replica.cells(key) {
            seen.add(&cell.brought_to(now, &self.params));
        }
        seen
    }

    /// The gain that these sums tell of, under the prior and with nobody weighed.
    fn gain(&self, seen: &Seen) -> Interval {
        let variance = 1.0 / (1.0 / self.params.prior_sd.powi(2) + seen.n / self.params.noise_var);
        Interval::of(variance * seen.adv / self.params.noise_var, variance.sqrt())
    }

    /// The difference of two means, each a sum and a number of runs; `None` where one side has no runs.
    fn difference(&self, with: (f64, f64), without: (f64, f64)) -> Option<Interval> {
        if with.1 < 0.5 || without.1 < 0.5 {
            return None;
        }
        let sd = (self.params.noise_var / with.1 + self.params.noise_var / without.1).sqrt();
        Some(Interval::of(with.0 / with.1 - without.0 / without.1, sd))
    }
}

fn interval(estimate: audit::Estimate) -> Interval {
    let (low, high) = estimate.interval();
    Interval {
        mean: estimate.value,
        low,
        high,
    }
}
