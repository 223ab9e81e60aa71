//! Shipped evidence decides first, is outweighed by what is seen, and is no fact.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, ReceiptId, TaskId, TenantId};
use anthill_contracts::knowledge::{Ask, Conclusion};
use anthill_contracts::signal::{
    BundleClass, EvidenceClass, Origin, Outcome, Polarity, Receipt, Share, SignalBody, SignalState, Trigger,
};
use anthill_contracts::spec::Quality;

use super::*;
use crate::base::{Builtin, Opening};

const NOW: u64 = 1_790_000_000_000;
const SCHEMA: &str = "extract_strategy";

/// Six strategies of which the second is the best one by what is shipped.
fn base(runs: u16) -> KnowledgeBase {
    let builtins = (0..6_i16).map(|number| Builtin {
        scope: "read".parse().expect("a scope"),
        polarity: Polarity::Do,
        body: SignalBody::Action {
            schema: SCHEMA.to_owned(),
            args: format!("{{\"rank\":{number}}}"),
        },
        trigger: Trigger::default(),
        source: "builtin".to_owned(),
        measured: vec![Shipped {
            scope: "read/text".parse().expect("a scope"),
            runs,
            gain_milli: if number == 1 { 250 } else { -50 },
        }],
    });
    KnowledgeBase::open(Opening {
        node: 7,
        inc: 1,
        builtins: builtins.collect(),
        now: NOW,
        ..Opening::default()
    })
}

fn ask(number: u32, scope: &str) -> Ask {
    let job_id = JobId::new(1, u128::from(number));
    let task_id = TaskId::derive(job_id, "read", Some(number));
    Ask {
        receipt_id: ReceiptId::derive(task_id, "worker"),
        job_id,
        task_id,
        seed: Digest::of(&number.to_le_bytes()),
        cut: None,
        peers: 12,
        tenant: TenantId::default(),
        scope: scope.parse().expect("a scope"),
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

fn followed(receipt: &Receipt) -> Option<char> {
    let body = &receipt.exposures.iter().find(|exposure| exposure.kept)?.body;
    match body {
        SignalBody::Action { args, .. } => args.chars().find(char::is_ascii_digit),
        SignalBody::Text { .. } => None,
    }
}

/// In how many of a hundred runs from this number on the strategy is followed; runs that follow `best` go well.
fn share(base: &mut KnowledgeBase, first: u32, of: char, best: Option<char>) -> u32 {
    let mut taken = 0;
    for number in first..first + 100 {
        let receipt = base.recall(&ask(number, "read/text"), NOW);
        let strategy = followed(&receipt);
        taken += u32::from(strategy == Some(of));
        let Some(best) = best else { continue };
        let conclusion = Conclusion {
            outcomes: vec![Outcome {
                receipt_id: receipt.receipt_id,
                score_milli: if strategy == Some(best) { 900 } else { 300 },
                class: EvidenceClass::Verifier,
                harm: false,
                at: Timestamp(NOW),
            }],
            receipt,
            proposals: Vec::new(),
            share: Share::Tenant,
            at: Timestamp(NOW),
            spent: None,
        };
        base.conclude(&conclusion, NOW);
    }
    taken
}

#[test]
fn a_fresh_fleet_mostly_takes_what_is_known_to_be_best() {
    let taken = share(&mut base(24), 0, '1', None);
    // Draws are as wide as 24 runs leave them, so that others are tried as well.
    assert!(taken >= 65, "{taken} of 100");
    let unknown = share(&mut base(0), 0, '1', None);
    assert!(unknown < 40, "{unknown} of 100 without it");
}

#[test]
fn what_is_better_on_the_user_s_documents_overtakes() {
    let mut base = base(24);
    share(&mut base, 0, '4', Some('4'));
    share(&mut base, 1_000, '4', Some('4'));
    let taken = share(&mut base, 2_000, '4', Some('4'));
    assert!(taken >= 70, "{taken} of the third hundred");
}

#[test]
fn it_is_no_fact_moves_no_state_and_is_part_of_what_is_known() {
    let (with, without) = (base(24), base(0));
    assert_eq!(with.facts(), without.facts());
    assert_ne!(with.known(), without.known());
    let tenant = Origin::tenant_number(&TenantId::default());
    let rows = with.list(tenant, NOW);
    assert!(
        rows.iter()
            .all(|row| row.state == SignalState::Probation && row.runs == 0.0)
    );
    assert!(
        rows.iter()
            .all(|row| row.shipped.len() == 1 && row.shipped[0].runs == 24)
    );
    let bounded = base(10_000).list(tenant, NOW);
    assert!(bounded.iter().all(|row| row.shipped[0].runs == SHIPPED_RUNS_MAX));
}

#[test]
fn it_counts_for_the_kind_of_task_that_it_was_measured_for() {
    let mut base = base(24);
    let mut taken = 0;
    for number in 0..100 {
        let receipt = base.recall(&ask(number, "read/html"), NOW);
        taken += u32::from(followed(&receipt) == Some('1'));
    }
    assert!(taken < 40, "{taken} of 100 for another kind of task");
}
