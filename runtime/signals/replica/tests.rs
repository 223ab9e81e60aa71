//! Merging by example: each rule once, and the figures of speed and memory that the rules must not cost.

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use super::{Kind, Merged, ORIGINS_PER_READING_MAX, Replica, Stream};
use crate::fact::{Cell, CellKey, Fact, ScopeId, Stamp, Sums, Target, Why};
use crate::params::Params;
use crate::writer::Writer;

const NOW: u64 = 1_700_000_000_000;

fn origin(node: u64) -> Origin {
    Origin { tenant: 1, node }
}

fn key(number: u64) -> CellKey {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    CellKey {
        signal: SignalId::from_bytes(bytes),
        scope: ScopeId(number),
        bundle: BundleClass::default(),
    }
}

fn cell_fact(node: u64, number: u64, seq: u64, runs: u32) -> Fact {
    let slow = Sums {
        n: runs << 16,
        y: 0,
        adv: 0,
    };
    Fact::Cell {
        origin: origin(node),
        key: key(number),
        cell: Cell {
            stamp: Stamp { inc: 1, seq },
            at: NOW,
            slow,
            era: 200,
            ..Cell::default()
        },
    }
}

fn stream(node: u64) -> Stream {
    Stream {
        origin: origin(node),
        inc: 1,
    }
}

#[test]
fn a_pushed_fact_does_not_hide_the_gap_before_it() {
    let mut replica = Replica::default();
    assert_eq!(replica.merge(cell_fact(1, 3, 3, 1), NOW), Merged::News);
    assert_eq!(replica.versions().get(&stream(1)), None);
    assert_eq!(replica.merge(cell_fact(1, 1, 1, 1), NOW), Merged::News);
    assert_eq!(replica.versions()[&stream(1)], 1);
    assert_eq!(replica.merge(cell_fact(1, 2, 2, 1), NOW), Merged::News);
    assert_eq!(
        replica.versions()[&stream(1)],
        3,
        "the early one counts when its turn comes"
    );
}

#[test]
fn a_delta_is_cut_short_without_gaps_and_skips_what_was_written_again() {
    let mut ours = Replica::default();
    let mut writer = Writer::resume(&ours, origin(1), 1);
    for number in [1, 2, 3, 1] {
        writer.cell(&mut ours, key(number), NOW, |cell| cell.total += 1);
    }
    let mut theirs = Replica::default();
    let mut rounds = 0;
    while theirs.versions() != ours.versions() {
        let delta = ours.delta(&theirs.versions(), 1);
        assert_eq!(delta.facts.len(), 1);
        theirs.absorb(delta, NOW, |_, merged| assert_eq!(merged, Merged::News));
        rounds += 1;
    }
    assert_eq!(rounds, 3, "the first value of key 1 is not sent");
    assert_eq!(theirs.canonical_digest(NOW), ours.canonical_digest(NOW));
}

#[test]
fn of_two_values_under_one_stamp_everybody_keeps_the_same() {
    let (one, two) = (cell_fact(1, 1, 1, 5), cell_fact(1, 1, 1, 6));
    let mut replicas = [Replica::default(), Replica::default()];
    replicas[0].merge(one.clone(), NOW);
    assert_eq!(replicas[0].merge(two.clone(), NOW), Merged::Equivocation);
    replicas[1].merge(two, NOW);
    assert_eq!(replicas[1].merge(one, NOW), Merged::Equivocation);
    assert_eq!(replicas[0].canonical_bytes(NOW), replicas[1].canonical_bytes(NOW));
}

#[test]
fn one_count_for_two_entries_is_seen() {
    let mut replica = Replica::default();
    replica.merge(cell_fact(1, 1, 1, 5), NOW);
    assert_eq!(replica.merge(cell_fact(1, 2, 1, 5), NOW), Merged::Equivocation);
}

#[test]
fn faded_facts_are_refused_and_dropped_by_one_rule() {
    let params = Params::default();
    let late = NOW + 21 * params.slow_half_life_ms;
    let mut replica = Replica::new(&params);
    replica.merge(cell_fact(1, 1, 1, 5), NOW);
    assert_eq!(replica.collect(NOW), 0);
    assert_eq!(replica.collect(late), 1);
    assert_eq!(replica.merge(cell_fact(1, 1, 1, 5), late), Merged::Expired);
    assert_eq!(
        replica.versions()[&stream(1)],
        1,
        "nobody asks again for what has faded"
    );
    assert_eq!(replica.cell_count(), 0);
}

#[test]
fn facts_from_the_future_wait_for_their_time() {
    let mut replica = Replica::default();
    let early = NOW - 61_000;
    assert_eq!(replica.merge(cell_fact(1, 1, 1, 5), early), Merged::Parked);
    assert_eq!(replica.cell_count(), 0);
    replica.collect(early);
    assert_eq!(replica.cell_count(), 0);
    replica.collect(NOW);
    assert_eq!(replica.cell_count(), 1);
}

