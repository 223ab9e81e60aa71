//! Timestamps print as people write them.

use super::*;

#[test]
fn timestamps_print_as_rfc_3339() {
    let check = |ms, expected: &str| assert_eq!(Timestamp(ms).to_string(), expected);
    check(0, "1970-01-01T00:00:00.000Z");
    check(951_827_696_789, "2000-02-29T12:34:56.789Z");
    check(1_795_262_399_999, "2026-11-21T11:59:59.999Z");
    check(4_102_444_800_000, "2100-01-01T00:00:00.000Z");
}

#[test]
fn the_monotonic_clock_never_goes_back() {
    let clock = SystemClock::new();
    let first = clock.mono();
    assert!(clock.mono() >= first);
    assert!(clock.now() > Timestamp(1_700_000_000_000));
}
