//! Answer schemas in the narrower form that constrained decoding demands.
//!
//! Both big providers want every object closed (`additionalProperties: false`) and refuse bounds on numbers and texts;
//! `OpenAI` also wants every property required. Narrowing loses nothing: the answer is checked against the full schema
//! later. A schema with an open object has no such form, and the caller is told so.

use serde_json::{Map, Value, json};

const NAME_CHARS_MAX: usize = 64;
/// How deep a schema may be nested; a cycle is only possible through `$ref`, which is not followed.
const DEPTH_MAX: usize = 64;
/// Keywords that are kept; all others narrow values and are left out.
const KEPT: [&str; 5] = ["type", "description", "enum", "const", "$ref"];

/// Which properties an answer must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// Every one.
    All,
    /// Those that the schema says.
    AsWritten,
}

/// The closed form of a schema, or nothing where an object of any shape is allowed in it.
pub(crate) fn closed(schema: &Value, required: Required) -> Option<Value> {
    close(schema, required, 0)
}

/// A schema's name in the characters that `OpenAI` allows.
pub(crate) fn name(name: &str) -> String {
    let clean: String = name
        .chars()
        .take(NAME_CHARS_MAX)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if clean.is_empty() {
        "answer".to_owned()
    } else {
        clean
    }
}

fn close(schema: &Value, required: Required, depth: usize) -> Option<Value> {
    let fields = schema.as_object().filter(|_| depth < DEPTH_MAX)?;
    if let Some(reference) = fields.get("$ref") {
        // Siblings of a reference are refused.
        return with_definitions(json!({ "$ref": reference }), fields, required, depth);
    }
    let mut out = Map::new();
    for key in KEPT {
        if let Some(value) = fields.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = fields.get(key).and_then(Value::as_array) {
            let closed: Option<Vec<Value>> = choices
                .iter()
                .map(|choice| close(choice, required, depth + 1))
                .collect();
            let name = if key == "oneOf" { "anyOf" } else { key };
            out.insert(name.to_owned(), closed?.into());
        }
    }
    if let Some(items) = fields.get("items") {
        out.insert("items".to_owned(), close(items, required, depth + 1)?);
    }
    if is_object(fields) {
        close_object(fields, &mut out, required, depth)?;
    }
    if out.is_empty() {
        return None;
    }
    with_definitions(Value::Object(out), fields, required, depth)
}

fn is_object(fields: &Map<String, Value>) -> bool {
    let by_type = match &fields.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => false,
    };
    by_type || fields.contains_key("properties")
}

fn close_object(
    fields: &Map<String, Value>,
    out: &mut Map<String, Value>,
    required: Required,
    depth: usize,
) -> Option<()> {
    let open = match fields.get("additionalProperties") {
        None | Some(Value::Bool(false)) => !fields.contains_key("properties"),
        Some(_) => true,
    };
    if open {
        return None;
    }
    let properties = fields.get("properties").and_then(Value::as_object)?;
    let mut closed = Map::new();
    for (name, property) in properties {
        closed.insert(name.clone(), close(property, required, depth + 1)?);
    }
    let names = match required {
        Required::All => properties.keys().cloned().map(Value::from).collect(),
        Required::AsWritten => fields.get("required").cloned().unwrap_or_else(|| json!([])),
    };
    out.insert("required".to_owned(), names);
    out.insert("properties".to_owned(), Value::Object(closed));
    out.insert("additionalProperties".to_owned(), Value::Bool(false));
    Some(())
}

fn with_definitions(
    mut schema: Value,
    fields: &Map<String, Value>,
    required: Required,
    depth: usize,
) -> Option<Value> {
    for key in ["$defs", "definitions"] {
        if let Some(definitions) = fields.get(key).and_then(Value::as_object) {
            let mut closed = Map::new();
            for (name, definition) in definitions {
                closed.insert(name.clone(), close(definition, required, depth + 1)?);
            }
            schema[key] = Value::Object(closed);
        }
    }
    Some(schema)
}

#[cfg(test)]
mod tests;
