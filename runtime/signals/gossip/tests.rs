//! Machines talk over a network that loses, doubles and delays, and end with the same facts.
//!
//! Every schedule comes from a seed, which a failure names.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Share, Signal, SignalBody, Trigger};

use super::*;
use crate::dedup;
use crate::fact::{CellKey, Other, ScopeId, Stamp, Target, Why};
use crate::fixed;
use crate::params::Params;
use crate::worlds::spread::network::{Faults, Network, ROUND_MS, START_MS};
use crate::writer::Writer;

mod edge;
mod schedules;
mod versions;
mod zones;

/// Some signal that may travel so far.
fn signal(number: u32, share: Share) -> Signal {
    let scope: anthill_contracts::signal::ScopePath = "read/html".parse().expect("a path");
    let body = SignalBody::Text {
        text: format!("Read section {number} first."),
    };
    Signal {
        id: dedup::signal_id(&scope, Polarity::Do, &body),
        scope,
        polarity: Polarity::Do,
        body,
        tokens: 9,
        trigger: Trigger::default(),
        parents: Vec::new(),
        author: Origin::default(),
        born_in: None,
        created: Timestamp(START_MS),
        bundle: BundleClass::default(),
        share,
        source: "a test".to_owned(),
    }
}

fn key(number: usize) -> CellKey {
    CellKey {
        signal: SignalId::of_parts(&[&number.to_le_bytes()]),
        scope: ScopeId(7),
        bundle: BundleClass::default(),
    }
}

/// Everything that a replica holds, as sorted rows.
fn rows(replica: &Replica) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows: Vec<_> = replica.facts().map(|fact| crate::codec::row(&fact)).collect();
    rows.sort();
    rows
}
