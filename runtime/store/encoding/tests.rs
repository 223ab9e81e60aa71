//! Golden frames: what was ever written must decode for ever.
//!
//! `UPDATE_GOLDEN=1 cargo test -p anthill-store golden` writes the samples of the present format anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anthill_contracts::clock::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::conformance::samples;
use crate::journal::{FrameHeader, GENESIS, chain};

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/frames_v1")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the golden files is the environment's"
)]
fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The hashes of all samples, each as the first frame of a journal.
fn chain_lines(bodies: &[(&'static str, Vec<u8>)]) -> String {
    let header = FrameHeader {
        job_id: samples::job_id(),
        seq: 1,
        epoch: 1,
        at: Timestamp(1),
    };
    let lines = bodies
        .iter()
        .map(|(kind, body)| format!("{kind} {}", chain(GENESIS, &header, body)));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn golden_frames_decode() {
    let folder = golden_folder();
    if is_update() {
        std::fs::create_dir_all(&folder).expect("the golden folder");
        let bodies: Vec<_> = samples::events()
            .iter()
            .map(|event| {
                (
                    event.kind(),
                    encode_events(std::slice::from_ref(event)).expect("a sample encodes"),
                )
            })
            .collect();
        for (kind, body) in &bodies {
            std::fs::write(folder.join(format!("{kind}.frame")), body).expect("a golden file");
        }
        std::fs::write(folder.join("chain.txt"), chain_lines(&bodies)).expect("the golden hashes");
    }
    let mut bodies = Vec::new();
    for event in samples::events() {
        let path = folder.join(format!("{}.frame", event.kind()));
        let body = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(
            decode_events(&body),
            Ok(vec![event.clone()]),
            "{}",
            path.display()
        );
        bodies.push((event.kind(), body));
    }
    let hashes = std::fs::read_to_string(folder.join("chain.txt")).expect("the golden hashes");
    assert_eq!(
        chain_lines(&bodies),
        hashes,
        "the chain's hash function has changed"
    );
}

#[test]
fn every_kind_of_event_has_a_sample() {
    let kinds: BTreeSet<_> = samples::events().iter().map(JobEvent::kind).collect();
    assert_eq!(kinds.len(), samples::events().len());
    let schema = serde_json::to_value(schema_of_events()).expect("a schema is JSON");
    let variants = schema["oneOf"].as_array().expect("one schema per variant").len();
    assert_eq!(
        kinds.len(),
        variants,
        "a new event needs a sample and a golden frame"
    );
}

fn schema_of_events() -> schemars::Schema {
    schemars::schema_for!(JobEvent)
}

#[test]
fn all_samples_fit_one_frame() {
    let body = encode_events(&samples::events()).expect("the samples encode");
    assert_eq!(body[0], EVENT_FORMAT);
    assert_eq!(decode_events(&body), Ok(samples::events()));
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let mut body = encode_events(&samples::events()).expect("the samples encode");
    body[0] = EVENT_FORMAT + 1;
    let (found, known) = (u32::from(EVENT_FORMAT) + 1, u32::from(EVENT_FORMAT));
    assert_eq!(decode_events(&body), Err(StoreError::TooNew { found, known }));
    body[0] = 0;
    assert!(matches!(decode_events(&body), Err(StoreError::Corrupt { .. })));
    assert!(matches!(decode_events(&[]), Err(StoreError::Corrupt { .. })));
}

#[test]
fn an_event_of_the_future_is_an_error_and_no_panic() {
    let mut body = vec![EVENT_FORMAT];
    // A list of one map from an unknown variant to an empty list of fields.
    body.extend([0x91, 0x81, 0xa5]);
    body.extend(b"later");
    body.push(0x90);
    assert!(matches!(decode_events(&body), Err(StoreError::Corrupt { .. })));
}

#[test]
fn bytes_behind_the_events_are_refused() {
    let mut body = encode_events(&samples::events()).expect("the samples encode");
    body.push(0);
    assert!(matches!(decode_events(&body), Err(StoreError::Corrupt { .. })));
}

proptest! {
    /// Damage of any kind ends in an error or in events, never in a panic or an endless allocation.
    #[test]
    fn damaged_bodies_do_not_panic(position in 0_usize..4_000, byte in any::<u8>(), cut in 0_usize..4_000) {
        let mut body = encode_events(&samples::events()).expect("the samples encode");
        let length = body.len();
        body[position % length] ^= byte;
        body.truncate(length - cut % length);
        let _ = decode_events(&body);
    }

    #[test]
    fn noise_does_not_panic(mut noise in prop::collection::vec(any::<u8>(), 0..200)) {
        noise.insert(0, EVENT_FORMAT);
        let _ = decode_events(&noise);
    }
}
