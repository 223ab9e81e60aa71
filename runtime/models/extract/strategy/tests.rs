//! What is understood as a strategy.

use super::*;

#[test]
fn a_strategy_is_read_from_its_arguments() {
    let lead = Strategy::of(Some(r#"{"rank":"lead","sections":true,"sentences":2}"#));
    let expected = Strategy {
        rank: Rank::Lead,
        sentences: Some(2),
        sections: true,
    };
    assert_eq!(lead, expected);
    assert_eq!(lead.claims_max(5), 2);
    assert_eq!(Strategy::default().claims_max(5), 5);
}

#[test]
fn what_cannot_be_understood_changes_nothing() {
    for args in [
        None,
        Some("{"),
        Some(r#"{"rank":"best"}"#),
        Some(r#"{"run":"rm"}"#),
    ] {
        assert_eq!(Strategy::of(args), Strategy::default(), "{args:?}");
    }
}

#[test]
fn no_strategy_reads_nothing() {
    assert_eq!(Strategy::of(Some(r#"{"sentences":0}"#)).claims_max(5), 1);
}

#[test]
fn every_known_strategy_is_understood_and_canonical() {
    for args in STRATEGIES {
        let value: serde_json::Value = serde_json::from_str(args).expect("JSON");
        assert_eq!(value.to_string(), args, "keys are sorted and nothing is spaced");
        assert!(serde_json::from_str::<Strategy>(args).is_ok(), "{args}");
    }
}
