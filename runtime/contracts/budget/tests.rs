//! Amounts add without overflow, and limits read as people write them.

use super::*;

#[test]
fn dollars_and_spans_are_written_by_people_and_kept_as_integers() {
    let limits: Limits =
        serde_json::from_str(r#"{"usd": 0.5, "wall": "1m 30s", "steps": 7}"#).expect("the limits read");
    assert_eq!(limits.get(Dimension::Usd), Some(500_000));
    assert_eq!(limits.get(Dimension::Wall), Some(90_000));
    let packed = rmp_serde::to_vec(&limits).expect("the limits encode");
    assert_eq!(
        rmp_serde::from_slice::<Limits>(&packed).expect("the limits decode"),
        limits
    );
}

#[test]
fn wrong_limits_are_refused() {
    for wrong in [
        r#"{"usd": -1}"#,
        r#"{"wall": "soon"}"#,
        r#"{"tokens": 3}"#,
        r#"{"usd": 1e300}"#,
    ] {
        assert!(serde_json::from_str::<Limits>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_first_exceeded_dimension_is_named() {
    let limits = Limits {
        tokens_out: Some(10),
        steps: Some(1),
        ..Limits::default()
    };
    let check = |amount: Amount, expected| assert_eq!(limits.exceeded_by(&amount), expected);
    check(
        Amount {
            tokens_out: 10,
            steps: 1,
            tokens_in: 9_999,
            ..Amount::ZERO
        },
        None,
    );
    check(
        Amount {
            tokens_out: 11,
            steps: 2,
            ..Amount::ZERO
        },
        Some(Dimension::TokensOut),
    );
}

#[test]
fn amounts_saturate() {
    let huge = Amount {
        tokens_in: u64::MAX,
        ..Amount::ZERO
    };
    assert_eq!(huge.plus(huge).tokens_in, u64::MAX);
    assert!(Amount::ZERO.minus(huge).is_zero());
}

#[test]
fn money_prints_in_dollars() {
    assert_eq!(Usd(1_500_000).to_string(), "$1.50");
    assert_eq!(Usd(1_234).to_string(), "$0.001234");
}
