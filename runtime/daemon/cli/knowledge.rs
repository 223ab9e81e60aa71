//! `anthill knowledge`: what was learned, from what, and what became of those who used it.
//!
//! Looking works beside a running process, which owns the data directory; what changes facts needs the directory for
//! itself, like a job.

use std::collections::BTreeMap;
use std::path::Path;

use anthill_actors::knowledge::{KnowledgeHandle, KnowledgeReport};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::KnowledgeError;
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Proposal, SignalBody, Trigger};
use anthill_contracts::text_file::without_mark;
use anthill_signals::base::{Contribution, KnowledgeBase, Opening, Revocation, Stats};
use anthill_signals::codec::{SNAPSHOT_MAGIC, read_snapshot, snapshot_of};
use anthill_signals::fact::Why;
use anthill_signals::route;
use serde_json::json;

use crate::boot;
use crate::cli::Common;
use crate::config::Config;
use crate::console::{self, Console, Failure};
use crate::files::read::{self, Bound};
use crate::files::write::{self, Written};
use crate::learning::{self, Alone};
use crate::words;
use arguments::{ContributeArguments, ListFilter, RevokeArguments};

mod arguments;
mod life;
mod query;
mod reach;

pub use arguments::KnowledgeCommand;

/// Most characters of what a signal says on a line of a table.
const BODY_CHARS_MAX: usize = 64;

/// What is read of a file of exported knowledge.
const SNAPSHOT: Bound = Bound {
    bytes_max: 1 << 30,
    begins: SNAPSHOT_MAGIC,
};

/// Carries out one of the commands.
pub(super) fn perform(
    common: &Common,
    command: KnowledgeCommand,
    console: &mut Console,
) -> Result<u8, Failure> {
    let config = common.begin(None)?.config;
    match command {
        KnowledgeCommand::Contribute(asked) => contribute(&config, asked, console),
        KnowledgeCommand::Revoke(asked) => revoke(&config, &asked, console),
        KnowledgeCommand::Import { file } => import(&config, &file, console),
        KnowledgeCommand::List(filter) => list(&looked_at(&config)?, &filter, console),
        KnowledgeCommand::Show { signal, tenant } => {
            let report = looked_at(&config)?;
            let tenant = Origin::tenant_number(&tenant);
            let id = find(&report.base, &signal, tenant)?;
            let life = report.base.show(id, tenant, boot::clock().now().0);
            let life = life.ok_or_else(|| not_found(&signal))?;
            let guard = life::Guarding::of(&report, id, tenant, config.knowledge.guards);
            life::show(&life, guard.as_ref(), console)
        }
        KnowledgeCommand::Query(asked) => query::perform(&config, &mut looked_at(&config)?, asked, console),
        KnowledgeCommand::Stats { tenant } => {
            let report = looked_at(&config)?;
            let stats = report
                .base
                .stats(Origin::tenant_number(&tenant), boot::clock().now().0);
            show_stats(&stats, report.damaged, console)
        }
        KnowledgeCommand::Export { file, since } => export(&config, &file, since.as_deref(), console),
    }
}

/// The knowledge of the data directory as it lies there, also beside a process that owns it.
fn looked_at(config: &Config) -> Result<KnowledgeReport, Failure> {
    let now = boot::clock().now().0;
    boot::block_on(async {
        let store = learning::open_read_only(config)?;
        let builtins = learning::builtins(config.knowledge.shipped);
        let report = KnowledgeReport::read(&store, builtins, config.knowledge.params(), now).await;
        report.map_err(told)
    })
}

/// Runs a verb on the knowledge itself, with the data directory held.
fn changed<T>(
    config: &Config,
    verb: impl AsyncFnOnce(KnowledgeHandle) -> Result<T, Failure>,
) -> Result<T, Failure> {
    boot::block_on_all_cores(async {
        let alone = Alone::start(config).await?;
        let answer = verb(alone.handle.clone()).await;
        alone.stop().await?;
        answer
    })
}

fn told(error: KnowledgeError) -> Failure {
    Problem::from(error).into()
}

fn not_found(text: &str) -> Failure {
    Problem::new(&codes::SIGNAL_NOT_FOUND, format!("there is no signal `{text}`")).into()
}

/// The one signal whose id begins like this, with or without `signal_`.
fn find(base: &KnowledgeBase, text: &str, tenant: u32) -> Result<SignalId, Failure> {
    let body = text.strip_prefix("signal_").unwrap_or(text);
    let wanted = format!("signal_{}", body.to_ascii_uppercase());
    let rows = base.list(tenant, boot::clock().now().0);
    let mut fitting = rows
        .iter()
        .map(|row| row.signal)
        .filter(|signal| signal.to_string().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (None, _) => Err(not_found(text)),
        (Some(signal), None) => Ok(signal),
        (Some(one), Some(other)) => {
            let message = format!("`{text}` may mean {one} or {other}");
            Err(Problem::new(&codes::ID_AMBIGUOUS, message).into())
        }
    }
}

