//! Waits grow, are drawn at random, and honour what the provider asks for.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anthill_contracts::budget::Span;
use anthill_contracts::clock::{Clock, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Backoff, retry_after};
use crate::config::{ProviderConfig, ProviderKind};

/// A wall clock that stands at 1 000 000 s after the epoch.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000_000)
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

fn backoff() -> Backoff {
    Backoff::new(&ProviderConfig {
        retry_wait_first: Span(100),
        retry_wait_max: Span(1_000),
        ..ProviderConfig::new(ProviderKind::Openai)
    })
}

#[test]
fn waits_double_and_stay_below_the_bound() {
    let ceilings: Vec<u128> = [1, 2, 3, 4, 5, 40, u32::MAX]
        .into_iter()
        .map(|attempt| backoff().ceiling(attempt).as_millis())
        .collect();
    assert_eq!(ceilings, [100, 200, 400, 800, 1_000, 1_000, 1_000]);
}

#[test]
fn waits_are_spread_over_the_whole_range() {
    let waits: Vec<Duration> = (0..200).map(|_| backoff().wait(2, None)).collect();
    assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(200)));
    assert!(waits.iter().any(|wait| *wait < Duration::from_millis(50)));
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(150)));
}

#[test]
fn nobody_comes_back_before_the_time_asked_for() {
    let asked = Duration::from_millis(500);
    for _ in 0..50 {
        let wait = backoff().wait(1, Some(asked));
        assert!((500..=550).contains(&wait.as_millis()), "{wait:?}");
    }
    assert_eq!(backoff().wait(1, Some(Duration::MAX)), Duration::from_secs(1));
}

#[test]
fn retry_after_is_read_in_every_form() {
    let read = |name: &'static str, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).expect("a value"),
        );
        let clock: Arc<dyn Clock> = Arc::new(Standing);
        retry_after(&headers, &clock)
    };
    let date = |seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(read("retry-after", "7"), Some(Duration::from_secs(7)));
    assert_eq!(read("retry-after", " 0.5 "), Some(Duration::from_millis(500)));
    assert_eq!(read("retry-after-ms", "250"), Some(Duration::from_millis(250)));
    assert_eq!(
        read("retry-after", &date(1_000_030)),
        Some(Duration::from_secs(30))
    );
    assert_eq!(
        read("retry-after", &date(999_000)),
        Some(Duration::ZERO),
        "a date that has passed"
    );
    for nonsense in ["soon", "-5", "inf", "NaN", "1e300"] {
        assert_eq!(read("retry-after", nonsense), None, "{nonsense}");
    }
    assert_eq!(read("x-other", "7"), None);
}
