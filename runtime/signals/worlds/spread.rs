//! Spread: how soon a fresh cell is on every node, and what that costs in bytes.
//!
//! Real machines, real messages: a message takes one to three milliseconds or is lost, a round is 100 ms. Cells are
//! written in the midst of the rounds. Fleets of more than one zone are run in zones and flat; in zones a cell is
//! everywhere when its own zone holds it and every other zone what its publishers say of it. Bytes are all bytes that nodes send, questions and duplicates included.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::BundleClass;

use self::network::{Faults, Network, ROUND_MS, origin};
use super::{Progress, Report, Target, WorldPatch};
use crate::fact::{CellKey, Fact, ScopeId, zone_origin};
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

/// Most nodes of a zone.
const ZONE_NODES: usize = 64;

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
fn rounds((nodes, zone_nodes): (usize, usize), loss: f64, seed: u64) -> Vec<f64> {
    let mut network = Network::new(nodes, zone_nodes, quiet(loss), seed);
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
        open.push((key, node));
    }
    let mut rounds = Vec::new();
    while !open.is_empty() && network.now < begun + ROUNDS_MAX * ROUND_MS {
        network.run(ROUND_MS / 10);
        let after = (network.now - begun) as f64 / ROUND_MS as f64;
        open.retain(|(key, writer)| {
            let home = network.zone(*writer);
            let is_everywhere = network.nodes.iter().enumerate().all(|(index, node)| {
                let is_home = network.zone(index) == home;
                let from = if is_home {
                    origin(*writer)
                } else {
                    zone_origin(1, home)
                };
                node.replica.cell(key, from).is_some()
            });
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
    let zones: Vec<u32> = (0..network.nodes.len()).map(|node| network.zone(node)).collect();
    for (node, zone) in network.nodes.iter_mut().zip(&zones) {
        for (fact, _) in facts.iter().zip(&zones).filter(|(_, of)| *of == zone) {
            // Each is the first of its stream, so nothing is missing before it.
            node.replica.write(fact.clone(), network.now);
        }
    }
    // Zones need a while to tell each other.
    let rounds = if zones.last() == Some(&0) { 2 } else { 40 };
    network.run(rounds * ROUND_MS);
}

/// Bytes per second that a node sends in a fleet where each ends a task per second, and entries that it holds per key.
fn load((nodes, zone_nodes): (usize, usize), world: (usize, usize), seed: u64) -> (f64, f64) {
    const WARM_SECONDS: u64 = 5;
    // At least as long as publishers wait between two entries of a key.
    let seconds = if nodes > ZONE_NODES { 5 } else { 15 };
    let mut network = Network::new(nodes, zone_nodes, quiet(0.0), seed);
    warm(&mut network);
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut before = 0;
    for second in 0..WARM_SECONDS + seconds {
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
    let bytes = (network.bytes_sent() - before) as f64 / seconds as f64 / nodes as f64;
    // Of the tasks' keys; those of the warm-up have one origin each.
    let held: Vec<f64> = (0..world.0 * world.1)
        .map(|number| {
            let cells = network.nodes[0].replica.cells(&key(number, number / world.1));
            cells.count() as f64
        })
        .collect();
    (bytes, held.iter().sum::<f64>() / held.len() as f64)
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

/// How a number of nodes is run, as nodes and nodes of a zone: a large one in zones, and flat.
fn fleets_of(nodes: usize) -> Vec<(usize, usize)> {
    if nodes > ZONE_NODES {
        vec![(nodes, ZONE_NODES), (nodes, nodes)]
    } else {
        vec![(nodes, nodes)]
    }
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
    let fleets: Vec<(usize, usize)> = sizes.iter().flat_map(|nodes| fleets_of(*nodes)).collect();
    let runs: u32 = fleets.iter().map(|(nodes, _)| seeds_of(*nodes)).sum();
    let total = u64::from(runs) * (losses.len() as u64 + 1);
    let mut done = 0;
    for fleet in fleets {
        let (nodes, zone_nodes) = fleet;
        let name = if nodes > ZONE_NODES && zone_nodes == nodes {
            format!("{nodes}_flat")
        } else {
            nodes.to_string()
        };
        for loss in &losses {
            let told = |one: u64, _| progress(done + one, total);
            let mut all: Vec<f64> =
                super::for_each_seed(seeds_of(nodes), first, &told, |seed| rounds(fleet, *loss, seed))
                    .into_iter()
                    .flatten()
                    .collect();
            done += u64::from(seeds_of(nodes));
            all.sort_by(f64::total_cmp);
            let percent = (loss * 100.0).round();
            report.figure(&format!("p50_rounds_{name}_loss_{percent}"), quantile(&all, 0.5));
            report.figure(&format!("p99_rounds_{name}_loss_{percent}"), quantile(&all, 0.99));
            if (*loss - 0.3).abs() < 1e-9 {
                report.figure(&format!("p99_rounds_{name}"), quantile(&all, 0.99));
            }
            report.series.insert(format!("rounds_{name}_loss_{percent}"), all);
        }
        report.figure(&format!("limit_rounds_{name}"), (nodes as f64).log2());
        // What a large flat fleet sends and holds grows with its size; nobody runs one for long.
        if zone_nodes <= ZONE_NODES {
            let told = |one: u64, _| progress(done + one, total);
            let loads = super::for_each_seed(seeds_of(nodes), first, &told, |seed| load(fleet, world, seed));
            let bytes: Vec<f64> = loads.iter().map(|(bytes, _)| *bytes).collect();
            let entries: Vec<f64> = loads.iter().map(|(_, entries)| *entries).collect();
            if nodes <= ZONE_NODES {
                report.mean("bytes_per_second_per_node", &bytes);
            } else {
                report.mean(&format!("bytes_per_second_per_node_{nodes}"), &bytes);
            }
            report.mean(&format!("entries_per_key_{nodes}"), &entries);
        }
        done += u64::from(seeds_of(nodes));
    }
    report.target("p99_rounds_64", Target::AtMost(12.0));
    report.target("p99_rounds_1024", Target::AtMost(16.0));
    report.target("bytes_per_second_per_node", Target::AtMost(20_000.0));
    report
}

#[cfg(test)]
mod tests;
