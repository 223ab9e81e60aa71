//! The board of seeded bugs: each is planted in turn, and must be found within a thousand seeds.
//!
//! A checker that has never found anything proves nothing. The machines' own checks are switched off here, and so are
//! promises that look broken before a crash has broken them: a bug must be found by what it does to others.

use anthill_store::journal;
use anthill_supervisors::lead::machine::LeadBugs;

use crate::run::{Bugs, Setup};
use crate::seeds::run;

const SEEDS: u64 = 1_000;

/// The first seed that finds the bug, and by which invariant; also how many of the thousand find it.
fn finds(name: &str, bugs: Bugs) {
    let mut first = None;
    let mut found = 0;
    for seed in 0..SEEDS {
        if let Err(violation) = run(Setup {
            seed,
            bugs,
            only_consequences: true,
            ..Setup::default()
        }) {
            found += 1;
            first.get_or_insert((seed, violation));
        }
    }
    let (seed, violation) = first.unwrap_or_else(|| panic!("{name} is not found within {SEEDS} seeds"));
    eprintln!(
        "{name}: found after {} seeds, by {found} of {SEEDS}: {violation}",
        seed + 1
    );
}

/// The same thousand seeds without a bug: the oracle finds nothing where nothing is.
#[test]
fn finds_nothing_without_a_bug() {
    for seed in 0..SEEDS {
        let found = run(Setup {
            seed,
            only_consequences: true,
            ..Setup::default()
        })
        .err();
        assert_eq!(found, None, "seed={seed}");
    }
}

#[test]
fn finds_no_fence() {
    let store = journal::Bugs {
        no_fence: true,
        ..journal::Bugs::default()
    };
    finds(
        "no fence",
        Bugs {
            store,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_acknowledge_before_sync() {
    let lead = LeadBugs {
        acknowledge_before_sync: true,
        ..LeadBugs::default()
    };
    finds(
        "acknowledge before sync, in the lead",
        Bugs {
            lead,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_acknowledge_before_sync_in_the_store() {
    let store = journal::Bugs {
        acknowledge_before_sync: true,
        ..journal::Bugs::default()
    };
    finds(
        "acknowledge before sync, in the store",
        Bugs {
            store,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_recall_again() {
    let lead = LeadBugs {
        recall_again: true,
        ..LeadBugs::default()
    };
    finds(
        "recall again",
        Bugs {
            lead,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_a_recall_past_the_cut() {
    let lead = LeadBugs {
        recall_past_cut: true,
        ..LeadBugs::default()
    };
    finds(
        "recall past the cut",
        Bugs {
            lead,
            ..Bugs::default()
        },
    );
}

/// In how many of some seeds two jobs with equal content draw for one task by different seeds, and of how many tasks
/// of both that can be said.
fn unequal_draws(lead: LeadBugs, seeds: u64) -> (usize, usize) {
    let (mut unequal, mut compared) = (0, 0);
    for seed in 0..seeds {
        let of = |job| {
            let setup = Setup {
                seed,
                job,
                bugs: Bugs {
                    lead,
                    ..Bugs::default()
                },
                ..Setup::default()
            };
            run(setup).map(|report| report.seeds)
        };
        let (Ok(one), Ok(other)) = (of(0), of(1)) else {
            panic!("seed={seed} finds a violation where nothing is wrong but draws");
        };
        for (task, seed) in &one {
            if let Some(same) = other.get(task) {
                compared += 1;
                unequal += usize::from(same != seed);
            }
        }
    }
    (unequal, compared)
}

#[test]
fn finds_a_seed_that_is_the_task_s_id() {
    let (unequal, compared) = unequal_draws(LeadBugs::default(), 200);
    assert_eq!(
        unequal, 0,
        "I27 draws: equal content draws equally, in {compared} tasks"
    );
    assert!(
        compared > 200,
        "void: only {compared} tasks were drawn for in both jobs"
    );
    let bug = LeadBugs {
        seed_by_task_id: true,
        ..LeadBugs::default()
    };
    let (unequal, compared) = unequal_draws(bug, 20);
    assert_eq!(unequal, compared, "the bug is found in every task");
}

#[test]
fn finds_success_in_part() {
    let lead = LeadBugs {
        succeeds_in_part: true,
        ..LeadBugs::default()
    };
    finds(
        "success in part",
        Bugs {
            lead,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_outdated_work_kept() {
    let lead = LeadBugs {
        keeps_outdated: true,
        ..LeadBugs::default()
    };
    finds(
        "outdated work kept",
        Bugs {
            lead,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_key_per_attempt() {
    finds(
        "key per attempt",
        Bugs {
            key_per_attempt: true,
            ..Bugs::default()
        },
    );
}

#[test]
fn finds_reservation_leaked() {
    finds(
        "reservation leaked",
        Bugs {
            reservation_leaked: true,
            ..Bugs::default()
        },
    );
}
