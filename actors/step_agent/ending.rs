//! How a model's reply ended, and what that means where no answer could be made of it.
//!
//! An answer that fits its contract counts, however the reply ended. Where none can be made of it, the way it ended
//! decides: a reply that was cut off would be cut off again under the same limit, and a refusal or a filter would
//! answer the same question in the same way. Asking again then costs and brings nothing, so the task ends there and
//! names what would change it. Only a reply that ended by itself is asked for again.

use anthill_contracts::codes::{self, Code};
use anthill_contracts::model::{ModelReply, StopReason};
use anthill_contracts::task::ReasonCode;

use crate::agent::Trouble;

/// Most characters of the model's own words that are shown.
const WORDS_CHARS_MAX: usize = 200;

/// A reply that has this share of its limit, in percent, was cut off by that limit and not by one of the server.
const LIMIT_PERCENT_MIN: u64 = 90;

/// How a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Whole,
    /// At a limit on its tokens.
    Cut {
        /// Tokens of the answer, where the provider counted them.
        tokens_out: Option<u64>,
        /// Whether there were thoughts and no text: they have used the tokens up.
        thoughts_only: bool,
    },
    /// At the end of the model's context.
    ContextFull,
    /// With a refusal, in these words.
    Refused {
        /// The model's words, shortened; empty where it said nothing.
        words: String,
    },
    /// In a content filter of the provider.
    Filtered,
}

impl Ending {
    /// How this reply ended.
    pub fn of(reply: &ModelReply) -> Self {
        match reply.stop {
            StopReason::End | StopReason::ToolCalls => Self::Whole,
            StopReason::Length => Self::Cut {
                tokens_out: reply.counted.is_whole().then_some(reply.usage.tokens_out),
                thoughts_only: reply.thought_bytes > 0 && reply.text.trim().is_empty(),
            },
            StopReason::Context => Self::ContextFull,
            StopReason::Refusal => Self::Refused {
                words: shortened(&reply.text),
            },
            StopReason::Filtered => Self::Filtered,
        }
    }

    /// Why the task ends here although its answer is of no use; `None` where the model is worth asking again.
    /// `answer_tokens_max` is the limit that the request had.
    pub fn trouble(&self, answer_tokens_max: u32) -> Option<Trouble> {
        let (reason, code, detail): (ReasonCode, &Code, String) = match self {
            Self::Whole => return None,
            Self::Cut {
                tokens_out,
                thoughts_only,
            } => (
                ReasonCode::AnswerCut,
                &codes::ANSWER_CUT,
                cut(*tokens_out, *thoughts_only, answer_tokens_max),
            ),
            Self::ContextFull => (
                ReasonCode::PromptTooLong,
                &codes::PROMPT_TOO_LONG,
                "prompt and answer together are longer than the model's context; `work.chunk_bytes` makes prompts shorter"
                    .to_owned(),
            ),
            Self::Refused { words } if words.is_empty() => (
                ReasonCode::AnswerRefused,
                &codes::ANSWER_REFUSED,
                "the model refused to answer".to_owned(),
            ),
            Self::Refused { words } => (
                ReasonCode::AnswerRefused,
                &codes::ANSWER_REFUSED,
                format!("the model refused to answer: {words}"),
            ),
            Self::Filtered => (
                ReasonCode::AnswerRefused,
                &codes::MODEL_FILTERED,
                "the provider's content filter withheld the answer".to_owned(),
            ),
        };
        Some(Trouble {
            reason,
            detail: format!("{}: {detail}", code.id),
            concerns_job: false,
        })
    }
}

/// What a cut answer is told as. The key is named only where its limit is what was hit.
fn cut(tokens_out: Option<u64>, thoughts_only: bool, answer_tokens_max: u32) -> String {
    let what = if thoughts_only {
        "the model's thoughts used up the tokens of the answer, and no text came"
    } else {
        "the answer was cut off at its token limit"
    };
    let reached =
        |tokens: u64| tokens.saturating_mul(100) >= u64::from(answer_tokens_max) * LIMIT_PERCENT_MIN;
    match tokens_out {
        Some(tokens) if tokens > 0 && !reached(tokens) => format!(
            "{what} after {tokens} tokens, although `work.answer_tokens_max` allows {answer_tokens_max}: a limit of the \
             server, such as its context size, is lower"
        ),
        _ => format!("{what}; raise `work.answer_tokens_max`, which is {answer_tokens_max}"),
    }
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
