//! Finds the provider of a model by its name, and knows what models cost.
//!
//! Providers are built when they are first asked for, so a missing key troubles only the jobs that need it. Each is
//! built once: its limit on concurrent requests holds for all jobs of the node together.

mod metered;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anthill_contracts::clock::Clock;
use anthill_contracts::model::{ModelError, ModelName, Models, Provider};

use crate::config::{BUILTIN, ConfigError, ModelsConfig, ProviderConfig, SCRIPTED};
use crate::extract::{EXTRACT, Extract};
use crate::prices::Prices;
use crate::remote::{Remote, RemoteParts};
use crate::route::{Route, Way};
use crate::scripted::Scripted;
use metered::Metered;

/// Looks up a key, or a proxy, by the name of its environment variable.
pub type KeyResolver = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Most script files that are held open at a time.
const SCRIPTS_MAX: usize = 64;

/// How alike a known name must be to be suggested, from 0 to 1.
const SUGGESTION_MIN: f64 = 0.7;

/// The models of a node.
pub struct Registry {
    config: ModelsConfig,
    remotes: BTreeMap<String, ProviderConfig>,
    keys: KeyResolver,
    clock: Arc<dyn Clock>,
    prices: Arc<Prices>,
    extract: Arc<dyn Provider>,
    built: Mutex<Built>,
}

/// Providers that have been asked for.
#[derive(Default)]
struct Built {
    remotes: BTreeMap<String, Arc<dyn Provider>>,
    scripts: BTreeMap<String, Arc<dyn Provider>>,
}

impl Registry {
    /// Takes over the configuration; refuses one that cannot work.
    pub fn new(config: ModelsConfig, keys: KeyResolver, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        config.check()?;
        let prices = Arc::new(Prices::new(&config));
        let extract = Metered::wrap(BUILTIN, Arc::new(Extract::new(Arc::clone(&prices))), &clock);
        Ok(Self {
            remotes: config.all_providers(),
            config,
            keys,
            clock,
            prices,
            extract,
            built: Mutex::new(Built::default()),
        })
    }

    /// Which way a provider is reached; `None` for one that is asked over no network.
    pub fn route(&self, name: &str) -> Option<Result<Route, ConfigError>> {
        let config = self.remotes.get(name)?;
        let found = config
            .endpoint(name)
            .and_then(|url| Way::find(name, config, &url, &self.keys));
        Some(found.map(|way| way.route))
    }

    fn remote(&self, name: &str, config: &ProviderConfig) -> Result<Arc<dyn Provider>, ModelError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(provider) = built.remotes.get(name) {
            return Ok(Arc::clone(provider));
        }
        let key = self.key(name, config)?;
        let remote = Remote::new(RemoteParts {
            name: name.to_owned(),
            config: config.clone(),
            key,
            prices: Arc::clone(&self.prices),
            clock: Arc::clone(&self.clock),
            variables: Arc::clone(&self.keys),
        })
        .map_err(|error| ModelError::Refused {
            provider: name.to_owned(),
            detail: error.to_string(),
        })?;
        let provider = Metered::wrap(name, Arc::new(remote), &self.clock);
        built.remotes.insert(name.to_owned(), Arc::clone(&provider));
        Ok(provider)
    }

    fn key(&self, name: &str, config: &ProviderConfig) -> Result<Option<String>, ModelError> {
        let Some(variable) = config.key_variable(name) else {
            return Ok(None);
        };
        match (self.keys)(&variable).map(|key| key.trim().to_owned()) {
            Some(key) if !key.is_empty() => Ok(Some(key)),
            _ => Err(ModelError::KeyMissing {
                provider: name.to_owned(),
                variable,
            }),
        }
    }

    fn script(&self, model: &ModelName) -> Result<Arc<dyn Provider>, ModelError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(provider) = built.scripts.get(model.name()) {
            return Ok(Arc::clone(provider));
        }
        let path = match self.config.scripts.get(model.name()) {
            Some(path) => path.clone(),
            None => model.name().into(),
        };
        let scripted =
            Scripted::open(&path, Arc::clone(&self.prices)).map_err(|error| ModelError::Refused {
                provider: SCRIPTED.to_owned(),
                detail: error.to_string(),
            })?;
        if built.scripts.len() >= SCRIPTS_MAX {
            return Err(ModelError::Refused {
                provider: SCRIPTED.to_owned(),
                detail: format!("{SCRIPTS_MAX} scripts are in use already"),
            });
        }
        let provider = Metered::wrap(SCRIPTED, Arc::new(scripted), &self.clock);
        built
            .scripts
            .insert(model.name().to_owned(), Arc::clone(&provider));
        Ok(provider)
    }

    fn unknown(&self, model: &ModelName) -> ModelError {
        let mut known: Vec<String> = vec![format!("{BUILTIN}/{EXTRACT}")];
        known.extend(self.remotes.keys().map(|name| format!("{name}/MODEL")));
        known.extend(
            self.config
                .scripts
                .keys()
                .map(|name| format!("{SCRIPTED}/{name}")),
        );
        known.push(format!("{SCRIPTED}/FILE"));
        let nearest = self
            .remotes
            .keys()
            .map(|name| format!("{name}/{}", model.name()))
            .chain([format!("{BUILTIN}/{EXTRACT}")])
            .max_by(|a, b| similarity(a, model).total_cmp(&similarity(b, model)))
            .filter(|nearest| similarity(nearest, model) >= SUGGESTION_MIN);
        let mut text = known.join(", ");
        if let Some(nearest) = nearest {
            text = format!("{text}; did you mean `{nearest}`?");
        }
        ModelError::Unknown {
            model: model.to_string(),
            known: text,
        }
    }
}

impl Models for Registry {
    fn provider(&self, model: &ModelName) -> Result<Arc<dyn Provider>, ModelError> {
        match model.provider() {
            BUILTIN if model.name() == EXTRACT => Ok(Arc::clone(&self.extract)),
            SCRIPTED => self.script(model),
            name => match self.remotes.get(name) {
                Some(config) => self.remote(name, config),
                None => Err(self.unknown(model)),
            },
        }
    }
}

fn similarity(candidate: &str, model: &ModelName) -> f64 {
    strsim::normalized_damerau_levenshtein(candidate, &model.to_string())
}

#[cfg(test)]
mod tests;
