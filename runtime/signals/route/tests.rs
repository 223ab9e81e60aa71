//! Routing: decisions, measures, and a world in which the better model depends on the kind of document.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::knowledge::{Ask, Conclusion, ModelOption};
use anthill_contracts::signal::{Arm, EvidenceClass, Origin, Outcome, Polarity, Receipt, Share};
use anthill_contracts::spec::Quality;

use super::*;
use crate::base::{KnowledgeBase, Opening};
use crate::params::Params;
use crate::view::View;
use crate::{audit, credit, dedup, pooling, trust};

const NOW: u64 = 1_800_000_000_000;

/// A run every ten minutes.
const STEP_MS: u64 = 10 * 60 * 1000;

/// A model of the world: what it costs, and what a run with it takes.
struct Kind {
    name: &'static str,
    price: Price,
    tokens: Spent,
}

const fn price(usd_micro_per_million_in: u64, usd_micro_per_million_out: u64) -> Price {
    Price {
        usd_micro_per_million_in,
        usd_micro_per_million_out,
    }
}

/// A small model that writes more, and a large one that costs ten times as much.
const MODELS: [Kind; 2] = [
    Kind {
        name: "local/small",
        price: price(200_000, 800_000),
        tokens: Spent {
            tokens_in: 3_000,
            tokens_out: 500,
        },
    },
    Kind {
        name: "openai/large",
        price: price(2_500_000, 10_000_000),
        tokens: Spent {
            tokens_in: 3_000,
            tokens_out: 300,
        },
    },
];

const SCOPES: [&str; 2] = ["read/markdown", "read/html"];

/// How often each model succeeds with each kind of document.
type Truth = [[f64; 2]; 2];

/// The small one is good for markdown and bad for html; the large one is good for both.
const TRUTH: Truth = [[0.92, 0.25], [0.95, 0.93]];

/// A fleet of one node that works and learns.
struct World {
    base: KnowledgeBase,
    seed: u64,
    number: u32,
    now: u64,
}

/// What some runs came to.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    runs: u32,
    /// Runs with the model that an oracle would take.
    right: u32,
    /// Expected successes, and what the runs cost in millionths of a dollar.
    success: f64,
    cost: f64,
    oracle_success: f64,
    oracle_cost: f64,
}

impl Tally {
    fn share_right(&self) -> f64 {
        f64::from(self.right) / f64::from(self.runs)
    }

    /// Cost per success, as a multiple of the oracle's.
    fn over_oracle(&self) -> f64 {
        (self.cost / self.success) / (self.oracle_cost / self.oracle_success)
    }
}

fn model(place: usize) -> ModelName {
    MODELS[place].name.parse().expect("a model's name")
}

fn bundle(place: usize) -> BundleClass {
    let number = u16::try_from(place).expect("two models") + 1;
    BundleClass {
        family: number,
        exact: number,
    }
}

fn cost(place: usize) -> f64 {
    let Kind { price, tokens, .. } = &MODELS[place];
    Tokens::of([tokens.tokens_in as f64, tokens.tokens_out as f64], 1.0).cost(Some(*price))
}

/// The model that an oracle takes: the cheapest per success of those that are good enough, else the best.
fn oracle(truth: &Truth, scope: usize, quality_min: f64) -> usize {
    let prospects: Vec<Prospect> = (0..MODELS.len())
        .map(|place| Prospect {
            success: truth[place][scope],
            cost: cost(place),
        })
        .collect();
    best(&prospects, quality_min).expect("there are models")
}

fn options() -> Vec<ModelOption> {
    let option = |place: usize| ModelOption {
        model: model(place),
        bundle: bundle(place),
        price: Some(MODELS[place].price),
        state: BTreeMap::new(),
        schemas: Vec::new(),
        reads_text: true,
    };
    (0..MODELS.len()).map(option).collect()
}

