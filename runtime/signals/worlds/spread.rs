//! Spread: how soon a fresh cell is on every node, and what that costs in bytes.
//!
//! Real machines, real messages: a message takes one to three milliseconds or is lost, a round is 100 ms. Cells are
//! written in the midst of the rounds. Bytes are all bytes that nodes send, questions and duplicates included.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::BundleClass;

use self::network::{Faults, Network, ROUND_MS, origin};
use super::{Progress, Report, Target, WorldPatch};
use crate::fact::{CellKey, Fact, ScopeId};
use crate::fixed;
use crate::gossip::chance::Chance;
use crate::replica::Replica;
use crate::writer::Writer;

pub(crate) mod network;

/// Signals of one task's receipt.
const SIGNALS_PER_TASK: usize = 4;

/// Shares of messages that are lost, one run each.
const LOSSES: [f64; 3] = [0.0, 0.3, 0.5];

/// Sizes of the fleet.
const SIZES: [usize; 2] = [64, 1024];

/// Nodes that write a cell at one time; their cells spread side by side.
const WRITERS: usize = 48;

/// Later than this nothing is still on its way.
const ROUNDS_MAX: u64 = 120;

const fn quiet(loss: f64) -> Faults {
    Faults {
        loss,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    }
}

fn key(signal: usize, scope: usize) -> CellKey {
    CellKey {
        signal: SignalId::of_parts(&[&signal.to_le_bytes()]),
        scope: ScopeId::of(&format!("kind-{scope}").parse().expect("a path")),
        bundle: BundleClass::default(),
    }
}

/// A run of one task: evidence of its signals and of its scope.
fn task(
    (writer, replica, now): (&mut Writer, &mut Replica, u64),
    chance: &mut Chance,
    (contexts, strategies): (usize, usize),
) -> Vec<Fact> {
    let scope = chance.below(contexts);
    let all: Vec<usize> = (0..strategies).collect();
    let y = if chance.is(0.5) { fixed::ONE } else { 0 };
    let mut facts = Vec::new();
    for strategy in chance.some(&all, SIGNALS_PER_TASK) {
        let adv = y - fixed::ONE / 2 + i64::try_from(chance.below(6000)).expect("small");
        let key = key(scope * strategies + strategy, scope);
        facts.push(writer.cell(replica, key, now, |cell| {
            cell.slow = cell.slow.with(y, adv);
            cell.fast = cell.fast.with(y, adv);
            cell.total += 1;
        }));
    }
    let scope = key(0, scope).scope;
    facts.push(writer.scope_cell(replica, scope, now, |cell| {
        cell.slow = cell.slow.with(y, y - fixed::ONE / 2);
        cell.fast = cell.fast.with(y, y - fixed::ONE / 2);
    }));
    facts
}

/// Rounds after which each of a number of fresh cells was everywhere, the quickest first.
fn rounds(nodes: usize, loss: f64, seed: u64) -> Vec<f64> {
    let mut network = Network::new(nodes, nodes, quiet(loss), seed);
    let all: Vec<usize> = (0..nodes).collect();
    // Every origin is known everywhere before the clock is started, as in a fleet that has run for a while.
    warm(&mut network);
    let writers = network.chance.clone().some(&all, WRITERS);
    let begun = network.now;
    let mut open = Vec::new();
    for (place, node) in writers.into_iter().enumerate() {
        let key = key(1_000_000 + place, 0);
        network.write(node, |writer, replica, now| {
            vec![writer.cell(replica, key, now, |cell| {
                cell.slow = cell.slow.with(fixed::ONE, 0);
            })]
        });
        open.push((key, origin(node)));
    }
    let mut rounds = Vec::new();
    while !open.is_empty() && network.now < begun + ROUNDS_MAX * ROUND_MS {
        network.run(ROUND_MS / 10);
        let after = (network.now - begun) as f64 / ROUND_MS as f64;
        open.retain(|(key, origin)| {
            let is_everywhere = network
                .nodes
                .iter()
                .all(|node| node.replica.cell(key, *origin).is_some());
            if is_everywhere {
                rounds.push(after);
            }
            !is_everywhere
        });
    }
    rounds.extend(open.iter().map(|_| ROUNDS_MAX as f64));
    rounds
}

