//! What changes a memo key, and what does not.

use anthill_contracts::brief::{SkipReason, Skipped};
use anthill_contracts::spec::Shape;

use super::*;
use crate::compose::tests::{ants, spec};
use crate::planner::template;

/// A change to what a task works on or how.
type Change = fn(&mut JobSpec, &mut DocumentSlice);

#[test]
fn memo_keys_change_with_everything_that_matters_and_nothing_else() {
    let spec = JobSpec {
        shape: Shape::MapReduceVerify,
        ..spec()
    };
    let (plan, _) = template(&spec, 3).expect("the shape has a template");
    let slice = DocumentSlice {
        path: "food.md".to_owned(),
        digest: Digest::of(b"food"),
        start: 0,
        end: 4,
    };
    let key =
        |spec: &JobSpec, slice: &DocumentSlice| memo_key(spec, &plan.nodes[1], MemoInput::Document(slice));
    let base = key(&spec, &slice);
    assert!(base.is_some());
    let same: [Change; 4] = [
        |spec, _| spec.name = "other".to_owned(),
        |spec, _| spec.work.workers_max = 1,
        |spec, _| spec.output.words_max = 10,
        |spec, _| spec.review.rounds = 0,
    ];
    let other: [Change; 9] = [
        |spec, _| spec.routing.models = vec!["a/b".parse().expect("a model's name")],
        |spec, _| spec.goal.push('?'),
        |spec, _| spec.model = "a/b".parse().expect("a model's name"),
        |spec, _| spec.output.claims_per_document_max = 1,
        |spec, _| spec.work.context_tokens_max = 1_000,
        |spec, _| spec.review.opinion = true,
        |_, slice| slice.path = "drink.md".to_owned(),
        |_, slice| slice.digest = Digest::of(b"drink"),
        |_, slice| slice.end = 3,
    ];
    for (changes, matters) in [(&same[..], false), (&other[..], true)] {
        for (index, change) in changes.iter().enumerate() {
            let (mut changed, mut part) = (spec.clone(), slice.clone());
            change(&mut changed, &mut part);
            assert_eq!(key(&changed, &part) != base, matters, "change {index}");
        }
    }
    let verify = memo_key(&spec, &plan.nodes[3], MemoInput::Document(&slice));
    assert_eq!(verify, None, "a check is never remembered");
}

#[test]
fn a_writers_memo_key_follows_its_inputs() {
    let spec = JobSpec {
        shape: Shape::MapReduceVerify,
        ..spec()
    };
    let (plan, _) = template(&spec, 3).expect("the shape has a template");
    let key = |bodies: &[Digest], coverage: &Coverage| {
        memo_key(&spec, &plan.nodes[2], MemoInput::Findings { bodies, coverage })
    };
    let whole = Coverage::whole(ants().listing());
    let bodies = [Digest::of(b"one"), Digest::of(b"two")];
    let base = key(&bodies, &whole);
    assert_eq!(base, key(&bodies, &whole.clone()));
    assert_ne!(base, key(&bodies[..1], &whole));
    let mut without_logo = whole.clone();
    without_logo.listing.skipped.clear();
    assert_ne!(
        base,
        key(&bodies, &without_logo),
        "a brief lists what was skipped"
    );
    let failed = Coverage {
        failed: vec![Skipped {
            path: "nest.md".to_owned(),
            reason: SkipReason::ReaderFailed,
        }],
        ..whole
    };
    assert_ne!(base, key(&bodies, &failed));
}
