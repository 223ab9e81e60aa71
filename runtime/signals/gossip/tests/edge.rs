//! The edge of a node: what leaves it, what is let in, and what is counted.

use super::*;

fn peer(node: u64, tenants: &[u32], groups: &[u32]) -> Peer {
    Peer {
        node,
        tenants: tenants.iter().copied().collect(),
        groups: groups.iter().copied().collect(),
        zone: 0,
    }
}

struct Side {
    replica: Replica,
    gossip: Gossip,
}

fn side(me: Peer, other: Peer) -> Side {
    let mut gossip = Gossip::new(Config::new(me, 1));
    gossip.add(other);
    Side {
        replica: Replica::new(&Params::default()),
        gossip,
    }
}

/// Lets two machines talk until neither has anything to say; the facts that the second got.
fn talk(left: &mut Side, right: &mut Side, rounds: usize) {
    for _ in 0..rounds {
        let now = START_MS;
        let mut to_right: Vec<Send> = left.gossip.on_tick(&mut left.replica, now).sends;
        let mut to_left: Vec<Send> = right.gossip.on_tick(&mut right.replica, now).sends;
        while !to_right.is_empty() || !to_left.is_empty() {
            for sent in std::mem::take(&mut to_right) {
                let from = left.gossip.config.me.node;
                to_left.extend(
                    right
                        .gossip
                        .on_message(&mut right.replica, from, &sent.bytes, now)
                        .sends,
                );
            }
            for sent in std::mem::take(&mut to_left) {
                let from = right.gossip.config.me.node;
                to_right.extend(
                    left.gossip
                        .on_message(&mut left.replica, from, &sent.bytes, now)
                        .sends,
                );
            }
        }
    }
}

fn write_other(writer: &mut Writer, replica: &mut Replica, (kind, about): (u8, Option<SignalId>)) {
    let other = Other {
        kind,
        at: 0,
        about,
        key: vec![1],
        content: vec![2],
    };
    writer.other(replica, other, START_MS).expect("small");
}

/// A replica's writer with a signal of each reach, and a cell of twenty and one of two runs for each, and what a newer
/// program says of each and of nobody.
fn fill(left: &mut Side) {
    let mut writer = Writer::resume(&left.replica, Origin { tenant: 1, node: 1 }, 0);
    for (number, share) in [Share::Private, Share::Tenant, Share::Group(9), Share::Public]
        .into_iter()
        .enumerate()
    {
        let signal = signal(u32::try_from(number).expect("small"), share);
        let id = signal.id;
        writer.signal(&mut left.replica, signal);
        for (family, runs) in [(1, 20), (2, 2)] {
            let key = CellKey {
                signal: id,
                scope: ScopeId(1),
                bundle: BundleClass { family, exact: 0 },
            };
            writer.cell(&mut left.replica, key, START_MS, |cell| {
                cell.slow.n = runs << 16;
            });
        }
        for kind in [7, 200] {
            write_other(&mut writer, &mut left.replica, (kind, Some(id)));
        }
    }
    write_other(&mut writer, &mut left.replica, (7, None));
    writer.scope_cell(&mut left.replica, ScopeId(1), START_MS, |cell| {
        cell.slow.n = 1 << 16;
    });
    let target = Target::Signal(signal(77, Share::Tenant).id);
    writer.tomb(&mut left.replica, target, Why::Quarantine, START_MS);
}

/// Signals, cells, scope cells, tombstones and facts of unknown kinds that a peer gets.
fn gets(right: Peer) -> (usize, usize, usize, usize, usize) {
    let me = peer(1, &[1], &[]);
    let mut left = side(me.clone(), right.clone());
    let mut right = side(right, me);
    fill(&mut left);
    talk(&mut left, &mut right, 6);
    let mut counts = (0, 0, 0, 0, 0);
    for fact in right.replica.facts() {
        match fact {
            Fact::Signal { .. } => counts.0 += 1,
            Fact::Cell { .. } => counts.1 += 1,
            Fact::ScopeCell { .. } => counts.2 += 1,
            Fact::Tomb { .. } => counts.3 += 1,
            Fact::Other { .. } => counts.4 += 1,
            Fact::Scope { .. } | Fact::Alias { .. } => {}
        }
    }
    let before = left.gossip.stats().facts_sent;
    talk(&mut left, &mut right, 20);
    assert_eq!(
        left.gossip.stats().facts_sent,
        before,
        "what was given is not given again"
    );
    counts
}

