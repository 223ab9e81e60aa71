//! What a job reads is the knowledge of its beginning, whoever opens it, and binds no revocation.

use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::signal::{
    BundleClass, EvidenceClass, Outcome, Polarity, Proposal, Share, SignalBody, Trigger,
};
use anthill_contracts::spec::Quality;

use super::*;
use crate::base::{Contribution, Revocation};
use crate::fact::Why;

const NOW: u64 = 1_790_000_000_000;
const SCHEMA: &str = "extract_strategy";

fn builtins() -> Vec<Builtin> {
    ["lead", "overlap", "blend", "frequency"]
        .map(|name| Builtin {
            scope: "read".parse().expect("a scope"),
            polarity: Polarity::Do,
            body: SignalBody::Action {
                schema: SCHEMA.to_owned(),
                args: format!("{{\"rank\":\"{name}\"}}"),
            },
            trigger: Trigger::default(),
            source: "builtin".to_owned(),
            measured: Vec::new(),
        })
        .into()
}

fn base(node: u64, now: u64) -> KnowledgeBase {
    KnowledgeBase::open(Opening {
        node,
        inc: u32::try_from(node).expect("a small number"),
        builtins: builtins(),
        now,
        ..Opening::default()
    })
}

/// What the reader of a document asks, in a job of its own.
fn ask(job: u64, document: u32, cut: Option<Cut>) -> Ask {
    let job_id = JobId::new(job, 0);
    let task_id = TaskId::derive(job_id, "read", Some(document));
    Ask {
        receipt_id: ReceiptId::derive(task_id, "worker"),
        job_id,
        task_id,
        seed: Digest::of(&document.to_le_bytes()),
        cut,
        peers: 40,
        tenant: TenantId::default(),
        scope: "read/text".parse().expect("a scope"),
        bundle: BundleClass::default(),
        text: "What caused the outage?".to_owned(),
        state: BTreeMap::new(),
        schemas: vec![SCHEMA.to_owned()],
        reads_text: true,
        tokens_max: 512,
        slots_max: 8,
        models: Vec::new(),
        quality_min: Quality::default(),
    }
}

fn end(base: &mut KnowledgeBase, receipt: &Receipt, score_milli: u16, now: u64) {
    base.conclude(
        &anthill_contracts::knowledge::Conclusion {
            receipt: receipt.clone(),
            outcomes: vec![Outcome {
                receipt_id: receipt.receipt_id,
                score_milli,
                class: EvidenceClass::Verifier,
                harm: false,
                at: Timestamp(now),
            }],
            proposals: Vec::new(),
            share: Share::Tenant,
            at: Timestamp(now),
            spent: None,
        },
        now,
    );
}

/// A base that some runs have taught.
fn taught(node: u64, now: u64, runs: u32) -> KnowledgeBase {
    let mut base = base(node, now);
    for number in 0..runs {
        let receipt = base.recall(&ask(1, number, None), now);
        let is_good = receipt.exposures.first().is_some_and(
            |shown| matches!(&shown.body, SignalBody::Action { args, .. } if args.contains("lead")),
        );
        end(&mut base, &receipt, if is_good { 900 } else { 400 }, now);
    }
    base
}

fn cut(base: &KnowledgeBase, at: u64) -> (KnowledgeBase, Cut) {
    let bytes = base.freeze(at).encode();
    let frozen = Frozen::decode(&bytes).expect("it is whole");
    let then = frozen.open(builtins(), Params::default());
    let digest = then.known();
    let at = Timestamp(at);
    (then, Cut { digest, at })
}

/// What a receipt shows; ids and times apart.
fn shown(receipt: &Receipt) -> (anthill_contracts::signal::Arm, Vec<(SignalId, bool)>) {
    let exposures = receipt.exposures.iter();
    (
        receipt.arm,
        exposures
            .map(|exposure| (exposure.signal, exposure.kept))
            .collect(),
    )
}

#[test]
fn what_was_frozen_reads_the_same_bit_for_bit() {
    let mut base = taught(7, NOW, 60);
    let later = NOW + 3_600_000;
    let (then, cut) = cut(&base, later);
    assert_eq!(then.known(), base.known());
    assert_eq!(then.freeze(later), base.freeze(later));
    let tenant = Origin::tenant_number(&TenantId::default());
    assert_eq!(then.list(tenant, later), base.list(tenant, later));
    let mut opened = then;
    for document in 0..50 {
        let receipt = base.recall_at((&mut opened, cut), &ask(2, document, Some(cut)), None, later);
        // The same question to what was not frozen, at the same moment.
        let direct = base.recall(&ask(3, document, Some(cut)), later);
        assert_eq!(shown(&receipt), shown(&direct), "document {document}");
    }
}

#[test]
fn neither_the_order_of_ends_nor_what_others_teach_changes_what_a_job_is_shown() {
    let run = |order: &[u32], teaches: bool| {
        let mut base = taught(7, NOW, 30);
        let (mut then, cut) = cut(&base, NOW);
        let mut all = BTreeMap::new();
        for (step, document) in order.iter().enumerate() {
            let now = NOW + step as u64 * 1000;
            let receipt = base.recall_at((&mut then, cut), &ask(2, *document, Some(cut)), None, now);
            all.insert(*document, shown(&receipt));
            if teaches {
                end(&mut base, &receipt, 100, now);
            }
        }
        all
    };
    let forward: Vec<u32> = (0..40).collect();
    let backward: Vec<u32> = (0..40).rev().collect();
    let expected = run(&forward, true);
    assert_eq!(run(&backward, true), expected);
    assert_eq!(run(&forward, false), expected);
    let choices: BTreeSet<_> = expected.values().map(|(_, shown)| shown).collect();
    assert!(choices.len() > 2, "not all draw the same: {choices:?}");
}

