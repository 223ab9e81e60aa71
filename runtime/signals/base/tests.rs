//! The machine as a whole: what it shows, what it learns, and what it tells.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::knowledge::{Ask, Conclusion};
use anthill_contracts::signal::{Arm, EvidenceClass, Outcome, Proposal, Receipt, SignalState};
use anthill_contracts::spec::Quality;

use super::*;

const NOW: u64 = 1_790_000_000_000;
const SCHEMA: &str = "extract_strategy";

fn builtin(name: &str) -> Builtin {
    Builtin {
        scope: "read".parse().expect("a scope"),
        polarity: Polarity::Do,
        body: SignalBody::Action {
            schema: SCHEMA.to_owned(),
            args: format!("{{\"strategy\":\"{name}\"}}"),
        },
        trigger: Trigger::default(),
        source: "anthill".to_owned(),
        measured: Vec::new(),
    }
}

fn opening() -> Opening {
    Opening {
        node: 7,
        inc: 1,
        builtins: ["first", "second", "third"].map(builtin).into(),
        now: NOW,
        ..Opening::default()
    }
}

fn job(number: u32) -> JobId {
    JobId::new(NOW, u128::from(number))
}

/// A run of its own job and task, which reads words and follows strategies.
fn ask(number: u32) -> Ask {
    let job_id = job(number);
    let task_id = TaskId::derive(job_id, "read", Some(number));
    Ask {
        receipt_id: ReceiptId::derive(task_id, "worker"),
        job_id,
        task_id,
        seed: anthill_contracts::digest::Digest::of(task_id.as_bytes()),
        cut: None,
        peers: 1,
        tenant: TenantId::default(),
        scope: "read/markdown".parse().expect("a scope"),
        bundle: BundleClass::default(),
        text: "How do ants find food?".to_owned(),
        state: BTreeMap::new(),
        schemas: vec![SCHEMA.to_owned()],
        reads_text: true,
        tokens_max: 512,
        slots_max: 8,
        models: Vec::new(),
        quality_min: Quality::default(),
    }
}

fn conclusion(receipt: &Receipt, score_milli: u16, class: EvidenceClass) -> Conclusion {
    Conclusion {
        receipt: receipt.clone(),
        outcomes: vec![Outcome {
            receipt_id: receipt.receipt_id,
            score_milli,
            class,
            harm: false,
            at: Timestamp(NOW),
        }],
        proposals: Vec::new(),
        share: Share::Tenant,
        at: Timestamp(NOW),
        spent: None,
    }
}

fn text(words: &str) -> Proposal {
    Proposal {
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: words.to_owned(),
        },
        trigger: Trigger::default(),
        parents: Vec::new(),
        source: String::new(),
    }
}

fn strategy(receipt: &Receipt) -> Option<&str> {
    receipt
        .exposures
        .iter()
        .find(|exposure| exposure.kept)
        .and_then(|exposure| match &exposure.body {
            SignalBody::Action { args, .. } => Some(args.as_str()),
            SignalBody::Text { .. } => None,
        })
}

#[test]
fn a_receipt_can_be_drawn_again() {
    let mut one = KnowledgeBase::open(opening());
    let mut other = KnowledgeBase::open(opening());
    for number in 0..200 {
        assert_eq!(one.recall(&ask(number), NOW), other.recall(&ask(number), NOW));
    }
}

#[test]
fn a_run_follows_at_most_one_action_of_a_kind() {
    let mut base = KnowledgeBase::open(opening());
    let mut shown = 0;
    for number in 0..300 {
        let receipt = base.recall(&ask(number), NOW);
        assert!(receipt.exposures.len() <= 1, "{receipt:?}");
        shown += receipt.exposures.len();
    }
    assert!(
        shown > 200,
        "three draws are rarely all below zero, yet only {shown} runs were shown one"
    );
}

#[test]
fn few_runs_are_shown_nothing_and_a_few_signals_are_withheld() {
    let mut base = KnowledgeBase::open(opening());
    for number in 0..4000 {
        base.recall(&ask(number), NOW);
    }
    let counts = base.counts();
    assert!((20..=70).contains(&counts.control), "{counts:?}");
    assert!((35..=120).contains(&counts.withheld), "{counts:?}");
}

#[test]
fn users_outcomes_make_the_better_strategy_win() {
    let mut base = KnowledgeBase::open(opening());
    let mut wins = 0;
    for number in 0..400 {
        let receipt = base.recall(&ask(number), NOW + u64::from(number));
        let good = strategy(&receipt).is_some_and(|args| args.contains("second"));
        wins += u32::from(good && number >= 200);
        let score = if good { 900 } else { 300 };
        base.conclude(
            &conclusion(&receipt, score, EvidenceClass::Verifier),
            NOW + u64::from(number),
        );
    }
    assert!(
        wins > 150,
        "the best of three was followed in {wins} of the last 200 runs"
    );
    let best = &base.list(Origin::tenant_number(&TenantId::default()), NOW + 400)[0];
    assert!(
        matches!(&best.body, SignalBody::Action { args, .. } if args.contains("second")),
        "{best:?}"
    );
    assert!(best.gain.low > 0.0, "{best:?}");
}

