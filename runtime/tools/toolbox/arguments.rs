//! Arguments of tools: a JSON Schema from their type, and a check that tells a model what to mend.

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Most flaws that are told at once; more would bury the first.
const FLAWS_MAX: usize = 4;

/// Longest description of one flaw, in characters; the checker repeats the value that it refuses.
const FLAW_CHARS_MAX: usize = 200;

/// The schema of a tool's arguments, compiled.
pub(super) struct Arguments {
    schema: Value,
    validator: Validator,
}

impl Arguments {
    /// The arguments that this type describes.
    pub(super) fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<T>();
        // The name and doc comment of a Rust type mean nothing to a model.
        schema.remove("title");
        schema.remove("description");
        let schema = schema.to_value();
        let validator = jsonschema::validator_for(&schema).expect("a generated schema is a valid schema");
        Self { schema, validator }
    }

    /// The schema, for a model.
    pub(super) fn schema(&self) -> &Value {
        &self.schema
    }

    /// Checks what a model gave and takes it apart.
    pub(super) fn take<T: DeserializeOwned>(&self, given: &Value) -> Result<T, String> {
        let flaws: Vec<String> = self
            .validator
            .iter_errors(given)
            .take(FLAWS_MAX)
            .map(|error| flaw(&error.instance_path().to_string(), &error.to_string()))
            .collect();
        if !flaws.is_empty() {
            return Err(format!("the arguments do not fit: {}", flaws.join("; ")));
        }
        serde_json::from_value(given.clone()).map_err(|error| flaw("", &error.to_string()))
    }
}

fn flaw(place: &str, detail: &str) -> String {
    let detail: String = detail.chars().take(FLAW_CHARS_MAX).collect();
    match place.trim_start_matches('/') {
        "" => detail,
        name => format!("`{name}`: {detail}"),
    }
}

#[cfg(test)]
mod tests;
