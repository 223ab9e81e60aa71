//! Trust on facts that are made by hand: who is believed, how far, and what volume is worth.

use std::collections::BTreeSet;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin, ScopePath};

use crate::fact::{Cell, CellKey, Fact, ScopeId, Stamp, Sums};
use crate::params::Params;
use crate::worlds::fleet::lots::Lots;

use super::*;

/// Facts in the making, each with a stamp of its own.
struct Facts {
    replica: Replica,
    seq: u64,
}

/// What an origin claims of a signal: runs, successes, and the mean outcome that it expected without the signal.
#[derive(Clone, Copy)]
struct Told {
    n: u32,
    y: u32,
    expected: f64,
}

fn told(n: u32, y: u32) -> Told {
    Told { n, y, expected: 0.5 }
}

fn node(node: u64) -> Origin {
    Origin { tenant: 1, node }
}

fn key(scope: u64, signal: u8) -> CellKey {
    CellKey {
        signal: SignalId::of_parts(&[&[signal]]),
        scope: ScopeId(scope),
        bundle: BundleClass::default(),
    }
}

impl Facts {
    fn new() -> Self {
        Self {
            replica: Replica::new(&Params::default()),
            seq: 0,
        }
    }

    fn tell(&mut self, origin: Origin, key: CellKey, told: Told) {
        self.seq += 1;
        let adv = f64::from(told.y) - f64::from(told.n) * told.expected;
        let cell = Cell {
            stamp: Stamp {
                inc: 1,
                seq: self.seq,
            },
            slow: Sums {
                n: told.n << 16,
                y: told.y << 16,
                adv: fixed::from_f64(adv),
            },
            ..Cell::default()
        };
        self.replica.merge(Fact::Cell { origin, key, cell }, 0);
    }

    /// Each of these nodes has `runs` runs with each of 12 signals, which differ; a node's own yields lie `spread`
    /// around the common ones.
    fn work(&mut self, nodes: std::ops::Range<u64>, runs: u32, spread: f64) {
        for of in nodes {
            let mut lots = Lots::of(&[7, of]);
            for signal in 0..12 {
                let p = 0.2 + 0.05 * f64::from(signal) + spread * lots.normal();
                let y = (0..runs).filter(|_| lots.share() < p).count();
                self.tell(
                    node(of),
                    key(1, signal),
                    told(runs, u32::try_from(y).unwrap_or(0)),
                );
            }
        }
    }

    fn trust(&self, own: Origin) -> Trust {
        Trust::of(&self.replica, own, 0, &Params::default())
    }

    /// How far the first nodes are believed by the very first; one that says nothing of today is.
    fn believed(&self, count: u64) -> Vec<f64> {
        let trust = self.trust(node(0));
        let weight = |of| trust.weights().get(&node(of)).copied().unwrap_or(fixed::ONE);
        (0..count).map(|of| fixed::to_f64(weight(of))).collect()
    }
}

/// Fails where one of the first `honest` nodes is doubted or one of the `liars` after them is believed.
fn check(facts: &Facts, honest: u64, liars: u64) {
    let believed = facts.believed(honest + liars);
    let (of_honest, of_liars) = believed.split_at(usize::try_from(honest).unwrap_or(0));
    assert!(of_honest.iter().all(|weight| *weight > 0.9), "{believed:?}");
    assert!(of_liars.iter().all(|weight| *weight < 0.1), "{believed:?}");
}

#[test]
fn honest_origins_are_believed_whether_they_have_worked_much_or_little() {
    let mut facts = Facts::new();
    facts.work(0..10, 40, 0.0);
    facts.work(10..20, 3, 0.0);
    check(&facts, 20, 0);
}

#[test]
fn three_of_ten_that_lie_alike_are_found_out() {
    let mut facts = Facts::new();
    facts.work(0..14, 20, 0.0);
    for liar in 14..20 {
        for signal in 0..12 {
            facts.tell(
                node(liar),
                key(1, signal),
                told(20, if signal < 6 { 16 } else { 4 }),
            );
        }
    }
    check(&facts, 14, 6);
}

