//! Random schedules of faults, and what must hold at their end.

use super::*;

/// One random life of a small fleet; the rounds that it took to become equal after the faults were over.
fn schedule(seed: u64) -> u64 {
    let mut chance = Chance::new(seed);
    let count = 2 + chance.below(7);
    let faults = Faults {
        loss: 0.6 * chance.below(100) as f64 / 100.0,
        twice: 0.3,
        delay_ms: 1 + chance.below(250),
        skew_ms: 5000,
    };
    let mut network = Network::new(count, count, faults, chance.draw());
    let mut revoked = Vec::new();
    // For each node the revoked signals that it has known of.
    let mut known = vec![BTreeSet::new(); count];
    for _ in 0..30 + chance.below(40) {
        let node = chance.below(count);
        match chance.below(12) {
            0 => {
                let number = u32::try_from(chance.below(12)).expect("small");
                network.write(node, |writer, replica, _| {
                    writer
                        .signal(replica, signal(number, Share::Tenant))
                        .into_iter()
                        .collect()
                });
            }
            1 => {
                let number = u32::try_from(chance.below(12)).expect("small");
                let id = signal(number, Share::Tenant).id;
                network.write(node, |writer, replica, now| {
                    vec![writer.tomb(replica, Target::Signal(id), Why::Quarantine, now)]
                });
                revoked.push(id);
            }
            2 => network.nodes[node].is_up ^= true,
            3 => network
                .nodes
                .iter_mut()
                .enumerate()
                .for_each(|(place, node)| node.side = u8::from(place % 2 == 0)),
            4 => network.nodes.iter_mut().for_each(|node| node.side = 0),
            5 => network.restart(node),
            6 => network.run(chance.below(900) as u64),
            _ => {
                let key = key(chance.below(20));
                let y = if chance.is(0.5) { fixed::ONE } else { 0 };
                network.write(node, |writer, replica, now| {
                    vec![writer.cell(replica, key, now, |cell| {
                        cell.slow = cell.slow.with(y, y / 2);
                        cell.total += 1;
                    })]
                });
            }
        }
        for (node, known) in network.nodes.iter().zip(&mut known) {
            known.extend(revoked.iter().filter(|id| node.replica.is_dead(**id)));
            let revived = known.iter().find(|id| !node.replica.is_dead(**id));
            assert_eq!(revived, None, "came back to life, seed {seed}");
        }
    }
    network.nodes.iter_mut().for_each(|node| {
        node.side = 0;
        node.is_up = true;
    });
    network.faults = Faults {
        loss: 0.0,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    };
    // What is still on its way arrives.
    network.run(300);
    let mut rounds = 0;
    while !are_equal(&network) {
        assert!(rounds < 100, "not equal after {rounds} rounds, seed {seed}");
        network.run(ROUND_MS);
        rounds += 1;
    }
    rounds
}

fn are_equal(network: &Network) -> bool {
    let first = rows(&network.nodes[0].replica);
    network.nodes[1..].iter().all(|node| rows(&node.replica) == first)
}

#[test]
fn random_schedules_end_in_equal_replicas_soon_and_revive_nothing() {
    for seed in 0..300 {
        let rounds = schedule(seed);
        // Eight nodes: ten times the logarithm of their number.
        assert!(rounds <= 30, "equal only after {rounds} rounds, seed {seed}");
    }
}

#[test]
fn a_node_that_died_catches_up_and_writes_on() {
    let quiet = Faults {
        loss: 0.0,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    };
    let mut network = Network::new(4, 4, quiet, 9);
    for place in 0..80 {
        if place == 40 {
            network.restart(2);
        }
        network.write(place % 4, |writer, replica, now| {
            vec![writer.cell(replica, key(place), now, |cell| cell.total += 1)]
        });
        network.run(30);
    }
    network.run(1000);
    assert!(are_equal(&network));
    assert_eq!(network.nodes[0].replica.facts().count(), 80);
}

#[test]
fn a_partition_heals_within_a_few_rounds() {
    let quiet = Faults {
        loss: 0.0,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    };
    let mut network = Network::new(32, 32, quiet, 77);
    for (place, node) in network.nodes.iter_mut().enumerate() {
        node.side = u8::from(place < 16);
    }
    for place in 0..400 {
        network.write(place % 32, |writer, replica, now| {
            vec![writer.cell(replica, key(place % 50), now, |cell| cell.total += 1)]
        });
        network.run(20);
    }
    assert!(!are_equal(&network));
    for node in &mut network.nodes {
        node.side = 0;
    }
    let mut rounds = 0;
    while !are_equal(&network) {
        network.run(ROUND_MS);
        rounds += 1;
        assert!(rounds <= 20, "4 * log2(32) rounds have not been enough");
    }
}

#[test]
fn an_entry_that_a_disk_has_lost_comes_back_within_the_minute() {
    let quiet = Faults {
        loss: 0.0,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    };
    let mut network = Network::new(3, 3, quiet, 5);
    for place in 0..600 {
        network.write(place % 3, |writer, replica, now| {
            vec![writer.cell(replica, key(place), now, |cell| cell.total += 1)]
        });
        network.run(10);
    }
    network.run(2000);
    assert!(are_equal(&network));
    // The replica is built again from all rows but some, with versions that say nothing of it.
    let versions = network.nodes[1].replica.versions().clone();
    let kept: Vec<Fact> = network.nodes[1].replica.facts().collect();
    let mut spoilt = Replica::new(&Params::default());
    let spans = versions
        .iter()
        .map(|(stream, upto)| Span {
            stream: *stream,
            after: 0,
            upto: *upto,
        })
        .collect();
    let facts = kept
        .into_iter()
        .enumerate()
        .filter(|(place, _)| place % 40 != 7)
        .map(|(_, fact)| fact)
        .collect();
    spoilt.absorb(Delta { spans, facts }, network.now, |_, _| {});
    network.nodes[1].replica = spoilt;
    network.run(5000);
    assert!(!are_equal(&network), "versions alone do not show it");
    network.run(130_000);
    assert!(are_equal(&network), "the check of hashes finds and mends it");
    let repaired: u64 = network
        .nodes
        .iter()
        .map(|node| node.gossip.stats().repaired)
        .sum();
    assert!(
        (15..=200).contains(&repaired),
        "{repaired} facts were moved to mend 15"
    );
}
