//! `builtin/extract`: answers from the request's matter by ranking sentences; no language model, no network, no cost.
//!
//! Extractive on purpose: every claim is a sentence of a source, so its quotation is there word for word, and equal
//! requests have equal answers. Two measures are combined: how much of the question a sentence covers, and how central
//! it is among the candidates (a random walk over their similarities, as in `LexRank`). Rejected: plain term frequency,
//! which prefers long lists, and position alone, which prefers introductions. A document without a sentence that
//! covers enough of the question is answered with no claim at all.
//!
//! Scoring lives in small pure functions (`words`, `sentences`, `relevance`, `ranking`); what is done with the scores
//! has one file per matter (`read`, `write`, `judge`).

mod judge;
mod ranking;
mod read;
mod relevance;
mod sections;
mod sentences;
mod strategy;
mod titles;
mod words;
mod write;

use std::sync::Arc;

use anthill_contracts::brief::Passage;
use anthill_contracts::model::{
    Counted, DeltaSink, FindingsAnswer, Matter, Message, ModelDelta, ModelError, ModelName, ModelReply,
    ModelRequest, Price, Provider, StopReason, Usage, WorstCase,
};
use anthill_contracts::tool::ToolCall;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::config::BUILTIN;
use crate::estimate;
use crate::prices::Prices;
pub use strategy::STRATEGIES;
use strategy::Strategy;

/// The name of the only model of this provider.
pub(crate) const EXTRACT: &str = "extract";
/// The tool that it knows how to use.
const SEARCH: &str = "search";
/// Sentences of a summary.
const SUMMARY_SENTENCES: usize = 3;
/// Ranking takes a processor to itself; more at a time than this would only fill the pool of blocking threads.
const CONCURRENCY_MAX: usize = 16;

/// The extractive provider.
pub(crate) struct Extract {
    prices: Arc<Prices>,
    permits: Semaphore,
}

/// What it wants to say, before it is counted.
struct Draft {
    text: String,
    tool_calls: Vec<ToolCall>,
    stop: StopReason,
}

impl Extract {
    /// The provider, with the prices in case somebody charges for it.
    pub(crate) fn new(prices: Arc<Prices>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            prices,
            permits: Semaphore::new(processors.min(CONCURRENCY_MAX)),
        }
    }

    async fn answer(&self, request: ModelRequest, deltas: DeltaSink) -> Result<ModelReply, ModelError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let price = self.prices.get(&request.model);
        let reply = on_blocking_pool(move || {
            let draft = draft(&request);
            let usage = usage(&request, &draft);
            ModelReply {
                text: draft.text,
                tool_calls: draft.tool_calls,
                stop: draft.stop,
                usage,
                cost: estimate::cost(&usage, price),
                model: EXTRACT.to_owned(),
                counted: Counted::Provider,
                thought_bytes: 0,
            }
        })
        .await?;
        if !reply.text.is_empty() {
            deltas(ModelDelta::Text(reply.text.clone()));
        }
        Ok(reply)
    }
}

impl Provider for Extract {
    fn worst_case(&self, request: &ModelRequest) -> WorstCase {
        estimate::worst_case(request, self.prices.get(&request.model))
    }

    fn price(&self, model: &ModelName) -> Option<Price> {
        self.prices.get(model)
    }

    fn complete(
        &self,
        request: ModelRequest,
        deltas: DeltaSink,
    ) -> BoxFuture<'_, Result<ModelReply, ModelError>> {
        self.answer(request, deltas).boxed()
    }
}

/// Runs `work` where it may take its time; in place where there is no such pool.
async fn on_blocking_pool<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ModelError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ModelError::Malformed {
            provider: BUILTIN.to_owned(),
            detail: error.to_string(),
        })
}

