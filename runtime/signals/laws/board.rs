//! Every known bug of the layer, and the hunt that has to find it.
//!
//! A hunt that has never found anything proves nothing; so each plays random histories with its bug and without, and
//! what it compares with is a second, plainer account of the same history, not a copy of the code that is hunted.

use std::collections::BTreeMap;
use std::ops::Range;

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass, Origin};

use super::{Dice, SCOPES, START_MS, key, scope_path, signal_id};
use crate::credit::{self, Run, SeededBug, Shown};
use crate::fact::ScopeId;
use crate::fixed;
use crate::params::Params;
use crate::regime::{Electorate, ScopeRegimes};
use crate::replica::{Bugs, Replica};
use crate::writer::Writer;

/// A known bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The value with the later clock wins, whatever its stamp.
    MergeByWallClock,
    /// What is merged is decayed to the time of its arrival.
    DecayInsideMerge,
    /// A run is evidence for the signals that were born in it.
    SelfCredit,
    /// A run is evidence for signals that its receipt does not show.
    WithoutExposure,
    /// Two votes make a regime, however many could vote.
    QuorumOfTwo,
    /// A fact written after a tombstone brings back what it covers.
    TombResurrection,
}

impl Planted {
    /// Every known bug.
    pub const ALL: [Self; 6] = [
        Self::MergeByWallClock,
        Self::DecayInsideMerge,
        Self::SelfCredit,
        Self::WithoutExposure,
        Self::QuorumOfTwo,
        Self::TombResurrection,
    ];

    /// The first of `seeds` histories that shows something wrong, where the bug is planted.
    pub fn hunt(self, seeds: Range<u64>) -> Option<u64> {
        self.first_wrong(true, seeds)
    }

    /// The first history that the same hunt finds wrong without the bug.
    pub fn hunt_without(self, seeds: Range<u64>) -> Option<u64> {
        self.first_wrong(false, seeds)
    }

    fn first_wrong(self, is_planted: bool, mut seeds: Range<u64>) -> Option<u64> {
        let credit = |bug| is_planted.then_some(bug);
        match self {
            Self::MergeByWallClock | Self::DecayInsideMerge | Self::TombResurrection => {
                super::hunt(self.merging(is_planted), seeds)
            }
            Self::SelfCredit => seeds.find(|seed| !credits_fairly(credit(SeededBug::SelfCredit), *seed)),
            Self::WithoutExposure => {
                seeds.find(|seed| !credits_fairly(credit(SeededBug::WithoutExposure), *seed))
            }
            Self::QuorumOfTwo => seeds.find(|seed| !votes_fairly(is_planted, *seed)),
        }
    }

    fn merging(self, is_planted: bool) -> Bugs {
        Bugs {
            merge_by_wall_clock: is_planted && self == Self::MergeByWallClock,
            decay_inside_merge: is_planted && self == Self::DecayInsideMerge,
            tomb_resurrection: is_planted && self == Self::TombResurrection,
        }
    }
}

/// What a signal should be credited with: runs that showed it, and runs that withheld it.
type Account = BTreeMap<SignalId, (u32, u32)>;

/// Whether random runs leave exactly the evidence that their receipts speak of. Nothing fades here, so that runs can be
/// counted.
fn credits_fairly(bug: Option<SeededBug>, seed: u64) -> bool {
    let params = Params {
        slow_half_life_ms: 0,
        fast_half_life_ms: 0,
        ..Params::default()
    };
    let mut dice = Dice(seed);
    let mut replica = Replica::new(&params);
    let mut writer = Writer::resume(&replica, Origin { tenant: 1, node: 1 }, 1);
    for scope in SCOPES {
        writer.scope(&mut replica, &scope_path(scope));
    }
    let mut account = Account::new();
    for number in 0..20 {
        let shown = chosen(&mut dice);
        let arm = if dice.below(8) == 0 {
            Arm::Control
        } else {
            Arm::Treated
        };
        if arm == Arm::Treated {
            enter(&mut account, &shown);
        }
        let run = Run {
            scope: ScopeId::of(&scope_path("read/text")),
            bundle: BundleClass::default(),
            y: dice.below(1_001) as f64 / 1_000.0,
            class: EvidenceClass::Verifier,
            arm,
            shown: &shown,
            harm: false,
            now: START_MS + number,
        };
        match bug {
            Some(bug) => credit::settle_with(&mut replica, &mut writer, &params, &run, bug),
            None => credit::settle(&mut replica, &mut writer, &params, &run),
        };
    }
    ["read/text", "read"].iter().all(|scope| {
        (0..6).all(|number| {
            let cell = replica
                .cell(&key(number, scope), writer.origin)
                .unwrap_or_default();
            let (runs, held) = account.get(&signal_id(number)).copied().unwrap_or_default();
            (cell.slow.n, cell.fast.n, cell.held_n) == (runs << 16, runs << 16, held << 16)
                && cell.total == runs
        })
    })
}

/// Some of six signals as a receipt names them: shown or withheld, now and then born in the very run.
fn chosen(dice: &mut Dice) -> Vec<Shown> {
    let picked = (0..6).filter(|_| dice.below(2) == 0).collect::<Vec<u64>>();
    let shown = picked.into_iter().map(|number| Shown {
        signal: signal_id(number),
        mean: dice.below(200) as f64 / 1_000.0 - 0.1,
        kept: dice.below(4) > 0,
        own: dice.below(10) == 0,
    });
    shown.collect()
}

fn enter(account: &mut Account, shown: &[Shown]) {
    for one in shown.iter().filter(|one| !one.own) {
        let (runs, held) = account.entry(one.signal).or_default();
        *(if one.kept { runs } else { held }) += 1;
    }
}

/// Whether a third of the origins cannot make a fleet forget, and more than a third can.
fn votes_fairly(is_of_two: bool, seed: u64) -> bool {
    let params = Params::default();
    let mut dice = Dice(seed);
    let mut replica = Replica::new(&params);
    let scope = ScopeId::of(&scope_path("plan"));
    let active = 1 + dice.below(60);
    let voters = dice.below(active + 1);
    for node in 1..=active {
        let mut writer = Writer::resume(&replica, Origin { tenant: 1, node }, 1);
        writer.scope_cell(&mut replica, scope, START_MS, |cell| {
            cell.slow = cell.slow.with(fixed::ONE / 2, 0);
            if node <= voters {
                cell.votes.push((signal_id(1), 1));
            }
        });
    }
    let regimes = if is_of_two {
        ScopeRegimes::with_quorum_of_two(&replica, scope, START_MS, &params, |_| true)
    } else {
        ScopeRegimes::of(
            &replica,
            scope,
            START_MS,
            &params,
            &Electorate {
                tenant: 1,
                trusted: |_| true,
            },
        )
    };
    regimes.is_calm() == (voters * 3 <= active)
}
