//! Routing: which model a run is made with, by what is known of its success and of its cost.
//!
//! A choice of a model is a signal like any other, so it is credited, merged and audited by the same functions. What
//! is its own is the decision, for the best model is seldom wanted: of those that are good enough the one is taken that
//! costs the least per success. Success is drawn from the posterior (Thompson 1933), so a model of which little is known
//! gets its chance, and a cheap one the sooner.
//!
//! Cost is kept as tokens, which are facts; prices are each node's own. The tokens of runs stand in cells at ids derived
//! from the signal's ([`SignalId::measure`]): they fade, merge and travel as other evidence does, and no reading of
//! signals takes them for one. Rejected: two more sums in each cell, which every signal would pay for in memory, and
//! costs in dollars, which nodes with other prices could not use.

use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::Spent;
use anthill_contracts::model::{MODEL_CHOICE_SCHEMA, ModelName, PLAN_SHAPE_SCHEMA, Price};
use anthill_contracts::signal::{BundleClass, ScopePath, SignalBody};
use serde::{Deserialize, Serialize};

use crate::draw::{self, Lot};
use crate::evidence::{self, Reading};
use crate::fact::{CellKey, Fact, ScopeId};
use crate::fixed;
use crate::posterior::Posterior;
use crate::replica::Replica;
use crate::writer::Writer;

/// What is measured of runs: tokens sent to models, and tokens written by them.
const TOKENS: [&str; 2] = ["tokens-in", "tokens-out"];

/// Most tokens of one run that are told apart; they are counted in shares of this.
const TOKENS_MAX: u64 = 1 << 20;

/// What a run is taken to need before anything is known of any model.
const TOKENS_UNKNOWN: [f64; 2] = [4_000.0, 500.0];

/// Runs that the tokens of other models, or of the scope above, are worth.
const LEANING: f64 = 2.0;

/// Share of runs in which a cheaper model is tried that was not chosen, so that one that has become better is noticed.
pub const PROBE_SHARE: f64 = 0.02;

/// Least success that a cost is divided by.
const SUCCESS_MIN: f64 = 0.01;

/// The arguments of a choice.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    model: ModelName,
}

/// What the choice of a model says.
pub fn body(model: &ModelName) -> SignalBody {
    let args = serde_json::json!({"model": model});
    SignalBody::Action {
        schema: MODEL_CHOICE_SCHEMA.to_owned(),
        args: args.to_string(),
    }
}

/// The model that this is the choice of; `None` for anything else.
pub fn model_of(body: &SignalBody) -> Option<ModelName> {
    match body {
        SignalBody::Action { schema, args } if schema == MODEL_CHOICE_SCHEMA => {
            serde_json::from_str(args).ok().map(|choice: Choice| choice.model)
        }
        _ => None,
    }
}

/// Whether this is the choice of a model.
pub fn is_choice(body: &SignalBody) -> bool {
    matches!(body, SignalBody::Action { schema, .. } if schema == MODEL_CHOICE_SCHEMA)
}

/// Whether the tokens of runs that follow this are measured: where it decides what a run costs.
pub fn is_measured(body: &SignalBody) -> bool {
    matches!(body, SignalBody::Action { schema, .. } if schema == MODEL_CHOICE_SCHEMA || schema == PLAN_SHAPE_SCHEMA)
}

/// Tokens of one run, as expected from those before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Sent to models.
    pub input: f64,
    /// Written by models.
    pub output: f64,
    /// Runs that this is known from, weighed and decayed.
    pub runs: f64,
}

impl Tokens {
    /// What they cost, in millionths of a US dollar. A model without a price counts as free.
    pub fn cost(&self, price: Option<Price>) -> f64 {
        let Some(price) = price else { return 0.0 };
        let part = |tokens: f64, rate: u64| tokens * rate as f64 / 1e6;
        part(self.input, price.usd_micro_per_million_in) + part(self.output, price.usd_micro_per_million_out)
    }

    fn of(counts: [f64; 2], runs: f64) -> Self {
        let [input, output] = counts;
        Self { input, output, runs }
    }
}

/// One run whose tokens are known.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The signal that it followed.
    pub signal: SignalId,
    /// With what it was made.
    pub bundle: BundleClass,
    /// What it has spent.
    pub spent: Spent,
    /// When, in milliseconds since 1970.
    pub now: u64,
}

/// Writes down what a run of these scopes has spent, and answers the facts that are new.
pub fn measure(
    replica: &mut Replica,
    writer: &mut Writer,
    scopes: &[ScopeId],
    measured: &Measured,
) -> Vec<Fact> {
    let counts = [measured.spent.tokens_in, measured.spent.tokens_out];
    let mut facts = Vec::with_capacity(scopes.len() * TOKENS.len());
    for scope in scopes {
        for (what, tokens) in TOKENS.into_iter().zip(counts) {
            let key = CellKey {
                signal: measured.signal.measure(what),
                scope: *scope,
                bundle: measured.bundle,
            };
            let share = fixed::from_f64(tokens.min(TOKENS_MAX) as f64 / TOKENS_MAX as f64);
            facts.push(writer.cell(replica, key, measured.now, |cell| {
                cell.slow = cell.slow.with(share, 0);
                cell.total = cell.total.saturating_add(1);
            }));
        }
    }
    facts
}