fn draft(request: &ModelRequest) -> Draft {
    let tokens_max = request.answer_tokens_max;
    match &request.matter {
        Matter::Prompt => said(summary(last_user_text(&request.messages)), tokens_max),
        Matter::Read {
            question,
            passages,
            claims_max,
            strategy,
            ..
        } => findings(
            (question, passages),
            *claims_max,
            tokens_max,
            Strategy::of(strategy.as_deref()),
        ),
        Matter::Write { .. } => fit(write::outline(&request.matter), tokens_max, |outline| {
            write::drop_last(outline)
        }),
        Matter::Answer {
            question,
            found,
            claims_max,
        } => match search_call(request, question, found) {
            Some(call) => Draft {
                text: String::new(),
                tool_calls: vec![call],
                stop: StopReason::ToolCalls,
            },
            None => findings((question, found), *claims_max, tokens_max, Strategy::default()),
        },
        Matter::Judge { claims, .. } => fit(judge::opinion(claims), tokens_max, |opinion| {
            opinion.reasons.pop().is_some()
        }),
        Matter::Plan { example, .. } => fit(example.clone(), tokens_max, |_| false),
    }
}

fn findings(
    (question, passages): (&str, &[Passage]),
    claims_max: u32,
    tokens_max: u32,
    strategy: Strategy,
) -> Draft {
    let answer: FindingsAnswer = read::findings(question, passages, claims_max as usize, strategy);
    fit(answer, tokens_max, |answer| answer.claims.pop().is_some())
}

/// One search, with the content words of the question; never a second one, which would find the same.
fn search_call(request: &ModelRequest, question: &str, found: &[Passage]) -> Option<ToolCall> {
    let offered = request.tools.iter().any(|tool| tool.name == SEARCH);
    let searched = request
        .messages
        .iter()
        .any(|message| matches!(message, Message::Tool { tool, .. } if tool == SEARCH));
    let query = words::content_words(question);
    if !found.is_empty() || searched || !offered || query.is_empty() {
        return None;
    }
    Some(ToolCall {
        call: "search_1".to_owned(),
        tool: SEARCH.to_owned(),
        args: json!({ "query": query.join(" ") }),
    })
}

/// The JSON of an answer, made shorter by `shrink` until it keeps the limit on its tokens.
fn fit<T: Serialize>(mut answer: T, tokens_max: u32, shrink: impl Fn(&mut T) -> bool) -> Draft {
    loop {
        let text = serde_json::to_string(&answer).unwrap_or_default();
        if estimate::text_tokens_usual(text.len()) <= u64::from(tokens_max) || !shrink(&mut answer) {
            return said(text, tokens_max);
        }
    }
}

/// A text as an answer, cut where even its shortest form is too long.
fn said(text: String, tokens_max: u32) -> Draft {
    let fits = estimate::text_tokens_usual(text.len()) <= u64::from(tokens_max);
    let bytes_max = (tokens_max as usize).saturating_mul(4);
    Draft {
        text: if fits {
            text
        } else {
            words::head(&text, bytes_max).to_owned()
        },
        tool_calls: Vec::new(),
        stop: if fits { StopReason::End } else { StopReason::Length },
    }
}

fn last_user_text(messages: &[Message]) -> &str {
    messages
        .iter()
        .rev()
        .find_map(|message| match message {
            Message::User { text } => Some(text.as_str()),
            _ => None,
        })
        .unwrap_or_default()
}

/// The most central sentences of a text, in their order.
fn summary(text: &str) -> String {
    read::most_central(text, SUMMARY_SENTENCES).join(" ")
}

fn usage(request: &ModelRequest, draft: &Draft) -> Usage {
    let calls: usize = draft
        .tool_calls
        .iter()
        .map(|call| call.tool.len() + call.args.to_string().len())
        .sum();
    let written = estimate::text_tokens_usual(draft.text.len() + calls);
    Usage {
        tokens_in: estimate::prompt_tokens_usual(request),
        cached_in: 0,
        tokens_out: written.min(u64::from(request.answer_tokens_max)),
    }
}

#[cfg(test)]
mod tests;
