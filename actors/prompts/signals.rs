//! What others have learned, as a part of a prompt.
//!
//! The words of signals were written by agents, so they stand within a fence as the text of files does: whoever plants
//! a signal gains no voice above the rules. Each is one line. A warning is told as a constraint, because a model that
//! reads of a bad way is drawn to it. Where nothing was shown there is no section, and the prompt is what it was.

use anthill_contracts::model::EXTRACT_STRATEGY_SCHEMA;
use anthill_contracts::signal::{Exposure, GUARD_SCHEMA, Polarity, Receipt, SignalBody};

use super::{Face, Learned};

/// The exposures of a receipt that this face is shown: not the withheld ones, and of a critic's only warnings.
pub(super) fn kept(receipt: &Receipt, face: Face) -> Vec<Exposure> {
    let is_for = |exposure: &&Exposure| face != Face::Critic || exposure.polarity == Polarity::Avoid;
    let kept = receipt.exposures.iter().filter(|exposure| exposure.kept);
    kept.filter(is_for).cloned().collect()
}

/// The lines of the section, one for each signal that says something in words; empty where none does.
pub(super) fn lines(signals: &[Exposure]) -> String {
    let lines: Vec<String> = signals.iter().filter_map(line).collect();
    lines.join("\n")
}

fn line(exposure: &Exposure) -> Option<String> {
    let words = match &exposure.body {
        SignalBody::Text { text } => text.split_whitespace().collect::<Vec<_>>().join(" "),
        SignalBody::Action { schema, args } if schema == GUARD_SCHEMA => {
            format!("tool calls that fit {args}")
        }
        // Others are carried out by programs, and say nothing to a reader.
        SignalBody::Action { .. } => return None,
    };
    Some(match exposure.polarity {
        Polarity::Do => format!("- Has helped before: {words}"),
        Polarity::Avoid => format!("- Constraint, from earlier failures: {words}"),
    })
}

/// The arguments of the first kept action of a schema.
pub(super) fn action<'a>(signals: &'a [Exposure], wanted: &str) -> Option<&'a str> {
    signals
        .iter()
        .filter(|exposure| exposure.polarity == Polarity::Do)
        .find_map(|exposure| match &exposure.body {
            SignalBody::Action { schema, args } if schema == wanted => Some(args.as_str()),
            SignalBody::Action { .. } | SignalBody::Text { .. } => None,
        })
}

/// How a provider without a language model is to go about its work.
pub(super) fn strategy(signals: &[Exposure]) -> Option<String> {
    action(signals, EXTRACT_STRATEGY_SCHEMA).map(str::to_owned)
}

/// What the manifest says of the signals of a prompt.
pub(super) fn learned(signals: &[Exposure]) -> Vec<Learned> {
    let learned = signals.iter().map(|exposure| Learned {
        signal: exposure.signal,
        chosen: exposure.chosen,
    });
    learned.collect()
}
