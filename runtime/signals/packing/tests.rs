//! The cap holds always, and what fits is nearly as good as anything that fits.

use proptest::prelude::*;

use super::*;

const TERMS: [&[u32]; 4] = [&[], &[1, 2, 3, 4], &[1, 2, 3, 5], &[6, 7]];
const SCHEMAS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

fn candidate(score: f64, tokens: u32) -> Candidate<'static> {
    Candidate {
        score,
        tokens,
        polarity: Polarity::Do,
        schema: None,
        terms: &[],
    }
}

fn candidates(count: usize) -> impl Strategy<Value = Vec<Candidate<'static>>> {
    let score = prop_oneof![8 => 0.0..0.5, 1 => -0.2..0.0, 1 => Just(f64::NAN)];
    let one = (score, 0..200_u32, any::<bool>(), 0..SCHEMAS.len(), 0..TERMS.len());
    let one = one.prop_map(|(score, tokens, avoids, schema, terms)| Candidate {
        score,
        tokens,
        polarity: if avoids { Polarity::Avoid } else { Polarity::Do },
        schema: SCHEMAS[schema],
        terms: TERMS[terms],
    });
    prop::collection::vec(one, 0..count)
}

fn is_within(candidates: &[Candidate<'_>], chosen: &[usize], tokens_max: u32, slots_max: u32) -> bool {
    let of = |avoids_only: bool| -> u32 {
        let chosen = chosen.iter().map(|place| &candidates[*place]);
        let counted = chosen.filter(|candidate| !avoids_only || candidate.polarity == Polarity::Avoid);
        counted.map(|candidate| candidate.tokens).sum()
    };
    let mut schemas: Vec<&str> = chosen
        .iter()
        .filter_map(|place| candidates[*place].schema)
        .collect();
    let actions = schemas.len();
    schemas.sort_unstable();
    schemas.dedup();
    chosen.len() <= slots_max as usize
        && of(false) <= tokens_max
        && of(true) <= tokens_max / 3
        && schemas.len() == actions
        && chosen.iter().all(|place| candidates[*place].score > 0.0)
}

/// The best of all subsets.
fn exact(candidates: &[Candidate<'_>], tokens_max: u32, slots_max: u32) -> f64 {
    let subsets = (0..1_u32 << candidates.len()).map(|mask| -> Vec<usize> {
        (0..candidates.len())
            .filter(|place| mask >> place & 1 == 1)
            .collect()
    });
    subsets
        .filter(|chosen| is_within(candidates, chosen, tokens_max, slots_max))
        .map(|chosen| gain(candidates, &chosen))
        .fold(0.0, f64::max)
}

#[test]
fn the_one_large_gain_beats_many_dense_small_ones() {
    let candidates = [candidate(0.02, 1), candidate(0.5, 512), candidate(0.01, 1)];
    assert_eq!(pack(&candidates, 512, 8), [1]);
}

#[test]
fn a_twin_gives_way_to_something_else() {
    let twin = |score| Candidate {
        terms: TERMS[1],
        ..candidate(score, 100)
    };
    assert_eq!(
        pack(&[twin(0.30), twin(0.28), candidate(0.2, 100)], 200, 8),
        [0, 2]
    );
    assert_eq!(
        pack(&[twin(0.30), twin(0.28)], 200, 8),
        [0, 1],
        "half of it is still a gain"
    );
}

#[test]
fn warnings_and_actions_of_one_kind_are_limited() {
    let avoid = |score, tokens| Candidate {
        polarity: Polarity::Avoid,
        ..candidate(score, tokens)
    };
    assert_eq!(
        pack(&[avoid(0.4, 60), avoid(0.3, 60), candidate(0.1, 60)], 300, 8),
        [0, 2]
    );
    let action = |score| Candidate {
        schema: Some("a"),
        ..candidate(score, 0)
    };
    assert_eq!(pack(&[action(0.1), action(0.2), candidate(-0.1, 1)], 300, 8), [1]);
    assert!(pack(&[action(0.1)], 300, 0).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cap_is_ever_exceeded(candidates in candidates(40), tokens_max in 0..700_u32, slots_max in 0..10_u32) {
        let chosen = pack(&candidates, tokens_max, slots_max);
        prop_assert!(is_within(&candidates, &chosen, tokens_max, slots_max), "{chosen:?}");
        let mut places = chosen.clone();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), chosen.len());
    }
}

#[test]
fn hardly_anything_is_left_on_the_table() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut ratios, rounds) = (Vec::new(), 150);
    for _ in 0..rounds {
        let tree = candidates(12).new_tree(&mut runner).expect("nothing is filtered");
        let candidates = proptest::strategy::ValueTree::current(&tree);
        let best = exact(&candidates, 300, 4);
        if best > 0.0 {
            let ours = gain(&candidates, &pack(&candidates, 300, 4));
            assert!(ours <= best * (1.0 + 1e-9));
            ratios.push(ours / best);
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!(ratios.len() > rounds / 2 && mean >= 0.99, "{mean}");
}
