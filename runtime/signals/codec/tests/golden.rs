//! What was written once stays readable, byte by byte: the kinds that are known, and the form of all that are to come.

use super::*;

/// Version 1: one hundred facts of every kind as a batch.
const VERSION_1: &[u8] = include_bytes!("../golden/batch.1.bin");

/// Facts of kind 7 as a batch.
const OTHERS_7: &[u8] = include_bytes!("../golden/others.7.bin");

/// A fact of kind 7 as a row: kind, what it is about, key and origin; version, stamp, time and content.
const ROW_7: (&[u8], &[u8]) = (
    b"\x07\x01\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xabk\0\0\0\x01\0\0\0\0\0\0\0\x02",
    b"\x01\x03\x04\x80\xd8\xc1\xa2\x8c\x34\x01c",
);

/// Version 1: the same facts as a snapshot.
const SNAPSHOT_1: &[u8] = include_bytes!("../golden/snapshot.1.bin");

fn golden_facts() -> Vec<Fact> {
    facts(0x601d, 100)
}

/// What kind 7 may look like: forty facts of it, about a signal or about nobody.
fn golden_others() -> Vec<Fact> {
    let mut random = fastrand::Rng::with_seed(0x601d);
    (0..40).map(|_| other(&mut random, 7)).collect()
}

#[test]
fn golden_bytes_are_what_is_written_today() {
    let facts = golden_facts();
    let batch = packed(&facts, &[]);
    let snapshot = snapshot_of(&facts);
    let others = packed(&golden_others(), &[]);
    let same = batch == VERSION_1 && others == OTHERS_7 && snapshot == SNAPSHOT_1;
    if !same {
        // A new version gets files of its own; these are written again only while it is being made.
        let to = std::env::temp_dir().join("anthill-golden-knowledge");
        std::fs::create_dir_all(&to).expect("a directory");
        for (name, bytes) in [
            ("batch.1", &batch),
            ("others.7", &others),
            ("snapshot.1", &snapshot),
        ] {
            std::fs::write(to.join(format!("{name}.bin")), bytes).expect("a file");
        }
    }
    assert!(same, "the format has changed: give it a version");
}

#[test]
fn version_1_stays_readable() {
    assert_eq!(unpack(VERSION_1, &[]).expect("a batch").facts, golden_facts());
    assert_eq!(read_snapshot(SNAPSHOT_1), Ok(golden_facts()));
}

#[test]
fn kinds_of_their_own_have_one_form_for_good() {
    assert_eq!(unpack(OTHERS_7, &[]).expect("a batch").facts, golden_others());
    let written = Fact::Other {
        origin: Origin { tenant: 1, node: 2 },
        stamp: Stamp { inc: 3, seq: 4 },
        other: Box::new(Other {
            kind: 7,
            at: 1_790_000_000_000,
            about: Some(SignalId::from_bytes([0xab; 16])),
            key: b"k".to_vec(),
            content: b"c".to_vec(),
        }),
    };
    let (key, value) = row(&written);
    assert_eq!((key.as_slice(), value.as_slice()), ROW_7);
    assert_eq!(fact(&key, &value), Ok(written));
}

#[test]
fn a_batch_with_another_frame_is_refused_as_newer() {
    let mut bytes = VERSION_1.to_vec();
    bytes[0] = 128;
    assert_eq!(unpack(&bytes, &[]), Err(Flaw::Newer));
}
