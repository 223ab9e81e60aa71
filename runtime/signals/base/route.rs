//! Routing a run: what is known of each model of its list, and which one it is made with.
//!
//! The choice of a model is a signal at the top of the run's scope, so that kinds of tasks lean on each other as far as
//! they are alike. It says nothing to a reader, takes no tokens and no slot, and is never withheld: a run without any
//! model is none, and what a run without the choice would do is seen in the control arm, which takes the usual model.
//! A model that does worse than others is no harm as long as it is good enough, so its choice is not quarantined for
//! that; only a revocation, or harm, takes it out of use.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::{Ask, ModelOption, Spent};
use anthill_contracts::model::{ModelName, Price};
use anthill_contracts::signal::{
    BundleClass, Chosen, Exposure, Origin, Polarity, ScopePath, Share, Signal, Trigger, Weighed,
};
use serde::{Deserialize, Serialize};

use super::choose::{lot, micro};
use super::cut::Banned;
use super::{KnowledgeBase, report};
use crate::credit;
use crate::dedup;
use crate::evidence::Reader;
use crate::fact::{Fact, ScopeId};
use crate::lifecycle;
use crate::posterior::Posterior;
use crate::route::{self, Candidate, Decision, Measured};
use crate::view::View;

/// Where choices of models come from, for people.
const SOURCE: &str = "routing";

/// Tasks that are drawn to see how often each model would be taken.
const DRAWS: u32 = 400;

/// What is known of one model in a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The model.
    pub model: ModelName,
    /// The signal that is its choice.
    pub signal: SignalId,
    /// Runs behind it, weighed and decayed.
    pub runs: f64,
    /// The expected success.
    pub success: report::Interval,
    /// Tokens sent to models per run; `None` where no run is known.
    pub tokens_in: Option<f64>,
    /// Tokens written by models per run.
    pub tokens_out: Option<f64>,
    /// What a run is expected to cost, in US dollars; `None` where tokens or price are not known.
    pub usd_per_run: Option<f64>,
    /// What a success is expected to cost, in US dollars.
    pub usd_per_success: Option<f64>,
    /// The share of runs that it would be given now.
    pub share: f64,
}

/// What a run that is routed is made with.
pub(super) struct Routed {
    pub(super) exposure: Exposure,
    pub(super) model: ModelName,
    pub(super) weighed: Vec<Weighed>,
    pub(super) ask: Ask,
}

/// The choice of a model for tasks of a scope.
fn choice(model: &ModelName, scope: &ScopePath) -> (SignalId, ScopePath) {
    let top = scope.lineage().last().unwrap_or_else(|| scope.clone());
    let id = dedup::signal_id(&top, Polarity::Do, &route::body(model));
    (id, top)
}

impl KnowledgeBase {
    /// Writes down the choices that a run's list of models makes, where they are new; answers the facts to be kept and
    /// passed on.
    pub fn enlist(&mut self, ask: &Ask, now: u64) -> Vec<Fact> {
        let tenant = Origin::tenant_number(&ask.tenant);
        let mut facts = Vec::new();
        for option in &ask.models {
            let (id, scope) = choice(&option.model, &ask.scope);
            if self.replica.signal(id).is_some() || self.replica.is_dead(id) {
                continue;
            }
            let signal = Signal {
                id,
                scope,
                polarity: Polarity::Do,
                body: route::body(&option.model),
                tokens: 0,
                trigger: Trigger::default(),
                parents: Vec::new(),
                author: self.origin(tenant),
                born_in: None,
                created: Timestamp(now),
                bundle: option.bundle,
                share: Share::Tenant,
                source: SOURCE.to_owned(),
            };
            let (writer, replica) = self.pen(tenant);
            facts.extend(writer.signal(replica, signal));
        }
        facts
    }

    /// Chooses the model of a run; `None` where there is nothing to choose, or every choice is out of use.
    pub(super) fn route(&self, ask: &Ask, view: &View, now: u64, banned: &Banned<'_>) -> Option<Routed> {
        let open: Vec<(&ModelOption, Candidate)> = ask
            .models
            .iter()
            .map(|option| (option, self.candidate(option, &ask.scope, (view, now))))
            .filter(|(_, candidate)| !self.is_out_of_use(candidate.signal, view, now))
            .filter(|(_, candidate)| !banned.holds(candidate.signal))
            .collect();
        let candidates: Vec<Candidate> = open.iter().map(|(_, candidate)| *candidate).collect();
        let baseline = self.yield_of(&ask.scope, view, now);
        let decision = route::decide(lot(ask), baseline, &candidates, ask.quality_min.share())?;
        let (option, candidate) = open.get(decision.taken)?;
        Some(Routed {
            exposure: exposure(option, candidate, &decision),
            model: option.model.clone(),
            weighed: weighed(&open, &decision),
            ask: with(ask, option),
        })
    }

    /// What is known of models in a scope, in their order, and how often each would be taken.
    pub(super) fn models(&self, ask: &Ask, now: u64) -> Vec<ModelRow> {
        let tenant = Origin::tenant_number(&ask.tenant);
        let view = View::of(&self.replica, self.origin(tenant), now, &self.params);
        let baseline = self.yield_of(&ask.scope, &view, now);
        let candidates: Vec<Candidate> = ask
            .models
            .iter()
            .map(|option| self.candidate(option, &ask.scope, (&view, now)))
            .collect();
        let mut taken = vec![0_u32; candidates.len()];
        for number in 0..DRAWS {
            let task = anthill_contracts::id::TaskId::derive(ask.job_id, "models", Some(number));
            if let Some(decision) = route::decide(task, baseline, &candidates, ask.quality_min.share()) {
                taken[decision.taken] += 1;
            }
        }
        let rows = ask.models.iter().zip(&candidates).zip(taken);
        rows.map(|((option, candidate), taken)| {
            row(option, candidate, (baseline, f64::from(taken) / f64::from(DRAWS)))
        })
        .collect()
    }

