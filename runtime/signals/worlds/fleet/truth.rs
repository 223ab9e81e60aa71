//! The truth of a world: how good each strategy really is, where, for whom and when. No learner reads it; it makes the
//! outcomes and measures the regret.

use super::World;
use super::lots::Lots;
use crate::worlds::{FlipKind, Payoff};

/// How good strategies are.
#[derive(Debug, Clone)]
pub struct Truth {
    seed: u64,
    contexts: usize,
    strategies: usize,
    flip_at: usize,
    /// By node, scope and strategy.
    before: Vec<f64>,
    after: Vec<f64>,
}

/// Purposes of chance, so that no two of them share a stream.
const PAYOFFS: u64 = 1;
const NODES: u64 = 2;
const TASKS: u64 = 3;
const OUTCOMES: u64 = 4;

impl Truth {
    /// The truth of a world by its seed.
    pub fn of(world: &World, seed: u64) -> Self {
        let mut lots = Lots::of(&[seed, PAYOFFS]);
        let base: Vec<f64> = (0..world.contexts * world.strategies)
            .map(|_| match world.payoff {
                Payoff::Uniform { low, high } => low + (high - low) * lots.share(),
                Payoff::Beta { a, b } => lots.beta(a, b),
            })
            .collect();
        let mut turned = base.clone();
        if let Some(flip) = world.flip {
            for (context, row) in turned.chunks_mut(world.strategies.max(1)).enumerate() {
                turn(row, flip.kind, context * 4 < world.contexts);
            }
        }
        let mut lots = Lots::of(&[seed, NODES]);
        let nodes = world.nodes + world.join.map_or(0, |join| join.nodes);
        let own: Vec<f64> = (0..nodes * base.len())
            .map(|_| {
                if world.heterogeneity > 0.0 {
                    world.heterogeneity * lots.normal()
                } else {
                    0.0
                }
            })
            .collect();
        let at_nodes = |base: &[f64]| {
            let places = base.iter().cycle().zip(&own);
            places.map(|(base, own)| (base + own).clamp(0.01, 0.99)).collect()
        };
        Self {
            seed,
            contexts: world.contexts,
            strategies: world.strategies,
            flip_at: world.flip.map_or(usize::MAX, |flip| flip.at),
            before: at_nodes(&base),
            after: at_nodes(&turned),
        }
    }

    /// The scope of a node's task.
    pub fn context(&self, node: usize, task: usize) -> usize {
        Lots::of(&[self.seed, TASKS, node as u64, task as u64]).below(self.contexts)
    }

    /// How good each strategy is for a node in a scope at a round.
    pub fn payoffs(&self, node: usize, context: usize, round: usize) -> &[f64] {
        let table = if round < self.flip_at {
            &self.before
        } else {
            &self.after
        };
        let from = (node * self.contexts + context) * self.strategies;
        &table[from..from + self.strategies]
    }

    /// The outcome of a node's task, had it followed this strategy.
    pub fn outcome(&self, node: usize, task: usize, strategy: usize, payoff: f64) -> f64 {
        let parts = [self.seed, OUTCOMES, node as u64, task as u64, strategy as u64];
        f64::from(u8::from(Lots::of(&parts).share() < payoff))
    }
}

/// Turns one scope's payoffs; `is_some` tells whether the scope is among the quarter that some changes are limited to.
fn turn(row: &mut [f64], kind: FlipKind, is_some: bool) {
    let by_rank = |row: &[f64]| {
        let mut places: Vec<usize> = (0..row.len()).collect();
        places.sort_by(|left, right| row[*left].total_cmp(&row[*right]));
        places
    };
    let places = by_rank(row);
    let (Some(worst), Some(best)) = (places.first().copied(), places.last().copied()) else {
        return;
    };
    match kind {
        FlipKind::SomeScopes if !is_some => {}
        FlipKind::ReverseAll | FlipKind::SomeScopes => {
            let falling: Vec<f64> = places.iter().rev().map(|place| row[*place]).collect();
            for (place, payoff) in places.into_iter().zip(falling) {
                row[place] = payoff;
            }
        }
        FlipKind::BestBreaks => row[best] = row[worst],
        FlipKind::WorstImproves => row[worst] = f64::midpoint(1.0, row[best]),
    }
}
