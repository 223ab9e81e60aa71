//! The benches, as people call them: figures as JSON, and nothing left behind.

use crate::cli::workplace;

#[test]
fn benches_print_their_figures_beside_the_floor() {
    let place = workplace();
    let arguments = ["--n", "20", "--repetitions", "1", "--parallel", "4", "--json"];
    for (bench, rate) in [("fanout", "tasks_per_second"), ("lifecycle", "jobs_per_second")] {
        let figures = place.run(["bench", bench].into_iter().chain(arguments)).json();
        for figure in [rate, "ratio_to_floor"] {
            let median = figures[figure]["median"].as_f64();
            assert!(median.is_some_and(|median| median > 0.0), "{bench}: {figures}");
        }
    }
}

#[test]
fn idle_agents_are_measured_in_processes_of_their_own() {
    let place = workplace();
    let figures = place.run(["bench", "idle", "--agents", "400", "--json"]).json();
    let row = &figures["rows"][0];
    assert_eq!(row["agents"], 400);
    assert!(
        row["bytes_per_agent"].as_f64().is_some_and(f64::is_finite),
        "{figures}"
    );
    let left: Vec<_> = std::fs::read_dir(place.path("."))
        .expect("the folder can be listed")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("anthill-bench"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
