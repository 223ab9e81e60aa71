//! What one version may ask of another: known kinds say no more than they say, unknown ones are taken whole.

use super::super::bytes::{Reader, put_count};
use super::*;
use crate::fact::{OTHER_CONTENT_BYTES_MAX, OTHER_KEY_BYTES_MAX};

/// The batch of these facts, where `change` may change each value's kind and body.
fn changed(facts: &[Fact], change: impl Fn(usize, &mut u8, &mut Vec<u8>)) -> Vec<u8> {
    let mut packer = Packer::new(&[]);
    for fact in facts {
        packer.push(fact);
    }
    let values = packer.values_len();
    let batch = packer.finish();
    let mut out = batch[..batch.len() - values].to_vec();
    let mut from = Reader::new(&batch[batch.len() - values..]);
    let mut place = 0;
    while !from.is_empty() {
        let mut kind = from.byte().expect("a kind");
        let length = from.small().expect("a length");
        let mut body = from.take(length).expect("a body").to_vec();
        change(place, &mut kind, &mut body);
        out.push(kind);
        put_count(&mut out, body.len());
        out.extend_from_slice(&body);
        place += 1;
    }
    out
}

#[test]
fn a_byte_after_a_content_is_damage_in_every_kind() {
    let written = mixed(31, 400);
    let bytes = changed(&written, |place, _, body| {
        if place % 2 == 1 {
            body.push(0);
        }
    });
    let batch = unpack(&bytes, &[]).expect("a batch");
    let whole: Vec<Fact> = written.iter().step_by(2).cloned().collect();
    assert_eq!(batch.facts, whole, "neighbours are taken");
    assert_eq!(batch.flaws, vec![Flaw::Damaged; 200]);
    for written in written {
        let (key, mut value) = row(&written);
        value.push(0);
        assert_eq!(fact(&key, &value), Err(Flaw::Damaged));
    }
}

#[test]
fn a_choice_that_has_no_meaning_is_damage() {
    let stamp = Stamp { inc: 1, seq: 1 };
    let by = Origin { tenant: 1, node: 1 };
    let tomb = |target| Fact::Tomb {
        stamp,
        tomb: Tomb {
            target,
            why: Why::Erasure,
            by,
            at: 1,
        },
    };
    // A tombstone's body: a byte for the writer, one for its count, one for what its target is.
    for (place, fact) in [
        (2, tomb(Target::Tenant(1))),
        (7, tomb(Target::Tenant(1))),
        (19, tomb(Target::Signal(SignalId::from_bytes([1; 16])))),
    ] {
        let bytes = changed(&[fact], |_, _, body| body[place] = 3);
        let batch = unpack(&bytes, &[]).expect("a batch");
        assert_eq!((batch.facts, batch.flaws), (vec![], vec![Flaw::Damaged]));
    }
}

#[test]
fn kinds_that_nobody_may_use_are_damage() {
    let written = [other(&mut fastrand::Rng::with_seed(1), 9)];
    for refused in [0, 255] {
        let bytes = changed(&written, |_, kind, _| *kind = refused);
        assert_eq!(unpack(&bytes, &[]).expect("a batch").flaws, [Flaw::Damaged]);
        let (mut key, value) = row(&written[0]);
        key[0] = refused;
        assert_eq!(fact(&key, &value), Err(Flaw::Damaged));
    }
    for taken in [7, 127, 128, 254] {
        let bytes = changed(&written, |_, kind, _| *kind = taken);
        let batch = unpack(&bytes, &[]).expect("a batch");
        assert_eq!((batch.facts.len(), batch.flaws.len()), (1, 0), "kind {taken}");
    }
}

#[test]
fn what_is_longer_than_anybody_may_write_is_refused() {
    let sized = |key, content| {
        let Fact::Other {
            origin,
            stamp,
            mut other,
        } = other(&mut fastrand::Rng::with_seed(1), 9)
        else {
            unreachable!("made so")
        };
        other.key = vec![1; key];
        other.content = vec![2; content];
        Fact::Other { origin, stamp, other }
    };
    let most = sized(OTHER_KEY_BYTES_MAX, OTHER_CONTENT_BYTES_MAX);
    assert_eq!(
        unpack(&packed(std::slice::from_ref(&most), &[]), &[])
            .expect("a batch")
            .facts,
        [most]
    );
    for long in [
        sized(OTHER_KEY_BYTES_MAX + 1, 1),
        sized(1, OTHER_CONTENT_BYTES_MAX + 1),
    ] {
        assert_eq!(check(&long), Err(Flaw::TooLarge));
        assert_eq!(
            unpack(&packed(std::slice::from_ref(&long), &[]), &[])
                .expect("a batch")
                .flaws,
            [Flaw::TooLarge]
        );
        let (key, value) = row(&long);
        assert_eq!(fact(&key, &value), Err(Flaw::TooLarge));
    }
}

#[test]
fn rows_of_two_entries_never_have_one_key() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut seen = BTreeMap::new();
    for _ in 0..20_000 {
        let kind = random.u8(7..10);
        let Fact::Other {
            origin,
            stamp,
            mut other,
        } = other(&mut random, kind)
        else {
            unreachable!("made so")
        };
        // Short keys that look like ids and origins.
        other.key = vec![random.u8(0..2); random.usize(0..40)];
        other.about = other.about.map(|_| SignalId::from_bytes([random.u8(0..2); 16]));
        let name = (other.kind, other.about, other.key.clone(), origin);
        let written = Fact::Other { origin, stamp, other };
        let before = seen.insert(key(&written), name.clone());
        assert!(before.is_none_or(|before| before == name));
    }
}
