//! One try: a request goes out, events come in, and every step has a time limit and a size limit.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::model::{DeltaSink, ModelDelta};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use super::backoff::retry_after;
use super::failure::{Failure, Said, shorten};
use super::protocol::{Assembly, Progress};
use super::redact::Redactor;
use super::sse::{SseDecoder, SseEvent};
use crate::config::{ConfigError, ProviderConfig};
use crate::registry::KeyResolver;
use crate::route::{Route, Way};

/// Most bytes of one answer.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes that are read of an error.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// How long the rest of a complete answer may take, so that its connection can be used again.
const REST_WAIT: Duration = Duration::from_millis(50);

/// Whether a failure may carry what the provider wrote.
#[derive(Clone, Copy)]
enum Words {
    Shown,
    Withheld,
}

/// What a provider is reached by.
pub(crate) struct ExchangeParts<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its configuration.
    pub(crate) config: &'a ProviderConfig,
    /// Where requests go.
    pub(crate) url: Url,
    /// The kind of answer that is asked for.
    pub(crate) accept: &'static str,
    /// The protocol's headers.
    pub(crate) headers: HeaderMap,
    /// Takes keys out of what it says.
    pub(crate) redactor: Redactor,
    /// For dates in `Retry-After`.
    pub(crate) clock: Arc<dyn Clock>,
    /// Looks up the variables that name a proxy.
    pub(crate) variables: &'a KeyResolver,
}

/// The way to one provider.
pub(crate) struct Exchange {
    client: Client,
    /// Told where no connection comes about.
    route: Route,
    url: Url,
    redactor: Redactor,
    clock: Arc<dyn Clock>,
    first_byte: Duration,
    idle: Duration,
}