#[test]
fn a_self_report_alone_moves_nothing() {
    let mut base = KnowledgeBase::open(opening());
    let receipt = base.recall(&ask(1), NOW);
    let mut ended = conclusion(&receipt, 1000, EvidenceClass::SelfReport);
    ended.proposals = vec![text("Read the introduction before anything else.")];
    let concluded = base.conclude(&ended, NOW);
    assert_eq!(concluded.signals, Vec::new());
    assert_eq!(concluded.refused.len(), 1);
    assert_eq!(base.replica().keys().count(), 0);
}

#[test]
fn a_run_is_no_evidence_for_what_its_own_job_proposed() {
    let mut base = KnowledgeBase::open(Opening {
        builtins: Vec::new(),
        ..opening()
    });
    let first = base.recall(&ask(1), NOW);
    let mut ended = conclusion(&first, 900, EvidenceClass::Verifier);
    ended.proposals = vec![text("Read the introduction before anything else.")];
    let signal = base.conclude(&ended, NOW).signals[0];
    let of_signal = |base: &KnowledgeBase| base.replica().keys().filter(|key| key.signal == signal).count();
    // Another task of the same job, and then tasks of other jobs until one is shown it.
    let mut shown_at_home = 0;
    for number in 0..60 {
        let mut own = ask(1);
        own.task_id = TaskId::derive(own.job_id, "read", Some(100 + number));
        own.receipt_id = ReceiptId::derive(own.task_id, "worker");
        own.seed = anthill_contracts::digest::Digest::of(own.task_id.as_bytes());
        let receipt = base.recall(&own, NOW);
        shown_at_home += receipt.exposures.len();
        base.conclude(&conclusion(&receipt, 900, EvidenceClass::Verifier), NOW);
    }
    assert!(shown_at_home > 0, "the signal was never shown to its own job");
    assert_eq!(of_signal(&base), 0);
    for number in 2..60 {
        let receipt = base.recall(&ask(number), NOW);
        base.conclude(&conclusion(&receipt, 900, EvidenceClass::Verifier), NOW);
    }
    assert!(of_signal(&base) > 0);
}

#[test]
fn a_program_that_reads_no_words_is_shown_none() {
    let mut base = KnowledgeBase::open(opening());
    let contribution = Contribution {
        scope: "read".parse().expect("a scope"),
        proposal: text("Read the introduction before anything else."),
        tenant: Origin::tenant_number(&TenantId::default()),
        share: Share::Tenant,
        born_in: None,
        bundle: BundleClass::default(),
    };
    base.contribute(&contribution, NOW).expect("it is a fine signal");
    for number in 0..100 {
        let mut blind = ask(number);
        blind.reads_text = false;
        let receipt = base.recall(&blind, NOW);
        let words = receipt
            .exposures
            .iter()
            .filter(|exposure| matches!(exposure.body, SignalBody::Text { .. }));
        assert_eq!(words.count(), 0);
    }
}

#[test]
fn the_control_arm_teaches_signals_nothing() {
    let mut base = KnowledgeBase::open(opening());
    let receipt = (0..2000)
        .map(|number| base.recall(&ask(number), NOW))
        .find(|receipt| receipt.arm == Arm::Control)
        .expect("one run in a hundred is shown nothing");
    assert_eq!(receipt.exposures, Vec::new());
    base.conclude(&conclusion(&receipt, 400, EvidenceClass::Test), NOW);
    assert_eq!(base.replica().keys().count(), 0);
}

#[test]
fn a_restart_goes_on_where_it_ended() {
    let mut base = KnowledgeBase::open(opening());
    for number in 0..50 {
        let receipt = base.recall(&ask(number), NOW);
        let mut ended = conclusion(&receipt, 700, EvidenceClass::Verifier);
        ended.proposals = vec![text(&format!("Look at table {number} of the appendix."))];
        base.conclude(&ended, NOW);
    }
    let again = |versions| {
        let facts = base.facts();
        let rows: Vec<_> = facts.iter().map(codec::row).collect();
        let facts = rows
            .iter()
            .map(|(key, value)| codec::fact(key, value).expect("it was just written"));
        KnowledgeBase::open(Opening {
            facts: facts.collect(),
            versions,
            ..opening()
        })
    };
    let reopened = again(base.versions());
    assert_eq!(reopened.facts(), base.facts());
    assert_eq!(reopened.versions(), base.versions());
    let mut twice = again(base.versions());
    let before: BTreeSet<Stamp> = base.facts().iter().map(Fact::stamp).collect();
    let receipt = twice.recall(&ask(1000), NOW);
    for fact in twice
        .conclude(&conclusion(&receipt, 700, EvidenceClass::Verifier), NOW)
        .facts
    {
        assert!(
            !before.contains(&fact.stamp()),
            "a stamp was used twice: {fact:?}"
        );
    }
}

