//! What a provider counted, as far as it can be true, and what is charged where it cannot.
//!
//! Servers leave counts out, send zeros, fractions, texts, negative numbers and counters that ran over; later events
//! of a stream repeat a field as zero. None of that makes a call free: each side of a call is charged as it was
//! counted or, failing that, at the bound that was reserved for it.

use anthill_contracts::model::{Counted, ModelRequest, Usage};
use serde_json::Value;

use crate::estimate;

/// How far a count may lie above the bound that was reserved and still be believed, as a factor. Providers add prompts
/// of their own, and thoughts may be counted beyond the limit of the answer.
const ABOVE_BOUND_MAX: u64 = 16;

/// Tokens that are believed whatever the bound was.
const BELIEVED_ALWAYS: u64 = 65_536;

/// The counts of one answer, as they come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Tokens of the prompt, cached ones included.
    pub(crate) tokens_in: Option<u64>,
    /// Of these, tokens read from the provider's cache.
    pub(crate) cached_in: Option<u64>,
    /// Tokens of the answer.
    pub(crate) tokens_out: Option<u64>,
    /// Both together, where a provider says that.
    pub(crate) total: Option<u64>,
}

impl Tally {
    /// Takes in later counts. They are cumulative, so the larger of two counts is the later one, and a field that is
    /// absent or zero says nothing.
    pub(crate) fn merge(&mut self, later: Self) {
        let larger = |old: &mut Option<u64>, new: Option<u64>| *old = (*old).max(new);
        larger(&mut self.tokens_in, later.tokens_in);
        larger(&mut self.cached_in, later.cached_in);
        larger(&mut self.tokens_out, later.tokens_out);
        larger(&mut self.total, later.total);
    }

    /// What is charged. `is_silent` says that the answer has no text, no thoughts and no calls, so that no tokens out
    /// can be true.
    pub(crate) fn settle(self, request: &ModelRequest, is_silent: bool) -> (Usage, Counted) {
        let bound_in = estimate::prompt_tokens_max(request);
        let bound_out = u64::from(request.answer_tokens_max);
        let counted_in = self.tokens_in.filter(|tokens| is_believed(*tokens, bound_in));
        let counted_out = self
            .tokens_out
            .filter(|tokens| is_believed(*tokens, bound_out) || (*tokens == 0 && is_silent));
        let total = self
            .total
            .filter(|tokens| is_believed(*tokens, bound_in.saturating_add(bound_out)));
        let tokens_in = counted_in.or_else(|| rest(total, counted_out));
        let tokens_out = counted_out.or_else(|| rest(total, counted_in));
        let (tokens_in, tokens_out, counted) = match (tokens_in, tokens_out, total) {
            (Some(tokens_in), Some(tokens_out), _) => (tokens_in, tokens_out, Counted::Provider),
            // How the sum is cut is not known; most of it as the dearer side.
            (None, None, Some(total)) => {
                let tokens_out = bound_out.min(total);
                (total - tokens_out, tokens_out, Counted::Partly)
            }
            (None, None, None) => (bound_in, bound_out, Counted::Bound),
            (tokens_in, tokens_out, _) => (
                tokens_in.unwrap_or(bound_in),
                tokens_out.unwrap_or(bound_out),
                Counted::Partly,
            ),
        };
        let cached_in = self.cached_in.filter(|tokens| *tokens <= tokens_in);
        let usage = Usage {
            tokens_in,
            cached_in: cached_in.unwrap_or(0),
            tokens_out,
        };
        (usage, counted)
    }
}

/// A count in an object, whatever its form; nothing where it is absent, negative or no number.
pub(crate) fn count(object: &Value, pointer: &str) -> Option<u64> {
    number(object.pointer(pointer)?)
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

/// A fraction of a token is a token.
fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is finite and not negative, and what is too large becomes the largest number, which nobody believes"
    )]
    (number.is_finite() && number >= 0.0).then(|| number.ceil() as u64)
}

/// Whether a count can be true: not zero, for nothing is asked in no words, and not absurdly above what was asked.
const fn is_believed(tokens: u64, bound: u64) -> bool {
    tokens > 0
        && tokens
            <= bound
                .saturating_mul(ABOVE_BOUND_MAX)
                .saturating_add(BELIEVED_ALWAYS)
}

fn rest(total: Option<u64>, part: Option<u64>) -> Option<u64> {
    let rest = total?.checked_sub(part?)?;
    (rest > 0).then_some(rest)
}

#[cfg(test)]
mod tests;