impl World {
    fn new(seed: u64) -> Self {
        let opening = Opening {
            node: 7,
            inc: 1,
            now: NOW,
            ..Opening::default()
        };
        Self {
            base: KnowledgeBase::open(opening),
            seed,
            number: 0,
            now: NOW,
        }
    }

    fn ask(&self, scope: usize) -> Ask {
        let job_id = JobId::new(self.seed, u128::from(self.number));
        let task_id = TaskId::derive(job_id, "read", Some(self.number));
        Ask {
            receipt_id: ReceiptId::derive(task_id, "worker"),
            job_id,
            task_id,
            seed: anthill_contracts::digest::Digest::of(task_id.as_bytes()),
            cut: None,
            peers: 1,
            tenant: TenantId::default(),
            scope: SCOPES[scope].parse().expect("a scope"),
            bundle: bundle(1),
            text: "What caused the outage?".to_owned(),
            state: BTreeMap::new(),
            schemas: Vec::new(),
            reads_text: true,
            tokens_max: 512,
            slots_max: 8,
            models: options(),
            quality_min: Quality(800),
        }
    }

    /// Makes one run, and answers its receipt and the place of its model.
    fn run(&mut self, truth: &Truth, scope: usize) -> (Receipt, usize) {
        let ask = self.ask(scope);
        self.base.enlist(&ask, self.now);
        let receipt = self.base.recall(&ask, self.now);
        let place = (0..MODELS.len())
            .find(|place| receipt.model == Some(model(*place)))
            .unwrap_or(1);
        let lot = draw::uniform(
            *b"lot ",
            ask.task_id,
            SignalId::of_parts(&[&self.seed.to_le_bytes()]),
        );
        let succeeds = lot < truth[place][scope];
        let outcome = Outcome {
            receipt_id: receipt.receipt_id,
            score_milli: if succeeds { 1000 } else { 0 },
            class: EvidenceClass::Test,
            harm: false,
            at: Timestamp(self.now),
        };
        let conclusion = Conclusion {
            receipt: receipt.clone(),
            outcomes: vec![outcome],
            proposals: Vec::new(),
            share: Share::Tenant,
            at: Timestamp(self.now),
            spent: Some(MODELS[place].tokens),
        };
        self.base.conclude(&conclusion, self.now);
        self.number += 1;
        self.now += STEP_MS;
        (receipt, place)
    }

    /// So many runs, of both kinds in turn.
    fn runs(&mut self, truth: &Truth, count: u32) -> Tally {
        let mut tally = Tally::default();
        for number in 0..count {
            let scope = (number % 2) as usize;
            let (_, place) = self.run(truth, scope);
            let best = oracle(truth, scope, 0.8);
            tally.runs += 1;
            tally.right += u32::from(place == best);
            tally.success += truth[place][scope];
            tally.cost += cost(place);
            tally.oracle_success += truth[best][scope];
            tally.oracle_cost += cost(best);
        }
        tally
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_right_model_of_each_kind_is_found_and_costs_what_an_oracle_pays() {
    let (mut right, mut over) = (Vec::new(), Vec::new());
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.runs(&TRUTH, 300);
        let tally = world.runs(&TRUTH, 300);
        right.push(tally.share_right());
        over.push(tally.over_oracle());
    }
    assert!(mean(&right) >= 0.9, "right {right:?}");
    assert!(mean(&over) <= 1.15, "cost per success over the oracle's {over:?}");
}

#[test]
fn a_small_model_that_breaks_is_left() {
    let broken: Truth = [[0.2, 0.25], TRUTH[1]];
    let mut right = Vec::new();
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.runs(&TRUTH, 400);
        world.runs(&broken, 100);
        right.push(world.runs(&broken, 200).share_right());
    }
    assert!(mean(&right) >= 0.9, "right {right:?}");
}

