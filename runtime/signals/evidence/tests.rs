//! Readings of evidence: equal for equal facts in any order, decayed, weighed and capped.

use super::*;
use crate::fact::{Fact, ScopeCell, Stamp};

const SIGNAL: SignalId = SignalId::from_bytes([1; 16]);
const SCOPE: ScopeId = ScopeId(3);
const HERE: BundleClass = BundleClass { family: 1, exact: 1 };
const NOW: u64 = 1_000_000_000;

fn origin(node: u64) -> Origin {
    Origin { tenant: 1, node }
}

fn cell(seq: u64, runs: u32, y: f64, adv: f64) -> Cell {
    Cell {
        stamp: Stamp { inc: 0, seq },
        at: NOW,
        slow: Sums {
            n: runs << 16,
            y: u32::try_from(fixed::from_f64(y)).expect("sums of tests are small"),
            adv: fixed::from_f64(adv),
        },
        ..Cell::default()
    }
}

fn fact(node: u64, bundle: BundleClass, cell: Cell) -> Fact {
    let key = CellKey {
        signal: SIGNAL,
        scope: SCOPE,
        bundle,
    };
    Fact::Cell {
        origin: origin(node),
        key,
        cell,
    }
}

fn replica(facts: impl IntoIterator<Item = Fact>) -> Replica {
    let mut replica = Replica::default();
    for fact in facts {
        replica.merge(fact, NOW);
    }
    replica
}

fn read_at(replica: &Replica, view: &View, now: u64) -> Evidence {
    let reader = Reader {
        view,
        bundle: HERE,
        now,
        params: &Params::default(),
    };
    slow(&reader.of(replica), SIGNAL, SCOPE)
}

#[test]
fn equal_facts_read_equal_in_any_order() {
    let mut facts: Vec<Fact> = (0..40)
        .map(|node| {
            fact(
                node,
                HERE,
                cell(1, 3 + u32::try_from(node).unwrap_or(0), 1.37, 0.213),
            )
        })
        .collect();
    let view = View::blank(origin(99));
    let forward = replica(facts.clone());
    facts.reverse();
    facts.extend(facts.clone());
    let backward = replica(facts);
    for days in [0, 1, 9, 40] {
        let now = NOW + days * 86_400_000 + 12_345;
        assert_eq!(read_at(&forward, &view, now), read_at(&backward, &view, now));
    }
}

#[test]
fn evidence_halves_with_its_half_life() {
    let held = replica([fact(1, HERE, cell(1, 8, 4.0, 2.0))]);
    let view = View::blank(origin(1));
    let later = read_at(&held, &view, NOW + Params::default().slow_half_life_ms);
    assert!((later.n - 4.0).abs() < 1e-3, "{later:?}");
    assert!(
        (later.y - 2.0).abs() < 1e-3 && (later.adv - 1.0).abs() < 1e-3,
        "{later:?}"
    );
}

#[test]
fn evidence_of_another_bundle_counts_less() {
    let family = BundleClass { family: 1, exact: 2 };
    let stranger = BundleClass { family: 2, exact: 3 };
    let held = replica([
        fact(1, HERE, cell(1, 10, 5.0, 0.0)),
        fact(1, family, cell(2, 10, 5.0, 0.0)),
        fact(1, stranger, cell(3, 10, 5.0, 0.0)),
    ]);
    let view = View::of(&held, origin(1), NOW, &Params::default());
    let read = read_at(&held, &view, NOW);
    assert!((read.n - 20.0).abs() < 1e-2, "{read:?}");
}

#[test]
fn no_run_is_worth_more_than_a_run() {
    let held = replica([fact(1, HERE, cell(1, 2, 2.0, 1_000.0))]);
    let read = read_at(&held, &View::blank(origin(2)), NOW);
    assert!(read.adv <= 4.0, "{read:?}");
}

#[test]
fn evidence_of_a_past_regime_is_gone_and_that_of_its_siblings_is_not() {
    let sibling = SignalId::from_bytes([2; 16]);
    let key = CellKey {
        signal: sibling,
        scope: SCOPE,
        bundle: HERE,
    };
    let voted = ScopeCell {
        stamp: Stamp { inc: 0, seq: 9 },
        at: NOW,
        slow: Sums {
            n: 10 << 16,
            ..Sums::default()
        },
        votes: vec![(SIGNAL, 1)],
        ..ScopeCell::default()
    };
    let held = replica([
        fact(1, HERE, cell(1, 10, 5.0, 1.0)),
        Fact::Cell {
            origin: origin(1),
            key,
            cell: cell(2, 10, 5.0, 1.0),
        },
        Fact::ScopeCell {
            origin: origin(1),
            scope: SCOPE,
            cell: voted,
        },
    ]);
    let params = Params::default();
    let view = View::of(&held, origin(1), NOW, &params);
    assert!(read_at(&held, &view, NOW).n.abs() < 1e-9);
    let reader = Reader {
        view: &view,
        bundle: HERE,
        now: NOW,
        params: &params,
    };
    assert!((slow(&reader.of(&held), sibling, SCOPE).n - 10.0).abs() < 1e-9);
}

#[test]
fn a_cap_scales_a_sample_and_leaves_a_smaller_one() {
    let sample = Evidence {
        n: 40.0,
        y: 30.0,
        adv: 10.0,
    };
    let capped = sample.at_most(10.0);
    assert!((capped.n - 10.0).abs() < 1e-9 && (capped.y - 7.5).abs() < 1e-9);
    assert_eq!(sample.at_most(f64::INFINITY), sample);
}

#[test]
fn what_is_written_often_fades_like_what_is_left_alone() {
    let params = Params::default();
    let later = NOW + params.slow_half_life_ms;
    let mut often = cell(1, 64, 32.0, 8.0);
    for step in 1..=1_000_u64 {
        often = often.brought_to(NOW + params.slow_half_life_ms * step / 1_000, &params);
    }
    let alone = cell(1, 64, 32.0, 8.0).slow_at(later, &params);
    let near = |left: i64, right: i64| (left - right).abs() < right / 100;
    assert!(
        near(often.slow.n.into(), alone.n.into()),
        "{} {}",
        often.slow.n,
        alone.n
    );
    assert!(near(often.slow.adv, alone.adv));
}
