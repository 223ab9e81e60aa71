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

#[test]
fn experiments_of_the_knowledge_take_a_world_and_say_what_they_found() {
    let place = workplace();
    let world = place.write(
        "world.toml",
        "nodes = 4\ntasks_per_node = 60\nseeds = 1\nloss = 0.2\n",
    );
    let asked = [
        "bench",
        "knowledge",
        "--experiment",
        "scaling",
        "--seed",
        "7",
        "--json",
        "--world",
    ];
    let run = || {
        let arguments = asked.iter().map(std::ffi::OsStr::new);
        place.run(arguments.chain([world.as_os_str()])).json()
    };
    let report = run();
    assert_eq!(report["experiment"], "scaling");
    assert_eq!(
        (
            &report["world"]["nodes"],
            &report["world"]["seed"],
            &report["seeds"]
        ),
        (&4.into(), &7.into(), &1.into())
    );
    for figure in ["central_over_ours", "isolated_over_ours"] {
        let value = report["figures"][figure].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{figure}: {report}");
    }
    assert_eq!(report, run(), "the same seed is the same world");
    place.write("wrong.toml", "node = 4\n");
    let wrong = place.run(["bench", "knowledge", "--world", "wrong.toml"]);
    assert_eq!(wrong.exit(), Some(2));
    assert!(wrong.stderr().contains("`nodes`"), "{}", wrong.stderr());
}
