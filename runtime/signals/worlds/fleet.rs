//! The fleet: nodes that meet tasks of a few kinds, choose one of several strategies for each, and gossip what came of
//! it. The world of most experiments.
//!
//! Every learner in it is made of the functions that production calls. A fleet that gossips is run beside its
//! baselines on the same tasks and the same luck: nodes that keep what they know to themselves, and one learner that
//! meets all tasks one after the other, which no fleet can beat.

pub mod curve;
mod lies;
pub mod lots;
mod node;
mod truth;

use anthill_contracts::id::{SignalId, TaskId};
use anthill_contracts::signal::Origin;

use super::{Attack, Flip, Join, Payoff, WorldPatch};
use crate::fact::ScopeId;
use crate::params::Params;
use crate::regime::{Electorate, ScopeRegimes};

pub use node::{Choice, Node, Turn};
pub use truth::Truth;

use lots::Lots;

/// A world with every choice made.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Scopes.
    pub contexts: usize,
    /// Strategies per scope.
    pub strategies: usize,
    /// Nodes, without those that come late.
    pub nodes: usize,
    /// Tasks of each node.
    pub tasks_per_node: usize,
    /// Tasks of each node between two rounds of gossip.
    pub tasks_per_round: usize,
    /// Peers that a node talks to in a round.
    pub fanout: usize,
    /// Share of messages that are lost.
    pub loss: f64,
    /// First and last round of a split into two halves.
    pub split: Option<[usize; 2]>,
    /// How good strategies are.
    pub payoff: Payoff,
    /// Standard deviation of a strategy's payoff from node to node.
    pub heterogeneity: f64,
    /// Share of nodes that lie; the last ones.
    pub liars: f64,
    /// How they lie.
    pub attack: Option<Attack>,
    /// A change of the world.
    pub flip: Option<Flip>,
    /// Nodes that come late.
    pub join: Option<Join>,
    /// Rounds between two looks at all facts.
    pub look_rounds: usize,
    /// Whether each node is a tenant of its own.
    pub are_tenants: bool,
    /// How fast tasks come.
    pub pace: Pace,
}

/// How fast tasks come, measured by how fast evidence fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A node has a task every 30 seconds, and the slow half-life is its floor of seven days.
    Busy,
    /// Tasks are so rare that the slow half-life is a hundred events per strategy of a scope. The recommended half-life
    /// is never shorter, so nowhere does evidence fade faster, and the world may change within it.
    Rare,
}

impl Default for World {
    fn default() -> Self {
        Self {
            contexts: 8,
            strategies: 16,
            nodes: 64,
            tasks_per_node: 1000,
            tasks_per_round: 1,
            fanout: 1,
            loss: 0.0,
            split: None,
            payoff: Payoff::Uniform { low: 0.1, high: 0.9 },
            heterogeneity: 0.0,
            liars: 0.0,
            attack: None,
            flip: None,
            join: None,
            look_rounds: 20,
            are_tenants: false,
            pace: Pace::Busy,
        }
    }
}

/// Who learns from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learners {
    /// Nodes that gossip.
    Fleet,
    /// Nodes that gossip and believe everything.
    Credulous,
    /// Nodes that keep what they know to themselves.
    Isolated,
    /// One learner that meets all tasks one after the other and follows its posterior to the letter: the textbook's
    /// (Thompson 1933), and the measure of fleets.
    Central,
    /// One of ours that meets all tasks one after the other.
    Single,
}

impl Learners {
    /// Whether one learner meets all tasks.
    const fn is_one(self) -> bool {
        matches!(self, Self::Central | Self::Single)
    }

    /// The numbers that they learn by.
    fn params(self) -> Params {
        let ours = Params::default();
        match self {
            Self::Central => Params {
                draw_runs_weight: 1.0,
                ..ours
            },
            _ => ours,
        }
    }
}

/// What happened, by round; honest nodes only.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// What the best strategies would have yielded, by round.
    pub oracle: Vec<f64>,
    /// What the chosen strategies yield on average, by round.
    pub chosen: Vec<f64>,
    /// The same of the nodes that came late.
    pub late_oracle: Vec<f64>,
    /// See [`Trace::late_oracle`].
    pub late_chosen: Vec<f64>,
    /// Regimes that have begun in all scopes by the end, as the first node sees it.
    pub bumps: u32,
    /// Votes for new regimes that all nodes have cast.
    pub votes: u32,
}

