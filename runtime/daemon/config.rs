//! The configuration: `config/anthill.toml` holds every key with its default and its reason.
//!
//! What stands on the command line or in the environment goes above the file, and the file above the defaults. No file
//! is read unless `--config` or `ANTHILL_CONFIG` names one: a file that is picked up from the current folder could
//! send a key to a stranger's base URL. This is the one module that reads the environment itself; flags with a
//! variable of their own (`ANTHILL_DATA_DIR`) are read by clap. A variable that is set to nothing counts as unset
//! everywhere: that is how a shell or a service file switches one off.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_models::ModelsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document;

mod knowledge;

pub use knowledge::KnowledgeConfig;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where data lies and how much it may be.
    pub data: DataConfig,
    /// Logs and metrics.
    pub telemetry: TelemetryConfig,
    /// Providers, prices and scripts.
    pub models: ModelsConfig,
    /// What is learned and how it is used.
    pub knowledge: KnowledgeConfig,
}

/// Where data lies and how much it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// The data directory: journal, projections and blobs. Since 0.1.
    pub dir: PathBuf,
    /// Most bytes of the journal; above it the disk counts as full. Not limited by default. Since 0.1.
    pub journal_bytes_max: Option<u64>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from(".anthill"),
            journal_bytes_max: None,
        }
    }
}

/// Logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged to the standard error stream: `off`, a level, or a filter such as `warn,anthill_store=debug`.
    /// Since 0.1.
    pub log: String,
    /// How a line of the log is written. Since 0.1.
    pub log_format: LogFormat,
    /// Where Prometheus may fetch metrics, as `HOST:PORT` or `:PORT` on the loopback address. Off by default. Since 0.1.
    pub metrics_addr: Option<String>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "off".to_owned(),
            log_format: LogFormat::Text,
            metrics_addr: None,
        }
    }
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// What was said on the command line (or in the variable of a flag) and goes above the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// The log's filter.
    pub log: Option<String>,
    /// The log's format.
    pub log_format: Option<LogFormat>,
    /// Where to serve metrics.
    pub metrics_addr: Option<String>,
}

impl Config {
    /// Reads the file if one is named, puts the overrides above it, and checks the values.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, Problem> {
        let mut config = match file {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.apply(overrides);
        config.check()?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, Problem> {
        let loaded = document::load(path, &codes::CONFIG_INVALID);
        let mut config: Self = loaded.map_err(|problem| match problem.code.id {
            // A file that does not parse is a matter of the configuration here, not of the job file.
            id if id == codes::SPEC_SYNTAX.id => Problem::new(&codes::CONFIG_INVALID, problem.message),
            _ => problem,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for script in config.models.scripts.values_mut() {
            *script = folder.join(&script);
        }
        Ok(config)
    }

    fn apply(&mut self, overrides: Overrides) {
        if let Some(dir) = overrides.data_dir {
            self.data.dir = dir;
        }
        if let Some(log) = overrides.log {
            self.telemetry.log = log;
        }
        if let Some(format) = overrides.log_format {
            self.telemetry.log_format = format;
        }
        if overrides.metrics_addr.is_some() {
            self.telemetry.metrics_addr = overrides.metrics_addr;
        }
    }

    fn check(&self) -> Result<(), Problem> {
        let refused = |message: String| Err(Problem::new(&codes::SPEC_VALUE, message));
        if self.data.dir.as_os_str().is_empty() {
            return refused("`data.dir` is empty: it must name a folder".to_owned());
        }
        if self.data.journal_bytes_max == Some(0) {
            return refused("`data.journal_bytes_max` is 0: leave it out where there is no limit".to_owned());
        }
        self.telemetry.metrics_socket()?;
        self.knowledge.check()
    }
}

impl TelemetryConfig {
    /// The address to serve metrics on, if any. `:9464` means the loopback address.
    pub fn metrics_socket(&self) -> Result<Option<SocketAddr>, Problem> {
        let Some(text) = &self.metrics_addr else {
            return Ok(None);
        };
        let address = match text.strip_prefix(':') {
            Some(port) => port
                .parse()
                .ok()
                .map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            None => text.parse().ok(),
        };
        address.map(Some).ok_or_else(|| {
            Problem::new(
                &codes::SPEC_VALUE,
                format!("`{text}` is no address for metrics; write `:9464` or `127.0.0.1:9464`"),
            )
        })
    }
}

/// Whether a variable is set to nothing, which means that it is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one that reads the environment"
)]
pub fn is_set_to_nothing(variable: &OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.is_empty())
}

/// Looks up a provider's key in the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one that reads the environment"
)]
pub fn key_from_environment(variable: &str) -> Option<String> {
    let key = std::env::var(variable).ok();
    key.filter(|key| !key.trim().is_empty())
}

#[cfg(test)]
mod tests;
