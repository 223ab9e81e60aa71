//! One process works in a data directory; others may look.

use crate::colony::{Colony, SLOW, words};

#[test]
fn a_data_directory_in_use_can_be_looked_at_and_not_worked_in() {
    let colony = Colony::new("[[rules]]\ntimes = 3\nextract = true\n[[rules]]\nfault = \"hang\"\n");
    let running = colony.place.launch(colony.run_arguments());
    let look = |line: &str| colony.place.run(words(line));
    anthill_kit::wait::wait_for("three readings", || {
        (running
            .stdout()
            .matches("\"event\":\"artifact_reviewed\"")
            .count()
            >= 3)
            .then_some(())
    });

    let holder = format!("process {} (anthill)", running.id());
    let mut run = colony.run_arguments();
    run.retain(|argument| argument != "--json");
    for second in [run, words("job resume job_"), words("job cancel job_")] {
        let line = colony.place.run(second).refused(4, "AH0201");
        assert!(line.contains(&holder), "{line}");
    }

    assert_eq!(colony.row()["status"], "running");
    let shown = look("job show job_ --json").json();
    assert_eq!(shown["job"]["status"], "running", "{shown}");
    let list = look("artifact list job_ --json").json();
    let artifact = list["artifacts"][0]["version"]["artifact_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let body = look(&format!("artifact show job_ {artifact} --json")).json();
    assert!(body["body"].is_object(), "{body}");
    let history = colony.history();
    history.check();
    history.check_holds(&running.stdout());
    colony.check_audit();

    running.interrupt();
    assert_eq!(running.end().exit(), Some(130));
    colony.place.write("script.toml", SLOW);
    colony.resume().ok();
    colony.check_undisturbed();
}
