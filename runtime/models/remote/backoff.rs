//! How long to wait before the next try.
//!
//! Exponential with full jitter: many workers that failed together must not come back together. What the provider asks
//! for is honoured, up to the configured bound, and spread a little upwards for the same reason.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anthill_contracts::clock::{Clock, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::config::ProviderConfig;

const SPREAD_DIVISOR: u32 = 10;
const DOUBLINGS_MAX: u32 = 16;

/// The waits of one provider.
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// The waits that the configuration says.
    pub(crate) fn new(config: &ProviderConfig) -> Self {
        Self {
            first: config.retry_wait_first.duration(),
            max: config.retry_wait_max.duration(),
        }
    }

    /// The wait after this many tries.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) => {
                // Bounded first: a provider may ask for more than a duration can hold.
                let asked = asked.min(self.max);
                let spread = (asked / SPREAD_DIVISOR).mul_f64(fastrand::f64());
                asked.saturating_add(spread).min(self.max)
            }
            None => self.ceiling(attempt).mul_f64(fastrand::f64()),
        }
    }

    fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(DOUBLINGS_MAX);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// What a provider asks for, in any of the forms in use; nothing where the header is absent or makes no sense.
pub(crate) fn retry_after(headers: &HeaderMap, clock: &Arc<dyn Clock>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let ms = text("retry-after-ms").and_then(|ms| ms.trim().parse::<f64>().ok());
    if let Some(ms) = ms {
        return seconds(ms / 1000.0);
    }
    let value = text(RETRY_AFTER.as_str())?.trim();
    match value.parse::<f64>() {
        Ok(count) => seconds(count),
        Err(_) => until(value, clock.now()),
    }
}

fn seconds(count: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(count).ok()
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let then = httpdate::parse_http_date(date).ok()?;
    let since_epoch = then.duration_since(UNIX_EPOCH).ok()?;
    Some(since_epoch.saturating_sub(Duration::from_millis(now.0)))
}

#[cfg(test)]
mod tests;
