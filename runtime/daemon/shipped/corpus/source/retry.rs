//! Asking again after a failure.
//!
//! The client waits before it tries again so that a thousand clients do not come back at once. The wait is drawn anew each time.

use std::time::Duration;

/// The longest wait that a caller has to expect.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The wait before an attempt, counted from one.
pub fn wait(attempt: u32, draw: f64) -> Duration {
    // Shifted at most ten times, or a patient client would overflow.
    let base = Duration::from_millis(100 << attempt.min(10));
    base.mul_f64(draw).min(WAIT_MAX)
}
