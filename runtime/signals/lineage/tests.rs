//! Families of signals, one of them in a circle.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::signal::{BundleClass, Polarity, Share, SignalBody, Trigger};

use crate::fact::{Fact, Stamp};
use crate::params::Params;
use crate::writer::Writer;

use super::*;

fn id(name: &str) -> SignalId {
    SignalId::of_parts(&[name.as_bytes()])
}

fn add(replica: &mut Replica, name: &str, parents: &[&str], tenant: u32, source: &str) {
    let signal = Signal {
        id: id(name),
        scope: "read".parse().expect("a path"),
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: name.to_owned(),
        },
        tokens: 1,
        trigger: Trigger::default(),
        parents: parents.iter().map(|parent| id(parent)).collect(),
        author: Origin { tenant, node: 1 },
        born_in: None,
        created: Timestamp(1),
        bundle: BundleClass::default(),
        share: Share::Public,
        source: source.to_owned(),
    };
    let seq = replica.signals().count() as u64 + 1;
    let fact = Fact::Signal {
        stamp: Stamp { inc: 1, seq },
        signal: Box::new(signal),
    };
    replica.merge(fact, 1);
}

/// `a` grew into `b` and `c`, both into `d`; `x` and `y` were made of each other; `z` stands alone.
fn family() -> Replica {
    let mut replica = Replica::new(&Params::default());
    add(&mut replica, "a", &[], 1, "page");
    add(&mut replica, "b", &["a"], 1, "run");
    add(&mut replica, "c", &["a"], 2, "run");
    add(&mut replica, "d", &["b", "c"], 3, "run");
    add(&mut replica, "x", &["y"], 3, "loop");
    add(&mut replica, "y", &["x"], 3, "loop");
    add(&mut replica, "z", &["missing"], 3, "alone");
    replica
}

fn check(what: &Revocation, expected: &[&str]) {
    let expected: BTreeSet<SignalId> = expected.iter().map(|name| id(name)).collect();
    assert_eq!(reach(&family(), what), expected, "{what:?}");
}

#[test]
fn a_revocation_reaches_everything_that_grew_from_it() {
    check(&Revocation::Signal(id("a")), &["a", "b", "c", "d"]);
    check(&Revocation::Signal(id("c")), &["c", "d"]);
    check(&Revocation::Signal(id("x")), &["x", "y"]);
    check(&Revocation::Signal(id("missing")), &["missing", "z"]);
    check(&Revocation::Source("page".to_owned()), &["a", "b", "c", "d"]);
    check(&Revocation::Source("nowhere".to_owned()), &[]);
    check(&Revocation::Tenant(2), &["c", "d"]);
    check(
        &Revocation::Origin(Origin { tenant: 3, node: 1 }),
        &["d", "x", "y", "z"],
    );
}

/// Writes what a revocation asks for.
fn bury(replica: &mut Replica, writer: &mut Writer, tombs: &[Tomb]) {
    for tomb in tombs {
        writer.tomb(replica, tomb.target, tomb.why, tomb.at);
    }
}

#[test]
fn revocation_only_ever_adds_tombstones() {
    let mut replica = family();
    let by = Origin { tenant: 1, node: 7 };
    let mut writer = Writer::new(by, Stamp::default());
    let mut dead = BTreeSet::new();
    let all = [
        Revocation::Signal(id("c")),
        Revocation::Source("page".to_owned()),
        Revocation::Tenant(3),
        Revocation::Signal(id("c")),
    ];
    for (at, what) in all.iter().enumerate() {
        let reached = reach(&replica, what);
        let tombs = revoke(&replica, what, Why::Quarantine, by, at as u64);
        bury(&mut replica, &mut writer, &tombs);
        assert!(reached.iter().all(|signal| replica.is_dead(*signal)), "{what:?}");
        assert!(
            dead.iter().all(|signal| replica.is_dead(*signal)),
            "a grave opened"
        );
        dead.extend(reached);
        assert!(
            revoke(&replica, what, Why::Quarantine, by, at as u64).is_empty(),
            "twice"
        );
    }
    assert!(overdue(&replica, by, 9).is_empty());
}

#[test]
fn a_child_that_arrives_after_the_burial_is_found() {
    let mut replica = family();
    let by = Origin { tenant: 1, node: 7 };
    let mut writer = Writer::new(by, Stamp::default());
    let tombs = revoke(&replica, &Revocation::Signal(id("d")), Why::Quarantine, by, 5);
    bury(&mut replica, &mut writer, &tombs);
    add(&mut replica, "late", &["d"], 2, "run");
    let due = overdue(&replica, by, 6);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].target, Target::Signal(id("late")));
    assert!(!replica.is_dead(id("a")), "what it was made of stands");
}