    /// The models of which a scope knows something, by name.
    pub fn models_known(&self, scope: &ScopePath) -> Vec<(ModelName, BundleClass)> {
        let mut known: Vec<(ModelName, BundleClass)> = self
            .replica
            .signals()
            .filter(|signal| scope.lineage().any(|path| path == signal.scope))
            .filter_map(|signal| Some((route::model_of(&signal.body)?, signal.bundle)))
            .collect();
        known.sort();
        known.dedup_by(|left, right| left.0 == right.0);
        known
    }

    /// Writes down what a run has spent, for each signal of it that decides that.
    pub(super) fn measure(
        &mut self,
        tenant: u32,
        scope: &ScopePath,
        (exposures, bundle): (&[Exposure], BundleClass),
        (spent, now): (Spent, u64),
    ) -> Vec<Fact> {
        let scopes: Vec<ScopeId> = scope.lineage().map(|path| ScopeId::of(&path)).collect();
        let (writer, replica) = self.pen(tenant);
        let followed = exposures
            .iter()
            .filter(|exposure| exposure.kept && route::is_measured(&exposure.body));
        followed
            .flat_map(|exposure| {
                let measured = Measured {
                    signal: exposure.signal,
                    bundle,
                    spent,
                    now,
                };
                route::measure(replica, writer, &scopes, &measured)
            })
            .collect()
    }

    fn candidate(&self, option: &ModelOption, scope: &ScopePath, (view, now): (&View, u64)) -> Candidate {
        let reader = Reader {
            view,
            bundle: option.bundle,
            now,
            params: &self.params,
        };
        let (signal, _) = choice(&option.model, scope);
        Candidate {
            signal,
            posterior: self.posterior(&reader, signal, scope),
            tokens: route::tokens(&reader.of(&self.replica), signal, scope),
            price: option.price,
        }
    }

    /// Tokens of a run that follows a signal, over all kinds of tasks of its scope.
    pub(super) fn tokens_of(&self, signal: &Signal, view: &View, now: u64) -> Option<route::Tokens> {
        let reader = Reader {
            view,
            bundle: signal.bundle,
            now,
            params: &self.params,
        };
        let measured = route::is_measured(&signal.body);
        let tokens = || route::tokens(&reader.of(&self.replica), signal.id, &signal.scope);
        measured.then(tokens).flatten()
    }

    /// What a scope yields without any choice; where nothing was ever seen of it, what the nearest above it yields.
    fn yield_of(&self, scope: &ScopePath, view: &View, now: u64) -> f64 {
        let scope = self.known_scope(scope);
        credit::baseline(&self.replica, scope, now, &self.params, |origin| {
            view.weight(origin)
        })
    }

    fn is_out_of_use(&self, signal: SignalId, view: &View, now: u64) -> bool {
        let state = || lifecycle::state(&self.replica, view, signal, now, &self.params).state;
        self.replica.signal(signal).is_some()
            && state() == anthill_contracts::signal::SignalState::Quarantined
            || self.replica.is_dead(signal)
    }
}

/// The run as one with this model asks.
fn with(ask: &Ask, option: &ModelOption) -> Ask {
    let mut state = ask.state.clone();
    state.extend(option.state.clone());
    Ask {
        bundle: option.bundle,
        state,
        schemas: option.schemas.clone(),
        reads_text: option.reads_text,
        ..ask.clone()
    }
}

fn exposure(option: &ModelOption, candidate: &Candidate, decision: &Decision) -> Exposure {
    Exposure {
        signal: candidate.signal,
        propensity_milli: 1000,
        kept: true,
        chosen: if decision.is_probe {
            Chosen::Probation
        } else {
            Chosen::Drawn
        },
        tokens: 0,
        polarity: Polarity::Do,
        body: route::body(&option.model),
        mean_micro: micro(candidate.posterior.mean),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the values are clamped to what fits"
)]
fn weighed(open: &[(&ModelOption, Candidate)], decision: &Decision) -> Vec<Weighed> {
    let prospects = open.iter().zip(&decision.prospects);
    prospects
        .map(|((option, _), prospect)| Weighed {
            model: option.model.clone(),
            success_micro: (prospect.success.clamp(-2.0, 2.0) * 1e6).round() as i32,
            cost_usd_micro: prospect.cost.clamp(0.0, 1e15).round() as u64,
        })
        .collect()
}

fn row(option: &ModelOption, candidate: &Candidate, (baseline, share): (f64, f64)) -> ModelRow {
    let Posterior { mean, sd, runs, .. } = candidate.posterior;
    let success = report::Interval::of(baseline + mean, sd);
    let usd = candidate
        .tokens
        .zip(option.price)
        .map(|(tokens, price): (route::Tokens, Price)| tokens.cost(Some(price)) / 1e6);
    ModelRow {
        model: option.model.clone(),
        signal: candidate.signal,
        runs,
        success,
        tokens_in: candidate.tokens.map(|tokens| tokens.input),
        tokens_out: candidate.tokens.map(|tokens| tokens.output),
        usd_per_run: usd,
        usd_per_success: usd.map(|usd| usd / success.mean.clamp(0.01, 1.0)),
        share,
    }
}
