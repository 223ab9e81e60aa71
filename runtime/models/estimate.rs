//! What a request can cost at most, from its bytes alone.
//!
//! No tokenizer: there is one per model family, and a wrong one is worse than a bound. Two bytes a token is above what
//! common tokenizers need for prose, code and JSON (about four), and near it for dense text such as long numbers.

use anthill_contracts::budget::Amount;
use anthill_contracts::model::{Message, ModelRequest, Price, Usage, WorstCase};

const BYTES_PER_TOKEN_MIN: u64 = 2;
const BYTES_PER_TOKEN_USUAL: u64 = 4;
const TOKENS_PER_MESSAGE: u64 = 16;

/// The most that this request can cost, one step included.
pub(crate) fn worst_case(request: &ModelRequest, price: Option<Price>) -> WorstCase {
    let (tokens_in, tokens_out) = (prompt_tokens_max(request), u64::from(request.answer_tokens_max));
    let amount = Amount {
        tokens_in,
        tokens_out,
        usd_micro: price.map_or(0, |price| price.cost(tokens_in, tokens_out)),
        steps: 1,
        ..Amount::ZERO
    };
    WorstCase {
        amount,
        priced: price.is_some(),
    }
}

/// What this usage costs, one step included.
pub(crate) fn cost(usage: &Usage, price: Option<Price>) -> Amount {
    Amount {
        tokens_in: usage.tokens_in,
        tokens_out: usage.tokens_out,
        usd_micro: price.map_or(0, |price| price.cost(usage.tokens_in, usage.tokens_out)),
        steps: 1,
        ..Amount::ZERO
    }
}

/// A bound on the tokens of the prompt.
pub(crate) fn prompt_tokens_max(request: &ModelRequest) -> u64 {
    let messages = count(request.messages.len()) + 1;
    prompt_bytes(request).div_ceil(BYTES_PER_TOKEN_MIN) + TOKENS_PER_MESSAGE * messages
}

/// Usual tokens of a prompt, for providers that do not count any.
pub(crate) fn prompt_tokens_usual(request: &ModelRequest) -> u64 {
    prompt_bytes(request).div_ceil(BYTES_PER_TOKEN_USUAL)
}

/// Usual tokens of a text, for providers that do not count any.
pub(crate) fn text_tokens_usual(bytes: usize) -> u64 {
    count(bytes).div_ceil(BYTES_PER_TOKEN_USUAL)
}

fn prompt_bytes(request: &ModelRequest) -> u64 {
    let messages: usize = request.messages.iter().map(message_bytes).sum();
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.schema.to_string().len())
        .sum();
    let schema = request
        .answer_schema
        .as_ref()
        .map_or(0, |answer| answer.name.len() + answer.schema.to_string().len());
    count(request.system.len() + messages + tools + schema)
}

fn message_bytes(message: &Message) -> usize {
    match message {
        Message::User { text } => text.len(),
        Message::Assistant { text, tool_calls } => {
            let calls: usize = tool_calls
                .iter()
                .map(|call| call.call.len() + call.tool.len() + call.args.to_string().len())
                .sum();
            text.len() + calls
        }
        Message::Tool { call, tool, text } => call.len() + tool.len() + text.len(),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
