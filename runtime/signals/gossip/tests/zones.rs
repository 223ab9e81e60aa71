//! Zones: raw evidence stays at home, what is said of it reaches everybody, and nothing is counted twice.

use super::*;
use crate::evidence::{self, Evidence};
use crate::fact::{is_zone, zone_of};
use crate::gossip::zones::publishers;
use crate::worlds::spread::network::origin;

const ZONE: usize = 4;

const KEYS: usize = 5;

/// Long enough for the last entries of publishers to be written and heard everywhere.
const QUIET_MS: u64 = 12_000;

fn network(count: usize, loss: f64, seed: u64) -> Network {
    let faults = Faults {
        loss,
        twice: 0.1,
        delay_ms: 30,
        skew_ms: 2000,
    };
    Network::new(count, ZONE, faults, seed)
}

fn run_of_task(network: &mut Network, node: usize, chance: &mut Chance) {
    let key = key(chance.below(KEYS));
    let y = if chance.is(0.5) { fixed::ONE } else { 0 };
    network.write(node, |writer, replica, now| {
        let cell = writer.cell(replica, key, now, |cell| {
            cell.slow = cell.slow.with(y, y / 2 - 9000);
            cell.total += 1;
        });
        let scope = writer.scope_cell(replica, key.scope, now, |cell| {
            cell.slow = cell.slow.with(y, y / 3);
        });
        vec![cell, scope]
    });
}

/// Everybody's own evidence in one replica, as a fleet without zones would hold it.
fn flat(network: &Network) -> Replica {
    let mut flat = Replica::new(&Params::default());
    for (index, node) in network.nodes.iter().enumerate() {
        for fact in node.replica.facts().filter(|fact| fact.origin() == origin(index)) {
            flat.merge(fact, network.now);
        }
    }
    flat
}

fn all(replica: &Replica, key: &CellKey, now: u64) -> Evidence {
    evidence::at(replica, key, now, &Params::default(), |_| fixed::ONE)
}

/// Each node reads what a node of a fleet without zones would, but for last bits.
fn assert_reads(network: &Network, flat: &Replica, seed: u64) {
    let now = network.now + 5_000;
    let bits = network.nodes.len() as f64 * 4.0 / 65_536.0;
    for (index, node) in network.nodes.iter().enumerate().filter(|(_, node)| node.is_up) {
        for key in (0..KEYS).map(key) {
            let (here, there) = (all(&node.replica, &key, now), all(flat, &key, now));
            let gap = (here.n - there.n).abs() + (here.y - there.y).abs() + (here.adv - there.adv).abs();
            assert!(
                gap < bits,
                "node {index} reads {here:?} and not {there:?}, seed {seed}"
            );
            let scope = |replica: &Replica| -> i64 {
                let cells = replica.scope_cells(key.scope);
                cells
                    .map(|(_, cell)| i64::from(cell.slow_at(now, &Params::default()).n))
                    .sum()
            };
            let gap = (scope(&node.replica) - scope(flat)).abs();
            assert!(
                gap < 4 * 64,
                "node {index} differs in its scope by {gap}, seed {seed}"
            );
        }
    }
}

/// What nodes hold, and where.
fn assert_apart(network: &Network, seed: u64) {
    for (index, node) in network.nodes.iter().enumerate().filter(|(_, node)| node.is_up) {
        let zone = index / ZONE;
        for fact in node.replica.facts().filter(Fact::is_evidence) {
            let home = zone_of(fact.origin()).map(|zone| zone as usize);
            if let Some(home) = home {
                assert_ne!(home, zone, "counts its own zone twice, seed {seed}");
            } else {
                let home = usize::try_from(fact.origin().node - 1).expect("small") / ZONE;
                assert_eq!(home, zone, "raw evidence has left its zone, seed {seed}");
            }
        }
        let first = &network.nodes[zone * ZONE..(zone + 1) * ZONE];
        let first = first.iter().find(|node| node.is_up).expect("some member is up");
        assert!(
            rows(&first.replica) == rows(&node.replica),
            "node {index} differs from its zone, seed {seed}"
        );
    }
}