#[test]
fn an_honest_past_does_not_vouch_for_new_lies() {
    let mut facts = Facts::new();
    facts.work(0..10, 40, 0.0);
    check(&facts, 10, 0);
    // Of 540 runs 60 are lies: failures of the best signal, successes of the worst.
    let real = |signal| {
        let cell = facts.replica.cell(&key(1, signal), node(9));
        cell.expect("it has worked").slow.y >> 16
    };
    let (best, worst) = (real(11), real(0));
    facts.tell(node(9), key(1, 11), told(70, best));
    facts.tell(node(9), key(1, 0), told(70, worst + 30));
    check(&facts, 9, 1);
}

#[test]
fn who_tells_the_outcomes_of_all_and_other_advantages_is_not_believed() {
    let mut facts = Facts::new();
    facts.work(0..10, 20, 0.0);
    for signal in 0..12 {
        let copied = told(20, 4 + u32::from(signal));
        facts.tell(
            node(10),
            key(1, signal),
            Told {
                expected: -0.5,
                ..copied
            },
        );
    }
    check(&facts, 10, 1);
}

#[test]
fn where_the_work_of_all_differs_only_a_liar_stands_out() {
    let mut facts = Facts::new();
    facts.work(0..16, 60, 0.12);
    for signal in 0..12 {
        facts.tell(
            node(16),
            key(1, signal),
            told(60, if signal < 6 { 58 } else { 2 }),
        );
    }
    check(&facts, 16, 1);
}

#[test]
fn own_receipts_are_beyond_doubt() {
    let mut facts = Facts::new();
    facts.work(0..10, 20, 0.0);
    for signal in 0..12 {
        facts.tell(
            node(10),
            key(1, signal),
            told(20, if signal < 6 { 20 } else { 0 }),
        );
    }
    assert_eq!(facts.trust(node(0)).weights()[&node(10)], 0);
    assert_eq!(facts.trust(node(10)).weights()[&node(10)], fixed::ONE);
}

#[test]
fn work_of_another_mixture_is_no_lie_in_the_scope_above() {
    let mut facts = Facts::new();
    let path = |text: &str| -> ScopePath { text.parse().expect("a path") };
    let mut writer = crate::writer::Writer::new(node(99), Stamp::default());
    for text in ["read", "read/html", "read/pdf"] {
        writer.scope(&mut facts.replica, &path(text));
    }
    let at = |text: &str, signal| key(ScopeId::of(&path(text)).0, signal);
    // Half of the nodes read mostly what is easy, the other half mostly what is hard.
    for of in 0..12 {
        let (easy, hard) = if of % 2 == 0 { (40, 5) } else { (5, 40) };
        for signal in 0..12 {
            let (good, bad) = (easy * 9 / 10, hard / 5);
            facts.tell(node(of), at("read/html", signal), told(easy, good));
            facts.tell(node(of), at("read/pdf", signal), told(hard, bad));
            facts.tell(node(of), at("read", signal), told(easy + hard, good + bad));
        }
    }
    check(&facts, 12, 0);
}

/// What of `n` runs at a key counts, told by `origin` to `own`.
fn counted(facts: &Facts, own: Origin, origin: Origin, n: u32) -> f64 {
    let share = facts.trust(own).bound(&key(1, 0)).share(origin, n << 16);
    fixed::to_f64(share) * f64::from(n)
}

#[test]
fn volume_buys_nothing_beyond_what_a_third_of_the_origins_can_show() {
    let mut facts = Facts::new();
    facts.work(0..14, 20, 0.0);
    for liar in 14..20 {
        facts.tell(node(liar), key(1, 0), told(4000, 2000));
    }
    for (n, expected) in [(5, 5.0), (20, 20.0), (4000, 20.0)] {
        let counts = counted(&facts, node(0), node(14), n);
        assert!((counts - expected).abs() < 0.1, "{n} runs count for {counts}");
    }
}

#[test]
fn with_few_origins_nobody_is_cut() {
    let mut facts = Facts::new();
    facts.tell(node(0), key(1, 0), told(1, 1));
    facts.tell(node(1), key(1, 0), told(1000, 600));
    assert!((counted(&facts, node(0), node(1), 1000) - 1000.0).abs() < 1.0);
}