/// Gives every node a first cell of every other, as if all had met before.
fn warm(network: &mut Network) {
    let facts: Vec<Fact> = (0..network.nodes.len())
        .map(|index| {
            let now = network.clock(index);
            let node = &mut network.nodes[index];
            node.writer
                .cell(&mut node.replica, key(index, 0), now, |cell| cell.total = 1)
        })
        .collect();
    for node in &mut network.nodes {
        for fact in &facts {
            // Each is the first of its stream, so nothing is missing before it.
            node.replica.write(fact.clone(), network.now);
        }
    }
    network.run(2 * ROUND_MS);
}

/// Bytes per second that a node sends in a fleet where each ends a task per second.
fn bytes_per_second(nodes: usize, world: (usize, usize), seed: u64) -> f64 {
    const WARM_SECONDS: u64 = 5;
    const SECONDS: u64 = 15;
    let mut network = Network::new(nodes, nodes, quiet(0.0), seed);
    warm(&mut network);
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut before = 0;
    for second in 0..WARM_SECONDS + SECONDS {
        if second == WARM_SECONDS {
            before = network.bytes_sent();
        }
        // Tasks end all over the second.
        let mut order: Vec<usize> = (0..nodes).collect();
        order = chance.some(&order, nodes);
        let mut passed = 0;
        for (place, node) in order.into_iter().enumerate() {
            let at = place as u64 * 1000 / nodes as u64;
            network.run(at - passed);
            passed = at;
            network.write(node, |writer, replica, now| {
                task((writer, replica, now), &mut chance, world)
            });
        }
        network.run(1000 - passed);
    }
    (network.bytes_sent() - before) as f64 / SECONDS as f64 / nodes as f64
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil().max(1.0) - 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list of at most some thousands"
    )]
    sorted.get(place as usize).copied().unwrap_or(f64::NAN)
}

/// Runs the experiment.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let seeds = patch.seeds.unwrap_or(4).max(1);
    let first = patch.seed.unwrap_or(1);
    let world = (patch.contexts.unwrap_or(8), patch.strategies.unwrap_or(16));
    let sizes = patch.nodes.map_or(SIZES.to_vec(), |nodes| vec![nodes]);
    let losses = patch.loss.map_or(LOSSES.to_vec(), |loss| vec![loss]);
    let mut report = Report::new(
        "spread",
        WorldPatch {
            contexts: Some(world.0),
            strategies: Some(world.1),
            seeds: Some(seeds),
            seed: Some(first),
            ..patch.clone()
        },
        seeds,
    );
    // A thousand machines take as long as many small fleets, and one of them spreads as many cells.
    let seeds_of = |nodes: usize| if nodes > 256 { seeds.div_ceil(4) } else { seeds };
    let runs: u32 = sizes.iter().map(|nodes| seeds_of(*nodes)).sum();
    let total = u64::from(runs) * losses.len() as u64 + u64::from(seeds);
    let mut done = 0;
    for nodes in sizes {
        for loss in &losses {
            let told = |one: u64, _| progress(done + one, total);
            let mut all: Vec<f64> =
                super::for_each_seed(seeds_of(nodes), first, &told, |seed| rounds(nodes, *loss, seed))
                    .into_iter()
                    .flatten()
                    .collect();
            done += u64::from(seeds_of(nodes));
            all.sort_by(f64::total_cmp);
            let percent = (loss * 100.0).round();
            report.figure(&format!("p50_rounds_{nodes}_loss_{percent}"), quantile(&all, 0.5));
            report.figure(
                &format!("p99_rounds_{nodes}_loss_{percent}"),
                quantile(&all, 0.99),
            );
            if (*loss - 0.3).abs() < 1e-9 {
                report.figure(&format!("p99_rounds_{nodes}"), quantile(&all, 0.99));
            }
            report
                .series
                .insert(format!("rounds_{nodes}_loss_{percent}"), all);
        }
        report.figure(&format!("limit_rounds_{nodes}"), (nodes as f64).log2());
    }
    let told = |one: u64, _| progress(done + one, total);
    let nodes = patch.nodes.unwrap_or(SIZES[0]).min(64);
    let bytes = super::for_each_seed(seeds, first, &told, |seed| bytes_per_second(nodes, world, seed));
    report.mean("bytes_per_second_per_node", &bytes);
    report.target("p99_rounds_64", Target::AtMost(12.0));
    report.target("p99_rounds_1024", Target::AtMost(16.0));
    report.target("bytes_per_second_per_node", Target::AtMost(20_000.0));
    report
}

#[cfg(test)]
mod tests;
