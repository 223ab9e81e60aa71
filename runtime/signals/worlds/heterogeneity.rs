//! Heterogeneity: what pooling is worth where the work of nodes honestly differs.
//!
//! Each node is a tenant of its own, and the yield of each strategy differs from node to node. Ours, nodes that believe
//! everything as if it were their own, and nodes that keep to themselves live through the same tasks with the same
//! luck. How much the nodes differ is told to none of them.

use super::fleet::{Learners, World};
use super::poison::over_mean;
use super::{Progress, Report, Target, WorldPatch, for_each_seed};

/// Standard deviations of a strategy's yield between nodes, in hundredths.
const SIGMAS: [u32; 7] = [0, 5, 10, 15, 20, 25, 30];

/// Worlds.
const SEEDS: u32 = 20;

/// Runs the experiment, or the one world whose heterogeneity, attack or share of liars a patch sets.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let seeds = patch.seeds.unwrap_or(SEEDS);
    let first = patch.seed.unwrap_or(1);
    let world = World {
        nodes: 16,
        look_rounds: 10,
        are_tenants: true,
        ..World::default()
    }
    .patched(patch);
    let filled = WorldPatch {
        seeds: Some(seeds),
        seed: Some(first),
        ..world.as_patch()
    };
    let mut report = Report::new("heterogeneity", filled, seeds);
    if patch.heterogeneity.is_some() || patch.attack.is_some() || patch.liars.is_some() {
        let rows = for_each_seed(seeds, first, progress, |seed| Row::of(&world, seed));
        tell(&mut report, "", &rows);
        report.target("ours_over_isolated", Target::AtMost(1.0));
        return report;
    }
    let rows = for_each_seed(seeds, first, progress, |seed| {
        let row = |sigma: &u32| {
            let world = World {
                heterogeneity: f64::from(*sigma) / 100.0,
                ..world.clone()
            };
            Row::of(&world, seed)
        };
        SIGMAS.iter().map(row).collect::<Vec<Row>>()
    });
    let mut worst: Option<Vec<f64>> = None;
    for (place, sigma) in SIGMAS.iter().enumerate() {
        let of_sigma: Vec<Row> = rows.iter().map(|row| row[place]).collect();
        let ratios = tell(&mut report, &format!("_{sigma:02}"), &of_sigma);
        for (name, of) in LINES {
            let regret = of_sigma.iter().map(of).sum::<f64>() / of_sigma.len() as f64;
            report.series.entry(name.to_owned()).or_default().push(regret);
        }
        if worst.as_ref().is_none_or(|worst| sum(&ratios) > sum(worst)) {
            worst = Some(ratios);
        }
    }
    report.mean("ours_over_isolated_worst", &worst.unwrap_or_default());
    report.target("ours_over_isolated_worst", Target::AtMost(1.0));
    let sigmas = SIGMAS.iter().map(|sigma| f64::from(*sigma) / 100.0).collect();
    report.series.insert("sigma".to_owned(), sigmas);
    report
}

/// Regret of one honest node in one world.
#[derive(Debug, Clone, Copy)]
struct Row {
    isolated: f64,
    naive: f64,
    ours: f64,
}

/// A line over sigma: its name, and what of a world it shows.
type Line = (&'static str, fn(&Row) -> f64);

/// The lines over sigma.
const LINES: [Line; 3] = [
    ("regret_isolated", |row| row.isolated),
    ("regret_naive", |row| row.naive),
    ("regret_ours", |row| row.ours),
];

impl Row {
    fn of(world: &World, seed: u64) -> Self {
        let honest = (world.nodes - world.liar_count()).max(1) as f64;
        let regret = |learners| world.run(learners, seed).regret(..) / honest;
        Self {
            isolated: regret(Learners::Isolated),
            naive: regret(Learners::Credulous),
            ours: regret(Learners::Fleet),
        }
    }
}

/// Adds the figures of one sigma and answers ours over isolated, by world.
fn tell(report: &mut Report, suffix: &str, rows: &[Row]) -> Vec<f64> {
    let column = |of: fn(&Row) -> f64| -> Vec<f64> { rows.iter().map(of).collect() };
    let isolated = column(|row| row.isolated);
    let (naive, ours) = (column(|row| row.naive), column(|row| row.ours));
    let ratios = over_mean(&ours, &isolated);
    report.mean(&format!("ours_over_isolated{suffix}"), &ratios);
    report.mean(
        &format!("naive_over_isolated{suffix}"),
        &over_mean(&naive, &isolated),
    );
    report.mean(&format!("ours_over_naive{suffix}"), &over_mean(&ours, &naive));
    ratios
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

#[cfg(test)]
mod tests;