impl Exchange {
    /// Builds the client; nothing is sent yet.
    pub(crate) fn new(parts: ExchangeParts<'_>) -> Result<Self, ConfigError> {
        let ExchangeParts {
            name,
            config,
            url,
            accept,
            mut headers,
            redactor,
            clock,
            variables,
        } = parts;
        let way = Way::find(name, config, &url, variables)?;
        let route = way.route.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        // A proxy that compresses holds a stream back until a block is full. What comes compressed all the same is read.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // A redirect would carry the prompt, and for some protocols the key, to a host that nobody configured.
        let builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("anthill/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout.duration())
            .redirect(Policy::none());
        let client = way.take(builder).build().map_err(|error| ConfigError::Client {
            provider: name.to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self {
            client,
            route,
            url,
            redactor,
            clock,
            first_byte: config.first_byte_timeout.duration(),
            idle: config.idle_timeout.duration(),
        })
    }

    /// Sends the body and feeds the events to the assembly until the end marker.
    pub(crate) async fn run(
        &self,
        body: &str,
        assembly: &mut dyn Assembly,
        deltas: &DeltaSink,
    ) -> Result<(), Failure> {
        self.stream(body, assembly, deltas)
            .await
            .map_err(|failure| failure.map_detail(|detail| shorten(&self.redactor.clean(detail))))
    }

    /// Sends the body and answers the whole of what comes back.
    ///
    /// A failure names the status and the code alone: a server may repeat in its words what it was asked, and what is
    /// asked this way are texts that nobody but it may read.
    pub(crate) async fn whole(&self, body: &str) -> Result<Vec<u8>, Failure> {
        self.collect(body)
            .await
            .map_err(|failure| failure.map_detail(|detail| shorten(&self.redactor.clean(detail))))
    }

    async fn collect(&self, body: &str) -> Result<Vec<u8>, Failure> {
        let mut response = within(self.first_byte, "no first byte", self.send(body, Words::Withheld)).await?;
        let mut bytes = Vec::new();
        while let Some(more) = within(self.idle, "silence", self.chunk(&mut response)).await? {
            bytes.extend_from_slice(&more);
            if bytes.len() > RESPONSE_BYTES_MAX {
                return Err(Failure::malformed(format!(
                    "the answer is longer than {RESPONSE_BYTES_MAX} bytes"
                )));
            }
        }
        Ok(bytes)
    }

    async fn stream(
        &self,
        body: &str,
        assembly: &mut dyn Assembly,
        deltas: &DeltaSink,
    ) -> Result<(), Failure> {
        let opening = async {
            let mut response = self.open(body).await?;
            let first = self.chunk(&mut response).await?;
            Ok((response, first))
        };
        let (mut response, mut next) = within(self.first_byte, "no first byte", opening).await?;
        let mut decoder = SseDecoder::default();
        let (mut events, mut received) = (Vec::new(), 0);
        let mut on_text = |text: &str| deltas(ModelDelta::Text(text.to_owned()));
        while let Some(bytes) = next {
            received += bytes.len();
            if received > RESPONSE_BYTES_MAX {
                return Err(Failure::malformed(format!(
                    "the answer is longer than {RESPONSE_BYTES_MAX} bytes"
                )));
            }
            let outcome = decoder.push(&bytes, &mut events);
            if take_in(&mut events, assembly, &mut on_text)? == Progress::Ended {
                self.finish_connection(response).await;
                return Ok(());
            }
            outcome.map_err(|error| Failure::malformed(error.to_string()))?;
            next = within(self.idle, "silence", self.chunk(&mut response)).await?;
        }
        // The body has ended as HTTP wants it; whether the answer in it is complete, the protocol says.
        let outcome = decoder.finish(&mut events);
        take_in(&mut events, assembly, &mut on_text)?;
        outcome.map_err(|error| Failure::malformed(error.to_string()))
    }

    async fn send(&self, body: &str, words: Words) -> Result<Response, Failure> {
        let request = self.client.post(self.url.clone()).body(body.to_owned());
        let response = request
            .send()
            .await
            .map_err(|error| connection(&error, &self.route))?;
        let status = response.status();
        if !status.is_success() {
            let wait = retry_after(response.headers(), &self.clock);
            let said = Said::of_body(&self.error_text(response).await);
            let said = match words {
                Words::Shown => said,
                Words::Withheld => said.without_words(),
            };
            return Err(Failure::of_status(status, &said, wait));
        }
        Ok(response)
    }

    async fn open(&self, body: &str) -> Result<Response, Failure> {
        let response = self.send(body, Words::Shown).await?;
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .map(str::to_ascii_lowercase);
        match kind {
            // What it sent instead is not shown: it may be an answer. Any other type is as good as none: servers
            // send events as plain text, and say why there are none as JSON.
            Some(kind) if kind.starts_with("text/html") || kind.starts_with("image/") => {
                Err(Failure::malformed(format!("`{kind}` instead of an event stream")))
            }
            _ => Ok(response),
        }
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Vec<u8>>, Failure> {
        match response.chunk().await {
            Ok(bytes) => Ok(bytes.map(Into::into)),
            Err(error) => Err(connection(&error, &self.route)),
        }
    }

    /// The beginning of a body, as far as it comes in time.
    async fn error_text(&self, mut response: Response) -> String {
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < ERROR_BYTES_MAX {
            match tokio::time::timeout(self.idle, response.chunk()).await {
                Ok(Ok(Some(more))) => bytes.extend_from_slice(&more),
                _ => break,
            }
        }
        bytes.truncate(ERROR_BYTES_MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn finish_connection(&self, mut response: Response) {
        // Nothing in the rest can change the answer, so its outcome does not matter.
        let _ = tokio::time::timeout(REST_WAIT, response.chunk()).await;
    }
}

fn take_in(
    events: &mut Vec<SseEvent>,
    assembly: &mut dyn Assembly,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Progress, Failure> {
    for event in events.drain(..) {
        if assembly.event(&event, on_text)? == Progress::Ended {
            return Ok(Progress::Ended);
        }
    }
    Ok(Progress::More)
}

async fn within<T>(
    limit: Duration,
    what: &str,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, step).await {
        Ok(result) => result,
        Err(_) => Err(Failure::passing(format!("{what} for {limit:?}"))),
    }
}

/// What happened to a connection, with the causes, which say more than the error itself, and without the URL.
fn connection(error: &reqwest::Error, route: &Route) -> Failure {
    let cannot = format!("cannot connect to {route}");
    let what = if error.is_connect() {
        cannot.as_str()
    } else if error.is_body() || error.is_decode() {
        "the connection broke within the answer"
    } else {
        "the connection broke"
    };
    let mut text = what.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Failure::passing(text)
}