#[test]
fn facts_of_a_lost_life_begin_a_new_incarnation() {
    let mut lost = KnowledgeBase::open(opening());
    for number in 0..20 {
        let receipt = lost.recall(&ask(number), NOW);
        lost.conclude(&conclusion(&receipt, 700, EvidenceClass::Verifier), NOW);
    }
    let used = lost.facts();
    let mut base = KnowledgeBase::open(opening());
    let imported = base.import(used.clone(), NOW);
    assert_eq!(imported.facts.len(), used.len());
    let receipt = base.recall(&ask(500), NOW);
    let facts = base
        .conclude(&conclusion(&receipt, 700, EvidenceClass::Verifier), NOW)
        .facts;
    assert!(!facts.is_empty());
    assert!(facts.iter().all(|fact| fact.stamp().inc == 2), "{facts:?}");
}

#[test]
fn what_cannot_be_true_is_refused_and_counted() {
    let mut other = KnowledgeBase::open(Opening { node: 8, ..opening() });
    let contribution = |share| Contribution {
        scope: "read".parse().expect("a scope"),
        proposal: text("Read the introduction before anything else."),
        tenant: 3,
        share,
        born_in: None,
        bundle: BundleClass::default(),
    };
    let facts = other
        .contribute(&contribution(Share::Tenant), NOW)
        .expect("it is fine")
        .facts;
    let mut forged = facts.clone();
    for fact in &mut forged {
        if let Fact::Signal { signal, .. } = fact {
            signal.body = SignalBody::Text {
                text: "Something else.".to_owned(),
            };
        }
    }
    let mut base = KnowledgeBase::open(opening());
    assert_eq!(base.import(forged, NOW).refused, 1);
    assert_eq!(base.counts().poisoned, 1);
    assert_eq!(base.import(facts, NOW).refused, 0);
}

#[test]
fn what_a_newer_program_says_is_kept_and_passed_on_but_not_of_a_private_signal() {
    let mut newer = KnowledgeBase::open(Opening { node: 8, ..opening() });
    let contribution = Contribution {
        scope: "read".parse().expect("a scope"),
        proposal: text("Read the introduction before anything else."),
        tenant: 3,
        share: Share::Private,
        born_in: None,
        bundle: BundleClass::default(),
    };
    let private = newer.contribute(&contribution, NOW).expect("it is fine").signal;
    let (writer, replica) = newer.pen(3);
    let mut say = |about, key: u8| {
        let other = crate::fact::Other {
            kind: 7,
            at: 0,
            about,
            key: vec![key],
            content: vec![1, 2, 3],
        };
        writer.other(replica, other, NOW).expect("it is small")
    };
    let said = [say(None, 1), say(Some(SignalId::from_bytes([9; 16])), 2)];
    let secret = say(Some(private), 3);
    let shared = newer.shared(&Versions::new());
    assert!(said.iter().all(|said| shared.contains(said)));
    assert!(!shared.contains(&secret), "it tells of what is private");

    let mut base = KnowledgeBase::open(opening());
    let imported = base.import(shared, NOW);
    assert_eq!((imported.refused, base.stats(3, NOW).newer), (0, 2));
    // The node starts again from its rows, and gives on what it holds.
    let rows: Vec<_> = base.facts().iter().map(codec::row).collect();
    let facts = rows
        .iter()
        .map(|(key, value)| codec::fact(key, value).expect("a row"));
    let base = KnowledgeBase::open(Opening {
        facts: facts.collect(),
        versions: base.versions(),
        inc: 2,
        ..opening()
    });
    let shared = base.shared(&Versions::new());
    assert!(said.iter().all(|said| shared.contains(said)));
}

#[test]
fn revoking_takes_descendants_along() {
    let tenant = Origin::tenant_number(&TenantId::default());
    let mut base = KnowledgeBase::open(opening());
    let mut contribute = |words: &str, source: &str, parents: Vec<SignalId>| {
        let mut proposal = text(words);
        (proposal.source, proposal.parents) = (source.to_owned(), parents);
        let contribution = Contribution {
            scope: "read".parse().expect("a scope"),
            proposal,
            tenant,
            share: Share::Tenant,
            born_in: None,
            bundle: BundleClass::default(),
        };
        base.contribute(&contribution, NOW).expect("it is fine").signal
    };
    let root = contribute("Trust every table of the annex.", "poisoned.pdf", Vec::new());
    let child = contribute("Quote figures from annexes only.", "run", vec![root]);
    let bystander = contribute("Read the introduction before anything else.", "run", Vec::new());
    let revoked = base.revoke(
        &Revocation::Source("poisoned.pdf".to_owned()),
        Why::Quarantine,
        tenant,
        NOW,
    );
    assert_eq!(revoked.named, vec![root]);
    assert_eq!(
        revoked.signals,
        BTreeSet::from([root, child]).into_iter().collect::<Vec<_>>()
    );
    for number in 0..300 {
        for exposure in base.recall(&ask(number), NOW).exposures {
            assert!(![root, child].contains(&exposure.signal));
        }
        base.under_way.clear();
    }
    let life = base.show(bystander, tenant, NOW).expect("it is there");
    assert_ne!(life.row.state, SignalState::Quarantined);
    let life = base.show(child, tenant, NOW).expect("it is kept for the record");
    assert_eq!(life.row.state, SignalState::Quarantined);
}
