//! Small fleets: gossip helps, the limit is a limit, and equal seeds live through equal worlds.

use super::*;

fn small() -> World {
    World {
        contexts: 2,
        strategies: 6,
        nodes: 8,
        tasks_per_node: 120,
        ..World::default()
    }
}

/// The regret of so many small worlds.
fn regret(world: &World, learners: Learners) -> f64 {
    (0..4).map(|seed| world.run(learners, seed).regret(..)).sum()
}

#[test]
fn a_world_is_the_same_for_the_same_seed() {
    let world = World { loss: 0.3, ..small() };
    assert_eq!(world.run(Learners::Fleet, 5), world.run(Learners::Fleet, 5));
}

#[test]
fn a_fleet_that_gossips_learns_much_faster_than_nodes_alone() {
    let (fleet, alone) = (
        regret(&small(), Learners::Fleet),
        regret(&small(), Learners::Isolated),
    );
    assert!(fleet * 2.0 < alone, "{fleet} {alone}");
    let central = regret(&small(), Learners::Central);
    assert!(fleet < central * 1.5, "{fleet} {central}");
}

#[test]
fn without_messages_a_fleet_is_nodes_alone() {
    let silent = World { loss: 1.0, ..small() };
    let (fleet, alone) = (
        regret(&silent, Learners::Fleet),
        regret(&small(), Learners::Isolated),
    );
    assert!(fleet > alone * 0.8, "{fleet} {alone}");
}

#[test]
fn one_of_ours_loses_less_than_the_textbooks_learner() {
    let world = World {
        tasks_per_node: 600,
        ..small()
    };
    let (ours, textbook) = (
        regret(&world, Learners::Single),
        regret(&world, Learners::Central),
    );
    assert!(ours < textbook * 0.95, "{ours} {textbook}");
}

#[test]
fn a_fleet_that_hears_late_draws_more_narrowly_and_loses_less() {
    let late = World {
        contexts: 2,
        strategies: 16,
        nodes: 48,
        tasks_per_node: 60,
        tasks_per_round: 5,
        ..small()
    };
    let ours: f64 = (100..108)
        .map(|seed| late.run(Learners::Fleet, seed).regret(..))
        .sum();
    // Draws that take no notice of what others have under way lose 1870 here.
    assert!(ours < 1770.0, "{ours}");
}
