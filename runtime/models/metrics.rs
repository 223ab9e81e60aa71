//! Names of this crate's metrics, and what they mean. The label `provider` is bounded by the configuration.

use metrics::{Unit, describe_counter, describe_histogram};

/// Requests by `provider` and `outcome` (`ok`, `key`, `refused`, `unavailable`, `malformed`).
pub const REQUESTS_TOTAL: &str = "anthill_models_requests_total";
/// Tokens by `provider` and `direction` (`in`, `out`).
pub const TOKENS_TOTAL: &str = "anthill_models_tokens_total";
/// Repeated tries by `provider`.
pub const RETRIES_TOTAL: &str = "anthill_models_retries_total";
/// Time from a request to its answer by `provider`, retries and waits included, waiting for a free slot too.
pub const REQUEST_SECONDS: &str = "anthill_models_request_seconds";

/// Tells the exporter what the metrics mean; called once at start.
pub fn describe() {
    describe_counter!(REQUESTS_TOTAL, "Requests to models by provider and outcome.");
    describe_counter!(
        TOKENS_TOTAL,
        "Tokens sent to and written by models by provider and direction."
    );
    describe_counter!(RETRIES_TOTAL, "Failed tries that were repeated, by provider.");
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Time from a request to its answer, retries included, by provider."
    );
}
