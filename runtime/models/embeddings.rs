//! Embeddings by the `/v1/embeddings` of `OpenAI`, which many servers offer: texts go out in batches, directions come
//! back with eight bits per number.
//!
//! On the same plumbing as the chat providers: the same limits on time and size, the same tries and waits, the same
//! redaction. Eight bits are enough for a ranking and a quarter of the room. What a server answers is held to what was
//! asked: one vector per text, all of one length for as long as the client lives, every number finite.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::knowledge::{Embedder, KnowledgeError};
use anthill_contracts::model::ModelError;
use futures::future::BoxFuture;
use metrics::counter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::config::{ModelsConfig, ProviderConfig, ProviderKind};
use crate::metrics::RETRIES_TOTAL;
use crate::registry::KeyResolver;
use crate::remote::backoff::Backoff;
use crate::remote::exchange::{Exchange, ExchangeParts};
use crate::remote::failure::Failure;
use crate::remote::openai::bearer;
use crate::remote::redact::Redactor;

/// Texts of one request.
const BATCH_MAX: usize = 64;
/// Most texts of one call.
const TEXTS_MAX: usize = 4096;
/// Most bytes of one text; a signal has 600, a task's text some thousand.
const TEXT_BYTES_MAX: usize = 8192;
/// Most numbers of a vector.
const DIMENSIONS_MAX: usize = 4096;

/// Which model makes embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsConfig {
    /// The provider, one of those of `[models]` that speak like `openai`.
    pub provider: String,
    /// The model's name as the provider knows it.
    pub model: String,
    /// How many numbers to ask for, for models that offer several. Default: the model's own choice.
    #[serde(default)]
    pub dimensions: Option<u32>,
    /// Least cosine of two embeddings, from 0 to 1, that says anything of two texts. Models differ widely in what they give
    /// to texts that have nothing in common. Default: 0.5.
    #[serde(default)]
    pub similarity_min: Option<f64>,
}

/// A client for embeddings.
pub struct Embeddings {
    config: EmbeddingsConfig,
    exchange: Exchange,
    backoff: Backoff,
    timeout: Duration,
    retries_max: u32,
    permits: Semaphore,
    /// Fixed by the first answer: vectors of two lengths cannot be compared.
    dimensions: OnceLock<usize>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    index: usize,
    embedding: Vec<f64>,
}

