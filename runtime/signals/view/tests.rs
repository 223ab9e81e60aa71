//! Views: who is believed, and what is remembered between two looks.

use super::*;

#[test]
fn a_blank_view_believes_everybody_and_knows_no_break() {
    let own = Origin { tenant: 1, node: 1 };
    let view = View::blank(own);
    assert_eq!(view.weight(Origin { tenant: 1, node: 2 }), fixed::ONE);
    assert!(view.cap(ScopeId(1)).is_infinite());
    assert_eq!(
        view.regime(ScopeId(1), SignalId::from_bytes([1; 16])),
        Regime::default()
    );
    let here = BundleClass { family: 1, exact: 2 };
    assert_eq!(view.bundles(ScopeId(1), here).collect::<Vec<_>>(), [here]);
}
