//! Canonical JSON does not depend on the order of keys.

use super::*;

#[test]
fn equal_values_have_equal_texts() {
    let check = |left: &str, right: &str| {
        let left: Value = serde_json::from_str(left).expect("left reads");
        let right: Value = serde_json::from_str(right).expect("right reads");
        assert_eq!(canonical_json(&left), canonical_json(&right));
    };
    check(
        r#"{"b": [1, {"d": null, "c": "x"}], "a": 1.5}"#,
        r#"{"a":1.5,"b":[1,{"c":"x","d":null}]}"#,
    );
    let quoted: Value = serde_json::from_str(r#"{"a\"": "\n"}"#).expect("reads");
    assert_eq!(canonical_json(&quoted), r#"{"a\"":"\n"}"#);
}
