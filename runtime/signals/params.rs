//! Every number of the layer in one place, with its source; a node's configuration may change some of them.

/// The numbers. Those that enter a reading of facts must be equal on all nodes for equal reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Half-life of the slow counters: 7 days, or about 100 events per live strategy of a scope where that is longer.
    pub slow_half_life_ms: u64,
    /// Half-life of the fast counters, by which breaks are found: a 64th of the slow one, but at least 24 events.
    pub fast_half_life_ms: u64,
    /// Standard deviation of a signal's gain before anything is known; between 0.1 and 0.4 it hardly matters.
    pub prior_sd: f64,
    /// Variance of one outcome around its expectation, where the outcomes themselves do not tell.
    pub noise_var: f64,
    /// How often each run counts where actions are drawn: once would be plain Thompson sampling.
    pub draw_runs_weight: f64,
    /// Runs that each other origin of a scope is taken to have under way or not heard of, where actions are drawn.
    pub draw_unheard_runs: f64,
    /// Runs that the parent scope's posterior is worth, until the evidence tells how much sibling scopes differ.
    pub backoff_runs: f64,
    /// Where fast and slow means differ by this many standard errors, the origin votes for a new regime.
    pub drift_z: f64,
    /// Where another origin has voted, so many are enough to second it.
    pub drift_second_z: f64,
    /// Where a sibling has broken of late, so many are enough for an own vote.
    pub drift_sibling_z: f64,
    /// Least runs on either side of that comparison.
    pub drift_runs_min: f64,
    /// What a sibling's evidence is worth once a second signal of the scope has broken.
    pub sibling_keep: f64,
    /// Up to this deviation an origin is believed whole; from `trust_z_none` on not at all; linear between.
    pub trust_z_full: f64,
    /// See [`Params::trust_z_full`].
    pub trust_z_none: f64,
    /// Passes of the reweighting.
    pub trust_passes: u32,
    /// Weight of evidence from another bundle of the same model family.
    pub weight_same_family: f64,
    /// Weight of evidence from another family.
    pub weight_other_family: f64,
    /// Least pseudo-runs that evidence from elsewhere is capped at.
    pub remote_cap_min: f64,
    /// Most signals of one run.
    pub slots_max: u32,
    /// Most tokens of one run's signals.
    pub tokens_max: u32,
    /// Share of slots that little-shown signals get.
    pub probation_share: f64,
    /// Share of chosen signals that are withheld at random to measure them.
    pub audit_share: f64,
    /// Share of runs that are shown nothing at all.
    pub control_share: f64,
    /// Least relevance, 0 to 1, below which a signal is no candidate.
    pub relevance_min: f64,
    /// Least cosine of two embeddings that says anything; another one for each model that makes them.
    pub similarity_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Self {
            slow_half_life_ms: 7 * DAY_MS,
            fast_half_life_ms: 7 * DAY_MS / 64,
            prior_sd: 0.2,
            noise_var: 0.25,
            draw_runs_weight: 2.0,
            draw_unheard_runs: 5.0,
            backoff_runs: 5.0,
            drift_z: 3.4,
            drift_second_z: 2.0,
            drift_sibling_z: 2.5,
            drift_runs_min: 4.0,
            sibling_keep: 0.1,
            trust_z_full: 3.0,
            trust_z_none: 6.0,
            trust_passes: 4,
            weight_same_family: 0.7,
            weight_other_family: 0.3,
            remote_cap_min: 5.0,
            slots_max: 8,
            tokens_max: 512,
            probation_share: 0.06,
            audit_share: 0.02,
            control_share: 0.01,
            relevance_min: 0.05,
            similarity_min: 0.5,
        }
    }
}
