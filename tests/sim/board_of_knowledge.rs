//! The board of seeded bugs of the knowledge layer: each is planted in turn, and its hunt must find it.
//!
//! The histories are those of the layer alone: a fleet that merges under loss, disorder, crashes and tombstones; runs
//! that are credited; origins that vote. Without its bug each hunt sees more histories and must find nothing.

use anthill_signals::laws::Planted;

/// Histories within which a bug must be found.
const SEEDS: u64 = 1_000;

/// The hunt finds the bug, and nothing where it is not.
fn finds(planted: Planted) {
    let first = planted.hunt(0..SEEDS);
    let first = first.unwrap_or_else(|| panic!("{planted:?} is not found within {SEEDS} seeds"));
    eprintln!("{planted:?}: found after {} seeds", first + 1);
    assert_eq!(planted.hunt_without(0..2 * SEEDS), None, "{planted:?}");
}

#[test]
fn finds_merge_by_wall_clock() {
    finds(Planted::MergeByWallClock);
}

#[test]
fn finds_decay_inside_merge() {
    finds(Planted::DecayInsideMerge);
}

#[test]
fn finds_self_credit() {
    finds(Planted::SelfCredit);
}

#[test]
fn finds_receipts_without_exposure() {
    finds(Planted::WithoutExposure);
}

#[test]
fn finds_a_quorum_of_two() {
    finds(Planted::QuorumOfTwo);
}

#[test]
fn finds_tomb_resurrection() {
    finds(Planted::TombResurrection);
}
