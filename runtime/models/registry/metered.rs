//! Counts what goes through a provider, whichever it is, so that no provider can forget to.

use std::sync::Arc;

use anthill_contracts::clock::Clock;
use anthill_contracts::model::{
    DeltaSink, ModelError, ModelName, ModelReply, ModelRequest, Price, Provider, WorstCase,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use metrics::{counter, histogram};

use crate::metrics::{REQUEST_SECONDS, REQUESTS_TOTAL, TOKENS_TOTAL};

/// A provider with counters around it.
pub(crate) struct Metered {
    name: String,
    inner: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
}

impl Metered {
    /// Puts the counters around a provider.
    pub(crate) fn wrap(name: &str, inner: Arc<dyn Provider>, clock: &Arc<dyn Clock>) -> Arc<dyn Provider> {
        Arc::new(Self {
            name: name.to_owned(),
            inner,
            clock: Arc::clone(clock),
        })
    }

    fn record(&self, result: &Result<ModelReply, ModelError>) {
        counter!(REQUESTS_TOTAL, "provider" => self.name.clone(), "outcome" => outcome(result)).increment(1);
        if let Ok(reply) = result {
            for (direction, tokens) in [("in", reply.usage.tokens_in), ("out", reply.usage.tokens_out)] {
                counter!(TOKENS_TOTAL, "provider" => self.name.clone(), "direction" => direction)
                    .increment(tokens);
            }
        }
    }
}

impl Provider for Metered {
    fn worst_case(&self, request: &ModelRequest) -> WorstCase {
        self.inner.worst_case(request)
    }

    fn price(&self, model: &ModelName) -> Option<Price> {
        self.inner.price(model)
    }

    fn complete(
        &self,
        request: ModelRequest,
        deltas: DeltaSink,
    ) -> BoxFuture<'_, Result<ModelReply, ModelError>> {
        async move {
            let start = self.clock.mono();
            let result = self.inner.complete(request, deltas).await;
            let seconds = self.clock.mono().saturating_sub(start).as_secs_f64();
            histogram!(REQUEST_SECONDS, "provider" => self.name.clone()).record(seconds);
            self.record(&result);
            result
        }
        .boxed()
    }
}

const fn outcome(result: &Result<ModelReply, ModelError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(ModelError::KeyMissing { .. } | ModelError::KeyRefused { .. }) => "key",
        Err(ModelError::AccountRefused { .. }) => "account",
        Err(
            ModelError::Unknown { .. }
            | ModelError::ModelMissing { .. }
            | ModelError::PromptTooLong { .. }
            | ModelError::Filtered { .. }
            | ModelError::Refused { .. },
        ) => "refused",
        Err(ModelError::Unavailable { .. }) => "unavailable",
        Err(ModelError::Malformed { .. }) => "malformed",
    }
}

#[cfg(test)]
mod tests;
