//! What cannot be read is kept like all other facts, within its bounds.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::Origin;

use super::{OTHER_BYTES_MAX, OTHER_BYTES_PER_ORIGIN_MAX};
use crate::fact::{Fact, OTHER_CONTENT_BYTES_MAX, Other, Stamp, Target, Why, zone_origin};
use crate::params::Params;
use crate::replica::{Kind, Merged, Replica, Stream};
use crate::writer::Writer;

const NOW: u64 = 1_700_000_000_000;

fn origin(node: u64) -> Origin {
    Origin { tenant: 1, node }
}

fn signal(number: u8) -> SignalId {
    SignalId::from_bytes([number; 16])
}

fn other(key: u64, content: &[u8]) -> Other {
    Other {
        kind: 7,
        at: NOW,
        about: Some(signal(1)),
        key: key.to_be_bytes().to_vec(),
        content: content.to_vec(),
    }
}

fn fact(node: u64, seq: u64, other: Other) -> Fact {
    Fact::Other {
        origin: origin(node),
        stamp: Stamp { inc: 1, seq },
        other: Box::new(other),
    }
}

#[test]
fn the_larger_stamp_wins_whatever_comes_first() {
    let (old, new) = (fact(1, 1, other(1, b"old")), fact(1, 2, other(1, b"new")));
    let mut replicas = [Replica::default(), Replica::default()];
    assert_eq!(replicas[0].merge(&old, NOW), Merged::News);
    assert_eq!(replicas[0].merge(&new, NOW), Merged::News);
    assert_eq!(replicas[1].merge(&new, NOW), Merged::News);
    assert_eq!(replicas[1].merge(&old, NOW), Merged::Known);
    assert_eq!(replicas[0].canonical_bytes(NOW), replicas[1].canonical_bytes(NOW));
    assert!(replicas[0].facts().eq([new.clone()]));
    let buckets = replicas[0].buckets(Kind::Other, NOW);
    assert_ne!(buckets[usize::from(new.entry().bucket())], 0);
    assert_eq!(
        replicas[0].bucket_facts(Kind::Other, new.entry().bucket(), NOW),
        [new]
    );
}

#[test]
fn entries_are_apart_by_kind_by_signal_by_key_and_by_origin() {
    let base = other(1, b"a");
    let apart = [
        (1, base.clone()),
        (2, base.clone()),
        (
            1,
            Other {
                kind: 8,
                ..base.clone()
            },
        ),
        (
            1,
            Other {
                about: None,
                ..base.clone()
            },
        ),
        (
            1,
            Other {
                about: Some(signal(2)),
                ..base.clone()
            },
        ),
        (1, Other { key: vec![], ..base }),
    ];
    let mut replica = Replica::default();
    for (place, (node, other)) in apart.iter().enumerate() {
        let fact = fact(*node, place as u64 + 1, other.clone());
        assert_eq!(replica.merge(fact, NOW), Merged::News);
    }
    assert_eq!(replica.other_count(), apart.len());
}

#[test]
fn two_values_under_one_stamp_are_a_lie_and_end_alike() {
    let (one, two) = (fact(1, 1, other(1, b"one")), fact(1, 1, other(1, b"another")));
    let mut replicas = [Replica::default(), Replica::default()];
    replicas[0].merge(&one, NOW);
    assert_eq!(replicas[0].merge(&two, NOW), Merged::Equivocation);
    replicas[1].merge(&two, NOW);
    assert_eq!(replicas[1].merge(&one, NOW), Merged::Equivocation);
    assert_eq!(replicas[0].canonical_bytes(NOW), replicas[1].canonical_bytes(NOW));
}

#[test]
fn two_publishers_of_a_zone_never_lie() {
    let zone = zone_origin(1, 4);
    let said = |inc, at, content: &[u8]| Fact::Other {
        origin: zone,
        stamp: Stamp { inc, seq: 1 },
        other: Box::new(Other {
            at,
            ..other(1, content)
        }),
    };
    let (early, late) = (said(9, NOW - 1, b"early"), said(2, NOW, b"late"));
    let mut replica = Replica::default();
    assert_eq!(replica.merge(&late, NOW), Merged::News);
    assert_eq!(
        replica.merge(&early, NOW),
        Merged::Known,
        "who knows more is the newer"
    );
    assert_eq!(replica.facts().collect::<Vec<_>>(), [late]);
}

#[test]
fn it_fades_by_age_and_waits_for_its_time() {
    let params = Params::default();
    let late = NOW + 21 * params.slow_half_life_ms;
    let mut replica = Replica::new(&params);
    replica.remember_gone();
    assert_eq!(
        replica.merge(fact(1, 1, other(1, b"a")), NOW - 61_000),
        Merged::Parked
    );
    assert_eq!(replica.other_count(), 0);
    replica.collect(NOW);
    assert_eq!(replica.other_count(), 1);
    assert_eq!(replica.living(late).count(), 0);
    assert_eq!(replica.collect(late), 1);
    assert_eq!((replica.other_count(), replica.take_gone().len()), (0, 1));
    assert_eq!(replica.merge(fact(1, 1, other(1, b"a")), late), Merged::Expired);
}

