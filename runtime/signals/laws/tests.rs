//! The hunt finds nothing where nothing is, and finds each planted bug.

use super::hunt;
use crate::replica::Bugs;

#[test]
fn ten_thousand_schedules_end_in_equal_bytes_and_equal_reads() {
    // Two halves at once: a schedule knows nothing of another.
    let halves = [0..5_000, 5_000..10_000];
    let found = std::thread::scope(|scope| {
        let hunts = halves.map(|seeds| scope.spawn(|| hunt(Bugs::default(), seeds)));
        hunts.map(|hunt| hunt.join().expect("a hunt ends"))
    });
    assert_eq!(found, [None, None], "these seeds end in different replicas");
}

#[test]
fn finds_merge_by_wall_clock() {
    let bugs = Bugs {
        merge_by_wall_clock: true,
        ..Bugs::default()
    };
    assert!(hunt(bugs, 0..1_000).is_some());
}

#[test]
fn finds_decay_inside_merge() {
    let bugs = Bugs {
        decay_inside_merge: true,
        ..Bugs::default()
    };
    assert!(hunt(bugs, 0..1_000).is_some());
}

#[test]
fn finds_tomb_resurrection() {
    let bugs = Bugs {
        tomb_resurrection: true,
        ..Bugs::default()
    };
    assert!(hunt(bugs, 0..1_000).is_some());
}
