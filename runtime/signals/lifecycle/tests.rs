//! Lives of single signals, on facts that are made by hand.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::signal::{BundleClass, Share, SignalBody, Trigger};

use crate::fact::{Cell, Fact, ScopeCell, ScopeId, Stamp, Sums, Target, Why};
use crate::writer::Writer;

use super::*;

const NOW: u64 = 1_700_000_000_000;

/// A replica, one signal of tenant 1 in it, and how often its facts have been written.
struct Stage {
    replica: Replica,
    params: Params,
    signal: Signal,
    seq: u64,
}

fn node(tenant: u32, node: u64) -> Origin {
    Origin { tenant, node }
}

fn signal(name: &str, parents: Vec<SignalId>) -> Signal {
    Signal {
        id: SignalId::of_parts(&[name.as_bytes()]),
        scope: "read/html".parse().expect("a path"),
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: name.to_owned(),
        },
        tokens: 10,
        trigger: Trigger::default(),
        parents,
        author: node(1, 1),
        born_in: None,
        created: Timestamp(NOW),
        bundle: BundleClass::default(),
        share: Share::Tenant,
        source: String::new(),
    }
}

impl Stage {
    fn new() -> Self {
        let params = Params::default();
        let mut stage = Self {
            replica: Replica::new(&params),
            params,
            signal: signal("advice", Vec::new()),
            seq: 0,
        };
        let fact = Fact::Signal {
            stamp: stage.stamp(),
            signal: Box::new(stage.signal.clone()),
        };
        stage.replica.merge(fact, NOW);
        stage
    }

    fn stamp(&mut self) -> Stamp {
        self.seq += 1;
        Stamp {
            inc: 1,
            seq: self.seq,
        }
    }

    /// An origin has so many runs with the signal behind it, each this much better than without.
    fn used(&mut self, origin: Origin, runs: u32, uplift: f64, harm: u8) {
        let sums = Sums {
            n: runs << 16,
            y: runs << 15,
            adv: fixed::from_f64(uplift * f64::from(runs)),
        };
        let scope = ScopeId::of(&self.signal.scope);
        let key = CellKey {
            signal: self.signal.id,
            scope,
            bundle: BundleClass::default(),
        };
        let cell = Cell {
            stamp: self.stamp(),
            at: NOW,
            slow: sums,
            harm,
            total: runs,
            ..Cell::default()
        };
        self.replica.merge(Fact::Cell { origin, key, cell }, NOW);
        self.works(origin, runs);
    }

    /// An origin has so many runs in the scope.
    fn works(&mut self, origin: Origin, runs: u32) {
        let cell = ScopeCell {
            stamp: self.stamp(),
            at: NOW,
            slow: Sums {
                n: runs << 16,
                ..Sums::default()
            },
            ..ScopeCell::default()
        };
        let scope = ScopeId::of(&self.signal.scope);
        self.replica.merge(Fact::ScopeCell { origin, scope, cell }, NOW);
    }

    fn seen_by(&self, own: Origin, now: u64) -> Standing {
        let view = View::of(&self.replica, own, now, &self.params);
        state(&self.replica, &view, self.signal.id, now, &self.params)
    }

    fn state(&self) -> SignalState {
        self.seen_by(node(1, 1), NOW).state
    }
}

#[test]
fn a_signal_is_active_once_two_origins_have_seen_it_help() {
    let mut stage = Stage::new();
    assert_eq!(stage.state(), SignalState::Probation);
    stage.works(node(1, 2), 20);
    stage.used(node(1, 1), 20, 0.3, 0);
    let standing = stage.seen_by(node(1, 1), NOW);
    assert_eq!(standing.state, SignalState::Probation, "nobody has confirmed it");
    assert_eq!(standing.reasons.last(), Some(&Reason::Origins(1)));
    stage.used(node(1, 2), 2, 0.3, 0);
    assert_eq!(stage.state(), SignalState::Active);
}

#[test]
fn few_runs_are_not_enough_however_well_they_went() {
    let mut stage = Stage::new();
    stage.used(node(1, 1), 4, 0.5, 0);
    stage.used(node(1, 2), 3, 0.5, 0);
    assert_eq!(stage.state(), SignalState::Probation);
    stage.used(node(1, 2), 4, 0.5, 0);
    assert_eq!(stage.state(), SignalState::Active);
}

#[test]
fn a_node_that_works_alone_learns_from_its_own_runs() {
    let mut stage = Stage::new();
    stage.used(node(1, 1), 7, 0.3, 0);
    assert_eq!(stage.state(), SignalState::Probation);
    stage.used(node(1, 1), 8, 0.3, 0);
    let standing = stage.seen_by(node(1, 1), NOW);
    assert_eq!(standing.state, SignalState::Active);
    assert_eq!(standing.reasons.last(), Some(&Reason::Alone));
    // A newcomer does not throw back what was learned before it has worked for a while itself.
    stage.works(node(1, 2), 7);
    assert_eq!(stage.state(), SignalState::Active);
    stage.works(node(1, 2), 8);
    assert_eq!(stage.state(), SignalState::Probation);
}

