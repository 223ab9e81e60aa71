//! Model providers behind the one port of `contracts::model`.
//!
//! [`Registry`] is what others hold: it finds the provider of a model by name and knows the prices. Behind it are three
//! kinds of provider: remote ones (Anthropic Messages and `OpenAI`-compatible chat completions), `builtin/extract` (no
//! language model: it ranks the sentences that the request carries as data), and `scripted` (answers, latencies and
//! faults from a file, for tests and simulations).
//!
//! Invariants: the crate never reads the environment (keys and proxies come through a closure); it logs no prompt, no answer and
//! no key; it never hands on an answer whose end it has not seen; everything that a provider sends is bounded.

mod config;
mod embeddings;
mod estimate;
mod extract;
pub mod metrics;
mod prices;
mod registry;
mod remote;
mod route;
mod scripted;

pub use config::{ConfigError, ModelsConfig, PriceConfig, ProviderConfig, ProviderKind};
pub use embeddings::{Embeddings, EmbeddingsConfig};
pub use extract::STRATEGIES;
pub use registry::{KeyResolver, Registry};
pub use route::{Route, RouteProxy};
pub use scripted::{Fault, MatterKind, Rule, Script, ScriptedCall, ScriptedUsage, StopWord, When};
