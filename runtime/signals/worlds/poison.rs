//! Poison: what liars among the nodes cost those that do not lie.
//!
//! Liars write through the real writer and know the rules. Damage is what they add to the regret of honest nodes, in
//! units of what keeping to oneself would add: nothing at 0, as bad as no fleet at all at 1. A fleet without the liars
//! and nodes that keep to themselves live through the same tasks with the same luck.

use super::fleet::{Learners, World};
use super::{Attack, Progress, Report, Target, WorldPatch, for_each_seed};

/// The attacks whose worst damage has a target.
const ATTACKS: [(Attack, &str); 5] = [
    (Attack::PromoteWorst, "promote_worst"),
    (Attack::FakeVolume, "fake_volume"),
    (Attack::Sleeper, "sleeper"),
    (Attack::LabelFlip, "label_flip"),
    (Attack::OneScope, "one_scope"),
];

/// Shares of liars, in hundredths, and the damage that should not be exceeded.
const SHARES: [(u32, f64); 3] = [(10, 0.04), (20, 0.10), (30, 0.20)];

/// Vote spam may cost this much more regret.
const SPAM_MOST: f64 = 1.02;

/// The share of liars, in hundredths, that spam votes.
const SPAMMERS: u32 = 20;

/// Worlds.
const SEEDS: u32 = 20;

/// Runs the experiment, or the one world that a patch picks by an attack, a share of liars or a heterogeneity.
pub fn run(patch: &WorldPatch, progress: Progress<'_>) -> Report {
    let seeds = patch.seeds.unwrap_or(SEEDS);
    let first = patch.seed.unwrap_or(1);
    let world = World {
        nodes: 32,
        look_rounds: 10,
        ..World::default()
    }
    .patched(patch);
    let filled = |world: &World| WorldPatch {
        seeds: Some(seeds),
        seed: Some(first),
        ..world.as_patch()
    };
    if patch.attack.is_none() && patch.liars.is_none() && patch.heterogeneity.is_none() {
        let mut report = Report::new("poison", filled(&world), seeds);
        let rows = for_each_seed(seeds, first, progress, |seed| Row::of(&world, seed));
        tell(&mut report, &rows);
        return report;
    }
    let world = World {
        liars: patch.liars.unwrap_or(f64::from(SPAMMERS) / 100.0),
        attack: Some(patch.attack.unwrap_or(Attack::PromoteWorst)),
        ..world
    };
    let mut report = Report::new("poison", filled(&world), seeds);
    let rows = for_each_seed(seeds, first, progress, |seed| One::of(&world, seed));
    tell_one(&mut report, &world, &rows);
    report
}

/// What one honest node loses in a world.
fn regret(world: &World, learners: Learners, seed: u64) -> f64 {
    let honest = (world.nodes - world.liar_count()).max(1);
    world.run(learners, seed).regret(..) / honest as f64
}

/// The same world without its liars.
fn without_liars(world: &World) -> World {
    World {
        nodes: (world.nodes - world.liar_count()).max(1),
        liars: 0.0,
        attack: None,
        ..world.clone()
    }
}

/// One world of one attack.
struct One {
    attacked: f64,
    credulous: f64,
    clean: f64,
    /// The liars are there and honest.
    peaceful: f64,
    isolated: f64,
}

impl One {
    fn of(world: &World, seed: u64) -> Self {
        let peaceful = World {
            attack: None,
            ..world.clone()
        };
        Self {
            attacked: regret(world, Learners::Fleet, seed),
            credulous: regret(world, Learners::Credulous, seed),
            clean: regret(&without_liars(world), Learners::Fleet, seed),
            peaceful: regret(&peaceful, Learners::Fleet, seed),
            isolated: regret(&without_liars(world), Learners::Isolated, seed),
        }
    }
}

fn tell_one(report: &mut Report, world: &World, rows: &[One]) {
    let column = |of: fn(&One) -> f64| -> Vec<f64> { rows.iter().map(of).collect() };
    let (clean, isolated) = (column(|one| one.clean), column(|one| one.isolated));
    report.mean("regret", &column(|one| one.attacked));
    report.mean("regret_credulous", &column(|one| one.credulous));
    report.mean("regret_clean", &clean);
    report.mean("regret_isolated", &isolated);
    report.mean("damage", &damage(&column(|one| one.attacked), &clean, &isolated));
    report.mean(
        "damage_credulous",
        &damage(&column(|one| one.credulous), &clean, &isolated),
    );
    let peaceful = column(|one| one.peaceful);
    report.mean("spam_ratio", &over_mean(&column(|one| one.attacked), &peaceful));
    report.mean(
        "ours_over_isolated",
        &over_mean(&column(|one| one.attacked), &isolated),
    );
    match world.attack {
        Some(Attack::VoteSpam) => report.target("spam_ratio", Target::AtMost(SPAM_MOST)),
        Some(Attack::AdaptiveBias) | None => {}
        Some(_) => {
            let share = world.liars * 100.0;
            let allowed = SHARES.iter().find(|(liars, _)| share <= f64::from(*liars));
            if let Some((_, most)) = allowed {
                report.target("damage", Target::AtMost(*most));
            }
        }
    }
}