#[test]
fn a_later_value_never_fades_before_an_earlier_one() {
    let mut replica = Replica::default();
    let mut writer = Writer::resume(&replica, origin(1), 1);
    writer.other(&mut replica, other(1, b"a"), NOW);
    // The clock is set back.
    let fact = writer
        .other(&mut replica, other(1, b"b"), NOW - 5_000)
        .expect("small");
    assert_eq!((fact.at(), fact.stamp().seq), (NOW, 2));
    let long = Other {
        content: vec![0; OTHER_CONTENT_BYTES_MAX + 1],
        ..other(1, b"")
    };
    assert_eq!(writer.other(&mut replica, long, NOW), None);
    assert_eq!(writer.stamp.seq, 2, "no count is spent on it");
}

#[test]
fn it_goes_with_its_signal_with_its_origin_and_with_its_tenant() {
    let targets = [
        (Target::Signal(signal(1)), Why::Erasure, true),
        (Target::Signal(signal(1)), Why::Quarantine, false),
        (Target::Signal(signal(2)), Why::Erasure, false),
        (Target::Origin(origin(1)), Why::Equivocation, true),
        (Target::Origin(origin(1)), Why::Erasure, true),
        (Target::Origin(origin(2)), Why::Erasure, false),
        (Target::Tenant(1), Why::Quarantine, true),
    ];
    for (target, why, goes) in targets {
        let said = fact(1, 1, other(1, b"a"));
        // The tombstone comes after it, or before.
        let mut after = Replica::default();
        after.merge(&said, NOW);
        Writer::resume(&after, Origin { tenant: 9, node: 9 }, 1).tomb(&mut after, target, why, NOW);
        assert_eq!(after.other_count(), usize::from(!goes), "{target:?} {why:?}");
        let mut before = Replica::default();
        Writer::resume(&before, Origin { tenant: 9, node: 9 }, 1).tomb(&mut before, target, why, NOW);
        let merged = before.merge(&said, NOW);
        assert_eq!(merged == Merged::Dead, goes, "{target:?} {why:?}");
        assert_eq!(before.canonical_bytes(NOW), after.canonical_bytes(NOW));
        let stream = Stream {
            origin: origin(1),
            inc: 1,
        };
        assert_eq!(before.versions()[&stream], 1, "it is not asked for again");
    }
}

#[test]
fn together_they_stay_within_their_bytes() {
    let content = vec![7; OTHER_CONTENT_BYTES_MAX];
    let mut replica = Replica::default();
    let mut fill = |node: u64, from: u64| {
        let mut seq = from;
        loop {
            seq += 1;
            match replica.merge(fact(node, seq, other(seq, &content)), NOW) {
                Merged::News => {}
                Merged::Full => return (seq - from - 1, replica.refused()),
                merged => panic!("{merged:?}"),
            }
        }
    };
    let one = usize::try_from(fill(1, 0).0).expect("small");
    assert!(one * OTHER_CONTENT_BYTES_MAX <= OTHER_BYTES_PER_ORIGIN_MAX);
    assert!((one + 1) * (OTHER_CONTENT_BYTES_MAX + 256) > OTHER_BYTES_PER_ORIGIN_MAX);
    let mut all = one;
    for node in 2..=4 {
        all += usize::try_from(fill(node, 0).0).expect("small");
    }
    assert!(all * OTHER_CONTENT_BYTES_MAX <= OTHER_BYTES_MAX);
    let (more, refused) = fill(5, 0);
    assert!(more < 8, "{more} of a fifth");
    assert_eq!(refused, 5, "all of them are counted");
    // A value that replaces another takes its room, and what has gone leaves it.
    let again = fact(1, 10_000, other(1, &content));
    assert_eq!(replica.merge(again, NOW), Merged::News);
    assert_eq!(
        replica.merge(fact(5, 10_001, other(9, &content)), NOW),
        Merged::Full
    );
    let signal = Target::Signal(signal(1));
    Writer::resume(&replica, origin(9), 1).tomb(&mut replica, signal, Why::Erasure, NOW);
    assert_eq!(replica.other_count(), 0);
    let elsewhere = Other {
        about: None,
        ..other(1, &content)
    };
    assert_eq!(replica.merge(fact(5, 10_002, elsewhere), NOW), Merged::News);
}

#[test]
fn what_is_no_such_fact_is_refused() {
    let mut replica = Replica::default();
    for kind in [0, 1, 6, 255] {
        let refused = fact(
            1,
            1,
            Other {
                kind,
                ..other(1, b"a")
            },
        );
        assert_eq!(replica.merge(refused, NOW), Merged::Full);
    }
    assert_eq!((replica.other_count(), replica.refused()), (0, 4));
}
