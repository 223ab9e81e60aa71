//! Kinship on scopes that are alike, that have nothing in common, and that nothing is known of.

use anthill_contracts::signal::Origin;

use super::*;
use crate::fact::{Cell, CellKey, Fact, Stamp, Sums};
use crate::fixed;
use crate::replica::Replica;
use crate::view::View;

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

fn view(replica: &Replica) -> View {
    View::of(replica, OURS, 1_000, &Params::default())
}

fn runs(replica: &Replica, top: ScopeId) -> Option<f64> {
    view(replica).kinship().runs(top, &Params::default())
}

#[test]
fn scopes_that_are_alike_lean_more() {
    let (replica, top) = family(|_, signal| 0.02 * signal as f64);
    let runs = runs(&replica, top).expect("there are siblings");
    assert!(runs > 10.0 * Params::default().backoff_runs, "{runs}");
}

#[test]
fn scopes_with_nothing_in_common_lean_less() {
    let (replica, top) = family(|scope, signal| if signal == scope { 0.6 } else { -0.2 });
    let runs = runs(&replica, top).expect("there are siblings");
    // Each leader is 0.8 above what it gains elsewhere: 0.25 / 0.8² runs.
    assert!(runs < 0.6, "{runs}");
}

#[test]
fn signals_that_lose_everywhere_make_no_kin() {
    let (replica, top) = family(|scope, signal| match signal {
        0..6 => [-0.3, 0.6][usize::from(signal == scope)],
        _ => -0.3,
    });
    let runs = runs(&replica, top).expect("there are siblings");
    assert!(runs < 0.6, "{runs}");
}

#[test]
fn nothing_known_leaves_the_recommended_number() {
    assert_eq!(runs(&Replica::default(), ScopeId(1)), None);
    let (replica, top) = family(|_, _| 0.0);
    let runs = runs(&replica, top).expect("there are siblings");
    let recommended = Params::default().backoff_runs;
    assert!((runs / recommended).ln().abs() < 0.15, "{runs}");
}

#[test]
fn a_scope_does_not_lean_on_what_it_has_seen_itself() {
    let (replica, top) = family(|scope, signal| if signal == scope { 0.6 } else { 0.0 });
    let (view, params) = (view(&replica), Params::default());
    let reader = Reader {
        view: &view,
        bundle: BundleClass::default(),
        now: 1_000,
        params: &params,
    };
    let below = |number: usize| ScopeId::of(&format!("top/below-{number}").parse().expect("a scope"));
    let prior = Posterior::prior(&params);
    let expected = |signal: usize, scope: usize| {
        let signal = SignalId::of_parts(&[&signal.to_le_bytes()]);
        let reading = reader.of(&replica);
        view.kinship()
            .expected(&reading, signal, (top, below(scope)), prior)
    };
    assert!(expected(2, 2).mean.abs() < 1e-3, "{:?}", expected(2, 2));
    assert!(expected(2, 3).mean > 0.02, "{:?}", expected(2, 3));
    assert!(expected(2, 3).sd < prior.sd);
}