#[test]
fn nodes_of_one_tenant_cannot_confirm_for_another() {
    let mut stage = Stage::new();
    for many in 1..=40 {
        stage.used(node(1, many), 30, 0.5, 0);
    }
    assert_eq!(stage.state(), SignalState::Active, "in its own tenant");
    let foreign = stage.seen_by(node(2, 1), NOW);
    assert_eq!(foreign.state, SignalState::Probation);
    assert_eq!(foreign.reasons.last(), Some(&Reason::Tenants(1)));
    // Forty nodes count for as little as one tenant may, so two runs of ours are heard beside them.
    assert!(foreign.posterior.runs <= 8.01, "{:?}", foreign.posterior);
    stage.used(node(2, 1), 2, 0.3, 0);
    assert_eq!(stage.seen_by(node(2, 1), NOW).state, SignalState::Active);
}

#[test]
fn the_worse_a_signal_is_the_fewer_runs_it_takes_to_quarantine_it() {
    for (uplift, expected) in [(-0.5, 6), (-0.35, 10), (-0.2, 22), (-0.1, 74)] {
        let mut stage = Stage::new();
        let mut runs = [0_u32; 3];
        let mut total = 0;
        while stage.state() != SignalState::Quarantined {
            let place = total % runs.len();
            runs[place] += 1;
            total += 1;
            stage.used(node(1, place as u64 + 1), runs[place], uplift, 0);
            assert!(total < 100, "{uplift} is never quarantined");
        }
        assert!(
            total.abs_diff(expected) <= 1,
            "{uplift}: {total} instead of {expected}"
        );
    }
}

#[test]
fn two_incidents_of_harm_at_more_than_a_third_of_the_origins_are_enough() {
    let mut stage = Stage::new();
    for other in 2..=6 {
        stage.used(node(1, other), 10, 0.3, 0);
    }
    stage.used(node(1, 6), 10, 0.3, 200);
    assert_eq!(
        stage.state(),
        SignalState::Active,
        "one that cries wolf is no quorum of five"
    );
    stage.used(node(1, 5), 10, 0.3, 1);
    let standing = stage.seen_by(node(1, 1), NOW);
    assert_eq!(standing.state, SignalState::Quarantined);
    assert!(matches!(standing.reasons[0], Reason::Harmed { origins: 2, .. }));
    // What a node has seen itself needs no quorum.
    let mut stage = Stage::new();
    for other in 1..=6 {
        stage.used(node(1, other), 10, 0.3, if other == 1 { 2 } else { 0 });
    }
    assert_eq!(stage.state(), SignalState::Quarantined);
    assert_eq!(stage.seen_by(node(1, 2), NOW).state, SignalState::Active);
}

#[test]
fn evidence_and_judgement_fade() {
    let mut stage = Stage::new();
    stage.used(node(1, 1), 8, -0.4, 0);
    assert_eq!(stage.state(), SignalState::Quarantined);
    let week = stage.params.slow_half_life_ms;
    assert_eq!(
        stage.seen_by(node(1, 1), NOW + 3 * week).state,
        SignalState::Probation
    );
    assert_eq!(
        stage.seen_by(node(1, 1), NOW + 12 * week).state,
        SignalState::Retired
    );
}

#[test]
fn a_tombstone_quarantines_whatever_the_evidence_says() {
    let mut stage = Stage::new();
    stage.used(node(1, 1), 30, 0.5, 0);
    let mut writer = Writer::new(node(1, 9), Stamp::default());
    let target = Target::Signal(stage.signal.id);
    writer.tomb(&mut stage.replica, target, Why::Quarantine, NOW);
    let standing = stage.seen_by(node(1, 1), NOW);
    assert_eq!(
        (standing.state, standing.reasons[0]),
        (SignalState::Quarantined, Reason::Revoked)
    );
}

#[test]
fn advice_that_harms_becomes_a_warning_once() {
    let mut stage = Stage::new();
    let twin_of = |stage: &Stage| {
        let view = View::of(&stage.replica, node(1, 1), NOW, &stage.params);
        twin(&stage.replica, &view, stage.signal.id, NOW, &stage.params)
    };
    stage.works(node(1, 2), 20);
    stage.used(node(1, 1), 20, -0.4, 0);
    assert_eq!(twin_of(&stage), None, "nobody has confirmed it");
    stage.used(node(1, 2), 2, -0.4, 0);
    let proposal = twin_of(&stage).expect("two origins have seen it harm");
    assert_eq!(proposal.polarity, Polarity::Avoid);
    assert_eq!(proposal.parents, [stage.signal.id]);
    let warning = Signal {
        polarity: Polarity::Avoid,
        ..signal("warning", vec![stage.signal.id])
    };
    let stamp = stage.stamp();
    stage.replica.merge(
        Fact::Signal {
            stamp,
            signal: Box::new(warning),
        },
        NOW,
    );
    assert_eq!(twin_of(&stage), None, "there is one already");
}

#[test]
fn a_new_signal_is_tried_by_few_of_many_nodes() {
    let mut stage = Stage::new();
    for many in 1..=100 {
        stage.works(node(1, many), 10);
        stage.works(node(2, many), 10);
    }
    let seats = |waiting| {
        let nodes = (1..=100).map(|many| node(1, many));
        nodes
            .filter(|own| has_seat(&stage.replica, &stage.signal, *own, waiting))
            .count()
    };
    assert_eq!(seats(0), PROBATION_SEATS);
    assert_eq!(seats(1), 0, "one run of a node at a time");
}
