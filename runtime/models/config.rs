//! The `[models]` table of the configuration: providers, prices and scripts.
//!
//! Every key of a provider has a default that depends on its kind and name, so the table may be empty. Prices have
//! none: a price that nobody wrote down would be a guess, and budgets are settled by it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anthill_contracts::budget::{Span, Usd};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::model::{ModelName, Price};
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The provider that is compiled in and is no language model.
pub(crate) const BUILTIN: &str = "builtin";
/// The provider that answers from a file.
pub(crate) const SCRIPTED: &str = "scripted";

const RETRIES_MAX_LIMIT: u32 = 20;
const CONCURRENCY_MAX_LIMIT: u32 = 1024;

/// Which models there are and what they cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Providers by name, beside `builtin`, `scripted`, `anthropic` and `openai`, which are always there. The last two
    /// can be changed here.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Prices by model (`"PROVIDER/NAME"`), or for all models of a provider (`"PROVIDER/*"`). None are known by
    /// default; a job with a usd limit refuses a model without one. `builtin` and `scripted` cost nothing.
    pub prices: BTreeMap<String, PriceConfig>,
    /// Script files by name, for models called `scripted/NAME`.
    pub scripts: BTreeMap<String, PathBuf>,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The protocol that it speaks.
    pub kind: ProviderKind,
    /// Where it is. Default: `https://api.anthropic.com` or `https://api.openai.com/v1`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of the environment variable with the key. Default: `ANTHROPIC_API_KEY` for the provider `anthropic`,
    /// `OPENAI_API_KEY` for the provider `openai`, and no key for any other or for the empty string.
    #[serde(default)]
    pub key_env: Option<String>,
    /// Longest time for one answer, all tries and the waits between them together. Default: `"10m"`.
    #[serde(default = "ten_minutes")]
    pub timeout: Span,
    /// Longest time until the connection stands. Default: `"10s"`.
    #[serde(default = "ten_seconds")]
    pub connect_timeout: Span,
    /// Longest time from the request to the first byte of the answer. Default: `"2m"`.
    #[serde(default = "two_minutes")]
    pub first_byte_timeout: Span,
    /// Longest silence within an answer. Default: `"1m"`.
    #[serde(default = "one_minute")]
    pub idle_timeout: Span,
    /// How often a failed try is repeated. Default: 4.
    #[serde(default = "four")]
    pub retries_max: u32,
    /// Upper end of the random wait before the first repetition; it doubles from there. Default: `"500ms"`.
    #[serde(default = "half_a_second")]
    pub retry_wait_first: Span,
    /// Longest wait before a repetition, also where the provider asks for a longer one. Default: `"1m"`.
    #[serde(default = "one_minute")]
    pub retry_wait_max: Span,
    /// Most requests at the same time. Default: 8.
    #[serde(default = "eight")]
    pub concurrency_max: u32,
    /// Whether the schema of the answer is sent along, so that the provider keeps to it. Turn it off for servers and
    /// models that refuse it; the answer is checked in any case. Default: true.
    #[serde(default = "yes")]
    pub structured_output: bool,
    /// Through which proxy it is asked: `"env"` for what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say,
    /// this machine's own addresses excepted; `"none"` for none; or the URL of one. Default: `"env"`.
    #[serde(default)]
    pub proxy: Option<String>,
    /// A file of certificates in PEM that are trusted beside those of the system, for a private authority. Default: none.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The protocol of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Anthropic Messages.
    Anthropic,
    /// Chat completions of `OpenAI`, which many other servers offer too.
    Openai,
}

/// What a model costs, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Dollars for a million prompt tokens.
    pub usd_per_million_in: Usd,
    /// Dollars for a million answer tokens.
    pub usd_per_million_out: Usd,
}

impl From<PriceConfig> for Price {
    fn from(price: PriceConfig) -> Self {
        Self {
            usd_micro_per_million_in: price.usd_per_million_in.0,
            usd_micro_per_million_out: price.usd_per_million_out.0,
        }
    }
}