#[test]
fn a_key_that_only_liars_know_counts_for_few_runs() {
    let mut facts = Facts::new();
    facts.work(0..8, 20, 0.0);
    for (liar, signal) in [(8, 50), (9, 51)] {
        facts.tell(node(liar), key(1, signal), told(1000, 1000));
        let trust = facts.trust(node(0));
        for signal in [signal, 99] {
            let share = trust.bound(&key(1, signal)).share(node(liar), 1000 << 16);
            assert!(fixed::to_f64(share) * 1000.0 < 4.1);
        }
    }
}

#[test]
fn a_thousand_nodes_of_one_tenant_do_not_drown_another() {
    let mut facts = Facts::new();
    for own in 0..4 {
        facts.tell(node(own), key(1, 0), told(20, 4));
    }
    for sybil in 0..1000 {
        let origin = Origin {
            tenant: 2,
            node: sybil,
        };
        facts.tell(origin, key(1, 0), told(100, 100));
    }
    let trust = facts.trust(node(0));
    let origins = (0..1000).map(|sybil| Origin {
        tenant: 2,
        node: sybil,
    });
    let counts: f64 = origins
        .map(|origin| fixed::to_f64(trust.bound(&key(1, 0)).share(origin, 100 << 16)) * 100.0)
        .sum();
    assert!(counts <= 40.1, "they count for {counts} runs beside our 80");
    assert!((counted(&facts, node(0), node(1), 20) - 20.0).abs() < 0.1);
}

#[test]
fn quorums_are_of_nodes_at_home_and_of_tenants_abroad() {
    let origins = |tenant: u32, nodes: std::ops::Range<u64>| nodes.map(move |node| Origin { tenant, node });
    let active: BTreeSet<Origin> = origins(1, 0..9).chain(origins(2, 0..1000)).collect();
    let votes = |of: BTreeSet<Origin>| carries(1, &of, &active);
    assert!(!votes(origins(1, 0..3).collect()), "a third is no quorum");
    assert!(votes(origins(1, 0..4).collect()));
    assert!(
        !votes(origins(2, 0..1000).collect()),
        "another tenant outvotes us"
    );
    assert!(votes(origins(1, 0..3).chain(origins(2, 0..1000)).collect()));
    assert!(!votes(origins(1, 0..2).chain(origins(2, 0..1000)).collect()));
    let abroad: BTreeSet<Origin> = (2..8).flat_map(|tenant| origins(tenant, 0..10)).collect();
    let voices = |tenants: std::ops::Range<u32>| {
        let raised: BTreeSet<Origin> = tenants.flat_map(|tenant| origins(tenant, 0..4)).collect();
        carries(1, &raised, &abroad)
    };
    assert!(!voices(2..4));
    assert!(voices(2..5));
}

#[test]
fn honest_laggards_of_a_turned_world_are_not_compared() {
    let mut facts = Facts::new();
    let scope = ScopeId(1);
    // Ten nodes saw the signals work; then all broke, seven have noticed and three still tell of the past.
    for of in 0..10 {
        for signal in 0..8 {
            let past = of >= 7;
            facts.tell(node(of), key(1, signal), told(20, if past { 18 } else { 2 }));
            if past {
                continue;
            }
            let mut cell = facts.replica.cell(&key(1, signal), node(of)).expect("told");
            facts.seq += 1;
            cell.stamp.seq = facts.seq;
            cell.regime = 1;
            let fact = Fact::Cell {
                origin: node(of),
                key: key(1, signal),
                cell,
            };
            facts.replica.merge(fact, 0);
        }
        facts.seq += 1;
        let votes: Vec<(SignalId, u8)> = (0..8).map(|signal| (key(1, signal).signal, 1)).collect();
        let mut cell = crate::fact::ScopeCell {
            stamp: Stamp {
                inc: 1,
                seq: facts.seq,
            },
            slow: Sums {
                n: 160 << 16,
                ..Sums::default()
            },
            ..crate::fact::ScopeCell::default()
        };
        if of < 7 {
            cell.votes = votes;
            cell.votes.sort_unstable();
        }
        facts.replica.merge(
            Fact::ScopeCell {
                origin: node(of),
                scope,
                cell,
            },
            0,
        );
    }
    check(&facts, 10, 0);
}
