//! What a zone says is a function of its members' facts, however they came.

use anthill_contracts::signal::{BundleClass, Origin};

use super::*;
use crate::evidence::{Reader, slow};
use crate::fact::Fact;
use crate::fact::zone_origin;
use crate::params::Params;
use crate::view::View;
use crate::writer::Writer;

const NOW: u64 = 1_790_000_000_000;

fn key() -> CellKey {
    CellKey {
        signal: SignalId::of_parts(&[b"one"]),
        scope: ScopeId(3),
        bundle: BundleClass::default(),
    }
}

/// One cell and one scope cell of each of some members, of different times.
fn facts(members: u64) -> Vec<Fact> {
    let mut replica = Replica::new(&Params::default());
    let mut facts = Vec::new();
    for node in 1..=members {
        let mut writer = Writer::resume(&replica, Origin { tenant: 1, node }, 0);
        let now = NOW + node * 3_600_000;
        facts.push(writer.cell(&mut replica, key(), now, |cell| {
            for _ in 0..node {
                cell.slow = cell.slow.with(fixed::ONE, 777);
            }
            cell.total = u32::try_from(node).expect("small");
            cell.regime = 1;
        }));
        facts.push(writer.scope_cell(&mut replica, key().scope, now, |cell| {
            cell.slow = cell.slow.with(fixed::ONE, 1);
            cell.votes = vec![(key().signal, u8::from(node % 2 == 0))];
        }));
    }
    facts
}

fn holding(facts: impl IntoIterator<Item = Fact>) -> Replica {
    let mut replica = Replica::new(&Params::default());
    for fact in facts {
        replica.merge(fact, NOW + 100 * 3_600_000);
    }
    replica
}

#[test]
fn neither_order_nor_the_entries_of_zones_play_a_part() {
    let facts = facts(9);
    let one = holding(facts.clone());
    let mut other = holding(facts.into_iter().rev());
    let mut cell = cell(&one, &key(), 1, 0).expect("held");
    let scope = scope_cell(&one, key().scope, 1, 0).expect("held");
    let said = Cell {
        stamp: Stamp { inc: 1, seq: 1 },
        ..cell
    };
    let origin = zone_origin(1, 4);
    other.merge(
        Fact::Cell {
            origin,
            key: key(),
            cell: said,
        },
        NOW + 100 * 3_600_000,
    );
    assert_eq!(super::cell(&other, &key(), 1, 0), Some(cell));
    assert_eq!(scope_cell(&other, key().scope, 1, 0), Some(scope.clone()));
    assert_eq!(super::cell(&other, &key(), 2, 0), None, "another tenant's");
    assert_eq!(cell.at, NOW + 9 * 3_600_000);
    assert_eq!(cell.total, 45);
    let later = NOW + 100 * 3_600_000;
    let raw: u32 = one
        .cells(&key())
        .map(|(_, cell)| cell.slow_at(later, one.params()).n)
        .sum();
    cell = cell.brought_to(later, one.params());
    assert!(cell.slow.n.abs_diff(raw) < 32, "{} and {raw}", cell.slow.n);
    assert_eq!(scope.votes, vec![(key().signal, 1)], "four of nine vote for it");
}

#[test]
fn a_single_member_makes_its_zone_forget_nothing() {
    let mut facts = facts(9);
    let honest = cell(&holding(facts.clone()), &key(), 1, 0).expect("held");
    let Fact::Cell { cell: of_liar, .. } = &mut facts[0] else {
        panic!("the first fact is a cell");
    };
    of_liar.regime = 200;
    of_liar.era = 200;
    let lied = cell(&holding(facts), &key(), 1, 0).expect("held");
    assert_eq!((lied.regime, lied.era), (honest.regime, honest.era));
    assert_eq!(lied.slow, honest.slow);
}

#[test]
fn more_runs_than_fit_keep_their_means() {
    let mut total = Total::default();
    for _ in 0..64 {
        let sums = Sums {
            n: 60_000 << 16,
            y: 30_000 << 16,
            adv: 6_000 << 16,
        };
        total.add(sums, fixed::ONE);
    }
    let sums = total.sums();
    assert_eq!(sums.n, u32::MAX);
    assert!((f64::from(sums.y) / f64::from(sums.n) - 0.5).abs() < 1e-6);
    assert!((sums.adv as f64 / f64::from(sums.n) - 0.1).abs() < 1e-6);
}

#[test]
fn the_volume_of_a_zone_is_measured_among_zones() {
    let mut replica = Replica::new(&Params::default());
    let origins = (1..=8).map(|node| Origin { tenant: 1, node });
    let zones = (1..=5).map(|zone| zone_origin(1, zone));
    for origin in origins.chain(zones) {
        let runs = if is_zone(origin) { 640 } else { 10 };
        let mut writer = Writer::resume(&replica, origin, 0);
        writer.cell(&mut replica, key(), NOW, |cell| {
            for run in 0..runs {
                cell.slow = cell.slow.with(fixed::ONE * (run % 2), 0);
            }
        });
    }
    let (params, own) = (Params::default(), Origin { tenant: 1, node: 1 });
    let view = View::of(&replica, own, NOW, &params);
    let reader = Reader {
        view: &view,
        bundle: BundleClass::default(),
        now: NOW,
        params: &params,
    };
    let read = slow(&reader.of(&replica), key().signal, key().scope);
    assert!(
        (read.n - (8.0 * 10.0 + 5.0 * 640.0)).abs() < 1.0,
        "{} runs",
        read.n
    );
}
