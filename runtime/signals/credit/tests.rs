//! Credit on single runs, by hand, and with the bugs that a test has to see.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{ReceiptId, SignalId, TaskId};
use anthill_contracts::signal::ScopePath;

use super::*;
use crate::fact::{Cell, ScopeCell, Stamp};

const SCOPE: ScopeId = ScopeId(7);
const OURS: Origin = Origin { tenant: 1, node: 1 };

fn signal(number: u8) -> SignalId {
    SignalId::of_parts(&[&[number]])
}

fn shown(number: u8, mean: f64) -> Shown {
    Shown {
        signal: signal(number),
        mean,
        kept: true,
        own: false,
    }
}

fn run(y: f64, shown: &[Shown]) -> Run<'_> {
    Run {
        scope: SCOPE,
        bundle: BundleClass::default(),
        y,
        class: EvidenceClass::Test,
        arm: Arm::Treated,
        shown,
        harm: false,
        now: 1_000,
    }
}

/// One node that settles runs.
struct Node {
    replica: Replica,
    writer: Writer,
    params: Params,
}

impl Node {
    fn new() -> Self {
        Self {
            replica: Replica::default(),
            writer: Writer::new(OURS, Stamp { inc: 1, seq: 0 }),
            params: Params::default(),
        }
    }

    fn settle(&mut self, run: &Run<'_>) -> Vec<Fact> {
        settle(&mut self.replica, &mut self.writer, &self.params, run)
    }

    fn cell(&self, number: u8) -> Option<Cell> {
        let key = CellKey {
            signal: signal(number),
            scope: SCOPE,
            bundle: BundleClass::default(),
        };
        self.replica.cell(&key, OURS)
    }
}

fn close(value: i64, expected: f64) -> bool {
    (fixed::to_f64(value) - expected).abs() < 1e-3
}

#[test]
fn an_advantage_is_what_baseline_and_company_do_not_explain() {
    let mut node = Node::new();
    for _ in 0..3 {
        node.settle(&run(1.0, &[]));
    }
    // Three successes and a prior of one half worth ten runs.
    let base = 8.0 / 13.0;
    node.settle(&run(1.0, &[shown(1, 0.2), shown(2, -0.1)]));
    let (first, second) = (
        node.cell(1).expect("it was shown"),
        node.cell(2).expect("it was shown"),
    );
    assert!(close(first.slow.adv, 1.0 - base + 0.1));
    assert!(close(second.slow.adv, 1.0 - base - 0.2));
    assert_eq!((first.slow.n, first.slow.y, first.total), (1 << 16, 1 << 16, 1));
    assert_eq!(first.slow, first.fast);
}

#[test]
fn what_is_tried_in_a_lucky_moment_is_not_held_against_it() {
    let lucky = |first: f64| {
        let mut node = Node::new();
        node.settle(&run(first, &[]));
        node.settle(&run(1.0, &[shown(1, 0.0)]));
        node.cell(1).expect("it was shown").slow.adv
    };
    let apart = fixed::to_f64(lucky(0.0) - lucky(1.0));
    assert!(
        apart > 0.0 && apart < 0.1,
        "one run more moves a baseline by {apart}"
    );
}

#[test]
fn a_report_of_the_agent_itself_moves_nothing() {
    let mut node = Node::new();
    let shown = [shown(1, 0.0)];
    let report = Run {
        class: EvidenceClass::SelfReport,
        harm: true,
        ..run(1.0, &shown)
    };
    assert_eq!(node.settle(&report), Vec::new());
    assert_eq!(node.replica.keys().count(), 0);
    assert!(node.replica.scope_cells(SCOPE).next().is_none());
}

#[test]
fn the_surest_outcome_counts_and_any_harm() {
    let outcome = |class, score_milli, harm| Outcome {
        receipt_id: ReceiptId::derive(TaskId::from_bytes([1; 16]), "worker"),
        score_milli,
        class,
        harm,
        at: Timestamp::default(),
    };
    let outcomes = [
        outcome(EvidenceClass::SelfReport, 1000, true),
        outcome(EvidenceClass::Verifier, 400, false),
        outcome(EvidenceClass::Judge, 900, false),
    ];
    let best = surest(&outcomes).expect("there are some");
    assert_eq!(
        (best.class, best.score_milli, best.harm),
        (EvidenceClass::Verifier, 400, true)
    );
    assert_eq!(surest(&[]), None);
}

#[test]
fn errors_of_reporters_cancel_out() {
    for class in [
        EvidenceClass::Test,
        EvidenceClass::Verifier,
        EvidenceClass::Human,
        EvidenceClass::Judge,
    ] {
        let flip = flip_rate(class);
        for truth in [0.0, 0.3, 1.0] {
            let reported = truth * (1.0 - flip) + (1.0 - truth) * flip;
            let mean = reported * debiased(1.0, class) + (1.0 - reported) * debiased(0.0, class);
            assert!((mean - truth).abs() < 1e-12, "{class:?} at {truth}: {mean}");
        }
    }
}

