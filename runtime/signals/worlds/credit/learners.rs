//! The rules that work off a stream: ours, which calls what production calls, and two to compare it with.

use std::collections::BTreeMap;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass, Origin, ScopePath};

use super::stream::{TASK_MS, Task};
use crate::audit::{self, Gain};
use crate::credit::{self, Run, Shown};
use crate::draw::{self, Reach};
use crate::evidence::{Reader, Reading};
use crate::fact::{ScopeId, Stamp};
use crate::fixed;
use crate::params::Params;
use crate::posterior::{self, Posterior};
use crate::replica::Replica;
use crate::view::View;
use crate::worlds::SignalWorld;
use crate::writer::Writer;

/// Tasks between two looks at the facts as a whole.
const LOOK_TASKS: u64 = 100;

/// Standard deviations above its mean of what a signal is worth at best, in nine of ten cases.
const UPPER_90: f64 = 1.2816;

/// Least probability of doing harm from which a signal is shown to nobody.
const HARM_SURE: f64 = 0.95;

/// A rule by which signals are chosen.
pub(super) trait Learner {
    /// The place of the active signal that is given up for a new one.
    fn least(&mut self, active: &[SignalId], now: u64) -> usize;

    /// The places of the fit signals that are shown.
    fn choose(&mut self, task: &Task, fit: &[SignalId]) -> Vec<usize>;

    /// Hears how the task came out. Answers whether it was given what the rule knows.
    fn learn(&mut self, task: &Task, passed: bool) -> bool;
}

/// Shows anything that fits.
pub(super) struct Random {
    random: fastrand::Rng,
    slots: usize,
}

impl Random {
    pub(super) fn new(seed: u64, signals: &SignalWorld) -> Self {
        Self {
            random: fastrand::Rng::with_seed(!seed),
            slots: signals.slots,
        }
    }
}

impl Learner for Random {
    fn least(&mut self, active: &[SignalId], _now: u64) -> usize {
        self.random.usize(0..active.len())
    }

    fn choose(&mut self, _task: &Task, fit: &[SignalId]) -> Vec<usize> {
        self.random.choose_multiple(0..fit.len(), self.slots)
    }

    fn learn(&mut self, _task: &Task, _passed: bool) -> bool {
        true
    }
}

/// Counts the successes of every run that was shown a signal, and tries what was shown least now and then.
pub(super) struct Counters {
    random: fastrand::Rng,
    slots: usize,
    params: Params,
    counts: BTreeMap<SignalId, (u32, u32)>,
    shown: Vec<SignalId>,
}

impl Counters {
    pub(super) fn new(seed: u64, signals: &SignalWorld) -> Self {
        Self {
            random: fastrand::Rng::with_seed(!seed),
            slots: signals.slots,
            params: Params::default(),
            counts: BTreeMap::new(),
            shown: Vec::new(),
        }
    }

    fn share(&self, signal: SignalId) -> f64 {
        let (runs, passed) = self.counts.get(&signal).copied().unwrap_or_default();
        (f64::from(passed) + 1.0) / (f64::from(runs) + 2.0)
    }
}

impl Learner for Counters {
    fn least(&mut self, active: &[SignalId], _now: u64) -> usize {
        let by_share =
            |left: &usize, right: &usize| self.share(active[*left]).total_cmp(&self.share(active[*right]));
        (0..active.len()).min_by(by_share).expect("one is active")
    }

    fn choose(&mut self, _task: &Task, fit: &[SignalId]) -> Vec<usize> {
        let mut places: Vec<usize> = (0..fit.len()).collect();
        places.sort_by(|left, right| self.share(fit[*right]).total_cmp(&self.share(fit[*left])));
        let mut others = places.split_off(places.len().min(self.slots));
        for place in &mut places {
            if self.random.f64() < self.params.probation_share {
                others.sort_by_key(|other| self.counts.get(&fit[*other]).map_or(0, |(runs, _)| *runs));
                if let Some(other) = others.first_mut() {
                    std::mem::swap(place, other);
                }
            }
        }
        self.shown = places.iter().map(|place| fit[*place]).collect();
        places
    }

    fn learn(&mut self, _task: &Task, passed: bool) -> bool {
        for signal in &self.shown {
            let (runs, successes) = self.counts.entry(*signal).or_default();
            *runs += 1;
            *successes += u32::from(passed);
        }
        true
    }
}

/// What scopes tell of a task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scopes {
    /// Nothing: one scope for all.
    Coarse,
    /// Its kind, of so many, as a scope below the one for all.
    Fine(usize),
}

/// The layer: advantage credit, posteriors that lean on the scope above, replayable draws, and the audit.
pub(super) struct Ours {
    replica: Replica,
    writer: Writer,
    view: View,
    params: Params,
    top: ScopeId,
    below: Vec<ScopeId>,
    slots: usize,
    class: EvidenceClass,
    looked_at: u64,
    now: u64,
    arm: Arm,
    shown: Vec<Shown>,
}

/// A signal that fits a task, and what is known of it there.
struct Candidate {
    place: usize,
    signal: SignalId,
    posterior: Posterior,
    draw: f64,
}

