//! With what a run is made: evidence of another model, of other words or other tools counts less.

use anthill_contracts::digest::Digest;
use anthill_contracts::model::ModelName;
use anthill_contracts::signal::BundleClass;
use anthill_contracts::tool::ToolSpec;

use super::{Face, template_digest};

/// Provider and name up to the first digit or dash: what versions and sizes of one model have in common.
pub fn model_family(model: &ModelName) -> String {
    let name = model.name();
    let end = name.find(|letter: char| letter.is_ascii_digit() || letter == '-');
    format!("{}/{}", model.provider(), &name[..end.unwrap_or(name.len())])
}

/// The class of runs by this model, spoken to with the words of a face, with these tools.
pub fn bundle_class(model: &ModelName, face: Face, tools: &[ToolSpec]) -> BundleClass {
    let (model_text, template) = (model.to_string(), template_digest(face));
    let tools = tools.iter().map(|tool| tool.name.as_bytes());
    let exact = [model_text.as_bytes(), template.as_bytes()]
        .into_iter()
        .chain(tools);
    BundleClass {
        family: short(Digest::of(model_family(model).as_bytes())),
        exact: short(Digest::of_parts(exact)),
    }
}

fn short(digest: Digest) -> u16 {
    let [low, high, ..] = *digest.as_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests;
