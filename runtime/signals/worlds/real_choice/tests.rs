//! The replay on a matrix that is made up, so that the answers are known.

use super::*;

/// Files of four types, each with one codec that packs well in time, one that is slow and one that does nothing.
fn measured() -> Measured {
    let kinds: Vec<String> = (0..4).map(|kind| format!("type-{kind}")).collect();
    let strategies: Vec<String> = ["store", "fast", "strong", "slow"].map(str::to_owned).to_vec();
    let files = (0..64).map(|number| {
        let kind = number % 4;
        // The last type does not pack: whatever takes no time is near the best.
        let packed = if kind == 3 {
            [32, 32, 32, 32]
        } else {
            [32, 16, 10, 9]
        };
        MeasuredFile {
            kind,
            bytes: packed.map(|kib| kib * 1_024 + number).to_vec(),
            millis: vec![0.0, 0.1, 0.3, 8.0],
        }
    });
    Measured {
        kinds,
        strategies,
        files: files.collect(),
    }
}

#[test]
fn near_the_best_is_success() {
    let measured = measured();
    assert_eq!(measured.files[0].successes(), [false, false, true, false]);
    assert_eq!(measured.files[3].successes(), [true, true, true, false]);
    let (random, best) = Choices::of(&measured).random_and_best();
    assert!(
        (random - 0.375).abs() < 1e-12 && (best - 1.0).abs() < 1e-12,
        "{random} {best}"
    );
}

#[test]
fn a_matrix_that_does_not_fit_together_is_refused() {
    let check = |damage: fn(&mut Measured)| {
        let mut measured = measured();
        damage(&mut measured);
        measured.check().expect_err("it is damaged")
    };
    assert_eq!(measured().check(), Ok(()));
    assert!(check(|measured| measured.files[0].kind = 9).contains("type"));
    assert!(check(|measured| measured.files[1].bytes.truncate(2)).contains("every strategy"));
    assert!(check(|measured| measured.files[2].millis[0] = f32::NAN).contains("time"));
    assert!(check(|measured| measured.kinds.push("none".to_owned())).contains("no file"));
    assert!(check(|measured| measured.strategies.truncate(1)).contains("two"));
}

#[test]
fn shuffling_keeps_what_a_type_yields() {
    let choices = Choices::of(&measured());
    let shuffled = choices.shuffled(5);
    let sorted = |rates: &[f64]| {
        let mut rates = rates.to_vec();
        rates.sort_by(f64::total_cmp);
        rates
    };
    for (before, after) in choices.rates.iter().zip(&shuffled.rates) {
        assert_eq!(sorted(before), sorted(after));
    }
    assert_ne!(choices.rates, shuffled.rates);
}

#[test]
fn a_fleet_learns_faster_than_a_node_and_types_learn_from_each_other() {
    let patch = WorldPatch {
        nodes: Some(8),
        tasks_per_node: Some(60),
        seeds: Some(6),
        ..WorldPatch::default()
    };
    let report = run(&patch, &measured(), &|_, _| ());
    let figure = |name: &str| report.figures[name];
    assert!(
        figure("tasks_per_node_to_90") <= figure("tasks_per_node_to_90_without_backoff"),
        "{:?}",
        report.figures
    );
    assert!(
        figure("regret") < 0.8 * figure("regret_without_backoff"),
        "{:?}",
        report.figures
    );
    assert!(
        figure("regret") < 8.0 * figure("regret_isolated") / 2.0,
        "{:?}",
        report.figures
    );
    assert_eq!(report.figures, run(&patch, &measured(), &|_, _| ()).figures);
}

#[test]
fn learned_is_when_it_stays_so() {
    let check = |shares: &[f64], window, expected: f64| {
        assert!((tasks_to(shares, window) - expected).abs() < 1e-12, "{shares:?}");
    };
    check(&[0.2, 1.0, 0.4, 1.0, 1.0], 2, 3.0);
    check(&[0.2, 0.95, 0.4], 1, 1.0);
    check(&[0.2, 0.3], 1, 2.0);
    check(&[], 3, 0.0);
}