impl Ours {
    pub(super) fn new(seed: u64, scopes: Scopes, signals: &SignalWorld) -> Self {
        let params = Params::default();
        let mut replica = Replica::new(&params);
        let origin = Origin {
            tenant: 1,
            node: seed,
        };
        let mut writer = Writer::new(origin, Stamp { inc: 1, seq: 0 });
        let top: ScopePath = "stream".parse().expect("a name is a scope");
        writer.scope(&mut replica, &top);
        let kinds = if let Scopes::Fine(kinds) = scopes {
            kinds
        } else {
            0
        };
        let below = (0..kinds).map(|kind| {
            let path = top
                .child(&format!("kind-{kind}"))
                .expect("two levels are allowed");
            writer.scope(&mut replica, &path);
            ScopeId::of(&path)
        });
        let below = below.collect();
        Self {
            view: View::blank(origin),
            top: ScopeId::of(&top),
            below,
            slots: super::slots(signals),
            class: class_of(signals.label_noise),
            replica,
            writer,
            params,
            looked_at: 0,
            now: 0,
            arm: Arm::Treated,
            shown: Vec::new(),
        }
    }

    /// What the layer adds, by its own audit.
    pub(super) fn gain(&self) -> Gain {
        audit::gain(&self.replica, self.now, &self.params, |_| fixed::ONE)
    }

    fn scope(&self, task: &Task) -> ScopeId {
        self.below.get(task.kind).copied().unwrap_or(self.top)
    }

    fn reading(&self, now: u64) -> Reading<'_> {
        let reader = Reader {
            view: &self.view,
            bundle: BundleClass::default(),
            now,
            params: &self.params,
        };
        reader.of(&self.replica)
    }

    /// The signals that fit and are not known to do harm, the largest draw first.
    fn candidates(&self, task: &Task, fit: &[SignalId]) -> Vec<Candidate> {
        let reading = self.reading(task.now);
        let reach = Reach::of(&reading, self.scope(task));
        let mut candidates: Vec<Candidate> = fit
            .iter()
            .enumerate()
            .filter(|(_, signal)| posterior::of(&reading, **signal, self.top).above(0.0) > 1.0 - HARM_SURE)
            .map(|(place, signal)| {
                let posterior = posterior::of(&reading, *signal, self.scope(task));
                let draw = draw::normal(task.id, *signal, &reach.reshaped(posterior));
                Candidate {
                    place,
                    signal: *signal,
                    posterior,
                    draw,
                }
            })
            .collect();
        candidates.sort_by(|left, right| right.draw.total_cmp(&left.draw));
        candidates
    }

    /// Gives each slot with a small probability to the least-shown candidate that may still prove good.
    fn try_novel(&self, task: &Task, chosen: &mut [Candidate], others: &mut [Candidate]) {
        for slot in chosen {
            if draw::uniform(*b"prob", task.id, slot.signal) > self.params.probation_share {
                continue;
            }
            let runs = |candidate: &Candidate| {
                posterior::of(&self.reading(task.now), candidate.signal, self.top).runs
            };
            let novel = others
                .iter_mut()
                .filter(|other| runs(other) < f64::from(audit::LITTLE_SHOWN_RUNS))
                .min_by(|left, right| runs(left).total_cmp(&runs(right)));
            if let Some(novel) = novel {
                std::mem::swap(slot, novel);
            }
        }
    }
}

impl Learner for Ours {
    fn least(&mut self, active: &[SignalId], now: u64) -> usize {
        let reading = self.reading(now);
        let best = |signal: SignalId| {
            let posterior = posterior::of(&reading, signal, self.top);
            posterior.mean + UPPER_90 * posterior.sd
        };
        let by_best = |left: &usize, right: &usize| best(active[*left]).total_cmp(&best(active[*right]));
        (0..active.len()).min_by(by_best).expect("one is active")
    }

    fn choose(&mut self, task: &Task, fit: &[SignalId]) -> Vec<usize> {
        if task.now >= self.looked_at + LOOK_TASKS * TASK_MS {
            self.view = View::of(&self.replica, self.writer.origin, task.now, &self.params);
            self.looked_at = task.now;
        }
        self.shown.clear();
        let lot = draw::uniform(*b"ctrl", task.id, SignalId::from_bytes([0; 16]));
        self.arm = if lot <= self.params.control_share {
            Arm::Control
        } else {
            Arm::Treated
        };
        if self.arm == Arm::Control {
            return Vec::new();
        }
        let mut chosen = self.candidates(task, fit);
        let good = chosen.iter().take_while(|candidate| candidate.draw > 0.0).count();
        let mut others = chosen.split_off(good.min(self.slots));
        self.try_novel(task, &mut chosen, &mut others);
        self.shown = chosen
            .iter()
            .map(|candidate| Shown {
                signal: candidate.signal,
                mean: candidate.posterior.mean,
                kept: draw::uniform(*b"keep", task.id, candidate.signal) > self.params.audit_share,
                own: false,
            })
            .collect();
        let kept = chosen.iter().zip(&self.shown).filter(|(_, shown)| shown.kept);
        kept.map(|(candidate, _)| candidate.place).collect()
    }

    fn learn(&mut self, task: &Task, passed: bool) -> bool {
        let run = Run {
            scope: self.scope(task),
            bundle: BundleClass::default(),
            y: f64::from(u8::from(passed)),
            class: self.class,
            arm: self.arm,
            shown: &self.shown,
            harm: false,
            now: task.now,
        };
        credit::settle(&mut self.replica, &mut self.writer, &self.params, &run);
        self.now = task.now;
        self.arm == Arm::Treated
    }
}

/// The class of evidence whose reporters err so often, or the one that errs most.
fn class_of(label_noise: f64) -> EvidenceClass {
    [EvidenceClass::Test, EvidenceClass::Verifier, EvidenceClass::Human]
        .into_iter()
        .find(|class| label_noise <= credit::flip_rate(*class))
        .unwrap_or(EvidenceClass::Judge)
}
