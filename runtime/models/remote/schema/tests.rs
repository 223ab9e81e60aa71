//! Schemas are sent in the form that providers accept.

use anthill_contracts::model::{OpinionAnswer, OutlineAnswer};
use anthill_contracts::plan::Plan;
use serde_json::{Value, json};

use super::{Required, closed, name};

fn every_object_is_closed(schema: &Value) -> bool {
    let own = schema
        .get("properties")
        .is_none_or(|_| schema["additionalProperties"] == false);
    let inner = match schema {
        Value::Object(fields) => fields.values().all(every_object_is_closed),
        Value::Array(items) => items.iter().all(every_object_is_closed),
        _ => true,
    };
    own && inner
}

#[test]
fn the_contracts_of_the_runtime_can_be_closed() {
    let schemas = [
        schemars::schema_for!(OutlineAnswer),
        schemars::schema_for!(OpinionAnswer),
        schemars::schema_for!(Plan),
    ];
    for schema in schemas {
        let closed = closed(schema.as_value(), Required::All).expect("a closed form");
        assert!(every_object_is_closed(&closed), "{closed}");
        let text = closed.to_string();
        assert!(
            !text.contains("\"minimum\"") && !text.contains("\"format\"") && !text.contains("\"default\"")
        );
    }
}

#[test]
fn bounds_go_and_requirements_follow_the_dialect() {
    let schema = json!({
        "$schema": "x", "title": "T", "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 0, "description": "a count"},
            "s": {"$ref": "#/$defs/S", "description": "sibling"},
        },
        "required": ["n"],
        "$defs": {"S": {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}},
    });
    let all = closed(&schema, Required::All).expect("a closed form");
    assert_eq!(
        all["properties"]["n"],
        json!({"type": "integer", "description": "a count"})
    );
    assert_eq!(all["properties"]["s"], json!({"$ref": "#/$defs/S"}));
    assert_eq!(
        all["$defs"]["S"],
        json!({"anyOf": [{"type": "string"}, {"type": "null"}]})
    );
    assert_eq!(all["required"], json!(["n", "s"]));
    let as_written = closed(&schema, Required::AsWritten).expect("a closed form");
    assert_eq!(as_written["required"], json!(["n"]));
}

#[test]
fn an_open_object_has_no_closed_form() {
    for open in [
        json!({"type": "object"}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "properties": {"args": {"type": "object", "properties": {}, "additionalProperties": true}}}),
        json!({"type": "array", "items": {}}),
        json!(true),
    ] {
        assert_eq!(closed(&open, Required::All), None, "{open}");
    }
}

#[test]
fn names_hold_only_what_is_allowed() {
    assert_eq!(name("findings v1/é"), "findings_v1__");
    assert_eq!(name(""), "answer");
    assert_eq!(name(&"x".repeat(100)).len(), 64);
}
