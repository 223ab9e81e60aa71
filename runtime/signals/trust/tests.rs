//! Trust on facts that are made by hand.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use crate::fact::{Cell, CellKey, Fact, ScopeId, Stamp, Sums};
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

use super::weights;

/// Adds what an origin claims of signal `signal` in one scope.
fn claim(replica: &mut Replica, origin: Origin, signal: u8, (n, y): (u32, u32)) {
    let key = CellKey {
        signal: SignalId::of_parts(&[&[signal]]),
        scope: ScopeId(1),
        bundle: BundleClass::default(),
    };
    let sums = Sums {
        n: n << 16,
        y: y << 16,
        adv: 0,
    };
    let cell = Cell {
        stamp: Stamp {
            inc: 1,
            seq: u64::from(signal) + 1,
        },
        slow: sums,
        ..Cell::default()
    };
    replica.merge(Fact::Cell { origin, key, cell }, 0);
}

fn node(node: u64) -> Origin {
    Origin { tenant: 1, node }
}

#[test]
fn who_contradicts_all_others_is_not_believed() {
    let mut replica = Replica::default();
    for signal in 0..8 {
        for honest in 0..6 {
            claim(
                &mut replica,
                node(honest),
                signal,
                (20, 12 + u32::from(signal) % 3),
            );
        }
        claim(&mut replica, node(6), signal, (20, 1));
    }
    let weights = weights(&replica, node(0), 0, &Params::default());
    assert!(
        (0..6).all(|honest| weights[&node(honest)] == fixed::ONE),
        "{weights:?}"
    );
    assert_eq!(weights[&node(6)], 0);
}
