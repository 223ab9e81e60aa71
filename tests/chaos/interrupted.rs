//! Ctrl-C: the first one stops in order, the second one at once; both lose nothing.

use anthill_kit::running::Running;
use rusqlite::{Connection, TransactionBehavior};

use crate::colony::{Colony, SLOW};

/// Some readers answer, the others take longer than anybody waits.
const STUCK: &str = "[[rules]]\ntimes = 3\nextract = true\n[[rules]]\nlatency = \"10m\"\nextract = true\n";

/// A job that has recorded something and waits for its model.
fn stuck() -> (Colony, Running) {
    let colony = Colony::new(STUCK);
    let running = colony.place.launch(colony.run_arguments());
    let enough = |running: &Running| {
        let shown = running.stdout();
        let count = |kind: &str| shown.matches(&format!("\"event\":\"{kind}\"")).count();
        count("task_succeeded") >= 4 && count("budget_reserved") >= 7
    };
    anthill_kit::wait::wait_for("three answers, and questions without", || {
        enough(&running).then_some(())
    });
    (colony, running)
}

#[test]
fn ctrl_c_stops_in_order() {
    let (colony, running) = stuck();
    running.interrupt();
    let finished = running.end();
    assert_eq!(finished.exit(), Some(130), "{finished:?}");
    let row = colony.row();
    let job = row["job_id"].as_str().expect("an id");
    let hint = format!("resume with: anthill job resume {job}");
    assert!(finished.stderr().contains(&hint), "{finished:?}");
    assert!(finished.stderr().contains("AH0002"), "{finished:?}");
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&"paused".into(), &"interrupted".into())
    );
    let history = colony.history();
    history.check();
    history.check_holds(&finished.stdout());
    assert_eq!(history.last_kind(), "job_paused");
    go_on(&colony);
}

#[test]
fn a_second_ctrl_c_kills_at_once() {
    let (colony, running) = stuck();
    // The journal's disk hangs, so that the orderly stop cannot come to its end.
    let mut journal = Connection::open(colony.place.path(".anthill/journal.db")).expect("there is a journal");
    let hanging = journal.transaction_with_behavior(TransactionBehavior::Immediate);
    let hanging = hanging.expect("nobody writes while the model thinks");
    running.interrupt();
    running.wait_for_error("once more kills");
    running.interrupt();
    let finished = running.end();
    assert_eq!(finished.exit(), Some(130), "{finished:?}");
    assert!(
        !finished.stderr().contains("AH0"),
        "it says no more: {finished:?}"
    );
    drop(hanging);
    let history = colony.history();
    history.check();
    history.check_holds(&finished.stdout());
    assert_eq!(history.count("job_paused"), 0, "the stop was not in order");
    go_on(&colony);
}

/// The job goes on, on a model that answers, to the end that it would have had.
fn go_on(colony: &Colony) {
    colony.place.write("script.toml", SLOW);
    colony.resume().ok();
    assert_eq!(colony.history().leads(), 2);
    colony.check_undisturbed();
}
