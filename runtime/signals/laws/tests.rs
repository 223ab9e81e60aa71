//! The hunt finds nothing where nothing is, and finds each planted bug.

use super::{Tally, hunt, tally};
use crate::replica::Bugs;

#[test]
fn ten_thousand_schedules_end_in_equal_bytes_and_equal_reads() {
    // Two halves at once: a schedule knows nothing of another.
    let halves = [0..5_000, 5_000..10_000];
    let tallies = std::thread::scope(|scope| {
        let hunts = halves.map(|seeds| scope.spawn(|| tally(Bugs::default(), seeds)));
        hunts.map(|hunt| hunt.join().expect("a hunt ends"))
    });
    eprintln!("{tallies:?}");
    for half in tallies {
        let Tally { fair, foul, .. } = half;
        assert_eq!(half.broken, None, "after this schedule a law is broken");
        assert_eq!((fair, foul), (2_500, 2_500));
        // What the foul ones are for happens in them.
        assert!(half.repaired > 0 && half.repaired < foul, "{half:?}");
        assert!(half.parked > 100 && half.equivocations > 100, "{half:?}");
        assert!(half.others > 1_000, "{half:?}");
    }
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

#[cfg(feature = "seeded-bugs")]
#[test]
fn every_hunt_finds_its_bug_and_nothing_else() {
    for planted in super::Planted::ALL {
        assert!(planted.hunt(0..1_000).is_some(), "{planted:?} is not found");
        assert_eq!(planted.hunt_without(0..200), None, "{planted:?}");
    }
}
