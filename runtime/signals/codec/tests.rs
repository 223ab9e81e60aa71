//! Facts survive their bytes, and bytes that are no facts cost nothing but themselves.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, SignalId};
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Share, Signal, SignalBody, Trigger};
use proptest::prelude::*;

use super::batch::{Packer, unpack};
use super::snapshot::{SnapshotError, open_snapshot, read_snapshot, snapshot_of};
use super::{Flaw, check, fact, key, row};
use crate::dedup;
use crate::fact::{Alias, Cell, CellKey, Fact, Other, ScopeCell, ScopeId, Stamp, Sums, Target, Tomb, Why};

mod golden;
mod hostile;
mod versions;

/// Facts of every kind that this program knows from a seed, as honest writers make them.
pub(crate) fn facts(seed: u64, count: usize) -> Vec<Fact> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| one(&mut random)).collect()
}

/// The same, and every third is of a kind that it does not know.
fn mixed(seed: u64, count: usize) -> Vec<Fact> {
    let mut random = fastrand::Rng::with_seed(seed);
    let others = (0..count).map(|_| {
        let kind = random.u8(7..255);
        other(&mut random, kind)
    });
    let others: Vec<Fact> = others.collect();
    let facts = facts(seed, count).into_iter().zip(others).enumerate();
    let chosen = facts.map(|(place, (fact, other))| if place % 3 == 2 { other } else { fact });
    chosen.collect()
}

/// Some fact of a kind of its own.
fn other(random: &mut fastrand::Rng, kind: u8) -> Fact {
    let about = SignalId::from_bytes([random.u8(..); 16]);
    Fact::Other {
        origin: Origin {
            tenant: random.u32(1..4),
            node: random.u64(1..9),
        },
        stamp: Stamp {
            inc: random.u32(0..3),
            seq: random.u64(0..1_000_000),
        },
        other: Box::new(Other {
            kind,
            at: 1_790_000_000_000 + random.u64(0..10_000),
            about: random.bool().then_some(about),
            key: (0..random.usize(0..=64)).map(|_| random.u8(..)).collect(),
            content: (0..random.usize(0..200)).map(|_| random.u8(..)).collect(),
        }),
    }
}

fn one(random: &mut fastrand::Rng) -> Fact {
    let origin = Origin {
        tenant: random.u32(1..4),
        node: random.u64(1..9),
    };
    let stamp = Stamp {
        inc: random.u32(0..3),
        seq: random.u64(0..1_000_000),
    };
    let scope = ScopeId(random.u64(0..5));
    match random.u8(0..8) {
        0 => Fact::Signal {
            stamp,
            signal: Box::new(signal(random, origin)),
        },
        1 => Fact::Scope {
            origin,
            stamp,
            path: format!("read/kind-{}", random.u8(..)).parse().expect("a path"),
        },
        2 => Fact::ScopeCell {
            origin,
            scope,
            cell: scope_cell(random, stamp),
        },
        3 => Fact::Alias {
            origin,
            stamp,
            alias: Alias {
                stands: SignalId::from_bytes([random.u8(0..100); 16]),
                follows: SignalId::from_bytes([random.u8(100..200); 16]),
            },
        },
        4 => Fact::Tomb {
            stamp,
            tomb: Tomb {
                target: match random.u8(0..3) {
                    0 => Target::Signal(SignalId::from_bytes([random.u8(..); 16])),
                    1 => Target::Origin(origin),
                    _ => Target::Tenant(random.u32(..)),
                },
                why: [Why::Quarantine, Why::Equivocation, Why::Erasure][random.usize(0..3)],
                by: origin,
                at: random.u64(0..2_000_000_000_000),
            },
        },
        _ => Fact::Cell {
            origin,
            key: CellKey {
                signal: SignalId::from_bytes([random.u8(0..40); 16]),
                scope,
                bundle: BundleClass {
                    family: random.u16(0..3),
                    exact: random.u16(..),
                },
            },
            cell: cell(random, stamp),
        },
    }
}

fn sums(random: &mut fastrand::Rng) -> Sums {
    let n = random.u32(0..40 << 16);
    Sums {
        n,
        y: random.u32(0..=n),
        adv: random.i64(-i64::from(n)..=i64::from(n)),
    }
}

