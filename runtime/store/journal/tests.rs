//! The verdicts against a model, and what the chain covers.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn header() -> FrameHeader {
    FrameHeader {
        job_id: JobId::new(1, 1),
        seq: 1,
        epoch: 1,
        at: Timestamp(1),
    }
}

fn check(head: JournalHead, epoch: u64, seq: u64, expected: Result<(), Verdict>) {
    assert_eq!(
        head.admit(epoch, seq),
        expected,
        "epoch {epoch}, frame {seq} after {head:?}"
    );
}

#[test]
fn only_the_next_frame_of_the_owner_is_admitted() {
    let head = JournalHead {
        epoch: 3,
        last_seq: 7,
        head: GENESIS,
    };
    check(head, 3, 8, Ok(()));
    check(head, 2, 8, Err(Verdict::Fenced { current: 3 }));
    check(head, 4, 8, Err(Verdict::Fenced { current: 3 }));
    check(head, 3, 7, Err(Verdict::OutOfOrder { last: 7 }));
    check(head, 3, 9, Err(Verdict::OutOfOrder { last: 7 }));
    check(head, 2, 9, Err(Verdict::Fenced { current: 3 }));
}

#[test]
fn nobody_owns_an_empty_journal() {
    check(JournalHead::EMPTY, 0, 1, Err(Verdict::Fenced { current: 0 }));
    let mut head = JournalHead::EMPTY;
    assert_eq!(head.grant(), 1);
    check(head, 1, 1, Ok(()));
}

#[test]
fn a_journal_ends_at_its_last_number() {
    let head = JournalHead {
        epoch: 1,
        last_seq: SEQ_MAX,
        head: GENESIS,
    };
    check(head, 1, SEQ_MAX + 1, Err(Verdict::OutOfOrder { last: SEQ_MAX }));
}

#[test]
fn the_chain_covers_every_part() {
    let base = header();
    let hashes = [
        chain(GENESIS, &base, b"body"),
        chain(Digest::of(b"other"), &base, b"body"),
        chain(
            GENESIS,
            &FrameHeader {
                job_id: JobId::new(1, 2),
                ..base
            },
            b"body",
        ),
        chain(GENESIS, &FrameHeader { seq: 2, ..base }, b"body"),
        chain(GENESIS, &FrameHeader { epoch: 2, ..base }, b"body"),
        chain(
            GENESIS,
            &FrameHeader {
                at: Timestamp(2),
                ..base
            },
            b"body",
        ),
        chain(GENESIS, &base, b"bodY"),
        chain(GENESIS, &base, b"body "),
    ];
    let distinct: HashSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
    assert_ne!(
        hashes[0],
        Digest::of(b"body"),
        "the chain has a domain of its own"
    );
}

#[test]
fn a_gate_gives_nothing_out_before_the_sync() {
    let mut gate = AckGate::default();
    gate.hold(1);
    gate.hold(2);
    assert_eq!(gate.synced(), [1, 2]);
    gate.hold(3);
    assert_eq!(gate.failed(), [3]);
    assert!(
        gate.synced().is_empty(),
        "what failed is never acknowledged later"
    );
}

proptest! {
    /// Whatever is granted and tried, admitted frames are numbered without gaps and their epochs never fall.
    #[test]
    fn admitted_frames_have_one_owner_at_a_time(tries in prop::collection::vec((0_u64..6, 0_u64..12, any::<bool>()), 1..200)) {
        let mut head = JournalHead::EMPTY;
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        for (epoch, seq, grants) in tries {
            if grants {
                let before = head.epoch;
                prop_assert!(head.grant() > before);
            }
            if head.admit(epoch, seq).is_ok() {
                head.advance(&FrameHeader { seq, epoch, ..header() }, Digest::of(&seq.to_le_bytes()));
                admitted.push((epoch, seq));
            }
        }
        prop_assert!(admitted.iter().map(|frame| frame.1).eq(1..=admitted.len() as u64));
        prop_assert!(admitted.is_sorted_by_key(|frame| frame.0));
        prop_assert!(admitted.iter().all(|frame| frame.0 > 0));
    }
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn planted_faults_do_what_they_say_and_nothing_else() {
    let head = JournalHead {
        epoch: 2,
        last_seq: 4,
        head: GENESIS,
    };
    let no_fence = Bugs {
        no_fence: true,
        ..Bugs::default()
    };
    assert_eq!(head.admit_with(Bugs::default(), 1, 5), head.admit(1, 5));
    assert_eq!(head.admit_with(no_fence, 1, 5), Ok(()));
    assert_eq!(
        head.admit_with(no_fence, 1, 6),
        Err(Verdict::OutOfOrder { last: 4 })
    );
    let mut gate = AckGate::default();
    assert_eq!(gate.hold_with(Bugs::default(), 1), None);
    let early = Bugs {
        acknowledge_before_sync: true,
        ..Bugs::default()
    };
    assert_eq!(gate.hold_with(early, 2), Some(2));
    assert_eq!(gate.synced(), [1]);
}