#[test]
fn an_erasure_drops_and_keeps_out_and_counts_as_seen() {
    let mut replica = Replica::default();
    replica.remember_gone();
    replica.merge(cell_fact(1, 1, 1, 5), NOW);
    let mut writer = Writer::resume(&replica, origin(9), 1);
    let target = Target::Signal(key(1).signal);
    writer.tomb(&mut replica, target, Why::Erasure, NOW);
    writer.tomb(&mut replica, target, Why::Quarantine, NOW + 1);
    let tomb = replica.tomb(target).expect("set");
    assert_eq!((tomb.why, tomb.at), (Why::Erasure, NOW + 1));
    assert_eq!(replica.cell_count(), 0);
    assert_eq!(replica.take_gone().len(), 1);
}

#[test]
fn somebody_elses_weaker_reason_changes_nothing() {
    let mut replica = Replica::default();
    let target = Target::Origin(origin(1));
    Writer::resume(&replica, origin(8), 1).tomb(&mut replica, target, Why::Erasure, NOW);
    Writer::resume(&replica, origin(9), 1).tomb(&mut replica, target, Why::Quarantine, NOW + 1);
    let tomb = replica.tomb(target).expect("set");
    assert_eq!((tomb.why, tomb.at, tomb.by), (Why::Erasure, NOW + 1, origin(9)));
    assert_eq!(replica.merge(cell_fact(1, 1, 1, 5), NOW), Merged::Dead);
    assert_eq!(replica.versions()[&stream(1)], 1, "it is not asked for again");
}

#[test]
fn a_reading_takes_the_origins_with_the_most_runs() {
    let mut replica = Replica::default();
    for node in 0..200_u32 {
        replica.merge(cell_fact(u64::from(node), 1, 1, 1 + node % 100), NOW);
    }
    let read = |own| {
        let mut read = Vec::new();
        replica.cells_read(&key(1), NOW, own, |origin, cell| {
            read.push((origin, cell.slow.n >> 16));
        });
        read
    };
    let most = read(None);
    assert_eq!(most.len(), ORIGINS_PER_READING_MAX);
    assert!(most.iter().all(|(_, runs)| *runs >= 69));
    assert!(most.is_sorted_by_key(|(origin, _)| *origin));
    let with_own = read(Some(origin(0)));
    assert_eq!(with_own.len(), ORIGINS_PER_READING_MAX);
    assert_eq!(
        with_own[0],
        (origin(0), 1),
        "nobody is crowded out of its own reading"
    );
}

#[test]
fn a_tombstone_that_is_over_hides_nothing_of_the_own_stream() {
    let params = Params::default();
    let mut ours = Replica::new(&params);
    let mut writer = Writer::resume(&ours, origin(1), 1);
    let (killed, target) = (key(1), Target::Signal(key(1).signal));
    writer.cell(&mut ours, killed, NOW, |cell| cell.total += 1);
    Writer::resume(&ours, origin(9), 1).tomb(&mut ours, target, Why::Erasure, NOW);
    let later = NOW + 15 * params.slow_half_life_ms;
    writer.cell(&mut ours, key(2), later, |cell| cell.total += 1);
    let over = NOW + 21 * params.slow_half_life_ms;
    ours.collect(over);
    assert_eq!(ours.tombs().count(), 0);
    let mut theirs = Replica::new(&params);
    theirs.absorb(ours.delta(&theirs.versions(), usize::MAX), over, |_, _| {});
    assert_eq!(theirs.cell_count(), 1, "what was written since is passed on");
}

#[test]
fn ranges_differ_exactly_where_facts_do() {
    let mut one = Replica::default();
    for number in 0..500 {
        one.merge(cell_fact(1, number, number + 1, 1), NOW);
    }
    let mut two = one.clone();
    let fact = cell_fact(2, 77, 1, 1);
    two.merge(fact.clone(), NOW);
    let (sums, others) = (one.buckets(Kind::Cell, NOW), two.buckets(Kind::Cell, NOW));
    let different: Vec<usize> = (0..sums.len()).filter(|at| sums[*at] != others[*at]).collect();
    assert_eq!(different, [usize::from(fact.entry().bucket())]);
    let facts = two.bucket_facts(Kind::Cell, fact.entry().bucket(), NOW);
    assert!(facts.contains(&fact));
}

#[test]
fn a_cell_takes_at_most_128_bytes_where_eight_origins_share_a_key() {
    let mut replica = Replica::default();
    for node in 0..8 {
        for number in 0..2_500 {
            replica.merge(cell_fact(node, number, number + 1, 1), NOW);
        }
    }
    let per_cell = replica.memory_bytes() / replica.cell_count();
    assert!(per_cell <= 128, "{per_cell} bytes");
}
