//! Where the tests' random moments come from.

use anthill_contracts::clock::{Clock as _, SystemClock};

/// The variable that plays a run again.
const VARIABLE: &str = "CHAOS_SEED";

/// The generator of one test, and its seed in the test's output.
pub(crate) fn dice(test: &str) -> fastrand::Rng {
    #[expect(clippy::disallowed_methods, reason = "the one switch of these tests")]
    let given = std::env::var(VARIABLE).ok();
    let seed = given.map_or_else(
        || SystemClock::new().now().0,
        |text| text.parse().expect("the seed is a number"),
    );
    eprintln!("{test}: {VARIABLE}={seed}");
    fastrand::Rng::with_seed(seed)
}