#[test]
fn a_small_model_that_gets_good_is_noticed() {
    let good: Truth = [[0.92, 0.92], TRUTH[1]];
    let mut right = Vec::new();
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.runs(&TRUTH, 400);
        world.runs(&good, 1_200);
        right.push(world.runs(&good, 200).share_right());
    }
    assert!(mean(&right) >= 0.8, "right {right:?}");
}

/// Facts of four origins that agree on how well a model does, and what one of them says of its tokens.
fn agreed(spent: Option<Spent>) -> (Replica, Vec<Origin>) {
    let params = Params::default();
    let mut replica = Replica::new(&params);
    let signal = dedup::signal_id(&"read".parse().expect("a scope"), Polarity::Do, &body(&model(0)));
    let origins: Vec<Origin> = (1..=4).map(|node| Origin { tenant: 1, node }).collect();
    for (place, origin) in origins.iter().enumerate() {
        let mut writer = Writer::resume(&replica, *origin, 1);
        let paths = SCOPES.map(|path| path.parse::<ScopePath>().expect("a scope"));
        for path in &paths {
            for scope in path.lineage() {
                writer.scope(&mut replica, &scope);
            }
        }
        for number in 0..40_u64 {
            let path = &paths[(number % 2) as usize];
            let run = credit::Run {
                scope: ScopeId::of(path),
                bundle: bundle(0),
                y: if number % 4 == 0 { 0.0 } else { 1.0 },
                class: EvidenceClass::Test,
                arm: Arm::Treated,
                shown: &[credit::Shown {
                    signal,
                    mean: 0.0,
                    kept: true,
                    own: false,
                }],
                harm: false,
                now: NOW,
            };
            credit::settle(&mut replica, &mut writer, &params, &run);
            let Some(spent) = spent else { continue };
            // The last one says that its runs take all the tokens that there are.
            let spent = if place == 3 {
                Spent {
                    tokens_in: TOKENS_MAX,
                    tokens_out: TOKENS_MAX,
                }
            } else {
                spent
            };
            let scopes: Vec<ScopeId> = path.lineage().map(|path| ScopeId::of(&path)).collect();
            let measured = Measured {
                signal,
                bundle: bundle(0),
                spent,
                now: NOW,
            };
            measure(&mut replica, &mut writer, &scopes, &measured);
        }
    }
    (replica, origins)
}

#[test]
fn what_runs_cost_says_nothing_of_who_is_to_be_believed_or_of_what_is_alike() {
    let params = Params::default();
    let (without, origins) = agreed(None);
    let (with, _) = agreed(Some(MODELS[0].tokens));
    assert!(with.keys().count() > without.keys().count(), "tokens are facts");
    assert_eq!(with.signal_keys().count(), without.signal_keys().count());
    let own = origins[0];
    let weights = trust::weights(&without, own, NOW, &params);
    assert!(weights.values().all(|weight| *weight == fixed::ONE));
    assert_eq!(trust::weights(&with, own, NOW, &params), weights);
    assert_eq!(
        pooling::caps(&with, &weights, NOW, &params),
        pooling::caps(&without, &weights, NOW, &params)
    );
    let alike = |replica| View::of(replica, own, NOW, &params).kinship().clone();
    assert_eq!(alike(&with), alike(&without));
    assert_eq!(
        audit::novelty(&with, NOW, &params),
        audit::novelty(&without, NOW, &params)
    );
}

#[test]
fn a_list_and_its_figures_know_signals_only() {
    let mut world = World::new(3);
    world.runs(&TRUTH, 60);
    let tenant = Origin::tenant_number(&TenantId::default());
    let rows = world.base.list(tenant, world.now);
    assert_eq!(rows.len(), 2, "one choice for each model: {rows:?}");
    assert!(
        rows.iter()
            .all(|row| model_of(&row.body).is_some() && !row.signal.is_measure())
    );
    let stats = world.base.stats(tenant, world.now);
    assert_eq!(stats.signals.values().sum::<u64>(), 2);
    assert!(
        stats.exposures <= 60,
        "each run follows one choice: {}",
        stats.exposures
    );
    let ticked = world.base.tick(world.now);
    assert!(
        ticked.facts.is_empty(),
        "nobody warns of a model: {:?}",
        ticked.facts
    );
}

