//! A model that goes away in the middle of a job: the job pauses, keeps what it has, and goes on when the model is back.

use crate::colony::{Colony, SLOW};

#[test]
fn a_model_that_goes_away_pauses_the_job() {
    let colony = Colony::new("[[rules]]\ntimes = 5\nextract = true\n[[rules]]\nfault = \"unavailable\"\n");
    let paused = colony.place.run(colony.run_arguments());
    assert_eq!(paused.exit(), Some(5), "{paused:?}");
    assert!(
        paused.stderr().contains("AH0305") && paused.stderr().contains("job resume"),
        "{paused:?}"
    );
    let row = colony.row();
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&"paused".into(), &"model_error".into())
    );
    let before = colony.history();
    before.check();
    assert_eq!(before.last_kind(), "job_paused");
    assert!(
        before.count("step_recorded") <= 5 && before.count("step_recorded") > 0,
        "{before:?}"
    );

    let still = colony.resume();
    assert_eq!(still.exit(), Some(5), "{still:?}");

    colony.place.write("script.toml", SLOW);
    colony.resume().ok();
    before.check_begins(&colony.history());
    colony.check_undisturbed();
}

#[test]
fn a_process_that_dies_with_questions_open_asks_them_again_and_pays_once() {
    let colony = Colony::new("[[rules]]\ntimes = 2\nextract = true\n[[rules]]\nfault = \"hang\"\n")
        .without_a_step_to_spare();
    for _ in 0..3 {
        let running = colony.place.launch(colony_arguments(&colony));
        // Four workers ask and hear nothing.
        running.wait_for_output("\"event\":\"lead_changed\"");
        anthill_kit::wait::wait_for("four open questions", || {
            let history = colony.history();
            let open = history.count("budget_reserved") - history.count("step_recorded");
            (open == 4).then_some(())
        });
        running.kill();
    }
    colony.place.write("script.toml", SLOW);
    colony.resume().ok();
    assert_eq!(colony.history().leads(), 4);
    colony.check_undisturbed();
}

fn colony_arguments(colony: &Colony) -> Vec<String> {
    if colony.history().is_empty() {
        colony.run_arguments()
    } else {
        Colony::resume_arguments()
    }
}
