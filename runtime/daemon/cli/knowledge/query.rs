//! `anthill knowledge query`: what a run would be shown now, and which model it would be given.

use std::collections::BTreeMap;

use anthill_actors::knowledge::KnowledgeReport;
use anthill_actors::prompts::{Face, bundle_class, model_family};
use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::ModelOption;
use anthill_contracts::model::Models as _;
use anthill_contracts::signal::{Origin, ScopePath};
use anthill_signals::base::{Considered, KnowledgeBase, ModelRow, Query, SignalRow};

use super::arguments::QueryArguments;
use super::{BODY_CHARS_MAX, runs, says, signed};
use crate::boot;
use crate::config::Config;
use crate::console::{Console, Failure};
use crate::words;

/// Answers the question.
pub(super) fn perform(
    config: &Config,
    report: &mut KnowledgeReport,
    asked: QueryArguments,
    console: &mut Console,
) -> Result<u8, Failure> {
    let now = boot::clock().now().0;
    let mut state: BTreeMap<String, String> = asked
        .state
        .into_iter()
        .map(|pair| (pair.key, pair.value))
        .collect();
    let family = model_family(&asked.model);
    state.entry("model_family".to_owned()).or_insert(family);
    let query = Query {
        models: models(config, &report.base, &asked.scope)?,
        quality_min: asked.quality_min.0,
        bundle: bundle_class(&asked.model, face(&asked.scope), &[]),
        tenant: asked.tenant,
        scope: asked.scope,
        text: asked.text.unwrap_or_default(),
        state,
        run: asked.run,
    };
    let answer = report.base.query(&query, now);
    if console.is_json() {
        console.document(&answer)?;
        return Ok(0);
    }
    let bodies: BTreeMap<SignalId, String> = report
        .base
        .list(Origin::tenant_number(&query.tenant), now)
        .into_iter()
        .map(
            |SignalRow {
                 signal,
                 polarity,
                 body,
                 ..
             }| (signal, says(polarity, &body)),
        )
        .collect();
    console.line(words::rows(&signals_table(&answer.considered, &bodies)))?;
    if !answer.models.is_empty() {
        console.line("")?;
        console.line(words::rows(&models_table(&answer.models)))?;
    }
    Ok(0)
}

/// Who works on tasks of a scope.
fn face(scope: &ScopePath) -> Face {
    match scope.as_str().split('/').next() {
        Some("write") => Face::Writer,
        Some("answer") => Face::Generalist,
        Some("review") => Face::Critic,
        Some("plan") => Face::Planner,
        _ => Face::Reader,
    }
}

/// The models of which the scope knows something, with their prices by the configuration of this node.
fn models(config: &Config, base: &KnowledgeBase, scope: &ScopePath) -> Result<Vec<ModelOption>, Failure> {
    let registry = boot::models(config, boot::clock())?;
    let known = base.models_known(scope).into_iter();
    let option = known.map(|(model, bundle)| ModelOption {
        // A model that this node does not have is told without a price.
        price: registry.provider(&model).ok().and_then(|own| own.price(&model)),
        model,
        bundle,
        state: BTreeMap::new(),
        schemas: Vec::new(),
        reads_text: true,
    });
    Ok(option.collect())
}

fn signals_table(considered: &[Considered], bodies: &BTreeMap<SignalId, String>) -> comfy_table::Table {
    let mut table = words::table([
        "SIGNAL", "SAYS", "FITS", "EXPECTED", "DRAW", "RUNS", "TOKENS", "VERDICT",
    ]);
    for one in considered {
        let body = bodies.get(&one.signal).map_or("", String::as_str);
        table.add_row([
            one.signal.to_string(),
            words::shortened(body, BODY_CHARS_MAX),
            format!("{:.2}", one.relevance),
            format!("{} ± {:.3}", signed(one.mean), one.sd),
            signed(one.draw),
            runs(one.runs, Some(one.shipped)),
            one.tokens.to_string(),
            one.verdict.as_str().to_owned(),
        ]);
    }
    table
}

fn models_table(models: &[ModelRow]) -> comfy_table::Table {
    let mut table = words::table([
        "MODEL",
        "RUNS",
        "SUCCESS",
        "95 %",
        "TOKENS IN",
        "OUT",
        "PER RUN",
        "PER SUCCESS",
        "TAKEN",
    ]);
    let tokens = |tokens: Option<f64>| tokens.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
    let dollars = |usd: Option<f64>| usd.map_or_else(|| "-".to_owned(), |usd| format!("${usd:.6}"));
    for row in models {
        table.add_row([
            row.model.to_string(),
            format!("{:.1}", row.runs),
            format!("{:.3}", row.success.mean),
            format!("{:.3} to {:.3}", row.success.low, row.success.high),
            tokens(row.tokens_in),
            tokens(row.tokens_out),
            dollars(row.usd_per_run),
            dollars(row.usd_per_success),
            format!("{:.0} %", row.share * 100.0),
        ]);
    }
    table
}
