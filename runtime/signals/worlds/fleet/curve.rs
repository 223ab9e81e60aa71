//! Curves: what share of the best was reached when, over several worlds at once.

use super::Trace;

/// Rounds on either side that a point of a curve is averaged over, against the luck of single rounds.
const SMOOTH: usize = 2;

/// Most points of a line in a report.
const POINTS_MAX: usize = 200;

/// What share of the best strategies' yield was reached, by round, over these worlds.
pub fn shares<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Vec<f64> {
    let yields = traces.into_iter().map(|trace| (&trace.oracle, &trace.chosen));
    ratios(yields)
}

/// The same of the nodes that came late.
pub fn late_shares<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Vec<f64> {
    let yields = traces
        .into_iter()
        .map(|trace| (&trace.late_oracle, &trace.late_chosen));
    ratios(yields)
}

fn ratios<'a>(yields: impl Iterator<Item = (&'a Vec<f64>, &'a Vec<f64>)>) -> Vec<f64> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for (oracle, chosen) in yields {
        sums.resize(sums.len().max(oracle.len()), (0.0, 0.0));
        for (sum, (best, got)) in sums.iter_mut().zip(oracle.iter().zip(chosen)) {
            sum.0 += best;
            sum.1 += got;
        }
    }
    sums.into_iter()
        .map(|(best, got)| if best > 0.0 { got / best } else { 1.0 })
        .collect()
}

/// How many rounds after `from` a curve reaches a share; all that there are where it never does.
pub fn rounds_to(curve: &[f64], from: usize, share: f64) -> usize {
    let after = curve.get(from..).unwrap_or(&[]);
    let reached = (0..after.len()).position(|round| {
        let near = &after[round.saturating_sub(SMOOTH)..(round + SMOOTH + 1).min(after.len())];
        near.iter().sum::<f64>() >= share * near.len() as f64
    });
    reached.unwrap_or(after.len())
}

/// The standard error of a figure that is made of all worlds together (the jackknife of Quenouille 1949).
pub fn error_without_each(traces: &[Trace], figure: impl Fn(&[Trace]) -> f64) -> f64 {
    let count = traces.len();
    if count < 2 {
        return 0.0;
    }
    let partial: Vec<f64> = (0..count)
        .map(|left_out| {
            let rest: Vec<Trace> = traces
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != left_out)
                .map(|(_, trace)| trace.clone())
                .collect();
            figure(&rest)
        })
        .collect();
    let mean = partial.iter().sum::<f64>() / count as f64;
    let squares: f64 = partial.iter().map(|value| (value - mean).powi(2)).sum();
    (squares * (count - 1) as f64 / count as f64).sqrt()
}

/// A curve with no more points than a report takes, each the mean of as many rounds.
pub fn thinned(curve: &[f64]) -> Vec<f64> {
    let each = curve.len().div_ceil(POINTS_MAX).max(1);
    curve
        .chunks(each)
        .map(|part| part.iter().sum::<f64>() / part.len() as f64)
        .collect()
}
