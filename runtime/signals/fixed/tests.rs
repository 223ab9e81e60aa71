//! Decay against what floating point says, and the laws that readings rely on.

use proptest::prelude::*;

use super::{Decay, FACTORS, HALF_LIVES_MAX, ONE, from_f64, is_past, to_f64};

/// Seven days.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;

#[test]
fn factors_are_powers_of_two_to_fifty_bits() {
    for (step, factor) in (0_u8..).zip(FACTORS) {
        let exact = (-f64::from(step) / 64.0).exp2();
        // Both sides have 53 bits or more of their own.
        let ours = factor as f64 / (1_u64 << 62) as f64;
        assert!(
            (ours - exact).abs() < (-50_f64).exp2(),
            "step {step}: {ours} {exact}"
        );
    }
}

#[test]
fn half_of_it_is_left_after_each_half_life() {
    for halvings in 0..=HALF_LIVES_MAX {
        let decay = Decay::after(halvings * WEEK_MS, WEEK_MS);
        assert_eq!(decay.of(ONE << 20), (ONE << 20) >> halvings);
        assert_eq!(decay.of_u32(1 << 31), (1 << 31) >> halvings);
    }
}

#[test]
fn nothing_is_left_beyond_twenty_half_lives() {
    let last = HALF_LIVES_MAX * WEEK_MS;
    assert!(!is_past(last, WEEK_MS) && is_past(last + 1, WEEK_MS));
    assert!(Decay::after(last, WEEK_MS).of(i64::MAX) > 0);
    for age in [last + 1, last + WEEK_MS, last * 1_000, u64::MAX] {
        let decay = Decay::after(age, WEEK_MS);
        assert_eq!(
            (decay.of(i64::MAX), decay.of(i64::MIN), decay.of_u32(u32::MAX)),
            (0, 0, 0)
        );
    }
}

#[test]
fn without_a_half_life_nothing_fades() {
    for age in [0, 1, WEEK_MS, u64::MAX] {
        assert!(!is_past(age, 0));
        let decay = Decay::after(age, 0);
        assert_eq!((decay.of(-7), decay.of_u32(u32::MAX)), (-7, u32::MAX));
    }
}

#[test]
fn a_half_life_of_ages_overflows_nothing() {
    assert!(!is_past(u64::MAX, u64::MAX));
    assert!(Decay::after(u64::MAX, u64::MAX).of(ONE) > 0);
    assert_eq!(Decay::after(u64::MAX, 1).of(ONE), 0);
}

#[test]
fn what_no_number_holds_is_clamped() {
    assert_eq!(from_f64(0.5), ONE / 2);
    assert_eq!(from_f64(f64::INFINITY), from_f64(1e9));
    assert_eq!(from_f64(f64::NAN), 0);
    assert!((to_f64(from_f64(-0.3)) + 0.3).abs() < 1e-5);
}

/// Half-lives from a second to three years, and ages up to 22 of them.
fn time() -> impl Strategy<Value = (u64, u64)> {
    (1_000..100_000_000_000_u64).prop_flat_map(|half_life| (0..22 * half_life, Just(half_life)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn older_is_never_more((age, half_life) in time(), more in 0..1_000_000_u64, value: i64, small: u32) {
        let (young, old) = (Decay::after(age, half_life), Decay::after(age + more, half_life));
        prop_assert!(old.of(value).unsigned_abs() <= young.of(value).unsigned_abs());
        prop_assert!(young.of(value).unsigned_abs() <= value.unsigned_abs());
        prop_assert!(old.of_u32(small) <= young.of_u32(small));
    }

    #[test]
    fn more_is_never_less((age, half_life) in time(), one: i64, two: i64) {
        let decay = Decay::after(age, half_life);
        prop_assert_eq!(decay.of(one) <= decay.of(two), one <= two || decay.of(one) == decay.of(two));
    }

    #[test]
    fn truncation_goes_towards_zero((age, half_life) in time(), value in 0..i64::MAX) {
        let decay = Decay::after(age, half_life);
        prop_assert_eq!(decay.of(-value), -decay.of(value));
        let small = u32::try_from(value >> 31).expect("32 bits");
        prop_assert_eq!(i64::from(decay.of_u32(small)), decay.of(i64::from(small)));
    }

    /// The straight line within a 64th of a halving lies at most (ln 2 / 64)^2 / 8 above the curve, and truncating
    /// takes at most one.
    #[test]
    fn it_is_two_to_the_minus_age((age, half_life) in time(), value in 0..1_i64 << 50) {
        prop_assume!(!is_past(age, half_life));
        let exact = value as f64 * (-(age as f64) / half_life as f64).exp2();
        let ours = Decay::after(age, half_life).of(value) as f64;
        prop_assert!(ours <= exact * (1.0 + 1.5e-5) + 1.0, "{} {}", ours, exact);
        prop_assert!(ours >= exact * (1.0 - 1e-9) - 1.0, "{} {}", ours, exact);
    }
}
