//! What each model costs, where somebody has written it down.

use std::collections::BTreeMap;

use anthill_contracts::model::{ModelName, Price};

use crate::config::{BUILTIN, ModelsConfig, SCRIPTED};

const FREE: Price = Price {
    usd_micro_per_million_in: 0,
    usd_micro_per_million_out: 0,
};

/// Prices by model, then by provider.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    by_model: BTreeMap<String, Price>,
}

impl Prices {
    /// The configured prices.
    pub(crate) fn new(config: &ModelsConfig) -> Self {
        let by_model = config
            .prices
            .iter()
            .map(|(model, price)| (model.clone(), Price::from(*price)))
            .collect();
        Self { by_model }
    }

    /// The price of a model, if it is known.
    pub(crate) fn get(&self, model: &ModelName) -> Option<Price> {
        let own = self.by_model.get(&model.to_string());
        let all = || self.by_model.get(&format!("{}/*", model.provider()));
        let free = matches!(model.provider(), BUILTIN | SCRIPTED).then_some(FREE);
        own.or_else(all).copied().or(free)
    }
}