impl Trace {
    /// What was lost against the best strategies in these rounds.
    pub fn regret(&self, rounds: impl std::ops::RangeBounds<usize>) -> f64 {
        let pairs = self.oracle.iter().zip(&self.chosen).enumerate();
        pairs
            .filter(|(round, _)| rounds.contains(round))
            .map(|(_, (oracle, chosen))| oracle - chosen)
            .sum()
    }

    /// What the late nodes lost.
    pub fn late_regret(&self) -> f64 {
        self.late_oracle.iter().sum::<f64>() - self.late_chosen.iter().sum::<f64>()
    }
}

/// What a node that acts cannot know: where it is in the world.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The truth.
    pub truth: &'a Truth,
    /// The node.
    pub node: usize,
    /// The number of its task.
    pub task: usize,
    /// The scope.
    pub context: usize,
    /// The round.
    pub round: usize,
    /// How good each strategy is here.
    pub payoffs: &'a [f64],
}

impl Moment<'_> {
    /// The outcome, had the node followed this strategy.
    pub fn outcome(&self, strategy: usize) -> f64 {
        self.truth
            .outcome(self.node, self.task, strategy, self.payoffs[strategy])
    }
}

impl World {
    /// This world with what a patch sets.
    #[must_use]
    pub fn patched(self, patch: &WorldPatch) -> Self {
        Self {
            contexts: patch.contexts.unwrap_or(self.contexts).max(1),
            strategies: patch.strategies.unwrap_or(self.strategies).max(1),
            nodes: patch.nodes.unwrap_or(self.nodes).max(1),
            tasks_per_node: patch.tasks_per_node.unwrap_or(self.tasks_per_node).max(1),
            tasks_per_round: patch.tasks_per_round.unwrap_or(self.tasks_per_round).max(1),
            fanout: patch.fanout.unwrap_or(self.fanout),
            loss: patch.loss.unwrap_or(self.loss).clamp(0.0, 1.0),
            split: patch.split.or(self.split),
            payoff: patch.payoff.unwrap_or(self.payoff),
            heterogeneity: patch.heterogeneity.unwrap_or(self.heterogeneity).max(0.0),
            liars: patch.liars.unwrap_or(self.liars).clamp(0.0, 1.0),
            attack: patch.attack.or(self.attack),
            flip: patch.flip.or(self.flip),
            join: patch.join.or(self.join),
            look_rounds: self.look_rounds,
            are_tenants: self.are_tenants,
            pace: self.pace,
        }
    }

    /// Every choice, as a patch that makes this world of any other.
    pub fn as_patch(&self) -> WorldPatch {
        WorldPatch {
            contexts: Some(self.contexts),
            strategies: Some(self.strategies),
            nodes: Some(self.nodes),
            tasks_per_node: Some(self.tasks_per_node),
            tasks_per_round: Some(self.tasks_per_round),
            fanout: Some(self.fanout),
            loss: Some(self.loss),
            split: self.split,
            payoff: Some(self.payoff),
            heterogeneity: Some(self.heterogeneity),
            liars: Some(self.liars),
            attack: self.attack,
            flip: self.flip,
            join: self.join,
            ..WorldPatch::default()
        }
    }

    /// Rounds until every node has met its tasks.
    pub const fn rounds(&self) -> usize {
        self.tasks_per_node.div_ceil(self.tasks_per_round)
    }

    /// The origin of the node with this number.
    pub fn origin(&self, number: usize) -> Origin {
        let node = number as u64 + 1;
        let own = u32::try_from(node).unwrap_or(u32::MAX);
        Origin {
            tenant: if self.are_tenants { own } else { 1 },
            node,
        }
    }

    /// How many nodes lie.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the nodes, rounded"
    )]
    pub fn liar_count(&self) -> usize {
        (self.liars * self.nodes as f64).round() as usize
    }

    /// The time between two rounds for a learner that hears of the tasks of so many nodes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time far below 2^63"
    )]
    pub fn round_ms(&self, nodes: usize, params: &Params) -> u64 {
        if self.pace == Pace::Busy {
            return 30_000 * self.tasks_per_round as u64;
        }
        let events = (nodes * self.tasks_per_round) as f64 / self.contexts as f64;
        // A 64th of the slow half-life, the fast one, has to last for 24 events.
        let half_life = (100 * self.strategies).max(24 * 64) as f64;
        ((params.slow_half_life_ms as f64 * events / half_life) as u64).max(1)
    }

    /// Lives through the world of a seed.
    pub fn run(&self, learners: Learners, seed: u64) -> Trace {
        Run::new(self, learners, seed).finish()
    }
}

