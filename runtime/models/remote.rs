//! A provider on the other end of an HTTP connection: tries, waits, time limits, and what it all cost.
//!
//! The client is our own on `reqwest`, not `genai`, which was read for this purpose (0.7.2). Its streams can be bounded
//! in time, but not in size: an error body is read whole, a frame without an end grows without limit, and a tool call
//! with the index 4 000 000 000 makes it allocate that many. It logs frames that it does not know, answers included, at
//! `warn`; it does not say which model has answered; and it cannot tell a success that is no event stream from a cut
//! one. The two protocols are small, so the whole path from the socket to the reply is ours and every limit is visible.
//!
//! Always streaming, also where nobody listens: silence is then told apart from slowness. An answer counts only when
//! the model has said why it stopped; everything else is a failure. What a provider bills for a try that failed
//! half-way is not known to anybody but the provider; such tries are counted as retries.
//!
//! Rejected: prompt-cache markers for Anthropic. Written cache entries cost more than plain tokens, and a [`Price`] has
//! no rate for them yet; a cost below the true one would let a budget overshoot.

mod anthropic;
pub(crate) mod backoff;
mod calls;
mod content;
pub(crate) mod exchange;
pub(crate) mod failure;
pub(crate) mod openai;
mod protocol;
pub(crate) mod redact;
mod schema;
mod sse;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::model::{
    DeltaSink, ModelDelta, ModelError, ModelName, ModelReply, ModelRequest, Price, Provider, WorstCase,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use metrics::counter;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::config::{ConfigError, ProviderConfig, ProviderKind};
use crate::estimate;
use crate::metrics::RETRIES_TOTAL;
use crate::prices::Prices;
use crate::registry::KeyResolver;
use backoff::Backoff;
use exchange::{Exchange, ExchangeParts};
use protocol::{Answer, Protocol};
use redact::Redactor;

/// What a remote provider is made of.
pub(crate) struct RemoteParts {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Its configuration.
    pub(crate) config: ProviderConfig,
    /// Its key, where it needs one.
    pub(crate) key: Option<String>,
    /// What models cost.
    pub(crate) prices: Arc<Prices>,
    /// For dates in `Retry-After`.
    pub(crate) clock: Arc<dyn Clock>,
    /// Looks up the variables that name a proxy.
    pub(crate) variables: KeyResolver,
}

/// One remote provider.
pub(crate) struct Remote {
    name: String,
    protocol: Arc<dyn Protocol>,
    exchange: Exchange,
    backoff: Backoff,
    timeout: Duration,
    retries_max: u32,
    permits: Semaphore,
    prices: Arc<Prices>,
}

/// How far the tries of one request have come; outlives a time limit that cuts them off.
#[derive(Default)]
struct Tries {
    begun: u32,
    last: Option<String>,
}

impl Remote {
    /// Builds the client; nothing is sent yet.
    pub(crate) fn new(parts: RemoteParts) -> Result<Self, ConfigError> {
        let RemoteParts {
            name,
            config,
            key,
            prices,
            clock,
            variables,
        } = parts;
        let protocol: Arc<dyn Protocol> = match config.kind {
            ProviderKind::Anthropic => Arc::new(anthropic::Messages::new(&config)),
            ProviderKind::Openai => Arc::new(openai::Chat::new(&config, &config.endpoint(&name)?)),
        };
        let headers = protocol
            .headers(key.as_deref())
            .map_err(|detail| ConfigError::Client {
                provider: name.clone(),
                detail,
            })?;
        let exchange = Exchange::new(ExchangeParts {
            name: &name,
            config: &config,
            url: config.endpoint(&name)?,
            accept: "text/event-stream",
            headers,
            redactor: Redactor::new(key.as_deref()),
            clock,
            variables: &variables,
        })?;
        Ok(Self {
            exchange,
            protocol,
            backoff: Backoff::new(&config),
            timeout: config.timeout.duration(),
            retries_max: config.retries_max,
            permits: Semaphore::new(config.concurrency_max as usize),
            prices,
            name,
        })
    }

    async fn answer(&self, request: ModelRequest, deltas: DeltaSink) -> Result<ModelReply, ModelError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let body = self.protocol.body(&request).to_string();
        let mut tries = Tries::default();
        let all = self.try_until_answered(&request, &body, &deltas, &mut tries);
        match tokio::time::timeout(self.timeout, all).await {
            Ok(answer) => Ok(self.reply(&request, answer?)),
            Err(_) => Err(ModelError::Unavailable {
                provider: self.name.clone(),
                attempts: tries.begun,
                detail: match tries.last {
                    Some(last) => format!("no answer within {:?}; the try before: {last}", self.timeout),
                    None => format!("no answer within {:?}", self.timeout),
                },
            }),
        }
    }

    async fn try_until_answered(
        &self,
        request: &ModelRequest,
        body: &str,
        deltas: &DeltaSink,
        tries: &mut Tries,
    ) -> Result<Answer, ModelError> {
        loop {
            tries.begun += 1;
            let attempt = tries.begun;
            let span =
                tracing::info_span!("chat", provider = %self.name, model = %request.model.name(), attempt);
            let mut assembly = self.protocol.assembly();
            let outcome = self.exchange.run(body, assembly.as_mut(), deltas);
            let failure = match outcome.instrument(span).await {
                Ok(()) => match assembly.finish() {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if !failure.may_pass() || attempt > self.retries_max {
                return Err(failure.into_error(&self.name, request.model.name(), attempt));
            }
            let wait = self.backoff.wait(attempt, failure.retry_after());
            let reason = failure.to_string();
            tracing::warn!(
                provider = %self.name,
                model = %request.model.name(),
                attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                reason = failure.outline(),
                "asking a model failed, trying again"
            );
            // A provider may repeat the prompt in its words.
            tracing::trace!(reason, "what the provider said");
            counter!(RETRIES_TOTAL, "provider" => self.name.clone()).increment(1);
            deltas(ModelDelta::Retry { attempt, wait });
            tries.last = Some(reason);
            tokio::time::sleep(wait).await;
        }
    }

    fn reply(&self, request: &ModelRequest, answer: Answer) -> ModelReply {
        let is_silent = answer.text.is_empty() && answer.calls.is_empty() && answer.thought_bytes == 0;
        let (usage, counted) = answer.tally.settle(request, is_silent);
        if !counted.is_whole() {
            tracing::warn!(
                provider = %self.name,
                model = %request.model.name(),
                counted = counted.as_str(),
                "the provider did not count all tokens, bounds are charged"
            );
        }
        ModelReply {
            cost: estimate::cost(&usage, self.prices.get(&request.model)),
            usage,
            stop: answer.stop,
            model: answer.model.unwrap_or_else(|| request.model.name().to_owned()),
            tool_calls: calls::finished(request, answer.calls),
            text: answer.text,
            counted,
            thought_bytes: answer.thought_bytes,
        }
    }
}

impl Provider for Remote {
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

#[cfg(test)]
mod tests;
