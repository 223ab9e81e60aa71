//! Bytes from somebody who means harm, or from a wire that loses them: never a panic, never a large allocation.

use super::*;

/// Tries one sequence of bytes on every reader.
fn try_all(bytes: &[u8]) {
    let batch = unpack(bytes, &[]);
    if let Ok(batch) = batch {
        for taken in &batch.facts {
            assert_eq!(check(taken), Ok(()));
        }
    }
    let _ = open_snapshot(bytes);
    // The same bytes as the content of a kind that nobody knows yet.
    let mut framed = packed(&[], &[]);
    framed.extend_from_slice(&[7 + bytes.first().map_or(0, |byte| byte % 248)]);
    super::super::bytes::put_count(&mut framed, bytes.len());
    framed.extend_from_slice(bytes);
    let _ = unpack(&framed, &[]);
    let (left, right) = bytes.split_at(bytes.len() / 2);
    let _ = fact(left, right);
}

#[test]
fn a_hundred_thousand_spoilt_batches_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(20);
    let clean: Vec<Vec<u8>> = (0..16).map(|seed| packed(&mixed(seed, 9), &[])).collect();
    for case in 0..100_000_usize {
        let mut bytes = clean[case % clean.len()].clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(0..bytes.len());
            match random.u8(0..4) {
                0 => bytes[place] = random.u8(..),
                1 => bytes[place] ^= 1 << random.u8(0..8),
                2 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, 0xff),
            }
        }
        try_all(&bytes);
    }
}

#[test]
fn a_list_that_promises_more_than_follows_is_refused_before_it_is_made() {
    let mut bytes = vec![super::super::VERSION, 0];
    super::super::bytes::put_number(&mut bytes, u64::MAX);
    assert_eq!(unpack(&bytes, &[]), Err(Flaw::TooLarge));
    let mut bytes = vec![super::super::VERSION, 0];
    super::super::bytes::put_number(&mut bytes, 60_000);
    assert_eq!(unpack(&bytes, &[]), Err(Flaw::Cut));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        try_all(&bytes);
    }

    #[test]
    fn random_rows_do_no_harm(kind in prop_oneof![0_u8..8, any::<u8>()], key in proptest::collection::vec(any::<u8>(), 0..60),
                              value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = [vec![kind], key].concat();
        if let Ok(read) = fact(&key, &value) {
            let (key_again, value_again) = row(&read);
            prop_assert_eq!(fact(&key_again, &value_again), Ok(read));
        }
    }
}

#[test]
fn one_spoilt_value_costs_itself_alone() {
    let written = mixed(21, 60);
    let clean = packed(&written, &[]);
    // A byte in the middle of a value's content changes that value at most.
    let mut whole = 0;
    for place in clean.len() * 2 / 3..clean.len() {
        let mut bytes = clean.clone();
        bytes[place] = 0xff;
        let Ok(batch) = unpack(&bytes, &[]) else {
            panic!("the front was not touched")
        };
        let kept = batch.facts.iter().filter(|fact| written.contains(fact)).count();
        whole += usize::from(kept >= written.len() - 1);
    }
    let share = whole as f64 / (clean.len() - clean.len() * 2 / 3) as f64;
    assert!(share > 0.9, "only {share} of the changes stayed within one value");
}
