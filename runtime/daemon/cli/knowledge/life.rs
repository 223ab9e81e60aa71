//! The life of one signal: where it was born, where it was shown, whom it helped.

use anthill_actors::knowledge::KnowledgeReport;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::GuardMode;
use anthill_signals::base::{ExposureRow, Interval, Life};
use anthill_signals::guard::{Breaker, BreakerState, PROBE_ONE_IN, PROBES_TO_LIFT};
use anthill_signals::route::Tokens;
use serde_json::{Value, json};

use super::{says, signed};
use crate::boot;
use crate::console::{Console, Failure};
use crate::words;

/// How far a guard goes on this node, and what it has seen here.
pub(super) struct Guarding {
    mode: GuardMode,
    breaker: Breaker,
    state: BreakerState,
}

impl Guarding {
    /// `None` where the signal is no guard that is in force.
    pub(super) fn of(
        report: &KnowledgeReport,
        signal: SignalId,
        tenant: u32,
        mode_max: GuardMode,
    ) -> Option<Self> {
        let now = boot::clock().now().0;
        let book = report.base.guards(tenant, mode_max, now);
        let mode = book.entries().find(|entry| entry.signal == signal)?.mode;
        let breaker = report
            .breakers
            .get(&(tenant, signal))
            .copied()
            .unwrap_or_default();
        Some(Self {
            mode,
            breaker,
            state: breaker.state(now),
        })
    }

    const fn does(&self) -> &'static str {
        match self.mode {
            GuardMode::Advise => "is told to agents; calls run",
            GuardMode::Warn => "adds a warning to the output of calls",
            GuardMode::Block => "blocks calls",
        }
    }

    fn breaker(&self) -> String {
        let Breaker {
            blocked_since,
            probes_ok,
            probes_failed,
            ..
        } = self.breaker;
        let Some(since) = blocked_since else {
            return format!("{}: no call was blocked on this node yet", self.state.as_str());
        };
        let rule = match self.state {
            BreakerState::Closed => "every call is blocked".to_owned(),
            BreakerState::HalfOpen => format!("one in {PROBE_ONE_IN} calls is let through to probe it"),
            BreakerState::Lifted => "calls run until one fails".to_owned(),
        };
        format!(
            "{}: {rule}; blocked since {}, {probes_ok} of {PROBES_TO_LIFT} probes in a row were good, {probes_failed} bad in all",
            self.state.as_str(),
            words::moment(Timestamp(since)),
        )
    }

    fn as_json(&self) -> Value {
        json!({
            "mode": self.mode,
            "breaker": self.state.as_str(),
            "blocked_since": self.breaker.blocked_since,
            "probes_ok": self.breaker.probes_ok,
            "probes_failed": self.breaker.probes_failed,
        })
    }
}

/// Prints a life.
pub(super) fn show(life: &Life, guard: Option<&Guarding>, console: &mut Console) -> Result<u8, Failure> {
    if console.is_json() {
        let mut document = json!(life);
        if let Some(guard) = guard {
            document["guard"] = guard.as_json();
        }
        console.document(&document)?;
        return Ok(0);
    }
    let row = &life.row;
    console.line(format!("{} {}", row.signal, row.state.as_str()))?;
    console.line(format!("  says      {}", says(row.polarity, &row.body)))?;
    console.line(format!("  scope     {}", row.scope))?;
    let born = match life.born_in {
        Some(job_id) => format!("in {job_id}, {}", words::moment(life.created)),
        None => "with the program or by a person".to_owned(),
    };
    console.line(format!("  born      {born}, of {}", row.source))?;
    console.line(format!(
        "  author    tenant {:08x}, node {:016x}; shared: {:?}",
        life.author.tenant, life.author.node, row.share
    ))?;
    for reason in &life.reasons {
        console.line(format!("  state     {reason}"))?;
    }
    if let Some(guard) = guard {
        console.line(format!("  guard     {}", guard.does()))?;
        console.line(format!("  breaker   {}", guard.breaker()))?;
    }
    for one in &row.shipped {
        console.line(format!(
            "  shipped   {} in {}, worth {} runs: measured on documents of the program's own",
            signed(f64::from(one.gain_milli) / 1000.0),
            one.scope,
            one.runs
        ))?;
    }
    console.line(format!("  gain      {}", with_interval(&row.gain)))?;
    if let Some(tokens) = &life.tokens {
        let Tokens { input, output, runs } = tokens;
        console.line(format!(
            "  spends    {input:.0} tokens in and {output:.0} out per run, by {runs:.1} runs"
        ))?;
    }
    for (word, relatives) in [("made of", &life.parents), ("led to", &life.children)] {
        for relative in relatives {
            let body = relative.body.as_ref().map(|body| says(row.polarity, body));
            let body = words::shortened(&body.unwrap_or_default(), 80);
            console.line(format!("  {word:9} {} {body}", relative.signal))?;
        }
    }
    for alias in &life.aliases {
        console.line(format!("  same as   {alias}"))?;
    }
    console.line("")?;
    let mut table = words::table([
        "SHOWN IN",
        "TIMES",
        "RUNS",
        "OUTCOME",
        "GAIN",
        "AGAINST WITHHELD",
        "AGAINST CONTROL",
        "NODES",
        "HARM",
    ]);
    for exposure in &life.exposures {
        table.add_row(cells(exposure));
    }
    console.line(words::rows(&table))?;
    Ok(0)
}

fn cells(row: &ExposureRow) -> [String; 9] {
    let against = |interval: &Option<Interval>, runs: f64| match interval {
        Some(interval) => format!("{} of {runs:.1} runs", with_interval(interval)),
        None => "no run".to_owned(),
    };
    [
        row.scope.clone(),
        words::count(row.exposures),
        format!("{:.1}", row.runs),
        format!("{:.3}", row.outcome),
        with_interval(&row.gain),
        against(&row.against_withheld, row.withheld),
        against(&row.against_control, row.control),
        row.origins.len().to_string(),
        row.harm.to_string(),
    ]
}

fn with_interval(interval: &Interval) -> String {
    format!(
        "{} ({} to {})",
        signed(interval.mean),
        signed(interval.low),
        signed(interval.high)
    )
}
