//! Waiting without sleeping: a condition, looked at again and again until a deadline.

use std::time::Duration;

use anthill_contracts::clock::{Clock as _, SystemClock};

/// Longest wait; far above what a busy machine needs, because a test that gives up early is a test that lies.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks until there is an answer.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_up_to(WAIT_MAX, look).unwrap_or_else(|| panic!("waited {WAIT_MAX:?} in vain for {what}"))
}

/// Looks until there is an answer or the time is up.
pub fn wait_up_to<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let clock = SystemClock::new();
    loop {
        if let Some(answer) = look() {
            return Some(answer);
        }
        let left = time.saturating_sub(clock.mono());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(LOOK_EVERY.min(left));
    }
}
