//! `[knowledge]`: how much a run is shown, how new advice is tried out, and how long evidence counts.

use anthill_contracts::budget::Span;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::signal::GuardMode;
use anthill_models::EmbeddingsConfig;
use anthill_signals::params::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most signals that a run may be shown.
const SLOTS_MAX: u32 = 32;

/// Most tokens of a run's signals.
const TOKENS_MAX: u32 = 16_384;

/// Shortest half-life of evidence.
const HALF_LIFE_MS_MIN: u64 = 60_000;

/// What is learned and how it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// Most tokens of the signals that one run is shown. Since 0.1.
    pub tokens_max: u32,
    /// Most signals that one run is shown. Since 0.1.
    pub slots_max: u32,
    /// Time after which evidence counts half. Since 0.1.
    pub half_life: Span,
    /// Share of slots that little-shown signals get. Since 0.1.
    pub probation_share: f64,
    /// Share of chosen signals that are withheld, to measure what they do. Since 0.1.
    pub audit_share: f64,
    /// Share of runs that are shown nothing, to measure what the knowledge is worth. Since 0.1.
    pub control_share: f64,
    /// Whether what the program has measured of its built-in strategies counts, as a prior of limited weight. Since 0.1.
    pub shipped: bool,
    /// Groups of tenants whose shared signals this node uses. Since 0.1.
    pub groups: Vec<u32>,
    /// The most that a learned guard may do to a tool call. Since 0.1.
    pub guards: GuardMode,
    /// Which model makes embeddings, so that signals are found that say the same in other words. Signals and the texts
    /// of tasks are sent to its provider. None by default. Since 0.1.
    pub embeddings: Option<EmbeddingsConfig>,
}

impl Default for KnowledgeConfig {
    fn default() -> Self {
        let params = Params::default();
        Self {
            tokens_max: params.tokens_max,
            slots_max: params.slots_max,
            half_life: Span(params.slow_half_life_ms),
            probation_share: params.probation_share,
            audit_share: params.audit_share,
            control_share: params.control_share,
            shipped: true,
            groups: Vec::new(),
            guards: GuardMode::default(),
            embeddings: None,
        }
    }
}

impl KnowledgeConfig {
    /// Refuses values that no run could be made with.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let refused = |message: String| Err(Problem::new(&codes::SPEC_VALUE, message));
        if self.slots_max > SLOTS_MAX {
            return refused(format!("`knowledge.slots_max` is above {SLOTS_MAX}"));
        }
        if self.tokens_max > TOKENS_MAX {
            return refused(format!("`knowledge.tokens_max` is above {TOKENS_MAX}"));
        }
        if self.half_life.0 < HALF_LIFE_MS_MIN {
            return refused("`knowledge.half_life` is below a minute".to_owned());
        }
        for (name, share) in [
            ("probation_share", self.probation_share),
            ("audit_share", self.audit_share),
            ("control_share", self.control_share),
        ] {
            if !(0.0..=0.5).contains(&share) {
                return refused(format!("`knowledge.{name}` must be from 0 to 0.5"));
            }
        }
        let similarity_min = self.embeddings.as_ref().and_then(|made| made.similarity_min);
        if similarity_min.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return refused("`knowledge.embeddings.similarity_min` must be from 0 to 1".to_owned());
        }
        Ok(())
    }

    /// The numbers of the layer with these above them.
    pub fn params(&self) -> Params {
        let usual = Params::default();
        Params {
            tokens_max: self.tokens_max,
            slots_max: self.slots_max,
            slow_half_life_ms: self.half_life.0,
            fast_half_life_ms: self.half_life.0 / (usual.slow_half_life_ms / usual.fast_half_life_ms),
            probation_share: self.probation_share,
            audit_share: self.audit_share,
            control_share: self.control_share,
            similarity_min: self
                .embeddings
                .as_ref()
                .and_then(|made| made.similarity_min)
                .unwrap_or(usual.similarity_min),
            ..usual
        }
    }
}