#[test]
fn every_node_reads_what_it_would_without_zones() {
    for seed in 0..6 {
        let mut network = network(3 * ZONE, 0.3, seed);
        let mut chance = Chance::new(seed);
        for step in 0..120 {
            let node = chance.below(3 * ZONE);
            run_of_task(&mut network, node, &mut chance);
            if step == 40 {
                network.write(1, |writer, replica, _| {
                    writer
                        .signal(replica, signal(1, Share::Tenant))
                        .into_iter()
                        .collect()
                });
            }
            if step == 60 {
                network.restart(5);
            }
            network.run(chance.below(150) as u64);
        }
        let revoked = signal(1, Share::Tenant).id;
        network.write(3 * ZONE - 1, |writer, replica, now| {
            vec![writer.tomb(replica, Target::Signal(revoked), Why::Quarantine, now)]
        });
        network.faults.loss = 0.0;
        network.run(QUIET_MS);
        assert_reads(&network, &flat(&network), seed);
        assert_apart(&network, seed);
        for (index, node) in network.nodes.iter().enumerate() {
            assert!(
                node.replica.signal(revoked).is_some(),
                "node {index} lacks the signal"
            );
            assert!(node.replica.is_dead(revoked), "node {index} lacks the tombstone");
            let entries = node.replica.cells(&key(0)).count();
            assert!(entries <= ZONE + 2, "{entries} entries at a key");
        }
    }
}

/// A zone's entry came in twice over: with the raw evidence of its members and as their sums.
#[test]
fn a_node_counts_once_what_its_zone_says_wherever_the_facts_come_from() {
    let mut network = network(2 * ZONE, 0.0, 3);
    let mut chance = Chance::new(3);
    for _ in 0..80 {
        // The last node of the first zone only reads: it will move, and brings no evidence of its own along.
        let node = [0, 1, 2, 4, 5, 6, 7][chance.below(7)];
        run_of_task(&mut network, node, &mut chance);
        network.run(60);
    }
    network.run(QUIET_MS);
    let (flat, now) = (flat(&network), network.now + 5_000);
    let bits = network.nodes.len() as f64 * 4.0 / 65_536.0;
    let assert_reads_once = |replica: &Replica, what: &str| {
        for key in (0..KEYS).map(key) {
            let (here, there) = (all(replica, &key, now), all(&flat, &key, now));
            let gap = (here.n - there.n).abs() + (here.y - there.y).abs() + (here.adv - there.adv).abs();
            assert!(gap < bits, "{what}: reads {here:?} and not {there:?}");
            let runs = |replica: &Replica| -> i64 {
                let cells = replica.scope_cells(key.scope);
                cells
                    .map(|(_, cell)| i64::from(cell.slow_at(now, &Params::default()).n))
                    .sum()
            };
            let gap = (runs(replica) - runs(&flat)).abs();
            assert!(gap < 4 * 64, "{what}: its scope differs by {gap}");
        }
    };

    // A snapshot from the other zone holds what is said of this one.
    let snapshot: Vec<Fact> = network.nodes[ZONE].replica.facts().collect();
    let member = &mut network.nodes[0];
    let before = member.replica.facts().count();
    for fact in &snapshot {
        member.replica.merge(fact, now);
    }
    assert!(
        member.replica.facts().count() > before,
        "there was something in it"
    );
    member.gossip.on_tick(&mut member.replica, now);
    // Raw evidence of the other zone's nodes came along, which its entry holds already.
    assert_reads_once(&member.replica, "a snapshot");

    // The last node moves over: what it holds of its old zone is raw, of its new one the sums.
    let mover = &mut network.nodes[ZONE - 1];
    let peer = |node: usize, zone: u32| Peer {
        node: origin(node).node,
        tenants: [1].into(),
        groups: [].into(),
        zone,
    };
    mover.gossip = Gossip::new(Config::new(peer(ZONE - 1, 1), 77));
    for node in (0..2 * ZONE).filter(|node| *node != ZONE - 1) {
        mover.gossip.add(peer(node, u32::from(node >= ZONE)));
    }
    for fact in &snapshot {
        mover.replica.merge(fact, now);
    }
    mover.gossip.on_tick(&mut mover.replica, now);
    assert_reads_once(&mover.replica, "a move");
}