/// A world while it is lived through.
struct Run<'a> {
    world: &'a World,
    learners: Learners,
    truth: Truth,
    params: Params,
    round_ms: u64,
    seed: u64,
    nodes: Vec<Node>,
    scopes: Vec<ScopeId>,
    strategies: Vec<Vec<SignalId>>,
    trace: Trace,
}

/// Purposes of chance, so that no two of them share a stream.
const PEERS: u64 = 11;
const LOSSES: u64 = 12;

/// When worlds begin, in milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

impl<'a> Run<'a> {
    fn new(world: &'a World, learners: Learners, seed: u64) -> Self {
        let params = learners.params();
        let heard = if learners == Learners::Isolated {
            1
        } else {
            world.nodes
        };
        let count = if learners.is_one() { 1 } else { world.nodes };
        let signal = |context: usize, strategy: usize| {
            SignalId::of_parts(&[b"world", &context.to_le_bytes(), &strategy.to_le_bytes()])
        };
        Self {
            world,
            learners,
            truth: Truth::of(world, seed),
            round_ms: world.round_ms(heard, &params),
            nodes: (0..count)
                .map(|number| Node::of(world.origin(number), &params))
                .collect(),
            params,
            seed,
            scopes: (0..world.contexts)
                .map(|context| ScopeId(context as u64))
                .collect(),
            strategies: (0..world.contexts)
                .map(|context| {
                    (0..world.strategies)
                        .map(|strategy| signal(context, strategy))
                        .collect()
                })
                .collect(),
            trace: Trace::default(),
        }
    }

    fn finish(mut self) -> Trace {
        for round in 0..self.world.rounds() {
            self.join(round);
            self.look(round);
            self.act(round);
            if self.gossips() {
                self.gossip(round);
                self.second(round);
            }
        }
        self.count_regimes();
        self.trace
    }

    fn gossips(&self) -> bool {
        matches!(self.learners, Learners::Fleet | Learners::Credulous)
    }

    fn now(&self, round: usize) -> u64 {
        BEGIN_MS + round as u64 * self.round_ms
    }

    /// Lets late nodes in, with a snapshot of a node that is there.
    fn join(&mut self, round: usize) {
        let Some(join) = self.world.join.filter(|join| join.at == round) else {
            return;
        };
        if self.learners.is_one() {
            return;
        }
        let now = self.now(round);
        for late in 0..join.nodes {
            let mut node = Node::of(self.world.origin(self.world.nodes + late), &self.params);
            if self.gossips() {
                node.pull(&self.nodes[late % self.world.nodes], now);
                if self.learners == Learners::Fleet {
                    node.look(now, &self.params);
                }
            }
            self.nodes.push(node);
        }
    }