fn cell(random: &mut fastrand::Rng, stamp: Stamp) -> Cell {
    let held_n = random.u32(0..2 << 16);
    Cell {
        stamp,
        at: 1_790_000_000_000 + random.u64(0..10_000),
        regime: random.u8(0..3),
        era: random.u8(0..3),
        harm: random.u8(0..3),
        total: random.u32(0..200),
        slow: sums(random),
        fast: sums(random),
        held_n,
        held_y: random.u32(0..=held_n),
    }
}

fn scope_cell(random: &mut fastrand::Rng, stamp: Stamp) -> ScopeCell {
    ScopeCell {
        stamp,
        at: 1_790_000_000_000 + random.u64(0..10_000),
        slow: sums(random),
        fast: sums(random),
        control_n: 1 << 16,
        control_y: random.u32(0..=1 << 16),
        votes: (0..random.u8(0..9))
            .map(|vote| (SignalId::from_bytes([vote; 16]), random.u8(..)))
            .collect(),
    }
}

fn signal(random: &mut fastrand::Rng, author: Origin) -> Signal {
    let scope = "read/html".parse().expect("a path");
    let polarity = [Polarity::Do, Polarity::Avoid][random.usize(0..2)];
    let body = if random.bool() {
        SignalBody::Text {
            text: "Überschriften zuerst: ".repeat(random.usize(1..20)),
        }
    } else {
        SignalBody::Action {
            schema: "extract_strategy".to_owned(),
            args: format!(r#"{{"sentences":{}}}"#, random.u8(..)),
        }
    };
    Signal {
        id: dedup::signal_id(&scope, polarity, &body),
        scope,
        polarity,
        body,
        tokens: random.u16(..),
        trigger: Trigger {
            require: (0..random.u8(0..9))
                .map(|place| (format!("name{place}"), format!("value{}", random.u16(..))))
                .collect::<BTreeMap<_, _>>(),
            terms: (0..random.u8(0..17)).map(|_| random.u32(..)).collect(),
        },
        parents: (0..random.u8(0..5))
            .map(|parent| SignalId::from_bytes([parent; 16]))
            .collect(),
        author,
        born_in: random.bool().then(|| JobId::from_bytes([random.u8(..); 16])),
        created: Timestamp(random.u64(0..2_000_000_000_000)),
        bundle: BundleClass { family: 1, exact: 2 },
        share: [Share::Private, Share::Tenant, Share::Group(9), Share::Public][random.usize(0..4)],
        source: "https://example.org/a".to_owned(),
    }
}

fn packed(facts: &[Fact], common: &[Origin]) -> Vec<u8> {
    let mut packer = Packer::new(common);
    for fact in facts {
        packer.push(fact);
    }
    let most = packer.len();
    let bytes = packer.finish();
    assert!(bytes.len() <= most, "{} bytes, {most} foretold", bytes.len());
    bytes
}

#[test]
fn every_fact_survives_its_row() {
    for written in mixed(1, 6000) {
        let (key_bytes, value) = row(&written);
        assert_eq!(key_bytes, key(&written));
        assert_eq!(fact(&key_bytes, &value), Ok(written));
    }
}

#[test]
fn every_fact_survives_its_batch() {
    let written = mixed(2, 3000);
    let batch = unpack(&packed(&written, &[]), &[]).expect("a batch");
    assert_eq!(batch.facts, written);
    assert_eq!(batch.flaws, []);
}

#[test]
fn a_common_list_of_origins_saves_bytes_and_changes_nothing() {
    let written = facts(3, 200);
    let common: Vec<Origin> = (1..3)
        .flat_map(|tenant| (1..9).map(move |node| Origin { tenant, node }))
        .collect();
    let (alone, shared) = (packed(&written, &[]), packed(&written, &common));
    assert!(shared.len() + 100 < alone.len());
    assert_eq!(unpack(&shared, &common).expect("a batch").facts, written);
    assert_eq!(
        unpack(&shared, &common[..3]),
        Err(Flaw::Damaged),
        "a reader without the list cannot guess it"
    );
}

#[test]
fn keys_of_one_entry_are_equal_and_those_of_others_are_not() {
    let mut random = fastrand::Rng::with_seed(4);
    let stamp = Stamp { inc: 0, seq: 1 };
    let older = Fact::Cell {
        origin: Origin { tenant: 1, node: 1 },
        key: CellKey {
            signal: SignalId::from_bytes([1; 16]),
            scope: ScopeId(1),
            bundle: BundleClass::default(),
        },
        cell: cell(&mut random, stamp),
    };
    let Fact::Cell { origin, key: of, .. } = older else {
        unreachable!("made above")
    };
    let newer = Fact::Cell {
        origin,
        key: of,
        cell: cell(&mut random, Stamp { inc: 0, seq: 2 }),
    };
    let elsewhere = Fact::Cell {
        origin: Origin { tenant: 1, node: 2 },
        key: of,
        cell: cell(&mut random, stamp),
    };
    assert_eq!(key(&older), key(&newer));
    assert_ne!(key(&older), key(&elsewhere));
}

#[test]
fn a_cell_takes_about_fifty_bytes() {
    let mut random = fastrand::Rng::with_seed(5);
    let written: Vec<Fact> = (0..64)
        .map(|place: u8| Fact::Cell {
            origin: Origin {
                tenant: 1,
                node: u64::from(place / 8),
            },
            key: CellKey {
                signal: SignalId::from_bytes([place; 16]),
                scope: ScopeId(u64::from(place / 4)),
                bundle: BundleClass::default(),
            },
            cell: cell(
                &mut random,
                Stamp {
                    inc: 0,
                    seq: 100_000 + u64::from(place),
                },
            ),
        })
        .collect();
    let each = packed(&written, &[]).len() / written.len();
    assert!((40..=57).contains(&each), "{each} bytes per cell");
}

#[test]
fn a_snapshot_is_read_whole_or_not_at_all() {
    let written = mixed(6, 3000);
    let bytes = snapshot_of(&written);
    assert_eq!(read_snapshot(&bytes).as_ref(), Ok(&written));
    for cut in [0, 7, 8, 9, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(read_snapshot(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut changed = bytes.clone();
        let place = random.usize(0..changed.len());
        changed[place] ^= 1 << random.u8(0..8);
        assert!(read_snapshot(&changed).is_err(), "changed at {place}");
    }
    assert_eq!(read_snapshot(b"SQLite format 3"), Err(SnapshotError::NotOne));
    let mut newer = bytes;
    newer[8] = 200;
    assert_eq!(read_snapshot(&newer), Err(SnapshotError::Newer { version: 200 }));
    assert_eq!(
        read_snapshot(&snapshot_of(&[])),
        Ok(Vec::new()),
        "an empty one is one, too"
    );
}

#[test]
fn a_value_that_cannot_be_is_left_out_and_told() {
    let mut random = fastrand::Rng::with_seed(8);
    let stamp = Stamp { inc: 1, seq: 9 };
    let good = cell(&mut random, stamp);
    let key = CellKey {
        signal: SignalId::from_bytes([1; 16]),
        scope: ScopeId(1),
        bundle: BundleClass::default(),
    };
    let origin = Origin { tenant: 1, node: 1 };
    let of = |cell: Cell| Fact::Cell { origin, key, cell };
    let mut more_successes_than_runs = good;
    more_successes_than_runs.slow.y = good.slow.n * 2 + (1 << 16);
    let mut wild_advantage = good;
    wild_advantage.fast.adv = i64::MIN;
    let mut never = good;
    never.at = u64::MAX;
    let mut long = signal(&mut random, origin);
    long.body = SignalBody::Text {
        text: "a".repeat(601),
    };
    let mut forged = signal(&mut random, origin);
    forged.id = SignalId::from_bytes([3; 16]);
    let twin = SignalId::from_bytes([3; 16]);
    let bad = [
        (
            Fact::Signal {
                stamp,
                signal: Box::new(forged),
            },
            Flaw::NotItself,
        ),
        (of(more_successes_than_runs), Flaw::Impossible),
        (of(wild_advantage), Flaw::Impossible),
        (of(never), Flaw::Impossible),
        (
            Fact::Signal {
                stamp,
                signal: Box::new(long),
            },
            Flaw::TooLarge,
        ),
        (
            Fact::Alias {
                origin,
                stamp,
                alias: Alias {
                    stands: twin,
                    follows: twin,
                },
            },
            Flaw::Impossible,
        ),
    ];
    for (fact, flaw) in bad {
        assert_eq!(check(&fact), Err(flaw));
        let batch = unpack(&packed(&[of(good), fact, of(good)], &[]), &[]).expect("a batch");
        assert_eq!(batch.facts, [of(good), of(good)]);
        assert_eq!(batch.flaws, [flaw]);
    }
    let opened = open_snapshot(&snapshot_of(&[of(good), of(never)])).expect("whole");
    assert_eq!((opened.facts.len(), opened.flaws.len()), (1, 1));
}