#[test]
fn arms_are_counted_apart() {
    let mut node = Node::new();
    let dropped = Shown {
        kept: false,
        ..shown(2, 0.5)
    };
    node.settle(&run(1.0, &[shown(1, 0.1), dropped]));
    let held = node.cell(2).expect("it was chosen");
    assert_eq!((held.held_n, held.held_y, held.total), (1 << 16, 1 << 16, 0));
    assert_eq!(held.slow, Sums::default());
    // The withheld signal added nothing, so nothing is taken off for it.
    assert!(close(node.cell(1).expect("it was shown").slow.adv, 0.5));

    node.settle(&Run {
        arm: Arm::Control,
        ..run(1.0, &[dropped])
    });
    let (_, scope) = node.replica.scope_cells(SCOPE).next().expect("it was used");
    assert_eq!((scope.control_n, scope.control_y), (1 << 16, 1 << 16));
    assert_eq!(scope.slow.n, 1 << 16);
    assert_eq!(node.cell(2).expect("it was chosen"), held);
}

#[test]
fn an_authors_own_run_is_no_evidence_but_its_gain_is_taken_off() {
    let mut node = Node::new();
    let own = Shown {
        own: true,
        ..shown(1, 0.2)
    };
    node.settle(&run(1.0, &[own, shown(2, 0.0)]));
    assert_eq!(node.cell(1), None);
    assert!(close(node.cell(2).expect("it was shown").slow.adv, 0.3));
}

#[test]
fn harm_is_counted_for_what_was_shown() {
    let mut node = Node::new();
    let dropped = Shown {
        kept: false,
        ..shown(2, 0.0)
    };
    for _ in 0..300 {
        node.settle(&Run {
            harm: true,
            ..run(0.0, &[shown(1, 0.0), dropped])
        });
    }
    assert_eq!(node.cell(1).expect("it was shown").harm, u8::MAX);
    assert_eq!(node.cell(2).expect("it was chosen").harm, 0);
}

#[test]
fn a_run_counts_for_its_scope_and_those_above() {
    let mut node = Node::new();
    let path: ScopePath = "read/text".parse().expect("a scope");
    let (child, parent) = (ScopeId::of(&path), ScopeId::of(&path.parent().expect("a parent")));
    node.replica.merge(
        Fact::Scope {
            origin: OURS,
            stamp: Stamp { inc: 1, seq: 1 },
            path,
        },
        1_000,
    );
    let facts = node.settle(&Run {
        scope: child,
        ..run(1.0, &[shown(1, 0.0)])
    });
    assert_eq!(facts.len(), 4);
    for scope in [child, parent] {
        let key = CellKey {
            signal: signal(1),
            scope,
            bundle: BundleClass::default(),
        };
        assert!(close(
            node.replica.cell(&key, OURS).expect("credited").slow.adv,
            0.5
        ));
        let (_, cell) = node.replica.scope_cells(scope).next().expect("it was used");
        assert_eq!(cell.slow.n, 1 << 16);
    }
}

#[test]
fn a_new_scope_starts_from_the_one_above() {
    let mut node = Node::new();
    let paths = ["read", "read/text", "read/html"].map(|path| path.parse::<ScopePath>().expect("a scope"));
    for (seq, path) in paths.iter().enumerate() {
        let stamp = Stamp {
            inc: 1,
            seq: seq as u64,
        };
        node.replica.merge(
            Fact::Scope {
                origin: OURS,
                stamp,
                path: path.clone(),
            },
            1_000,
        );
    }
    let [_, text, html] = paths.map(|path| ScopeId::of(&path));
    for _ in 0..100 {
        node.settle(&Run {
            scope: text,
            ..run(1.0, &[])
        });
    }
    let of = |scope| baseline(&node.replica, scope, 1_000, &node.params, |_| fixed::ONE);
    assert!(of(html) > 0.95, "{}", of(html));
    // A distrusted origin plays no part.
    assert!((baseline(&node.replica, html, 1_000, &node.params, |_| 0) - 0.5).abs() < 1e-12);
}

#[test]
fn no_claim_moves_a_baseline_further_than_runs_can() {
    let mut node = Node::new();
    node.settle(&run(0.5, &[]));
    let mut cell = ScopeCell {
        stamp: Stamp { inc: 1, seq: 1 },
        at: 1_000,
        ..Default::default()
    };
    cell.slow = Sums {
        n: 1 << 16,
        y: 0,
        adv: i64::MAX,
    };
    let liar = Origin { tenant: 1, node: 2 };
    node.replica.merge(
        Fact::ScopeCell {
            origin: liar,
            scope: SCOPE,
            cell,
        },
        1_000,
    );
    let base = baseline(&node.replica, SCOPE, 1_000, &node.params, |_| fixed::ONE);
    assert!(base <= 1.0 + 1e-9, "{base}");
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn planted_bugs_are_found() {
    let settled = |shown: Shown, bug| {
        let mut node = Node::new();
        settle_with(
            &mut node.replica,
            &mut node.writer,
            &node.params,
            &run(1.0, &[shown]),
            bug,
        );
        node.cell(1)
    };
    let own = Shown {
        own: true,
        ..shown(1, 0.0)
    };
    assert!(
        settled(own, SeededBug::SelfCredit).is_some(),
        "evidence of an author for itself"
    );
    let dropped = Shown {
        kept: false,
        ..shown(1, 0.0)
    };
    let cell = settled(dropped, SeededBug::WithoutExposure).expect("it was chosen");
    assert_ne!(cell.slow, Sums::default(), "evidence without exposure");
}
