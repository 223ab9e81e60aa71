//! Means, intervals and what is told of them.

use anthill_contracts::signal::EvidenceClass;

use super::*;

fn sum(tasks: u64, mean: f64) -> ScoreSum {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small sum"
    )]
    let sum_milli = (tasks as f64 * mean * 1000.0).round() as u64;
    ScoreSum { tasks, sum_milli }
}

fn job(with: ScoreSum, control: ScoreSum, unaided: ScoreSum) -> JobScore {
    JobScore {
        by_answers: true,
        with,
        control,
        unaided,
    }
}

const NONE: ScoreSum = ScoreSum {
    tasks: 0,
    sum_milli: 0,
};

#[track_caller]
fn check_near(found: Estimate, expected: [f64; 3]) {
    let found = [found.mean, found.low, found.high];
    let near = found
        .iter()
        .zip(expected)
        .all(|(one, other)| (one - other).abs() < 5e-5);
    assert!(near, "{found:?}, expected {expected:?}");
}

#[test]
fn the_intervals_are_those_of_the_papers() {
    // Newcombe 1998, table II, case (a) 56/70 against 48/80, and case (c) 9/10 against 3/10.
    let (one, other) = (wilson(0.8, 70.0), wilson(0.6, 80.0));
    check_near(difference(one, other), [0.2, 0.0524, 0.3339]);
    let (one, other) = (wilson(0.9, 10.0), wilson(0.3, 10.0));
    check_near(difference(one, other), [0.6, 0.1705, 0.8090]);
    // Newcombe 1998 (one proportion), table I: 81/263, 0/20.
    check_near(wilson(81.0 / 263.0, 263.0), [81.0 / 263.0, 0.2553, 0.3662]);
    check_near(wilson(0.0, 20.0), [0.0, 0.0, 0.1611]);
}

#[test]
fn an_interval_holds_its_mean_and_stays_between_0_and_1() {
    for tasks in [1, 2, 5, 36, 100_000] {
        for mean_milli in 0..=1000 {
            let tasks = f64::from(tasks);
            let Estimate { mean, low, high } = wilson(f64::from(mean_milli) / 1000.0, tasks);
            assert!(
                0.0 <= low && low <= mean && mean <= high && high <= 1.0,
                "{mean} {tasks}"
            );
        }
    }
}

#[test]
fn a_gain_is_told_from_five_controls_on() {
    let told = |score: &JobScore| Score::of(score).lines().join("\n");
    assert_eq!(
        told(&job(sum(30, 0.8), sum(6, 0.5), NONE)),
        "score    0.75 (0.59 to 0.86) over 36 tasks by answers known beforehand\n         \
         with knowledge 0.80 (0.63 to 0.90) over 30 tasks\n         \
         without 0.50 (0.19 to 0.81) over 6 tasks\n         \
         gain +0.30 (95 %: -0.06 to +0.63)"
    );
    assert!(
        told(&job(sum(30, 0.8), sum(4, 0.5), NONE))
            .ends_with("without knowledge: 0.50 over 4 tasks, too few of 5")
    );
    assert!(
        told(&job(sum(30, 0.8), NONE, NONE))
            .ends_with("without knowledge: not measured, each task was given it")
    );
    assert!(told(&job(NONE, NONE, sum(3, 1.0))).ends_with("without knowledge: the same, the job uses none"));
    assert!(told(&job(NONE, sum(9, 0.1), NONE)).contains("too few of 5"));
}

#[test]
fn a_control_is_marked_in_the_table() {
    let score = |arm| TaskScore {
        score_milli: 625,
        class: EvidenceClass::Test,
        arm,
    };
    assert_eq!(of_task(&score(Some(Arm::Treated))), "0.62");
    assert_eq!(of_task(&score(Some(Arm::Control))), "0.62 (control)");
    assert_eq!(of_task(&score(None)), "0.62");
}

#[test]
fn a_program_reads_the_same() {
    let value = serde_json::to_value(Score::of(&job(sum(30, 0.8), sum(6, 0.5), NONE))).expect("JSON");
    assert_eq!(value["by"], "answers");
    assert_eq!(value["all"]["tasks"], 36);
    assert_eq!(value["without_knowledge"]["mean"], 0.5);
    assert!(value["gain"]["low"].as_f64().is_some_and(|low| low < 0.0));
    assert!(value["gain_unknown"].is_null());
    let value = serde_json::to_value(Score::of(&job(sum(30, 0.8), NONE, NONE))).expect("JSON");
    assert_eq!(value["gain_unknown"], "no_controls");
}