#[test]
fn equal_knowledge_is_told_by_neither_node_nor_day() {
    const DAY: u64 = 24 * 3_600_000;
    assert_eq!(base(1, NOW).known(), base(2, NOW + 90 * DAY).known());
    let (one, other) = (taught(1, NOW, 40), taught(2, NOW + 90 * DAY, 40));
    assert_eq!(one.known(), other.known());
    let draws = |taught: &KnowledgeBase, now: u64| {
        let (mut then, cut) = cut(taught, now);
        let mut live = base(9, now);
        (0..40)
            .map(|document| {
                let ask = ask(2, document, Some(cut));
                shown(&live.recall_at((&mut then, cut), &ask, None, now))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(draws(&one, NOW), draws(&other, NOW + 90 * DAY));
}

#[test]
fn more_knowledge_another_document_and_another_goal_draw_otherwise() {
    let less = taught(1, NOW, 40);
    let mut more = taught(1, NOW, 40);
    let receipt = more.recall(&ask(1, 1_000, None), NOW);
    end(&mut more, &receipt, 500, NOW);
    assert_ne!(less.known(), more.known(), "a run more is more knowledge");
    let mut said = taught(1, NOW, 40);
    let contribution = Contribution {
        scope: "read".parse().expect("a scope"),
        proposal: Proposal {
            polarity: Polarity::Do,
            body: SignalBody::Text {
                text: "Read the last paragraph first.".to_owned(),
            },
            trigger: Trigger::default(),
            parents: Vec::new(),
            source: "a person".to_owned(),
        },
        tenant: Origin::tenant_number(&TenantId::default()),
        share: Share::Tenant,
        born_in: None,
        bundle: BundleClass::default(),
    };
    said.contribute(&contribution, NOW).expect("it is taken in");
    assert_ne!(less.known(), said.known(), "a signal more is more knowledge");

    let lot = |seed: &[u8], known: &Digest| crate::draw::Lot::of(&Digest::of(seed), Some(known));
    let here = lot(b"one document", &less.known());
    assert_eq!(here, lot(b"one document", &less.known()));
    assert_ne!(here, lot(b"another document", &less.known()));
    assert_ne!(here, lot(b"one document", &more.known()));
}

#[test]
fn a_revocation_binds_although_the_cut_knew_nothing_of_it() {
    let mut base = taught(7, NOW, 60);
    let (mut then, cut) = cut(&base, NOW);
    let tenant = Origin::tenant_number(&TenantId::default());
    let of = |base: &mut KnowledgeBase, then: &mut KnowledgeBase, job: u64| {
        (0..60)
            .map(|document| {
                let ask = ask(job, document, Some(cut));
                shown(&base.recall_at((then, cut), &ask, None, NOW))
            })
            .collect::<Vec<_>>()
    };
    let before = of(&mut base, &mut then, 2);
    let signal = before
        .iter()
        .find_map(|(_, shown)| shown.first())
        .expect("something is shown")
        .0;
    base.revoke(&Revocation::Signal(signal), Why::Quarantine, tenant, NOW);
    let after = of(&mut base, &mut then, 3);
    assert!(
        after
            .iter()
            .all(|(_, shown)| shown.iter().all(|(id, _)| *id != signal))
    );
    for (before, after) in before.iter().zip(&after) {
        let is_touched = before.1.iter().any(|(id, _)| *id == signal);
        assert!(
            is_touched || before == after,
            "the other choices stay: {before:?} {after:?}"
        );
    }
}

#[test]
fn a_new_signal_is_tried_by_few_of_many_tasks_beside_each_other() {
    let mut base = base(7, NOW);
    let contribution = Contribution {
        scope: "read".parse().expect("a scope"),
        proposal: Proposal {
            polarity: Polarity::Do,
            body: SignalBody::Action {
                schema: "another_schema".to_owned(),
                args: "{\"new\":true}".to_owned(),
            },
            trigger: Trigger::default(),
            parents: Vec::new(),
            source: "an agent".to_owned(),
        },
        tenant: Origin::tenant_number(&TenantId::default()),
        share: Share::Tenant,
        born_in: None,
        bundle: BundleClass::default(),
    };
    let new = base
        .contribute(&contribution, NOW)
        .expect("it is taken in")
        .signal;
    let (mut then, cut) = cut(&base, NOW);
    let mut tried = 0;
    for document in 0..4_000 {
        let ask = Ask {
            schemas: vec!["another_schema".to_owned()],
            ..ask(2, document, Some(cut))
        };
        let receipt = base.recall_at((&mut then, cut), &ask, None, NOW);
        tried += u32::from(shown(&receipt).1.iter().any(|(id, _)| *id == new));
    }
    // A hundred nodes of forty tasks, of which each tries it about twice, if it is drawn at all.
    assert!((40..=240).contains(&tried), "{tried} of 4000 runs were shown it");
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = taught(7, NOW, 10).freeze(NOW).encode();
    assert!(Frozen::decode(&bytes).is_ok());
    assert!(Frozen::decode(&bytes[..bytes.len() - 1]).is_err());
    let mut other = bytes;
    let middle = other.len() / 2;
    other[middle] ^= 1;
    assert!(Frozen::decode(&other).is_err());
    assert!(Frozen::decode(b"").is_err());
}
