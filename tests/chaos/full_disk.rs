//! A disk that is full in the middle of a job: one line says so, nothing acknowledged is lost, and with more space the
//! job goes on.

use crate::colony::{Colony, SLOW, UNDISTURBED};

/// Shares of the journal of an undisturbed run that fit on the disk.
const PERCENT: [u64; 3] = [45, 65, 85];

#[test]
fn a_full_disk_stops_the_job_and_loses_nothing() {
    for percent in PERCENT {
        fill_up_at(UNDISTURBED.journal_bytes * percent / 100);
    }
}

fn fill_up_at(bytes: u64) {
    let colony = Colony::new(SLOW);
    let config = colony.place.read("anthill.toml");
    colony.place.write(
        "anthill.toml",
        format!("[data]\njournal_bytes_max = {bytes}\n{config}"),
    );
    let mut arguments = colony.run_arguments();
    arguments.retain(|argument| argument != "--json");
    arguments.push("--quiet".to_owned());
    let full = colony.place.run(arguments);
    full.refused(4, "AH0203");
    let before = colony.history();
    before.check();
    assert!(
        !before.is_empty() && !before.has_ended(),
        "it was full in the middle: {before:?}"
    );
    colony.check_audit();

    // Whoever tries again on the same disk is told the same.
    let again = colony.resume();
    assert_eq!(again.exit(), Some(4), "{again:?}");
    assert!(again.stderr().contains("AH0203"), "{again:?}");
    let after = colony.history();
    before.check_begins(&after);
    after.check_holds(&again.stdout());

    colony.place.write("anthill.toml", config);
    colony.resume().ok();
    after.check_begins(&colony.history());
    colony.check_undisturbed();
}
