//! Lies: what nodes that lie write instead of what they saw. They know the truth, write through the real writer, and
//! gossip like everybody else.

use super::node::{BUNDLE, Choice, Node, Turn};
use super::{Moment, World};
use crate::fact::{Cell, CellKey};
use crate::fixed;
use crate::worlds::Attack;

/// The round until which a sleeper is honest.
const SLEEPS_UNTIL: usize = 300;

/// Runs that a liar claims for each real one, where it fakes volume.
const FAKED: u32 = 20;

/// Runs that a liar with a hidden bias claims for each real one.
const BIASED: u32 = 3;

/// How far a hidden bias moves an outcome.
const BIAS: f64 = 0.3;

/// What a liar writes of a task that it was given.
pub(super) fn turn(world: &World, node: &mut Node, turn: &Turn<'_>, moment: &Moment<'_>) {
    let honest = |node: &mut Node| {
        let choice = node.choose(turn);
        node.learn(turn, choice, moment.outcome(choice.strategy));
    };
    let sleeps = match world.attack {
        None => true,
        Some(Attack::Sleeper) => moment.round < SLEEPS_UNTIL,
        Some(Attack::OneScope) => moment.context != 0,
        Some(_) => false,
    };
    match world.attack {
        _ if sleeps => honest(node),
        None | Some(Attack::PromoteWorst) => promote(node, turn, moment, 1),
        Some(Attack::FakeVolume | Attack::Sleeper | Attack::OneScope) => promote(node, turn, moment, FAKED),
        Some(Attack::LabelFlip) => {
            let choice = node.choose(turn);
            node.learn(turn, choice, 1.0 - moment.outcome(choice.strategy));
        }
        Some(Attack::AdaptiveBias) => bias(node, turn, moment),
        Some(Attack::VoteSpam) => {
            honest(node);
            spam(node, turn);
        }
    }
}

/// Claims success of the worst or failure of the best strategy, in turn.
fn promote(node: &mut Node, turn: &Turn<'_>, moment: &Moment<'_>, volume: u32) {
    let payoffs = moment.payoffs;
    let places = 0..payoffs.len();
    let is_promotion = moment.task.is_multiple_of(2);
    let strategy = if is_promotion {
        places.min_by(|left, right| payoffs[*left].total_cmp(&payoffs[*right]))
    } else {
        places.max_by(|left, right| payoffs[*left].total_cmp(&payoffs[*right]))
    };
    claim(
        node,
        turn,
        strategy.unwrap_or(0),
        f64::from(u8::from(is_promotion)),
        volume,
    );
}

/// Claims that the good are a little worse and the bad a little better than they are.
fn bias(node: &mut Node, turn: &Turn<'_>, moment: &Moment<'_>) {
    let choice = node.choose(turn);
    let payoffs = moment.payoffs;
    let mean = payoffs.iter().sum::<f64>() / payoffs.len().max(1) as f64;
    let away = if payoffs[choice.strategy] > mean {
        -BIAS
    } else {
        BIAS
    };
    let claimed = (payoffs[choice.strategy] + away).clamp(0.0, 1.0);
    claim(node, turn, choice.strategy, claimed, BIASED);
}

/// Writes so many runs of a strategy with this outcome, whose advantage is told against an even chance.
fn claim(node: &mut Node, turn: &Turn<'_>, strategy: usize, y: f64, volume: u32) {
    let choice = Choice { strategy, mean: 0.0 };
    node.learn(turn, choice, y);
    if volume < 2 {
        return;
    }
    let key = CellKey {
        signal: turn.strategies[strategy],
        scope: turn.scope,
        bundle: BUNDLE,
    };
    let (y, adv) = (fixed::from_f64(y), fixed::from_f64(y - 0.5));
    node.writer
        .cell(&mut node.replica, key, turn.now, |cell: &mut Cell| {
            for _ in 1..volume {
                cell.slow = cell.slow.with(y, adv);
                cell.fast = cell.fast.with(y, adv);
            }
        });
}

/// Votes for the last of all regimes of as many strategies as fit.
fn spam(node: &mut Node, turn: &Turn<'_>) {
    let Node { replica, writer, .. } = node;
    writer.scope_cell(replica, turn.scope, turn.now, |cell| {
        let fits = crate::fact::VOTES_MAX;
        let next = cell
            .votes
            .first()
            .map_or(1, |(_, regime)| regime.saturating_add(1));
        cell.votes = turn
            .strategies
            .iter()
            .take(fits)
            .map(|signal| (*signal, next))
            .collect();
        cell.votes.sort_unstable();
    });
}
