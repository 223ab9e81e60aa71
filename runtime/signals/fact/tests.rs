//! Facts survive their bytes whatever they say, and rows of before are read by those of after.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, SignalId};
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Share, Signal, SignalBody, Trigger};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;

use super::{Alias, Cell, CellKey, Fact, Other, ScopeCell, ScopeId, Stamp, Sums, Target, Tomb, Why};
use crate::codec;
use crate::dedup;
use crate::params::Params;

/// The last moment that facts may speak of.
const AT_MAX: u64 = 100_000_000_000_000;

fn origin() -> impl Strategy<Value = Origin> {
    any::<(u32, u64)>().prop_map(|(tenant, node)| Origin { tenant, node })
}

fn stamp() -> impl Strategy<Value = Stamp> {
    any::<(u32, u64)>().prop_map(|(inc, seq)| Stamp { inc, seq })
}

fn id() -> impl Strategy<Value = SignalId> {
    any::<[u8; 16]>().prop_map(SignalId::from_bytes)
}

fn bundle() -> impl Strategy<Value = BundleClass> {
    any::<(u16, u16)>().prop_map(|(family, exact)| BundleClass { family, exact })
}

/// Runs and outcomes of them.
fn share() -> impl Strategy<Value = (u32, u32)> {
    any::<u32>().prop_flat_map(|n| (Just(n), 0..=n))
}

fn sums() -> impl Strategy<Value = Sums> {
    share().prop_flat_map(|(n, y)| {
        let most = i64::from(n) * 16;
        (-most..=most).prop_map(move |adv| Sums { n, y, adv })
    })
}

fn cell() -> impl Strategy<Value = Cell> {
    let marks = (any::<(u8, u8, u8)>(), any::<u32>());
    (stamp(), 0..=AT_MAX, marks, (sums(), sums()), share()).prop_map(
        |(stamp, at, ((regime, harm, era), total), (slow, fast), (held_n, held_y))| Cell {
            stamp,
            at,
            regime,
            harm,
            total,
            slow,
            fast,
            held_n,
            held_y,
            era,
        },
    )
}

fn scope_cell() -> impl Strategy<Value = ScopeCell> {
    let votes = vec((id(), any::<u8>()), 0..=super::VOTES_MAX);
    (stamp(), 0..=AT_MAX, (sums(), sums()), share(), votes).prop_map(
        |(stamp, at, (slow, fast), (control_n, control_y), votes)| ScopeCell {
            stamp,
            at,
            slow,
            fast,
            control_n,
            control_y,
            votes,
        },
    )
}

fn body() -> impl Strategy<Value = SignalBody> {
    prop_oneof![
        "\\PC{0,120}".prop_map(|text| SignalBody::Text { text }),
        ("[a-z_]{1,20}", "\\PC{0,60}").prop_map(|(schema, args)| SignalBody::Action { schema, args }),
    ]
}

