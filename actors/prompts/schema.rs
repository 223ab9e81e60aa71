//! JSON Schemas of answers, in the form that providers take: self-contained, without references or a meta schema.

use anthill_contracts::model::AnswerSchema;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of an answer type, under the name that requests give it.
pub fn answer_schema<T: JsonSchema>(name: &str) -> AnswerSchema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        // These name the type and its place in our sources, which tells a model nothing.
        root.remove("title");
        root.remove("description");
    }
    without_widths(&mut schema);
    AnswerSchema {
        name: name.to_owned(),
        schema,
    }
}

/// Drops formats such as `uint32`: they are no part of JSON Schema, and some providers refuse what they do not know.
fn without_widths(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_width = |format: &Value| format.as_str().is_some_and(|text| text.starts_with("uint"));
            if fields.get("format").is_some_and(is_width) {
                fields.remove("format");
            }
            fields.values_mut().for_each(without_widths);
        }
        Value::Array(items) => items.iter_mut().for_each(without_widths),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
