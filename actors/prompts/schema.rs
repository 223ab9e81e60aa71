//! JSON Schemas of answers, in the form that providers take: self-contained, without references or a meta schema.

use anthill_contracts::model::AnswerSchema;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The schema of an answer type, under the name that requests give it.
pub fn answer_schema<T: JsonSchema>(name: &str) -> AnswerSchema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    AnswerSchema {
        name: name.to_owned(),
        schema: settings.into_generator().into_root_schema_for::<T>().to_value(),
    }
}
