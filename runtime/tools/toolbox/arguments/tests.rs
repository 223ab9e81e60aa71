//! Wrong arguments are refused in words that a model can act on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sample {
    /// What to look for.
    #[schemars(length(min = 1, max = 10))]
    query: String,
    /// How many.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 5))]
    limit: u32,
}

fn three() -> u32 {
    3
}

fn check(given: &Value, expected: Result<(&str, u32), &str>) {
    let found = Arguments::of::<Sample>().take::<Sample>(given);
    match expected {
        Ok((query, limit)) => assert_eq!(
            found,
            Ok(Sample {
                query: query.to_owned(),
                limit
            })
        ),
        Err(words) => {
            let told = found.expect_err("the arguments are wrong");
            assert!(told.contains(words), "{told}");
        }
    }
}

#[test]
fn arguments_are_checked_and_defaults_are_filled_in() {
    check(&json!({"query": "ants"}), Ok(("ants", 3)));
    check(&json!({"query": "ants", "limit": 5}), Ok(("ants", 5)));
}

#[test]
fn what_is_wrong_is_told_by_name() {
    check(&json!({}), Err("\"query\" is a required property"));
    check(&json!({"query": 7}), Err("`query`: 7 is not of type \"string\""));
    check(
        &json!({"query": "ants", "limit": 6}),
        Err("`limit`: 6 is greater than the maximum of 5"),
    );
    check(&json!({"query": "ants", "limitt": 2}), Err("limitt"));
    check(&json!("query=ants"), Err("not of type \"object\""));
}

#[test]
fn a_huge_value_is_not_repeated() {
    let told = Arguments::of::<Sample>().take::<Sample>(&json!({"query": "x".repeat(100_000)}));
    assert!(told.expect_err("it is too long").len() < 400);
}

#[test]
fn the_schema_is_for_models() {
    let arguments = Arguments::of::<Sample>();
    let schema = arguments.schema();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["query"]["description"], "What to look for.");
    assert_eq!(schema.get("title").or(schema.get("$schema")), None);
}