#[test]
fn publishers_with_equal_facts_say_the_same_bytes() {
    let mut network = network(2 * ZONE, 0.0, 7);
    let mut chance = Chance::new(7);
    for _ in 0..60 {
        let node = chance.below(2 * ZONE);
        run_of_task(&mut network, node, &mut chance);
        network.run(40);
    }
    network.run(QUIET_MS);
    let here = publishers(0, (0..ZONE).map(|node| origin(node).node));
    assert_eq!(here.len(), 2);
    let [first, second] = [here[0], here[1]].map(|node| {
        let node = &network.nodes[usize::try_from(node - 1).expect("small")];
        let said: Vec<Vec<u8>> = node
            .gossip
            .said_for_zone()
            .map(|fact| crate::codec::row(&fact).1)
            .collect();
        let computed = crate::zone::cell(&node.replica, &key(0), 1, 0);
        (said, computed)
    });
    assert!(!first.0.is_empty());
    assert!(first == second, "two publishers say different things");
}

#[test]
fn a_publisher_that_dies_is_followed_by_one_that_counts_nothing_twice() {
    for seed in 0..4 {
        let mut network = network(3 * ZONE, 0.1, seed);
        let mut chance = Chance::new(seed);
        let dead =
            usize::try_from(publishers(0, (0..ZONE).map(|node| origin(node).node))[0] - 1).expect("small");
        for step in 0..160 {
            let node = chance.below(3 * ZONE);
            if network.nodes[node].is_up {
                run_of_task(&mut network, node, &mut chance);
            }
            network.run(60);
            if step == 80 {
                network.run(2_000);
                network.nodes[dead].is_up = false;
                for node in &mut network.nodes {
                    node.gossip.remove(origin(dead).node);
                }
            }
        }
        network.faults.loss = 0.0;
        network.run(QUIET_MS);
        assert_reads(&network, &flat(&network), seed);
        assert_apart(&network, seed);
    }
}

#[test]
fn a_revoked_origin_is_taken_out_of_what_its_zone_says() {
    let mut network = network(2 * ZONE, 0.0, 3);
    for node in 0..2 * ZONE {
        network.write(node, |writer, replica, now| {
            vec![writer.cell(replica, key(0), now, |cell| {
                cell.slow.n = 10 << 16;
                cell.total = 10;
            })]
        });
    }
    network.run(QUIET_MS);
    let runs = |network: &Network, node: usize| all(&network.nodes[node].replica, &key(0), network.now).n;
    assert!((runs(&network, 7) - 80.0).abs() < 0.1);
    network.write(1, |writer, replica, now| {
        vec![writer.tomb(replica, Target::Origin(origin(2)), Why::Quarantine, now)]
    });
    network.run(2 * QUIET_MS);
    for node in 0..2 * ZONE {
        let runs = runs(&network, node);
        assert!((runs - 70.0).abs() < 0.1, "node {node} reads {runs} runs");
    }
}

#[test]
fn a_machine_keeps_out_raw_evidence_of_another_zone() {
    let at = |node, zone| Peer {
        node,
        tenants: [1].into(),
        groups: [].into(),
        zone,
    };
    // The sender believes that both are of one zone; the receiver knows better.
    let mut left = Gossip::new(Config::new(at(1, 0), 1));
    left.add(at(2, 0));
    let mut right = Gossip::new(Config::new(at(2, 1), 1));
    right.add(at(1, 0));
    let mut replica = Replica::new(&Params::default());
    let mut writer = Writer::resume(&replica, origin(0), 0);
    let fact = writer.cell(&mut replica, key(1), START_MS, |cell| cell.slow.n = 9 << 16);
    let sends = left.on_fresh(&replica, &[fact]).sends;
    assert_eq!(sends.len(), 1);
    let mut other = Replica::new(&Params::default());
    right.on_message(&mut other, 1, &sends[0].bytes, START_MS);
    assert!(other.facts().all(|fact| is_zone(fact.origin())));
    assert_eq!(other.cell_count(), 0);
}
