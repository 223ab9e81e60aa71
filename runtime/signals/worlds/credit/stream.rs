//! The stream: tasks, signals, and what each of them would add. Made from a seed and the same for every rule.

use anthill_contracts::id::{SignalId, TaskId};

use super::learners::Learner;
use crate::fixed::Decay;
use crate::params::Params;
use crate::worlds::SignalWorld;

/// Most signals that are kept at a time.
const ACTIVE_MAX: usize = 48;

/// The kinds' difficulties: log odds of success without signals, evenly from this below even to this above.
const SPREAD: f64 = 2.0;

/// Log odds that a signal that matters adds or takes.
const EFFECT: std::ops::Range<f64> = 0.3..0.9;

/// Kinds that a signal is fit for.
const KINDS_PER_SIGNAL: usize = 2;

/// A task every half a minute: the whole stream takes a week, the slow half-life.
pub(super) const TASK_MS: u64 = 30_000;

/// One signal of the stream.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The signal.
    pub(super) signal: SignalId,
    /// Log odds that it adds.
    effect: f64,
    /// Kinds that it is fit for.
    kinds: Vec<usize>,
    /// The task before which it arrives.
    arrives: usize,
}

/// One task.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Its id.
    pub(super) id: TaskId,
    /// Its kind: only readers with fine scopes may look.
    pub(super) kind: usize,
    /// When it runs, in milliseconds since 1970.
    pub(super) now: u64,
    /// It succeeds where its probability lies above this.
    luck: f64,
    /// Whether its outcome is reported wrongly.
    is_misreported: bool,
}

/// Tasks and signals.
pub(super) struct Stream {
    bases: Vec<f64>,
    members: Vec<Member>,
    tasks: Vec<Task>,
    slots: usize,
}

/// What a rule did with a stream, task by task.
#[derive(Debug, Clone, Default)]
pub(super) struct Walk {
    /// Probability of success above that without signals.
    pub(super) gain: Vec<f64>,
    /// The oracle's.
    pub(super) oracle: Vec<f64>,
    /// Harmful signals shown.
    pub(super) harmful: usize,
    /// Whether the task was given what the rule knows.
    is_treated: Vec<bool>,
}

impl Stream {
    pub(super) fn new(seed: u64, kinds: usize, tasks: usize, signals: &SignalWorld) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let step = 2.0 * SPREAD / kinds.saturating_sub(1).max(1) as f64;
        let mut bases: Vec<f64> = (0..kinds).map(|kind| step * kind as f64 - SPREAD).collect();
        random.shuffle(&mut bases);
        let members = (0..signals.count).map(|number| {
            let size = EFFECT.start + (EFFECT.end - EFFECT.start) * random.f64();
            let lot = random.f64();
            Member {
                signal: SignalId::of_parts(&[&seed.to_le_bytes(), &number.to_le_bytes()]),
                effect: if lot < signals.good {
                    size
                } else if lot < signals.good + signals.harmful {
                    -size
                } else {
                    0.0
                },
                kinds: random.choose_multiple(0..kinds, KINDS_PER_SIGNAL),
                arrives: number * tasks / signals.count.max(1),
            }
        });
        let members = members.collect();
        let tasks = (0..tasks).map(|number| Task {
            id: task_id(seed, number as u64),
            kind: random.usize(0..kinds),
            now: (number as u64 + 1) * TASK_MS,
            luck: random.f64(),
            is_misreported: random.f64() < signals.label_noise,
        });
        Self {
            bases,
            tasks: tasks.collect(),
            members,
            slots: signals.slots,
        }
    }

    /// Lets a rule work off the stream.
    pub(super) fn walk(&self, learner: &mut dyn Learner) -> Walk {
        let mut walk = Walk::default();
        let mut active: Vec<&Member> = Vec::new();
        let mut arrived = 0;
        for (number, task) in self.tasks.iter().enumerate() {
            while arrived < self.members.len() && self.members[arrived].arrives <= number {
                if active.len() >= ACTIVE_MAX {
                    let signals: Vec<SignalId> = active.iter().map(|member| member.signal).collect();
                    active.swap_remove(learner.least(&signals, task.now));
                }
                active.push(&self.members[arrived]);
                arrived += 1;
            }
            let fit: Vec<&Member> = active
                .iter()
                .copied()
                .filter(|member| member.kinds.contains(&task.kind))
                .collect();
            let signals: Vec<SignalId> = fit.iter().map(|member| member.signal).collect();
            let kept = learner.choose(task, &signals);
            let base = self.bases[task.kind];
            let shown = || kept.iter().map(|place| fit[*place].effect);
            let chance = logistic(base + shown().sum::<f64>());
            walk.gain.push(chance - logistic(base));
            walk.oracle.push(self.best(task.kind, arrived) - logistic(base));
            walk.harmful += shown().filter(|effect| *effect < 0.0).count();
            walk.is_treated
                .push(learner.learn(task, (task.luck < chance) != task.is_misreported));
        }
        walk
    }

    /// The probability of success with the best signals that have arrived.
    fn best(&self, kind: usize, arrived: usize) -> f64 {
        let mut effects: Vec<f64> = self.members[..arrived]
            .iter()
            .filter(|member| member.effect > 0.0 && member.kinds.contains(&kind))
            .map(|member| member.effect)
            .collect();
        effects.sort_by(|left, right| right.total_cmp(left));
        logistic(self.bases[kind] + effects.iter().take(self.slots).sum::<f64>())
    }
}

impl Walk {
    /// The mean gain of the tasks that were given what the rule knows, where older ones fade like the facts do.
    pub(super) fn truth(&self) -> f64 {
        let params = Params::default();
        let end = self.gain.len() as u64;
        let (mut sum, mut weights) = (0.0, 0.0);
        for (number, (gain, _)) in self
            .gain
            .iter()
            .zip(&self.is_treated)
            .enumerate()
            .filter(|(_, (_, treated))| **treated)
        {
            let age = (end - 1 - number as u64) * TASK_MS;
            let weight = Decay::after(age, params.slow_half_life_ms).of(1 << 32) as f64;
            sum += weight * gain;
            weights += weight;
        }
        sum / weights.max(f64::MIN_POSITIVE)
    }
}

fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

fn task_id(seed: u64, number: u64) -> TaskId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    TaskId::from_bytes(bytes)
}
