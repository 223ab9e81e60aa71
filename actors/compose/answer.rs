//! A model's text as a value of its contract.
//!
//! Models wrap JSON in fences, thoughts and courtesies; those are peeled off. The value inside is held to its schema,
//! so that every error names the place in the answer.

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::model::LessonAnswer;
use anthill_contracts::signal::{
    PROPOSALS_PER_RUN_MAX, Proposal, SIGNAL_TEXT_BYTES_MAX, SignalBody, Trigger,
};
use anthill_contracts::task::ReasonCode;
use schemars::JsonSchema;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::flaw;
use crate::prompts::answer_schema;

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
    let value = object(text).map_err(|detail| vec![flaw(ReasonCode::ContractViolation, detail)])?;
    parse_value(value)
}

/// Holds a JSON value to the contract; for answers that a tool call brings.
pub fn parse_value<T: DeserializeOwned + JsonSchema>(value: Value) -> Result<T, Vec<ReviewFinding>> {
    let flaws = violations::<T>(&value);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    serde_json::from_value(value)
        .map_err(|error| vec![flaw(ReasonCode::ContractViolation, error.to_string())])
}

/// The lessons that an answer holds beside its work, as proposals. What is out of form is passed over: a lesson is a
/// gift, and no reason to refuse good work.
pub fn lessons(text: &str) -> Vec<Proposal> {
    let value = Some(text)
        .filter(|text| text.len() <= ANSWER_BYTES_MAX)
        .and_then(|text| object(text).ok());
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

fn violations<T: JsonSchema>(value: &Value) -> Vec<ReviewFinding> {
    let schema = answer_schema::<T>("answer").schema;
    let validator = jsonschema::validator_for(&schema).expect("schemas of our own types are valid");
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

/// The JSON object in a text: the whole of it, or inside a code fence, or behind some words.
fn object(text: &str) -> Result<Value, String> {
    let text = without_thoughts(text);
    let candidates = [Some(text), fenced(text)];
    let mut error = None;
    for candidate in candidates.into_iter().flatten() {
        let Some(start) = candidate.find('{') else {
            continue;
        };
        // The first value counts; words behind it do not.
        match serde_json::Deserializer::from_str(&candidate[start..])
            .into_iter::<Value>()
            .next()
        {
            Some(Ok(value)) => return Ok(value),
            Some(Err(failure)) => error = error.or(Some(failure)),
            None => {}
        }
    }
    Err(match error {
        Some(failure) if failure.is_eof() => format!("the JSON of the answer ends too early: {failure}"),
        Some(failure) => format!("the answer is not valid JSON: {failure}"),
        None => "the answer holds no JSON object".to_owned(),
    })
}

/// The text behind a leading block of thoughts, as some models write one.
fn without_thoughts(text: &str) -> &str {
    let text = text.trim();
    let thoughts_end = text
        .strip_prefix("<think>")
        .and_then(|rest| rest.split_once("</think>"));
    thoughts_end.map_or(text, |(_, answer)| answer.trim())
}

/// What stands between the first two code fences.
fn fenced(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("```")?;
    Some(rest.split_once("```").map_or(rest, |(inside, _)| inside))
}