    /// Some nodes look at all facts anew, each in its turn.
    fn look(&mut self, round: usize) {
        if self.learners == Learners::Credulous {
            return;
        }
        let now = self.now(round);
        let every = self.world.look_rounds.max(1);
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if (round + number).is_multiple_of(every) && round > 0 {
                node.look(now, &self.params);
            }
        }
    }

    fn act(&mut self, round: usize) {
        let (mut honest, mut late) = ((0.0, 0.0), (0.0, 0.0));
        let tasks = self.world.tasks_per_node - round * self.world.tasks_per_round;
        for step in 0..tasks.min(self.world.tasks_per_round) {
            let task = round * self.world.tasks_per_round + step;
            for number in 0..self.world.nodes + self.late_count(round) {
                let Some((oracle, chosen)) = self.turn(number, task, round) else {
                    continue;
                };
                let sums = if number < self.world.nodes {
                    &mut honest
                } else {
                    &mut late
                };
                sums.0 += oracle;
                sums.1 += chosen;
            }
        }
        self.trace.oracle.push(honest.0);
        self.trace.chosen.push(honest.1);
        if self.late_count(round) > 0 {
            self.trace.late_oracle.push(late.0);
            self.trace.late_chosen.push(late.1);
        }
    }

    /// How many nodes have come late by this round; the central learner has no newcomers.
    fn late_count(&self, round: usize) -> usize {
        match self.world.join {
            Some(join) if join.at <= round && !self.learners.is_one() => join.nodes,
            _ => 0,
        }
    }

    /// A node's task: what the best strategy yields, and the chosen one. `None` of a liar.
    fn turn(&mut self, number: usize, task: usize, round: usize) -> Option<(f64, f64)> {
        let is_liar = number < self.world.nodes && number >= self.world.nodes - self.world.liar_count();
        let context = self.truth.context(number, task);
        let moment = Moment {
            truth: &self.truth,
            node: number,
            task,
            context,
            round,
            payoffs: self.truth.payoffs(number, context, round),
        };
        let turn = Turn {
            task: task_id(self.seed, number, task),
            scope: self.scopes[context],
            strategies: &self.strategies[context],
            now: self.now(round),
            params: &self.params,
        };
        let place = if self.learners.is_one() { 0 } else { number };
        let gossips = self.gossips();
        let node = &mut self.nodes[place];
        if is_liar {
            if gossips {
                lies::turn(self.world, node, &turn, &moment);
            }
            return None;
        }
        let choice = node.choose(&turn);
        node.learn(&turn, choice, moment.outcome(choice.strategy));
        let oracle = moment.payoffs.iter().copied().fold(0.0, f64::max);
        Some((oracle, moment.payoffs[choice.strategy]))
    }

    /// Every node talks to some peers: it asks with its versions, is answered, and answers.
    fn gossip(&mut self, round: usize) {
        let count = self.nodes.len();
        if count < 2 {
            return;
        }
        let mut peers = Lots::of(&[self.seed, PEERS, round as u64]);
        let mut losses = Lots::of(&[self.seed, LOSSES, round as u64]);
        let now = self.now(round);
        for asker in 0..count {
            for _ in 0..self.world.fanout {
                let peer = (asker + 1 + peers.below(count - 1)) % count;
                let mut arrives = || losses.share() >= self.world.loss;
                if self.is_split(asker, peer, round) || !arrives() {
                    continue;
                }
                let (answered, returned) = (arrives(), arrives());
                let Ok([asking, asked]) = self.nodes.get_disjoint_mut([asker, peer]) else {
                    continue;
                };
                if !answered {
                    continue;
                }
                // The answer carries the peer's own versions, so what goes back is made from what it brought.
                asking.pull(asked, now);
                if returned {
                    asked.pull(asking, now);
                }
            }
        }
    }

    /// Every honest node hears what the others have voted for.
    fn second(&mut self, round: usize) {
        let now = self.now(round);
        let liars = self.world.nodes - self.world.liar_count()..self.world.nodes;
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if !liars.contains(&number) {
                node.second(now, &self.params);
            }
        }
    }

    /// Whether a split lies between two nodes.
    fn is_split(&self, left: usize, right: usize, round: usize) -> bool {
        let half = self.world.nodes / 2;
        match self.world.split {
            Some([from, to]) if (from..to).contains(&round) => (left < half) != (right < half),
            _ => false,
        }
    }

    fn count_regimes(&mut self) {
        let now = self.now(self.world.rounds());
        let Some(first) = self.nodes.first() else { return };
        let electorate = Electorate {
            tenant: first.writer.origin.tenant,
            trusted: |_| true,
        };
        for scope in &self.scopes {
            let regimes = ScopeRegimes::of(&first.replica, *scope, now, &self.params, &electorate);
            self.trace.bumps += self
                .strategies
                .iter()
                .flatten()
                .map(|signal| u32::from(regimes.of_signal(*signal).own))
                .sum::<u32>();
            let cells = first.replica.scope_cells(*scope);
            self.trace.votes += cells
                .map(|(_, cell)| u32::try_from(cell.votes.len()).unwrap_or(0))
                .sum::<u32>();
        }
    }
}

/// The id of a node's task in the world of a seed.
fn task_id(seed: u64, node: usize, task: usize) -> TaskId {
    let mut lots = Lots::of(&[seed, node as u64, task as u64]);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&lots.bits().to_le_bytes());
    bytes[8..].copy_from_slice(&lots.bits().to_le_bytes());
    TaskId::from_bytes(bytes)
}

#[cfg(test)]
mod tests;