fn list(report: &KnowledgeReport, filter: &ListFilter, console: &mut Console) -> Result<u8, Failure> {
    let tenant = Origin::tenant_number(&filter.tenant);
    let mut rows = report.base.list(tenant, boot::clock().now().0);
    rows.retain(|row| filter.state.is_none_or(|state| row.state == state.into()));
    rows.retain(|row| {
        let scope = filter.scope.as_ref();
        scope.is_none_or(|scope| row.scope.lineage().any(|of| of == *scope))
    });
    rows.truncate(filter.limit as usize);
    if console.is_json() {
        console.document(&json!({ "signals": rows }))?;
        return Ok(0);
    }
    let mut table = words::table([
        "SIGNAL", "STATE", "SCOPE", "SAYS", "SHOWN", "RUNS", "GAIN", "95 %", "NODES", "SOURCE",
    ]);
    for row in &rows {
        table.add_row([
            row.signal.to_string(),
            row.state.as_str().to_owned(),
            row.scope.to_string(),
            words::shortened(&says(row.polarity, &row.body), BODY_CHARS_MAX),
            words::count(row.exposures),
            runs(row.runs, row.shipped.iter().map(|one| one.runs).max()),
            signed(row.gain.mean),
            format!("{} to {}", signed(row.gain.low), signed(row.gain.high)),
            row.origins.to_string(),
            words::shortened(&row.source, 32),
        ]);
    }
    console.line(words::rows(&table))?;
    Ok(0)
}

/// Runs that were seen, and those that what the program ships counts for.
fn runs(seen: f64, shipped: Option<u16>) -> String {
    match shipped {
        Some(shipped) if shipped > 0 => format!("{seen:.1} + {shipped} shipped"),
        _ => format!("{seen:.1}"),
    }
}

/// What a signal says, on one line.
fn says(polarity: Polarity, body: &SignalBody) -> String {
    if let Some(model) = route::model_of(body) {
        return format!("model: {model}");
    }
    match body {
        SignalBody::Text { text } => format!("{}: {text}", polarity.as_str()),
        SignalBody::Action { schema, args } => format!("{}: {schema} {args}", polarity.as_str()),
    }
}

/// A difference of outcomes with its sign.
fn signed(value: f64) -> String {
    format!("{value:+.3}")
}

fn show_stats(stats: &Stats, damaged: usize, console: &mut Console) -> Result<u8, Failure> {
    if console.is_json() {
        console.document(&json!({ "stats": stats, "damaged_rows": damaged }))?;
        return Ok(0);
    }
    let by_state: Vec<String> = stats
        .signals
        .iter()
        .map(|(state, count)| format!("{} {state}", words::count(*count)))
        .collect();
    let interval = |interval: &Option<anthill_signals::base::Interval>| match interval {
        Some(of) => format!("{} ({} to {})", signed(of.mean), signed(of.low), signed(of.high)),
        None => "not known: nothing to compare with".to_owned(),
    };
    console.line(format!("signals            {}", by_state.join(", ")))?;
    console.line(format!(
        "shown              {}",
        words::counted(stats.exposures, "time")
    ))?;
    console.line(format!(
        "runs               {:.1} with, {:.1} without",
        stats.treated, stats.control
    ))?;
    console.line(format!("against control    {}", interval(&stats.against_control)))?;
    console.line(format!(
        "against withheld   {}",
        interval(&stats.against_withheld)
    ))?;
    console.line(format!("regime bumps       {}", stats.regime_bumps))?;
    console.line(format!("facts              {}", words::count(stats.facts)))?;
    if stats.newer > 0 {
        console.line(format!(
            "of newer programs  {}, kept and passed on",
            words::count(stats.newer)
        ))?;
    }
    if damaged > 0 {
        console.line(format!(
            "damaged rows       {damaged}, left out; see `anthill explain AH0603`"
        ))?;
    }
    Ok(0)
}