impl Embeddings {
    /// Builds the client; nothing is sent yet.
    pub fn new(
        config: EmbeddingsConfig,
        models: &ModelsConfig,
        keys: &KeyResolver,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ModelError> {
        let name = config.provider.clone();
        let refused = |detail: String| ModelError::Refused {
            provider: name.clone(),
            detail,
        };
        let provider = models
            .all_providers()
            .remove(&name)
            .ok_or_else(|| refused("no provider of this name is configured".to_owned()))?;
        if provider.kind != ProviderKind::Openai {
            return Err(refused(
                "it offers no embeddings: take one of the kind `openai`".to_owned(),
            ));
        }
        let key = key_of(&name, &provider, keys)?;
        let headers = bearer(key.as_deref()).map_err(refused)?;
        let chat = provider
            .endpoint(&name)
            .map_err(|error| refused(error.to_string()))?;
        let mut url = chat.clone();
        url.set_path(&chat.path().replace("/chat/completions", "/embeddings"));
        let exchange = Exchange::new(ExchangeParts {
            name: &name,
            config: &provider,
            url,
            accept: "application/json",
            headers,
            redactor: Redactor::new(key.as_deref()),
            clock,
            variables: keys,
        })
        .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            exchange,
            backoff: Backoff::new(&provider),
            timeout: provider.timeout.duration(),
            retries_max: provider.retries_max,
            permits: Semaphore::new(provider.concurrency_max as usize),
            dimensions: OnceLock::new(),
            config,
        })
    }

    /// The direction of each text, in order: numbers from -127 to 127, of which the largest is one of the two.
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<i8>>, ModelError> {
        if texts.len() > TEXTS_MAX || texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(ModelError::Refused {
                provider: self.config.provider.clone(),
                detail: format!(
                    "at most {TEXTS_MAX} texts of at most {TEXT_BYTES_MAX} bytes can be embedded at once"
                ),
            });
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH_MAX) {
            vectors.extend(self.batch(batch).await?);
        }
        Ok(vectors)
    }

    async fn batch(&self, texts: &[String]) -> Result<Vec<Vec<i8>>, ModelError> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut body = json!({"model": self.config.model, "input": texts, "encoding_format": "float"});
        if let Some(dimensions) = self.config.dimensions {
            body["dimensions"] = dimensions.into();
        }
        let body = body.to_string();
        let mut attempts = 0;
        let all = self.try_until_answered(&body, texts.len(), &mut attempts);
        match tokio::time::timeout(self.timeout, all).await {
            Ok(vectors) => vectors,
            Err(_) => Err(ModelError::Unavailable {
                provider: self.config.provider.clone(),
                attempts,
                detail: format!("no answer within {:?}", self.timeout),
            }),
        }
    }

    async fn try_until_answered(
        &self,
        body: &str,
        texts: usize,
        attempts: &mut u32,
    ) -> Result<Vec<Vec<i8>>, ModelError> {
        let provider = &self.config.provider;
        loop {
            *attempts += 1;
            let answer = self.exchange.whole(body).await;
            let failure = match answer.and_then(|bytes| self.vectors(&bytes, texts)) {
                Ok(vectors) => return Ok(vectors),
                Err(failure) => failure,
            };
            if !failure.may_pass() || *attempts > self.retries_max {
                return Err(failure.into_error(provider, &self.config.model, *attempts));
            }
            let wait = self.backoff.wait(*attempts, failure.retry_after());
            tracing::warn!(
                provider = %provider,
                attempt = *attempts,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                reason = %failure,
                "asking for embeddings failed, trying again"
            );
            counter!(RETRIES_TOTAL, "provider" => provider.clone()).increment(1);
            tokio::time::sleep(wait).await;
        }
    }

    /// The vectors of an answer, in the order of the texts.
    fn vectors(&self, bytes: &[u8], texts: usize) -> Result<Vec<Vec<i8>>, Failure> {
        // The answer itself is not shown: it may hold the texts.
        let mut answer: Answer = serde_json::from_slice(bytes).map_err(|error| {
            Failure::malformed(format!(
                "no list of embeddings, line {} column {}",
                error.line(),
                error.column()
            ))
        })?;
        answer.data.sort_by_key(|embedded| embedded.index);
        let is_each_once = answer.data.len() == texts
            && answer
                .data
                .iter()
                .enumerate()
                .all(|(place, embedded)| place == embedded.index);
        if !is_each_once {
            return Err(Failure::malformed(format!(
                "{} embeddings for {texts} texts, or some twice",
                answer.data.len()
            )));
        }
        let vectors: Vec<Vec<i8>> = answer
            .data
            .iter()
            .map(|embedded| eight_bits(&embedded.embedding))
            .collect::<Result<_, _>>()?;
        let dimensions = *self
            .dimensions
            .get_or_init(|| vectors.first().map_or(0, Vec::len));
        match vectors.iter().find(|vector| vector.len() != dimensions) {
            Some(other) => Err(Failure::malformed(format!(
                "an embedding of {} numbers after others of {dimensions}",
                other.len()
            ))),
            None => Ok(vectors),
        }
    }
}

impl Embedder for Embeddings {
    fn maker(&self) -> String {
        let EmbeddingsConfig {
            provider,
            model,
            dimensions,
            ..
        } = &self.config;
        format!("{provider}/{model}/{}", dimensions.unwrap_or_default())
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<i8>>, KnowledgeError>> {
        Box::pin(async move {
            let vectors = Self::embed(self, &texts).await;
            vectors.map_err(|error| match error {
                ModelError::Unavailable { .. } => KnowledgeError::Away,
                // What the provider said may repeat a text.
                ModelError::Refused { provider, .. } => KnowledgeError::Refused {
                    detail: format!("the provider `{provider}` refused to embed"),
                },
                other => KnowledgeError::Refused {
                    detail: other.to_string(),
                },
            })
        })
    }
}

fn key_of(name: &str, provider: &ProviderConfig, keys: &KeyResolver) -> Result<Option<String>, ModelError> {
    let Some(variable) = provider.key_variable(name) else {
        return Ok(None);
    };
    match keys(&variable).map(|key| key.trim().to_owned()) {
        Some(key) if !key.is_empty() => Ok(Some(key)),
        _ => Err(ModelError::KeyMissing {
            provider: name.to_owned(),
            variable,
        }),
    }
}

/// Scales a vector so that its largest number becomes 127 or -127; the angle to others stays within a degree.
fn eight_bits(numbers: &[f64]) -> Result<Vec<i8>, Failure> {
    if numbers.len() > DIMENSIONS_MAX {
        return Err(Failure::malformed(format!(
            "an embedding of more than {DIMENSIONS_MAX} numbers"
        )));
    }
    let largest = numbers
        .iter()
        .fold(0.0_f64, |largest, number| largest.max(number.abs()));
    if !(largest > 0.0 && numbers.iter().all(|number| number.is_finite())) {
        return Err(Failure::malformed("an embedding without direction"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no number is larger than the largest, which becomes 127"
    )]
    let scaled = |number: &f64| (number / largest * 127.0).round() as i8;
    Ok(numbers.iter().map(scaled).collect())
}

#[cfg(test)]
mod tests;
