//! Merge: cells per second that one core writes and merges, and bytes that a cell takes in memory.
//!
//! The caller lends a clock, for the algebra has none. Each cell is written by its origin's writer into one replica and
//! merged, as a fact that arrived, into another; that counts as one cell. The limit beside it, from the same run: the
//! same keys and values put into a hash map, which does what any table must do and keeps no order, no versions and no
//! bounds.

use std::collections::HashMap;
use std::time::Duration;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use super::{Progress, Report, Target, WorldPatch};
use crate::fact::{Cell, CellKey, Fact, ScopeId, Stamp};
use crate::fixed;
use crate::gossip::chance::Chance;
use crate::params::Params;
use crate::replica::{Delta, Replica, Span};
use crate::writer::Writer;

/// Signals: with eight origins each these are as many cells as a full node holds.
const SIGNALS: usize = 10_000;

/// Origins with evidence of one signal.
const ORIGINS: usize = 8;

/// Times that every cell is written.
const WRITES: usize = 3;

/// Facts that arrive together, as in one message.
const TOGETHER: usize = 64;

/// When the run is, in milliseconds since 1970.
const NOW: u64 = 1_790_000_000_000;

/// One run: seconds for all cells, for the limit, and bytes per cell.
struct Measured {
    cells_per_second: f64,
    limit_cells_per_second: f64,
    bytes_per_cell: f64,
}

fn keys(signals: usize) -> Vec<CellKey> {
    (0..signals)
        .map(|number| CellKey {
            signal: SignalId::of_parts(&[&number.to_le_bytes()]),
            scope: ScopeId(number as u64 / 64),
            bundle: BundleClass::default(),
        })
        .collect()
}

/// Which cell is written when: all of them once per pass, in an order of its own each time.
fn order(signals: usize, chance: &mut Chance) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = (0..signals)
        .flat_map(|signal| (0..ORIGINS).map(move |origin| (signal, origin)))
        .collect();
    for place in (1..all.len()).rev() {
        all.swap(place, chance.below(place + 1));
    }
    all
}

fn measure(signals: usize, seed: u64, mono: &dyn Fn() -> Duration) -> Measured {
    let mut chance = Chance::new(seed);
    let keys = keys(signals);
    let orders: Vec<_> = (0..WRITES).map(|_| order(signals, &mut chance)).collect();
    let cells = WRITES * signals * ORIGINS;
    let params = Params::default();
    let (mut home, mut away) = (Replica::new(&params), Replica::new(&params));
    let empty = away.memory_bytes();
    let mut writers: Vec<Writer> = (0..ORIGINS)
        .map(|node| Writer::resume(&home, origin(node), 0))
        .collect();
    let begun = mono();
    for (pass, order) in orders.iter().enumerate() {
        for together in order.chunks(TOGETHER) {
            let now = NOW + pass as u64 * 60_000;
            let facts: Vec<Fact> = together
                .iter()
                .map(|(signal, origin)| {
                    let y = if signal % 3 == 0 { fixed::ONE } else { 0 };
                    writers[*origin].cell(&mut home, keys[*signal], now, |cell| {
                        cell.slow = cell.slow.with(y, y / 2);
                        cell.fast = cell.fast.with(y, y / 2);
                        cell.total += 1;
                    })
                })
                .collect();
            let spans = spans(&facts);
            away.absorb(Delta { spans, facts }, now, |_, _| {});
        }
    }
    let took = mono().saturating_sub(begun).as_secs_f64();
    let held = away.facts().count();
    assert_eq!(held, signals * ORIGINS, "every cell has arrived");
    Measured {
        cells_per_second: cells as f64 / took.max(1e-9),
        limit_cells_per_second: limit(&keys, &orders, mono),
        bytes_per_cell: (away.memory_bytes() - empty) as f64 / held as f64,
    }
}

const fn origin(node: usize) -> Origin {
    Origin {
        tenant: 1,
        node: node as u64 + 1,
    }
}

/// What the facts complete, one span per writer.
fn spans(facts: &[Fact]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(ORIGINS);
    for fact in facts {
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        match spans.iter_mut().find(|span| span.stream == stream) {
            Some(span) => span.upto = seq,
            None => spans.push(Span {
                stream,
                after: seq - 1,
                upto: seq,
            }),
        }
    }
    spans
}

/// The same cells, twice each as above, into two hash maps.
fn limit(keys: &[CellKey], orders: &[Vec<(usize, usize)>], mono: &dyn Fn() -> Duration) -> f64 {
    let (mut home, mut away) = (HashMap::new(), HashMap::new());
    let begun = mono();
    let mut cells = 0_u64;
    for order in orders {
        for (signal, node) in order {
            cells += 1;
            let key = (keys[*signal], origin(*node));
            let cell = Cell {
                stamp: Stamp { inc: 0, seq: cells },
                at: NOW,
                ..Cell::default()
            };
            home.insert(key, cell);
            away.insert(key, cell);
        }
    }
    let took = mono().saturating_sub(begun).as_secs_f64();
    assert_eq!(home.len(), away.len(), "both were filled alike");
    cells as f64 / took.max(1e-9)
}

/// Runs the experiment; `mono` is time since some fixed moment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>, mono: &dyn Fn() -> Duration) -> Report {
    let seeds = patch.seeds.unwrap_or(5).max(1);
    let first = patch.seed.unwrap_or(1);
    let signals = patch.signals.map_or(SIGNALS, |signals| signals.count.max(1));
    let world = WorldPatch {
        seeds: Some(seeds),
        seed: Some(first),
        ..patch.clone()
    };
    let mut report = Report::new("merge", world, seeds);
    // One after the other on one core: figures per core are wanted.
    let measured: Vec<Measured> = (0..seeds)
        .map(|place| {
            let measured = measure(signals, first + u64::from(place), mono);
            progress(u64::from(place) + 1, seeds.into());
            measured
        })
        .collect();
    let all = |of: fn(&Measured) -> f64| measured.iter().map(of).collect::<Vec<f64>>();
    report.mean("cells_per_second", &all(|run| run.cells_per_second));
    report.mean("limit_cells_per_second", &all(|run| run.limit_cells_per_second));
    report.mean("bytes_per_cell", &all(|run| run.bytes_per_cell));
    // Other work on the machine slows both of one run alike, and single runs by chance: hence the middle of the ratios.
    let mut shares = all(|run| run.cells_per_second / run.limit_cells_per_second);
    shares.sort_by(f64::total_cmp);
    report.figure("merge_over_limit", shares[shares.len() / 2]);
    report.target("cells_per_second", Target::AtLeast(500_000.0));
    report.target("bytes_per_cell", Target::AtMost(128.0));
    report
}

#[cfg(test)]
mod tests;
