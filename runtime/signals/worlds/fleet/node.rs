//! A node of a world: a real replica, its writer and its view, and the turn that production takes for each task: read
//! the posteriors, draw, act, credit the outcome, vote where something has broken.

use anthill_contracts::id::{SignalId, TaskId};
use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass, Origin};

use crate::credit::{self, Run, Shown};
use crate::draw::{self, Reach};
use crate::evidence::Reader;
use crate::fact::{ScopeId, Stamp};
use crate::params::Params;
use crate::posterior;
use crate::regime;
use crate::replica::Replica;
use crate::view::View;
use crate::writer::Writer;

/// With what all runs of these worlds are made.
pub(super) const BUNDLE: BundleClass = BundleClass { family: 1, exact: 1 };

/// One node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its facts.
    pub replica: Replica,
    /// Who writes its own.
    pub writer: Writer,
    /// What it thinks of the others.
    pub view: View,
}

/// One task as a node meets it.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The task; its draws hang on it.
    pub task: TaskId,
    /// The kind of task.
    pub scope: ScopeId,
    /// What may be done, one of them at a time.
    pub strategies: &'a [SignalId],
    /// When.
    pub now: u64,
    /// The numbers of the layer.
    pub params: &'a Params,
}

/// What a node has decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The place of the strategy.
    pub strategy: usize,
    /// Its expected gain.
    pub mean: f64,
}

impl Node {
    /// A node of the only tenant that knows nothing.
    pub fn new(number: usize, params: &Params) -> Self {
        let node = number as u64 + 1;
        Self::of(Origin { tenant: 1, node }, params)
    }

    /// A node that knows nothing and writes as this origin.
    pub fn of(origin: Origin, params: &Params) -> Self {
        Self {
            replica: Replica::new(params),
            writer: Writer::new(origin, Stamp::default()),
            view: View::blank(origin),
        }
    }

    /// Chooses the strategy with the largest draw.
    pub fn choose(&mut self, turn: &Turn<'_>) -> Choice {
        self.view
            .refresh(&self.replica, turn.scope, turn.now, turn.params);
        let reading = self.reader(turn).of(&self.replica);
        let posteriors: Vec<_> = turn
            .strategies
            .iter()
            .map(|signal| (*signal, posterior::of(&reading, *signal, turn.scope)))
            .collect();
        let reach = Reach::of(&reading, turn.scope);
        let draws = posteriors
            .iter()
            .map(|(signal, posterior)| (*signal, reach.reshaped(*posterior)));
        let strategy = draw::largest(turn.task, draws).map_or(0, |(place, _)| place);
        Choice {
            strategy,
            mean: posteriors[strategy].1.mean,
        }
    }

    /// Takes in how the task came out.
    pub fn learn(&mut self, turn: &Turn<'_>, choice: Choice, y: f64) {
        let signal = turn.strategies[choice.strategy];
        let Self {
            replica,
            writer,
            view,
        } = self;
        let reader = Reader {
            view,
            bundle: BUNDLE,
            now: turn.now,
            params: turn.params,
        };
        regime::fold(replica, writer, &reader, turn.scope, signal);
        let shown = [Shown {
            signal,
            mean: choice.mean,
            kept: true,
            own: false,
        }];
        let run = Run {
            scope: turn.scope,
            bundle: BUNDLE,
            y,
            class: EvidenceClass::Test,
            arm: Arm::Treated,
            shown: &shown,
            harm: false,
            now: turn.now,
        };
        credit::settle_believing(replica, writer, turn.params, &run, |origin| view.weight(origin));
        regime::vote(
            replica,
            writer,
            &reader,
            turn.scope,
            turn.strategies.iter().copied(),
        );
    }

    /// Looks at all facts anew.
    pub fn look(&mut self, now: u64, params: &Params) {
        self.view = View::of(&self.replica, self.writer.origin, now, params);
    }

    /// Hears what others have voted for; see [`regime::second`].
    pub fn second(&mut self, now: u64, params: &Params) {
        let Self {
            replica,
            writer,
            view,
        } = self;
        let has_votes = |scope: &ScopeId| {
            let mut cells = replica.scope_cells(*scope);
            cells.any(|(_, cell)| !cell.votes.is_empty())
        };
        let scopes: Vec<ScopeId> = replica.scope_ids().filter(has_votes).collect();
        for scope in &scopes {
            view.refresh(replica, *scope, now, params);
        }
        if !scopes.is_empty() {
            let reader = Reader {
                view,
                bundle: BUNDLE,
                now,
                params,
            };
            regime::second(replica, writer, &reader);
        }
    }

    /// Takes everything that another node holds and this one misses.
    pub fn pull(&mut self, from: &Self, now: u64) {
        let delta = from.replica.delta(&self.replica.versions(), usize::MAX);
        self.replica.absorb(delta, now, |_, _| {});
    }

    fn reader<'a>(&'a self, turn: &'a Turn<'_>) -> Reader<'a> {
        Reader {
            view: &self.view,
            bundle: BUNDLE,
            now: turn.now,
            params: turn.params,
        }
    }
}