impl ProviderConfig {
    /// A provider of this kind with every default.
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            key_env: None,
            timeout: ten_minutes(),
            connect_timeout: ten_seconds(),
            first_byte_timeout: two_minutes(),
            idle_timeout: one_minute(),
            retries_max: four(),
            retry_wait_first: half_a_second(),
            retry_wait_max: one_minute(),
            concurrency_max: eight(),
            structured_output: yes(),
            proxy: None,
            ca_file: None,
        }
    }

    /// The environment variable with the key, if this provider needs one.
    pub(crate) fn key_variable(&self, name: &str) -> Option<String> {
        match (&self.key_env, self.kind) {
            (Some(variable), _) if variable.trim().is_empty() => None,
            (Some(variable), _) => Some(variable.clone()),
            (None, ProviderKind::Anthropic) if name == "anthropic" => Some("ANTHROPIC_API_KEY".to_owned()),
            (None, ProviderKind::Openai) if name == "openai" => Some("OPENAI_API_KEY".to_owned()),
            (None, _) => None,
        }
    }

    /// Where requests are sent.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Url, ConfigError> {
        let base = match (&self.base_url, self.kind) {
            (Some(base), _) => base.as_str(),
            (None, ProviderKind::Anthropic) => "https://api.anthropic.com",
            (None, ProviderKind::Openai) => "https://api.openai.com/v1",
        };
        let bad = |detail: &str| ConfigError::BaseUrl {
            provider: name.to_owned(),
            detail: detail.to_owned(),
        };
        let mut url = Url::parse(base).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad("it must begin with http:// or https:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("a key belongs into the environment variable of `key_env`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must have no `?` and no `#`"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&match self.kind {
            ProviderKind::Anthropic if path.ends_with("/v1") => format!("{path}/messages"),
            ProviderKind::Anthropic => format!("{path}/v1/messages"),
            ProviderKind::Openai if path.is_empty() => "/v1/chat/completions".to_owned(),
            ProviderKind::Openai => format!("{path}/chat/completions"),
        });
        Ok(url)
    }

    fn check(&self, name: &str) -> Result<(), ConfigError> {
        self.endpoint(name)?;
        let out_of_range = |key: &'static str, allowed: String| ConfigError::Range {
            provider: name.to_owned(),
            key,
            allowed,
        };
        let spans = [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("idle_timeout", self.idle_timeout),
        ];
        if let Some((key, _)) = spans
            .into_iter()
            .find(|(_, span)| span.duration() == Duration::ZERO)
        {
            return Err(out_of_range(key, "above 0".to_owned()));
        }
        if self.retries_max > RETRIES_MAX_LIMIT {
            return Err(out_of_range("retries_max", format!("0 to {RETRIES_MAX_LIMIT}")));
        }
        if !(1..=CONCURRENCY_MAX_LIMIT).contains(&self.concurrency_max) {
            return Err(out_of_range(
                "concurrency_max",
                format!("1 to {CONCURRENCY_MAX_LIMIT}"),
            ));
        }
        Ok(())
    }
}

impl ModelsConfig {
    /// Every remote provider by name: the two that are always there, and the configured ones.
    pub(crate) fn all_providers(&self) -> BTreeMap<String, ProviderConfig> {
        let mut all = BTreeMap::from([
            (
                "anthropic".to_owned(),
                ProviderConfig::new(ProviderKind::Anthropic),
            ),
            ("openai".to_owned(), ProviderConfig::new(ProviderKind::Openai)),
        ]);
        all.extend(self.providers.clone());
        all
    }

    /// Refuses what cannot work, before anything runs on it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (name, provider) in &self.providers {
            if name == BUILTIN || name == SCRIPTED {
                return Err(ConfigError::Reserved { name: name.clone() });
            }
            if name.is_empty() || name.contains('/') {
                return Err(ConfigError::ProviderName { name: name.clone() });
            }
            provider.check(name)?;
        }
        let known = self.all_providers();
        for model in self.prices.keys() {
            let parsed: ModelName = model
                .parse()
                .map_err(|detail| ConfigError::PriceName { detail })?;
            let provider = parsed.provider();
            if provider != BUILTIN && provider != SCRIPTED && !known.contains_key(provider) {
                return Err(ConfigError::PriceProvider {
                    model: model.clone(),
                    known: known.into_keys().collect::<Vec<_>>().join(", "),
                });
            }
        }
        Ok(())
    }
}

/// Failed to take over the `[models]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A configured provider has the name of a compiled-in one.
    #[error("the provider name `{name}` is taken by a built-in provider")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A provider's name cannot be told from the model's.
    #[error("the provider name `{name}` is empty or holds a slash")]
    ProviderName {
        /// The name.
        name: String,
    },
    /// A base URL that cannot be used.
    #[error("the base_url of the provider `{provider}` cannot be used: {detail}")]
    BaseUrl {
        /// The provider.
        provider: String,
        /// Why.
        detail: String,
    },
    /// A number or a time out of range.
    #[error("{key} of the provider `{provider}` is out of range: allowed is {allowed}")]
    Range {
        /// The provider.
        provider: String,
        /// The key.
        key: &'static str,
        /// What is allowed.
        allowed: String,
    },
    /// A price for something that is no model name.
    #[error("a price needs the name of a model: {detail}")]
    PriceName {
        /// What is wrong with it.
        detail: String,
    },
    /// A price for a provider that does not exist.
    #[error("the price of `{model}` names no known provider; known: {known}")]
    PriceProvider {
        /// The model.
        model: String,
        /// The providers that there are.
        known: String,
    },
    /// A proxy that cannot be used; its URL is not repeated, for it may hold a password.
    #[error("the proxy of the provider `{provider}`, named by {named_by}, cannot be used: {detail}")]
    Proxy {
        /// The provider.
        provider: String,
        /// The environment variable or the key.
        named_by: String,
        /// Why.
        detail: String,
    },
    /// A file of certificates that cannot be used.
    #[error("the ca_file `{}` of the provider `{provider}` cannot be used: {detail}", path.display())]
    CaFile {
        /// The provider.
        provider: String,
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client of the provider `{provider}` cannot be built: {detail}")]
    Client {
        /// The provider.
        provider: String,
        /// Why.
        detail: String,
    },
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::new(&codes::CONFIG_INVALID, &error)
    }
}

const fn ten_minutes() -> Span {
    Span(600_000)
}

const fn two_minutes() -> Span {
    Span(120_000)
}

const fn one_minute() -> Span {
    Span(60_000)
}

const fn ten_seconds() -> Span {
    Span(10_000)
}

const fn half_a_second() -> Span {
    Span(500)
}

const fn four() -> u32 {
    4
}

const fn eight() -> u32 {
    8
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