#[test]
fn tokens_are_told_by_kind_and_by_price() {
    let mut world = World::new(5);
    world.runs(&TRUTH, 100);
    let ask = world.ask(0);
    let query = crate::base::Query {
        tenant: ask.tenant,
        scope: ask.scope,
        text: ask.text,
        state: ask.state,
        bundle: ask.bundle,
        run: 0,
        models: ask.models,
        quality_min: ask.quality_min,
    };
    let rows = world.base.query(&query, world.now).models;
    for (row, kind) in rows.iter().zip(&MODELS) {
        assert_eq!(row.model.to_string(), kind.name);
        let tokens = row.tokens_in.zip(row.tokens_out).expect("it was tried");
        assert!(
            (tokens.0 - kind.tokens.tokens_in as f64).abs() < 20.0,
            "{tokens:?}"
        );
        assert!(
            (tokens.1 - kind.tokens.tokens_out as f64).abs() < 20.0,
            "{tokens:?}"
        );
    }
    assert!((rows.iter().map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-9);
}

fn candidate(number: u8, mean: f64, price_in: Option<u64>) -> Candidate {
    Candidate {
        signal: SignalId::of_parts(&[&[number]]),
        posterior: Posterior {
            mean,
            sd: 0.0,
            runs: 50.0,
            seen: 0.0,
        },
        tokens: Some(Tokens {
            input: 1000.0,
            output: 0.0,
            runs: 50.0,
        }),
        price: price_in.map(|rate| price(rate, 0)),
    }
}

fn decided(candidates: &[Candidate]) -> usize {
    let probed = |number: u128| {
        let task = TaskId::planning(JobId::new(1, number));
        let decision = decide(task, 0.5, candidates, 0.8).expect("there are candidates");
        (!decision.is_probe).then_some(decision.taken)
    };
    (0..).find_map(probed).expect("most runs are no probes")
}

#[test]
fn the_cheapest_that_is_good_enough_is_taken_and_else_the_best() {
    let (cheap, dear) = (Some(100_000), Some(1_000_000));
    assert_eq!(decided(&[candidate(1, 0.45, dear), candidate(2, 0.35, cheap)]), 1);
    assert_eq!(
        decided(&[candidate(1, 0.45, dear), candidate(2, 0.25, cheap)]),
        0,
        "not good enough"
    );
    assert_eq!(
        decided(&[candidate(1, 0.1, dear), candidate(2, 0.25, cheap)]),
        1,
        "none is, so the best"
    );
    assert_eq!(
        decided(&[candidate(1, 0.35, None), candidate(2, 0.45, None)]),
        0,
        "both are free"
    );
    assert_eq!(
        decided(&[candidate(1, 0.2, cheap), candidate(2, 0.2, cheap)]),
        0,
        "the order decides"
    );
    assert_eq!(decide(TaskId::planning(JobId::new(1, 1)), 0.5, &[], 0.8), None);
}

#[test]
fn a_model_that_nobody_tried_is_taken_to_need_what_the_others_do() {
    let known = candidate(1, 0.4, Some(1_000_000));
    let unknown = Candidate {
        tokens: None,
        ..candidate(2, 0.4, Some(500_000))
    };
    let decision = decide(TaskId::planning(JobId::new(1, 1)), 0.5, &[known, unknown], 0.8);
    let prospects = decision.expect("two candidates").prospects;
    assert!((prospects[0].cost - 1_000.0).abs() < 1e-6, "{prospects:?}");
    assert!((prospects[1].cost - 500.0).abs() < 1e-6, "{prospects:?}");
}