#[test]
fn what_leaves_a_node_is_what_was_shared_with_its_peer() {
    assert_eq!(
        gets(peer(2, &[1], &[])),
        (3, 6, 1, 1, 7),
        "its own tenant: all but the private one"
    );
    assert_eq!(
        gets(peer(2, &[2], &[])),
        (1, 1, 0, 1, 1),
        "a stranger: the public one, counts of five runs, and none of a kind that nobody can count"
    );
    assert_eq!(
        gets(peer(2, &[2], &[9])),
        (2, 2, 0, 1, 2),
        "a member of the group"
    );
    assert_eq!(gets(peer(2, &[1, 2], &[])), (3, 6, 1, 1, 7));
}

#[test]
fn fresh_facts_go_out_at_once_and_only_to_those_who_may_have_them() {
    let me = peer(1, &[1], &[]);
    for (tenant, reaches) in [(1, true), (2, false)] {
        let mut left = side(me.clone(), peer(2, &[tenant], &[]));
        let mut writer = Writer::resume(&left.replica, Origin { tenant: 1, node: 1 }, 0);
        let fact = writer.cell(&mut left.replica, key(1), START_MS, |cell| {
            cell.slow.n = 9 << 16;
        });
        let output = left.gossip.on_fresh(&left.replica, &[fact]);
        assert_eq!(!output.sends.is_empty(), reaches, "tenant {tenant}");
    }
}

#[test]
fn what_was_seen_of_a_builtin_signal_goes_to_its_tenant() {
    for (tenant, reaches) in [(1, true), (2, false)] {
        let me = peer(1, &[1], &[]);
        let mut left = side(me.clone(), peer(2, &[tenant], &[]));
        let mut right = side(peer(2, &[tenant], &[]), me);
        let builtin = Signal {
            author: Origin::BUILTIN,
            created: Timestamp(0),
            ..signal(1, Share::Private)
        };
        let key = CellKey {
            signal: builtin.id,
            scope: ScopeId(1),
            bundle: BundleClass::default(),
        };
        let planted = Fact::Signal {
            stamp: Stamp::default(),
            signal: Box::new(builtin),
        };
        left.replica.merge(planted, START_MS);
        let mut writer = Writer::resume(&left.replica, Origin { tenant: 1, node: 1 }, 0);
        writer.cell(&mut left.replica, key, START_MS, |cell| cell.slow.n = 9 << 16);
        talk(&mut left, &mut right, 6);
        assert_eq!(
            right.replica.cell_count(),
            usize::from(reaches),
            "tenant {tenant}"
        );
        assert_eq!(right.replica.signals().count(), 0, "the signal itself stays");
    }
}

