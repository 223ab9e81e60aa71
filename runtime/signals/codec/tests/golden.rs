//! What version 1 has written stays readable, and what a version 2 may write does not stop a reader of version 1.

use super::super::batch::Opaque;
use super::super::bytes::{Reader, put_count};
use super::super::kind;
use super::*;

/// Version 1: one hundred facts of every kind as a batch.
const VERSION_1: &[u8] = include_bytes!("../golden/batch.1.bin");

/// Version 2 as it may come: the same facts, cells with one more field, and two values of a kind that does not exist.
const VERSION_2: &[u8] = include_bytes!("../golden/batch.2.bin");

/// Version 1: the same facts as a snapshot.
const SNAPSHOT_1: &[u8] = include_bytes!("../golden/snapshot.1.bin");

fn golden_facts() -> Vec<Fact> {
    facts(0x601d, 100)
}

/// The batch of a program that knows a field more of cells, and a kind more.
fn version_2(version_1: &[u8], front: usize) -> Vec<u8> {
    let mut out = version_1[..front].to_vec();
    out[0] = 2;
    let mut from = Reader::new(&version_1[front..]);
    let mut place = 0;
    while !from.is_empty() {
        let kind_byte = from.byte().expect("a value");
        let length = from.small().expect("a length");
        let mut body = from.take(length).expect("a body").to_vec();
        if kind_byte == kind::CELL {
            body.extend_from_slice(b"a field of version 2");
        }
        out.push(kind_byte);
        put_count(&mut out, body.len());
        out.extend_from_slice(&body);
        if place % 50 == 10 {
            out.extend_from_slice(&[77, 9, 0, 2]);
            out.extend_from_slice(b"unknown");
        }
        place += 1;
    }
    out
}

/// Where the values of a batch begin.
fn front_bytes(batch: &[u8], facts: &[Fact]) -> usize {
    let mut values = 0;
    let mut packer = Packer::new(&[]);
    for fact in facts {
        packer.push(fact);
        values = packer.values_len();
    }
    batch.len() - values
}

#[test]
fn golden_bytes_are_what_is_written_today() {
    let facts = golden_facts();
    let batch = packed(&facts, &[]);
    let snapshot = snapshot_of(&facts);
    let newer = version_2(&batch, front_bytes(&batch, &facts));
    let same = batch == VERSION_1 && newer == VERSION_2 && snapshot == SNAPSHOT_1;
    if !same {
        // A new version gets files of its own; these are written again only while it is being made.
        let to = std::env::temp_dir().join("anthill-golden-knowledge");
        std::fs::create_dir_all(&to).expect("a directory");
        for (name, bytes) in [
            ("batch.1", &batch),
            ("batch.2", &newer),
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
fn a_reader_goes_on_past_what_a_newer_program_wrote() {
    let batch = unpack(VERSION_2, &[]).expect("a batch");
    assert_eq!(
        batch.facts,
        golden_facts(),
        "fields that are not known are skipped"
    );
    assert_eq!(batch.flaws, []);
    assert_eq!(batch.unknown.len(), 2);
    let first = golden_facts()[0].clone();
    let after = Stamp {
        inc: first.stamp().inc,
        seq: first.stamp().seq + 1,
    };
    assert_eq!(
        batch.unknown[0],
        Opaque {
            kind: 77,
            origin: first.origin(),
            stamp: after
        },
        "who wrote it, and when, is known of anything"
    );
}

#[test]
fn a_batch_with_another_frame_is_refused_as_newer() {
    let mut bytes = VERSION_1.to_vec();
    bytes[0] = 128;
    assert_eq!(unpack(&bytes, &[]), Err(Flaw::Newer));
}
