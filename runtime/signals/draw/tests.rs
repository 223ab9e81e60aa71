//! Draws are replayable, differ between tasks and signals, and follow their posterior.

use anthill_contracts::id::{SignalId, TaskId};

use anthill_contracts::signal::{Arm, BundleClass, EvidenceClass};

use super::*;
use crate::credit::{self, Run};
use crate::evidence::Reader;
use crate::fact::Stamp;
use crate::params::Params;
use crate::replica::Replica;
use crate::view::View;
use crate::writer::Writer;

fn task(n: u32) -> TaskId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    TaskId::from_bytes(bytes)
}

const SIGNAL: SignalId = SignalId::from_bytes([7; 16]);

fn posterior(mean: f64, sd: f64) -> Posterior {
    Posterior {
        mean,
        sd,
        runs: 1.0,
        seen: 0.0,
    }
}

#[test]
fn a_draw_is_the_same_on_every_replay_and_another_for_another_task_or_signal() {
    let expected = posterior(0.1, 0.2);
    let draw = normal(task(1), SIGNAL, &expected);
    assert_eq!(draw.to_bits(), normal(task(1), SIGNAL, &expected).to_bits());
    assert!((draw - normal(task(2), SIGNAL, &expected)).abs() > 1e-9);
    assert!((draw - normal(task(1), SignalId::from_bytes([8; 16]), &expected)).abs() > 1e-9);
}

#[test]
fn draws_have_the_mean_and_the_deviation_of_the_posterior() {
    let expected = posterior(0.3, 0.05);
    let draws: Vec<f64> = (0..20_000).map(|n| normal(task(n), SIGNAL, &expected)).collect();
    let mean = draws.iter().sum::<f64>() / 20_000.0;
    let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 20_000.0;
    assert!((mean - 0.3).abs() < 0.002, "{mean}");
    assert!((variance.sqrt() - 0.05).abs() < 0.002, "{variance}");
}

#[test]
fn the_better_signal_is_chosen_as_often_as_it_is_likely_to_be_better() {
    let (better, worse) = (posterior(0.1, 0.1), posterior(0.0, 0.1));
    let other = SignalId::from_bytes([8; 16]);
    let chosen = (0..20_000)
        .filter(|n| {
            let draws = [(SIGNAL, better), (other, worse)];
            largest(task(*n), draws).is_some_and(|(place, _)| place == 0)
        })
        .count();
    // The difference of the two has mean 0.1 and deviation 0.1414; above zero with probability 0.760.
    let share = chosen as f64 / 20_000.0;
    assert!((share - 0.760).abs() < 0.01, "{share}");
    assert_eq!(largest(task(1), []), None);
}

#[test]
fn lots_are_even_and_apart_from_draws() {
    let below = (0..10_000)
        .filter(|n| uniform(*b"lots", task(*n), SIGNAL) <= 0.06)
        .count();
    assert!((500..700).contains(&below), "{below}");
    let all_in_range = (0..10_000).all(|n| {
        let lot = uniform(*b"lots", task(n), SIGNAL);
        lot > 0.0 && lot <= 1.0
    });
    assert!(all_in_range);
}

const SCOPE: ScopeId = ScopeId(1);

/// How far draws reach in a scope where so many others have each made so many runs.
fn reach(others: u64, runs: usize) -> Reach {
    let (params, now) = (Params::default(), 1_000_000);
    let origin = |node| Origin { tenant: 1, node };
    let mut replica = Replica::new(&params);
    for node in 1..=others + 1 {
        let mut writer = Writer::new(origin(node), Stamp::default());
        for _ in 0..runs {
            let run = Run {
                scope: SCOPE,
                bundle: BundleClass::default(),
                y: 0.5,
                class: EvidenceClass::Test,
                arm: Arm::Treated,
                shown: &[],
                harm: false,
                now,
            };
            credit::settle(&mut replica, &mut writer, &params, &run);
        }
    }
    let reader = Reader {
        view: &View::blank(origin(1)),
        bundle: BundleClass::default(),
        now,
        params: &params,
    };
    Reach::of(&reader.of(&replica), SCOPE)
}

/// The deviation of draws, as a share of what it would be in a scope without others.
fn width(reach: Reach, posterior: Posterior) -> f64 {
    reach.reshaped(posterior).sd / self::reach(0, 1).reshaped(posterior).sd
}

#[test]
fn draws_are_narrow_while_most_runs_are_unheard_and_never_for_who_is_alone() {
    let prior = Posterior::prior(&Params::default());
    assert!(width(reach(31, 1), prior) < 0.5);
    assert!(width(reach(31, 100), prior) > 0.9);
    let alone = reach(0, 1).reshaped(prior).sd;
    assert!((alone - prior.sd).abs() < 1e-12, "{alone}");
}

#[test]
fn runs_of_the_scope_itself_count_twice_and_what_is_borrowed_once() {
    let own = Posterior {
        seen: 75.0,
        ..posterior(0.1, 0.1)
    };
    let borrowed = Posterior { seen: 0.0, ..own };
    let alone = reach(0, 1);
    assert!((alone.reshaped(own).sd - 175.0_f64.sqrt().recip()).abs() < 1e-12);
    assert!((alone.reshaped(borrowed).sd - borrowed.sd).abs() < 1e-12);
    let crowd = reach(31, 1);
    assert!(width(crowd, own) < 0.5 && width(crowd, borrowed) > 1.0 - 1e-12);
}