/// Tokens of a run that follows this signal in a scope, leaning on the scopes above; `None` where no run is known.
pub fn tokens(reading: &Reading<'_>, signal: SignalId, scope: &ScopePath) -> Option<Tokens> {
    let mut scopes: Vec<ScopeId> = scope.lineage().map(|path| ScopeId::of(&path)).collect();
    scopes.reverse();
    let mut known: Option<Tokens> = None;
    for scope in scopes {
        let evidence = TOKENS.map(|what| evidence::slow(reading, signal.measure(what), scope));
        let runs = evidence[0].n;
        if runs <= 0.0 {
            continue;
        }
        let (worth, above) = known.map_or((0.0, [0.0; 2]), |above| {
            (above.runs.min(LEANING), [above.input, above.output])
        });
        let mut counts = above;
        for (count, evidence) in counts.iter_mut().zip(&evidence) {
            let sum = evidence.y * TOKENS_MAX as f64;
            *count = (sum + worth * *count) / (evidence.n + worth).max(f64::MIN_POSITIVE);
        }
        known = Some(Tokens::of(counts, runs));
    }
    known
}

/// A model that a run may be made with, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The signal that is its choice.
    pub signal: SignalId,
    /// What it is expected to add to what the scope yields.
    pub posterior: Posterior,
    /// Tokens of a run with it, where there was one.
    pub tokens: Option<Tokens>,
    /// What it costs; one without a price counts as free.
    pub price: Option<Price>,
}

/// What was drawn and expected of one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// The drawn success; mostly between 0 and 1.
    pub success: f64,
    /// What a run is expected to cost, in millionths of a US dollar.
    pub cost: f64,
}

impl Prospect {
    /// What a success is expected to cost, in millionths of a US dollar.
    pub fn cost_per_success(&self) -> f64 {
        self.cost / self.success.max(SUCCESS_MIN)
    }
}

/// How a run is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The place of the candidate that is taken.
    pub taken: usize,
    /// Whether it is tried although another one was better, to see whether it has become good.
    pub is_probe: bool,
    /// What was drawn and expected of each, in their order.
    pub prospects: Vec<Prospect>,
}

/// Chooses among candidates for a task whose scope yields `baseline`: of those that are drawn to reach `quality_min` the
/// one that costs the least per success, and where none is, the best. The earlier one among equals. `None` of none.
pub fn decide(
    lot: impl Into<Lot>,
    baseline: f64,
    candidates: &[Candidate],
    quality_min: f64,
) -> Option<Decision> {
    let lot = lot.into();
    let usual = usual_tokens(candidates);
    let prospects: Vec<Prospect> = candidates
        .iter()
        .map(|candidate| Prospect {
            success: baseline + draw::normal(lot, candidate.signal, &candidate.posterior),
            cost: expected(candidate.tokens, usual).cost(candidate.price),
        })
        .collect();
    let best = best(&prospects, quality_min)?;
    let probe = prospects.iter().enumerate().position(|(place, prospect)| {
        let chance = draw::uniform(*b"prob", lot, candidates[place].signal);
        prospect.cost < prospects[best].cost && chance < PROBE_SHARE
    });
    Some(Decision {
        taken: probe.unwrap_or(best),
        is_probe: probe.is_some(),
        prospects,
    })
}

/// The place of the best prospect.
fn best(prospects: &[Prospect], quality_min: f64) -> Option<usize> {
    let places = || 0..prospects.len();
    let enough = places().filter(|place| prospects[*place].success >= quality_min);
    let cheapest = enough.min_by(|left, right| {
        let (left, right) = (&prospects[*left], &prospects[*right]);
        left.cost_per_success().total_cmp(&right.cost_per_success())
    });
    // The last one of equals is the largest to the iterator, so the order is turned around.
    let ablest = || {
        let by_success = |left: &usize, right: &usize| {
            let (left, right) = (&prospects[*left], &prospects[*right]);
            left.success.total_cmp(&right.success)
        };
        places().rev().max_by(by_success)
    };
    cheapest.or_else(ablest)
}

/// Tokens of a run with a model that nobody has tried: the mean of those that are known.
fn usual_tokens(candidates: &[Candidate]) -> [f64; 2] {
    let known: Vec<Tokens> = candidates
        .iter()
        .filter_map(|candidate| candidate.tokens)
        .collect();
    if known.is_empty() {
        return TOKENS_UNKNOWN;
    }
    let mean = |count: fn(&Tokens) -> f64| known.iter().map(count).sum::<f64>() / known.len() as f64;
    [mean(|tokens| tokens.input), mean(|tokens| tokens.output)]
}

/// Tokens of a run: those known, leaning on the usual ones.
fn expected(known: Option<Tokens>, usual: [f64; 2]) -> Tokens {
    let Some(known) = known else {
        return Tokens::of(usual, 0.0);
    };
    let [input, output] = usual;
    let lean = |own: f64, usual: f64| (own * known.runs + usual * LEANING) / (known.runs + LEANING);
    Tokens::of([lean(known.input, input), lean(known.output, output)], known.runs)
}

#[cfg(test)]
mod tests;
