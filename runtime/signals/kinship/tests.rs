//! Kinship on scopes that are alike, that have nothing in common, and that nothing is known of.

use super::*;
use crate::fact::{Cell, Fact, Stamp, Sums};
use crate::fixed;

const OURS: Origin = Origin { tenant: 1, node: 1 };

/// A family of six scopes with ten signals, each run 100 times in each scope; `gain` says what a signal adds in one.
fn family(gain: impl Fn(usize, usize) -> f64) -> (Replica, ScopeId) {
    let mut replica = Replica::default();
    let top: ScopePath = "top".parse().expect("a scope");
    let mut seq = 0;
    let mut stamp = || {
        seq += 1;
        Stamp { inc: 1, seq }
    };
    for scope in 0..6 {
        let path = top
            .child(&format!("below-{scope}"))
            .expect("two levels are allowed");
        let key_scope = ScopeId::of(&path);
        let fact = Fact::Scope {
            origin: OURS,
            stamp: stamp(),
            path,
        };
        replica.merge(fact, 1_000);
        for signal in 0..10_usize {
            let sums = Sums {
                n: 100 << 16,
                y: 50 << 16,
                adv: fixed::from_f64(100.0 * gain(scope, signal)),
            };
            let cell = Cell {
                stamp: stamp(),
                at: 1_000,
                slow: sums,
                ..Cell::default()
            };
            let key = CellKey {
                signal: SignalId::of_parts(&[&signal.to_le_bytes()]),
                scope: key_scope,
                bundle: BundleClass::default(),
            };
            replica.merge(
                Fact::Cell {
                    origin: OURS,
                    key,
                    cell,
                },
                1_000,
            );
        }
    }
    (replica, ScopeId::of(&top))
}

fn leaning(replica: &Replica, top: ScopeId) -> Option<f64> {
    leanings(replica, 1_000, &Params::default(), |_| fixed::ONE)
        .get(&top)
        .copied()
}

#[test]
fn scopes_that_are_alike_lean_more() {
    let (replica, top) = family(|_, signal| 0.02 * signal as f64);
    let runs = leaning(&replica, top).expect("there are siblings");
    assert!(runs > 2.0 * Params::default().backoff_runs, "{runs}");
}

#[test]
fn scopes_with_nothing_in_common_lean_less() {
    let (replica, top) = family(|scope, signal| 0.3 * if (scope + signal) % 2 == 0 { 1.0 } else { -1.0 });
    let runs = leaning(&replica, top).expect("there are siblings");
    // The means are 0.3 off the family's: 0.25 / 0.3² runs, or a little more for the noise.
    assert!(runs > 2.0 && runs < 4.0, "{runs}");
}

#[test]
fn nothing_known_leaves_the_recommended_number() {
    assert_eq!(leaning(&Replica::default(), ScopeId(1)), None);
    let (replica, top) = family(|_, _| 0.0);
    let nobody = leanings(&replica, 1_000, &Params::default(), |_| 0);
    assert_eq!(nobody.get(&top), None);
    let params = Params::default();
    assert!((Spread::default().runs(&params) - params.backoff_runs).abs() < 1e-9);
}