#[test]
fn bytes_of_harm_are_counted_and_stop_nothing() {
    let (a, b) = (peer(1, &[1], &[]), peer(2, &[1], &[]));
    let (mut left, mut right) = (side(a.clone(), b.clone()), side(b, a));
    fill(&mut left);
    let mut chance = Chance::new(3);
    let mut sent: Vec<Vec<u8>> = left
        .gossip
        .on_tick(&mut left.replica, START_MS)
        .sends
        .into_iter()
        .map(|send| send.bytes)
        .collect();
    let facts: Vec<Fact> = left.replica.facts().collect();
    sent.extend(
        left.gossip
            .on_fresh(&left.replica, &facts)
            .sends
            .into_iter()
            .map(|send| send.bytes),
    );
    let mut tree = Output::default();
    left.gossip.begin_repair(&left.replica, 2, &mut tree);
    sent.extend(tree.sends.into_iter().map(|send| send.bytes));
    for case in 0..30_000 {
        let mut bytes = sent[case % sent.len()].clone();
        for _ in 0..=chance.below(3) {
            let place = chance.below(bytes.len());
            match chance.below(3) {
                0 => bytes[place] = chance.draw().to_le_bytes()[0],
                1 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, 0xff),
            }
        }
        right.gossip.on_message(&mut right.replica, 1, &bytes, START_MS);
    }
    let stats = *right.gossip.stats();
    assert!(stats.refused > 1000, "{stats:?}");
    assert!(stats.quarantined > 100, "{stats:?}");
    right
        .gossip
        .on_message(&mut right.replica, 99, &sent[0], START_MS);
    right
        .gossip
        .on_message(&mut right.replica, 1, &vec![0; MESSAGE_BYTES_MAX + 1], START_MS);
    assert_eq!(
        right.gossip.stats().refused,
        stats.refused + 2,
        "nobody that is known, and too long"
    );
}

#[test]
fn an_origin_that_writes_too_fast_waits_and_loses_nothing() {
    let (a, b) = (peer(1, &[1], &[]), peer(2, &[1], &[]));
    let (mut left, mut right) = (side(a.clone(), b.clone()), side(b, a));
    right.gossip.config.burst_facts = 50;
    right.gossip.config.round_facts = 10;
    let mut writer = Writer::resume(&left.replica, Origin { tenant: 1, node: 1 }, 0);
    for number in 0..200 {
        writer.cell(&mut left.replica, key(number), START_MS, |cell| cell.total = 1);
    }
    talk(&mut left, &mut right, 1);
    let after_one = right.replica.facts().count();
    assert!(after_one <= 50, "{after_one} at once");
    assert!(right.gossip.stats().limited > 0);
    talk(&mut left, &mut right, 40);
    assert!(
        rows(&left.replica) == rows(&right.replica),
        "{} and {} facts",
        left.replica.facts().count(),
        right.replica.facts().count()
    );
}

#[test]
fn a_long_way_behind_is_caught_up_in_bounded_messages() {
    let (a, b) = (peer(1, &[1], &[]), peer(2, &[1], &[]));
    let (mut left, mut right) = (side(a.clone(), b.clone()), side(b, a));
    left.gossip.config.message_bytes = 2000;
    let mut writer = Writer::resume(&left.replica, Origin { tenant: 1, node: 1 }, 0);
    for number in 0..500 {
        writer.cell(&mut left.replica, key(number), START_MS, |cell| cell.total = 1);
    }
    let ask = right.gossip.on_tick(&mut right.replica, START_MS).sends.remove(0);
    let answer = left
        .gossip
        .on_message(&mut left.replica, 2, &ask.bytes, START_MS)
        .sends
        .remove(0);
    assert!(answer.bytes.len() < 2300, "{} bytes", answer.bytes.len());
    talk(&mut left, &mut right, 40);
    assert!(
        rows(&left.replica) == rows(&right.replica),
        "{} and {} facts",
        left.replica.facts().count(),
        right.replica.facts().count()
    );
    assert_eq!(left.gossip.stats().lag, 0);
}

#[test]
fn two_values_under_one_stamp_give_their_origin_away() {
    let (a, b) = (peer(1, &[1], &[]), peer(2, &[1], &[]));
    let (mut left, mut right) = (side(a.clone(), b.clone()), side(b, a));
    let liar = Origin { tenant: 1, node: 7 };
    for (side, total) in [(&mut left, 1), (&mut right, 2)] {
        let mut writer = Writer::new(liar, Stamp { inc: 0, seq: 0 });
        writer.cell(&mut side.replica, key(1), START_MS, |cell| cell.total = total);
    }
    let facts: Vec<Fact> = left.replica.facts().collect();
    let push = left.gossip.on_fresh(&left.replica, &facts).sends.remove(0);
    let output = right
        .gossip
        .on_message(&mut right.replica, 1, &push.bytes, START_MS);
    assert_eq!(output.offenders, BTreeSet::from([liar]));
}
