//! A model's text as a value of its contract.
//!
//! Models wrap JSON in fences, thoughts and courtesies, and write drafts before it. [`objects`] finds every object that
//! may be the answer, and the last one that fits the contract's schema is it: a draft never wins over what was written
//! after it. Where none fits, the flaws of the last are told, so that every error names the place in the answer.

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::model::LessonAnswer;
use anthill_contracts::signal::{
    PROPOSALS_PER_RUN_MAX, Proposal, SIGNAL_TEXT_BYTES_MAX, SignalBody, Trigger,
};
use anthill_contracts::task::ReasonCode;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::flaw;
use crate::prompts::answer_schema;

mod objects;

pub use objects::{Objects, objects};

/// Most bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Most flaws that one answer is told of.
const FLAWS_MAX: usize = 16;

/// Most characters of one flaw.
const FLAW_CHARS_MAX: usize = 300;

/// Reads the JSON object in a model's text as a value of its contract.
pub fn parse_answer<T: DeserializeOwned + JsonSchema>(text: &str) -> Result<T, Vec<ReviewFinding>> {
    if text.len() > ANSWER_BYTES_MAX {
        let detail = format!(
            "the answer has {} bytes; at most {ANSWER_BYTES_MAX} are allowed",
            text.len()
        );
        return Err(vec![flaw(ReasonCode::TooLong, detail)]);
    }
    let found = objects(text);
    let validator = validator::<T>();
    let fits = |value: &Value| validator.is_valid(value);
    match found.values.iter().rposition(fits) {
        Some(position) => parse_value(found.values.into_iter().nth(position).unwrap_or_default()),
        None => match found.values.last() {
            Some(last) => Err(violations(&validator, last)),
            None => Err(vec![flaw(
                ReasonCode::ContractViolation,
                found.flaw.unwrap_or_default(),
            )]),
        },
    }
}

/// Holds a JSON value to the contract; for answers that a tool call brings.
pub fn parse_value<T: DeserializeOwned + JsonSchema>(value: Value) -> Result<T, Vec<ReviewFinding>> {
    let flaws = violations(&validator::<T>(), &value);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    serde_json::from_value(value)
        .map_err(|error| vec![flaw(ReasonCode::ContractViolation, error.to_string())])
}

/// The lessons that an answer holds beside its work, as proposals: those of its last object. What is out of form is passed
/// over: a lesson is a gift, and no reason to refuse good work.
pub fn lessons(text: &str) -> Vec<Proposal> {
    let value = Some(text)
        .filter(|text| text.len() <= ANSWER_BYTES_MAX)
        .and_then(|text| objects(text).values.pop());
    let given = value.as_ref().and_then(|value| value["lessons"].as_array());
    let lessons = given.into_iter().flatten().filter_map(|lesson| {
        let lesson = LessonAnswer::deserialize(lesson).ok()?;
        let text = lesson.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = !text.is_empty() && text.len() <= SIGNAL_TEXT_BYTES_MAX;
        fits.then(|| Proposal {
            polarity: lesson.polarity,
            body: SignalBody::Text { text },
            trigger: Trigger::default(),
            parents: Vec::new(),
            source: String::new(),
        })
    });
    lessons.take(PROPOSALS_PER_RUN_MAX).collect()
}

fn validator<T: JsonSchema>() -> Validator {
    let schema = answer_schema::<T>("answer").schema;
    jsonschema::validator_for(&schema).expect("schemas of our own types are valid")
}

fn violations(validator: &Validator, value: &Value) -> Vec<ReviewFinding> {
    let errors = validator.iter_errors(value).take(FLAWS_MAX);
    errors
        .map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() {
                "the answer"
            } else {
                place.as_str()
            };
            let detail: String = format!("{place}: {}", error.masked())
                .chars()
                .take(FLAW_CHARS_MAX)
                .collect();
            flaw(ReasonCode::ContractViolation, detail)
        })
        .collect()
}