fn contribute(config: &Config, asked: ContributeArguments, console: &mut Console) -> Result<u8, Failure> {
    let (polarity, text) = match (asked.says.advice, asked.says.avoid) {
        (Some(text), None) => (Polarity::Do, text),
        (_, text) => (Polarity::Avoid, text.unwrap_or_default()),
    };
    let body = match asked.schema {
        None => SignalBody::Text { text },
        Some(schema) => {
            let value: serde_json::Value = serde_json::from_str(without_mark(&text)).map_err(|error| {
                Problem::new(&codes::SIGNAL_REFUSED, format!("the action is no JSON: {error}"))
            })?;
            SignalBody::Action {
                schema,
                args: value.to_string(),
            }
        }
    };
    let contribution = Contribution {
        scope: asked.scope,
        proposal: Proposal {
            polarity,
            body,
            trigger: Trigger {
                require: asked
                    .require
                    .into_iter()
                    .map(|pair| (pair.key, pair.value))
                    .collect(),
                terms: Vec::new(),
            },
            parents: Vec::new(),
            source: asked.source,
        },
        tenant: Origin::tenant_number(&asked.tenant),
        share: asked.share.into(),
        born_in: None,
        bundle: BundleClass::default(),
    };
    let taken = changed(config, async |handle| {
        handle.contribute(contribution).await.map_err(told)
    })?;
    if console.is_json() {
        console.document(&json!({ "signal": taken.signal, "new": taken.is_new, "near": taken.near }))?;
        return Ok(0);
    }
    let news = if taken.is_new { "is new" } else { "was known" };
    console.line(format!("{} {news}", taken.signal))?;
    for near in taken.near {
        console.line(format!("  says nearly the same as {near}"))?;
    }
    Ok(0)
}

fn revoke(config: &Config, asked: &RevokeArguments, console: &mut Console) -> Result<u8, Failure> {
    let tenant = Origin::tenant_number(&asked.tenant);
    let what = match (&asked.what.signal, &asked.what.source, &asked.what.everything_of) {
        (Some(signal), ..) => Revocation::Signal(find(&looked_at(config)?.base, signal, tenant)?),
        (_, Some(source), _) => Revocation::Source(source.clone()),
        (_, _, Some(name)) => Revocation::Tenant(Origin::tenant_number(name)),
        (None, None, None) => {
            return Err(Problem::new(&codes::USAGE, "say what to revoke").into());
        }
    };
    let why = if asked.erase {
        Why::Erasure
    } else {
        Why::Quarantine
    };
    let report = changed(config, async |handle| {
        handle.revoke(what, why, &asked.tenant).await.map_err(told)
    })?;
    boot::block_on(async {
        let store = boot::open_read_only(config)?;
        let reach = reach::Reach::of(&*store, &report).await?;
        reach.show(console)
    })
}

fn import(config: &Config, file: &Path, console: &mut Console) -> Result<u8, Failure> {
    let bytes = snapshot_bytes(file)?;
    let taken = changed(config, async |handle| handle.import(&bytes).await.map_err(told))?;
    if console.is_json() {
        console.document(&json!({
            "taken": taken.facts.len(), "known": taken.known, "revoked": taken.dead,
            "parked": taken.parked, "refused": taken.refused,
        }))?;
        return Ok(0);
    }
    let news = words::counted(taken.facts.len() as u64, "new fact");
    console.line(format!(
        "{news}, {} known, {} revoked here, {} refused",
        taken.known, taken.dead, taken.refused
    ))?;
    Ok(0)
}

fn export(config: &Config, file: &Path, since: Option<&Path>, console: &mut Console) -> Result<u8, Failure> {
    let theirs = match since {
        None => BTreeMap::default(),
        Some(older) => {
            let opening = Opening {
                facts: facts_of(older)?,
                now: boot::clock().now().0,
                ..Opening::default()
            };
            KnowledgeBase::open(opening).replica().versions()
        }
    };
    let report = looked_at(config)?;
    let facts = report.base.shared(&theirs);
    let bytes = snapshot_of(&facts);
    let written = boot::block_on(write::whole(file, &bytes))?;
    let size = words::count(bytes.len() as u64);
    let told = words::counted(facts.len() as u64, "fact");
    match written {
        // The export itself stands there, so nothing else may.
        Written::ToOutput => console::notice(&format!("{told}, {size} bytes")),
        Written::ToFile if console.is_json() => {
            console.document(&json!({ "facts": facts.len(), "bytes": bytes.len() }))?;
        }
        Written::ToFile => console.line(format!("{told}, {size} bytes in {}", file.display()))?,
    }
    Ok(0)
}

fn facts_of(file: &Path) -> Result<Vec<anthill_signals::fact::Fact>, Problem> {
    let bytes = snapshot_bytes(file)?;
    read_snapshot(&bytes)
        .map_err(|error| Problem::new(&codes::SNAPSHOT_INVALID, format!("{}: {error}", file.display())))
}

/// The bytes of an export, with a bound, and only if they are one.
fn snapshot_bytes(file: &Path) -> Result<Vec<u8>, Problem> {
    let bytes = read::bytes(file, SNAPSHOT).map_err(|error| error.of(file, &codes::SNAPSHOT_INVALID))?;
    read_snapshot(&bytes)
        .map_err(|error| Problem::new(&codes::SNAPSHOT_INVALID, format!("{}: {error}", file.display())))?;
    Ok(bytes)
}