/// One seed with all attacks.
struct Row {
    isolated: f64,
    /// Regret of the fleet as it should be, with no liar in it, and of one that believes everything.
    whole: f64,
    whole_credulous: f64,
    spammed: f64,
    peaceful: f64,
    shares: Vec<ShareRow>,
}

/// One seed with one share of liars.
struct ShareRow {
    clean: f64,
    attacked: Vec<f64>,
    biased: f64,
    credulous: f64,
}

impl Row {
    fn of(world: &World, seed: u64) -> Self {
        let attack = |liars: u32, attack: Option<Attack>| World {
            liars: f64::from(liars) / 100.0,
            attack,
            ..world.clone()
        };
        let share = |(liars, _): &(u32, f64)| ShareRow {
            clean: regret(&without_liars(&attack(*liars, None)), Learners::Fleet, seed),
            attacked: ATTACKS
                .iter()
                .map(|(kind, _)| regret(&attack(*liars, Some(*kind)), Learners::Fleet, seed))
                .collect(),
            biased: regret(&attack(*liars, Some(Attack::AdaptiveBias)), Learners::Fleet, seed),
            credulous: regret(
                &attack(*liars, Some(Attack::FakeVolume)),
                Learners::Credulous,
                seed,
            ),
        };
        Self {
            isolated: regret(world, Learners::Isolated, seed),
            whole: regret(world, Learners::Fleet, seed),
            whole_credulous: regret(world, Learners::Credulous, seed),
            spammed: regret(&attack(SPAMMERS, Some(Attack::VoteSpam)), Learners::Fleet, seed),
            peaceful: regret(&attack(SPAMMERS, None), Learners::Fleet, seed),
            shares: SHARES.iter().map(share).collect(),
        }
    }
}

fn tell(report: &mut Report, rows: &[Row]) {
    let column = |of: &dyn Fn(&Row) -> f64| -> Vec<f64> { rows.iter().map(of).collect() };
    let isolated = column(&|row| row.isolated);
    report.mean("regret_isolated", &isolated);
    report.mean("regret_clean", &column(&|row| row.whole));
    report.mean(
        "clean_over_credulous",
        &over_mean(&column(&|row| row.whole), &column(&|row| row.whole_credulous)),
    );
    report.mean(
        "spam_ratio",
        &over_mean(&column(&|row| row.spammed), &column(&|row| row.peaceful)),
    );
    report.target("spam_ratio", Target::AtMost(SPAM_MOST));
    for (place, (liars, most)) in SHARES.iter().enumerate() {
        let clean = column(&|row| row.shares[place].clean);
        let of = |values: &[f64]| damage(values, &clean, &isolated);
        let mut worst = Vec::new();
        for (kind, (_, name)) in ATTACKS.iter().enumerate() {
            let damage = of(&column(&|row| row.shares[place].attacked[kind]));
            report.mean(&format!("damage_{liars}_{name}"), &damage);
            if worst.is_empty() || mean(&damage) > mean(&worst) {
                worst = damage;
            }
        }
        let name = format!("damage_{liars}");
        report.mean(&name, &worst);
        report.target(&name, Target::AtMost(*most));
        let biased = of(&column(&|row| row.shares[place].biased));
        report.mean(&format!("damage_{liars}_adaptive_bias"), &biased);
        let credulous = of(&column(&|row| row.shares[place].credulous));
        report.mean(&format!("damage_{liars}_fake_volume_credulous"), &credulous);
    }
}

/// Damage by world: what each loses more than in the clean fleet, in units of what isolation loses more on average.
fn damage(attacked: &[f64], clean: &[f64], isolated: &[f64]) -> Vec<f64> {
    let unit = (mean(isolated) - mean(clean)).max(f64::MIN_POSITIVE);
    let pairs = attacked.iter().zip(clean);
    pairs.map(|(attacked, clean)| (attacked - clean) / unit).collect()
}

/// Values over the mean of others.
pub(super) fn over_mean(values: &[f64], of: &[f64]) -> Vec<f64> {
    let unit = mean(of).max(f64::MIN_POSITIVE);
    values.iter().map(|value| value / unit).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests;
