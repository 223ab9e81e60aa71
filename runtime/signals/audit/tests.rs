//! The audit on facts of runs whose truth is known, and on nothing at all.

use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass};

use super::*;
use crate::credit::{self, Run, Shown};
use crate::fact::Stamp;
use crate::writer::Writer;

const OURS: Origin = Origin { tenant: 1, node: 1 };

/// A fleet of one node whose scopes differ in difficulty, and whose signals each add what they are said to.
struct Fleet {
    replica: Replica,
    writer: Writer,
    params: Params,
    random: fastrand::Rng,
}

/// A kind of task: its scope, what it yields without signals, and its signals with what they add.
struct Kind<'a> {
    scope: &'a str,
    base: f64,
    signals: &'a [(u8, f64)],
}

fn signal(number: u8) -> SignalId {
    SignalId::of_parts(&[&[number]])
}

impl Fleet {
    fn new(seed: u64) -> Self {
        Self {
            replica: Replica::default(),
            writer: Writer::new(OURS, Stamp { inc: 1, seq: 0 }),
            params: Params::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Runs of one kind, with the audit's own shares of what is withheld.
    fn run(&mut self, kind: &Kind<'_>, runs: u32) {
        let path: ScopePath = kind.scope.parse().expect("a scope");
        for scope in path.lineage() {
            self.writer.scope(&mut self.replica, &scope);
        }
        for _ in 0..runs {
            let control = self.random.f64() < 0.1;
            let shown: Vec<Shown> = kind
                .signals
                .iter()
                .map(|(number, _)| Shown {
                    signal: signal(*number),
                    // What the reader hopes for plays no part in an audit.
                    mean: 0.3,
                    kept: self.random.f64() >= 0.1,
                    own: false,
                })
                .collect();
            let added: f64 = kind
                .signals
                .iter()
                .zip(&shown)
                .filter(|(_, shown)| shown.kept && !control)
                .map(|((_, gain), _)| gain)
                .sum();
            let passed = self.random.f64() < kind.base + added;
            let run = Run {
                scope: ScopeId::of(&path),
                bundle: BundleClass::default(),
                y: f64::from(u8::from(passed)),
                class: EvidenceClass::Test,
                arm: if control { Arm::Control } else { Arm::Treated },
                shown: if control { &[] } else { &shown },
                harm: false,
                now: 1_000,
            };
            credit::settle(&mut self.replica, &mut self.writer, &self.params, &run);
        }
    }

    fn gain(&self) -> Gain {
        gain(&self.replica, 1_000, &self.params, |_| fixed::ONE)
    }
}

#[test]
fn nothing_withheld_says_nothing() {
    let fleet = Fleet::new(1);
    let gain = fleet.gain();
    assert_eq!((gain.by_control, gain.by_withheld, gain.both), (None, None, None));
    assert_eq!(
        uplift(&fleet.replica, signal(1), 1_000, &fleet.params, |_| fixed::ONE),
        None
    );
    assert_eq!(novelty(&fleet.replica, 1_000, &fleet.params), None);
}

/// A signal that only hard tasks are given looks harmful by its successes; the audit is not misled.
#[test]
fn what_is_shown_to_hard_tasks_is_not_blamed() {
    let mut values = Vec::new();
    for seed in 0..20 {
        let mut fleet = Fleet::new(seed);
        fleet.run(
            &Kind {
                scope: "read/hard",
                base: 0.1,
                signals: &[(1, 0.15), (2, 0.0)],
            },
            1_000,
        );
        fleet.run(
            &Kind {
                scope: "read/easy",
                base: 0.8,
                signals: &[(2, 0.0), (3, -0.2)],
            },
            1_000,
        );
        let of = |number| {
            let found = uplift(&fleet.replica, signal(number), 1_000, &fleet.params, |_| {
                fixed::ONE
            });
            found.expect("it was withheld")
        };
        values.push([of(1), of(2), of(3)]);
    }
    for (place, truth) in [0.15, 0.0, -0.2].into_iter().enumerate() {
        let mean = values.iter().map(|of| of[place].value).sum::<f64>() / 20.0;
        assert!(
            (mean - truth).abs() < 0.03,
            "signal {place}: {mean} is not {truth}"
        );
        let inside = values.iter().filter(|of| {
            let (low, high) = of[place].interval();
            low <= truth && truth <= high
        });
        let inside = inside.count();
        assert!(
            inside >= 16,
            "signal {place}: {inside} of 20 intervals hold the truth"
        );
    }
}

/// Both experiments find the same gain, and together they err least.
#[test]
fn the_gain_of_the_layer_is_found() {
    // Half of the runs gain 0.25, half lose 0.05.
    let (truth, mut inside, mut errors) = (0.10, 0, [0.0; 3]);
    for seed in 0..20 {
        let mut fleet = Fleet::new(seed);
        fleet.run(
            &Kind {
                scope: "read/hard",
                base: 0.2,
                signals: &[(1, 0.15), (2, 0.1)],
            },
            1_000,
        );
        fleet.run(
            &Kind {
                scope: "read/easy",
                base: 0.9,
                signals: &[(2, 0.05), (3, -0.1)],
            },
            1_000,
        );
        let gain = fleet.gain();
        let parts = [gain.by_control, gain.by_withheld, gain.both].map(|part| part.expect("all are there"));
        for (error, part) in errors.iter_mut().zip(parts) {
            *error += (part.value - truth) / 20.0;
        }
        let (low, high) = parts[2].interval();
        inside += u32::from(low <= truth && truth <= high);
        assert!(parts[2].error < parts[0].error && parts[2].error < parts[1].error);
        let lift = gain.lift().expect("there is a gain");
        assert!((lift - parts[2].value / (gain.treated - parts[2].value)).abs() < 1e-12);
    }
    assert!(errors.iter().all(|error| error.abs() < 0.02), "{errors:?}");
    assert!(inside >= 16, "{inside} of 20 intervals hold the truth");
}

#[test]
fn runs_of_a_scope_are_not_counted_again_above_it() {
    let mut fleet = Fleet::new(7);
    fleet.run(
        &Kind {
            scope: "read/text",
            base: 0.5,
            signals: &[(1, 0.1)],
        },
        200,
    );
    fleet.run(
        &Kind {
            scope: "read",
            base: 0.5,
            signals: &[(1, 0.1)],
        },
        100,
    );
    let all: f64 = scopes(&fleet.replica, 1_000, &fleet.params, &|_| fixed::ONE)
        .values()
        .map(|arms| arms.with_n + arms.without_n)
        .sum();
    assert!((all - 300.0).abs() < 1e-9, "{all}");
}

#[test]
fn distrusted_origins_prove_nothing() {
    let mut fleet = Fleet::new(3);
    fleet.run(
        &Kind {
            scope: "read",
            base: 0.5,
            signals: &[(1, 0.1)],
        },
        200,
    );
    let gain = gain(&fleet.replica, 1_000, &fleet.params, |_| 0);
    assert_eq!(gain.both, None);
}

#[test]
fn novelty_is_the_share_of_what_was_shown_little() {
    let mut fleet = Fleet::new(5);
    fleet.run(
        &Kind {
            scope: "read/text",
            base: 0.5,
            signals: &[(1, 0.0)],
        },
        300,
    );
    let novelty_now = |fleet: &Fleet| novelty(&fleet.replica, 1_000, &fleet.params).expect("some were shown");
    assert!(novelty_now(&fleet) < 1e-12);
    fleet.run(
        &Kind {
            scope: "read/text",
            base: 0.5,
            signals: &[(2, 0.0)],
        },
        20,
    );
    let share = novelty_now(&fleet);
    assert!(share > 0.03 && share < 0.08, "{share}");
}
