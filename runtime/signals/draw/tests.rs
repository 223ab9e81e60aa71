//! Draws are replayable, differ between tasks and signals, and follow their posterior.

use anthill_contracts::id::{SignalId, TaskId};

use super::*;

fn task(n: u32) -> TaskId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    TaskId::from_bytes(bytes)
}

const SIGNAL: SignalId = SignalId::from_bytes([7; 16]);

fn posterior(mean: f64, sd: f64) -> Posterior {
    Posterior { mean, sd, runs: 1.0 }
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