fn reach() -> impl Strategy<Value = Share> {
    prop_oneof![
        Just(Share::Private),
        Just(Share::Tenant),
        any::<u32>().prop_map(Share::Group),
        Just(Share::Public),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let require = btree_map("[a-z_]{1,8}", "\\PC{0,8}", 0..=8);
    (require, vec(any::<u32>(), 0..=16)).prop_map(|(require, terms)| Trigger { require, terms })
}

fn signal() -> impl Strategy<Value = Signal> {
    let born = option::of(any::<[u8; 16]>().prop_map(JobId::from_bytes));
    let made = (vec(id(), 0..=4), origin(), born, 0..=AT_MAX, bundle());
    let said = (
        "[a-z]{1,5}(/[a-z0-9]{1,5}){0,3}",
        any::<bool>(),
        body(),
        any::<u16>(),
    );
    (said, trigger(), made, reach(), "\\PC{0,40}").prop_map(|(said, trigger, made, share, source)| {
        let (path, is_do, body, tokens) = said;
        let (parents, author, born_in, created, bundle) = made;
        let polarity = if is_do { Polarity::Do } else { Polarity::Avoid };
        let scope = path.parse().expect("names between slashes");
        Signal {
            id: dedup::signal_id(&scope, polarity, &body),
            scope,
            polarity,
            body,
            tokens,
            trigger,
            parents,
            author,
            born_in,
            created: Timestamp(created),
            bundle,
            share,
            source,
        }
    })
}

fn tomb() -> impl Strategy<Value = Tomb> {
    let target = prop_oneof![
        id().prop_map(Target::Signal),
        origin().prop_map(Target::Origin),
        any::<u32>().prop_map(Target::Tenant),
    ];
    let why = prop_oneof![Just(Why::Quarantine), Just(Why::Equivocation), Just(Why::Erasure)];
    (target, why, origin(), 0..=AT_MAX).prop_map(|(target, why, by, at)| Tomb { target, why, by, at })
}

fn alias() -> impl Strategy<Value = Alias> {
    (id(), id())
        .prop_filter("two signals", |(one, two)| one != two)
        .prop_map(|(one, two)| Alias {
            stands: one.min(two),
            follows: one.max(two),
        })
}

fn other() -> impl Strategy<Value = Other> {
    let bytes = (vec(any::<u8>(), 0..=64), vec(any::<u8>(), 0..=300));
    (7_u8..255, 0..=AT_MAX, option::of(id()), bytes).prop_map(|(kind, at, about, (key, content))| Other {
        kind,
        at,
        about,
        key,
        content,
    })
}

/// Every kind of fact, each as likely as another.
fn fact() -> impl Strategy<Value = Fact> {
    let path = "[a-z]{1,5}(/[a-z0-9]{1,5}){0,3}";
    prop_oneof![
        (stamp(), signal()).prop_map(|(stamp, signal)| Fact::Signal {
            stamp,
            signal: Box::new(signal)
        }),
        (origin(), stamp(), path).prop_map(|(origin, stamp, path)| Fact::Scope {
            origin,
            stamp,
            path: path.parse().expect("names between slashes"),
        }),
        (origin(), id(), any::<u64>(), bundle(), cell()).prop_map(|(origin, signal, scope, bundle, cell)| {
            let scope = ScopeId(scope);
            let key = CellKey {
                signal,
                scope,
                bundle,
            };
            Fact::Cell { origin, key, cell }
        }),
        (origin(), any::<u64>(), scope_cell()).prop_map(|(origin, scope, cell)| Fact::ScopeCell {
            origin,
            scope: ScopeId(scope),
            cell
        }),
        (origin(), stamp(), alias()).prop_map(|(origin, stamp, alias)| Fact::Alias { origin, stamp, alias }),
        (stamp(), tomb()).prop_map(|(stamp, tomb)| Fact::Tomb { stamp, tomb }),
        (origin(), stamp(), other()).prop_map(|(origin, stamp, other)| Fact::Other {
            origin,
            stamp,
            other: Box::new(other)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_fact_survives_its_bytes_its_row_and_its_batch(written in fact()) {
        let bytes = rmp_serde::to_vec(&written).expect("facts are plain data");
        let read: Fact = rmp_serde::from_slice(&bytes).expect("a fact");
        prop_assert_eq!(&read, &written);
        let (key, value) = codec::row(&written);
        prop_assert_eq!(&codec::fact(&key, &value).expect("a row"), &written);
        let mut packer = codec::Packer::new(&[]);
        packer.push(&written);
        let batch = codec::unpack(&packer.finish(), &[]).expect("a batch");
        prop_assert_eq!(batch.facts, vec![written]);
    }

    #[test]
    fn bringing_a_cell_to_a_time_and_reading_it_then_is_reading_it(held in cell(), age in 0..3_000_000_000_u64) {
        let params = Params::default();
        let now = held.at.saturating_add(age);
        let brought = held.brought_to(now, &params);
        prop_assert_eq!(brought.slow_at(now, &params), held.slow_at(now, &params));
        prop_assert_eq!(brought.fast_at(now, &params), held.fast_at(now, &params));
        prop_assert_eq!(brought.held_at(now, &params), held.held_at(now, &params));
        prop_assert_eq!(held.brought_to(held.at.saturating_sub(age), &params), held, "a clock that steps back");
    }

    #[test]
    fn a_run_keeps_the_sum_of_outcomes_between_none_and_all(held in sums(), y in -65_536..131_072_i64, adv: i64) {
        let more = held.with(y, adv);
        prop_assert!(more.y <= more.n && more.n >= held.n);
    }
}

#[test]
fn a_cell_of_before_is_read_by_those_of_after() {
    /// A cell as it was before eras.
    #[derive(Serialize)]
    struct Before(Stamp, u64, u8, u8, u32, Sums, Sums, u32, u32);

    let stamp = Stamp { inc: 1, seq: 7 };
    let bytes =
        rmp_serde::to_vec(&Before(stamp, 5, 1, 2, 3, Sums::NONE, Sums::NONE, 4, 4)).expect("plain data");
    let read: Cell = rmp_serde::from_slice(&bytes).expect("a cell");
    assert_eq!((read.stamp, read.held_y, read.era), (stamp, 4, 0));
}
