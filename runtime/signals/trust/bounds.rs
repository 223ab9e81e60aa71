//! Bounds: how many runs one origin's claim at a key may count for.
//!
//! Nobody can check from afar how many runs an origin has really made, but origins that serve one scope see about the
//! same of it. So a claim counts for as many runs as more than a third of the origins can show themselves: fewer than a
//! third that lie cannot raise that rank, and the volume of what they invent buys nothing. Rejected: the median, which
//! cuts half of the honest, and a bound on an origin's runs in all, under which liars put all their runs on one signal.
//!
//! A zone speaks for many nodes, so zones are a crowd of their own and measured among each other.
//!
//! Of other tenants the sum is bounded, too, so that it does not matter how many nodes a tenant claims to have.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::signal::Origin;

use crate::fact::{CellKey, ScopeId, is_zone};
use crate::fixed;
use crate::regime;

use super::claims::Held;

/// Least bound, in runs, Q16.16: what one origin alone can make others believe to have happened.
const RUNS_FLOOR: u32 = 4 << 16;

/// The same for a zone: a run of each node of a full one.
const ZONE_FLOOR: u32 = 64 << 16;

/// The same for a whole tenant among others.
const TENANT_FLOOR: i64 = 8 << 16;

/// Fewer origins than this in a scope are no crowd to compare with.
const CROWD_MIN: usize = 4;

/// Whom an origin is measured among: its tenant's nodes or its tenant's zones.
pub(super) type Crowd = (u32, bool);

/// The bounds of each crowd's origins by key, Q16.16; a key that is not there has none.
pub(super) type Bounds = BTreeMap<CellKey, Vec<(Crowd, u32)>>;

/// How many origins of each crowd have evidence in a scope.
pub(super) type Active = BTreeMap<(ScopeId, Crowd), usize>;

/// The crowd of an origin.
pub(super) const fn crowd(origin: Origin) -> Crowd {
    (origin.tenant, is_zone(origin))
}

/// The bounds of origins among those of their own crowd.
pub(super) fn within(held: &BTreeMap<CellKey, Vec<Held>>, active: &Active) -> Bounds {
    let mut bounds = Bounds::new();
    for (key, cells) in held {
        let mut of_key: Vec<(Crowd, u32)> = Vec::new();
        // Numbers of zones are larger than those of nodes, so each crowd lies together.
        for claims in cells.chunk_by(|a, b| crowd(a.origin) == crowd(b.origin)) {
            let crowd = crowd(claims[0].origin);
            let size = active.get(&(key.scope, crowd)).copied().unwrap_or(0);
            if let Some(bound) = ranked(claims.iter().map(|held| held.n).collect(), size) {
                of_key.push((crowd, bound.max(floor(crowd))));
            }
        }
        if !of_key.is_empty() {
            bounds.insert(*key, of_key);
        }
    }
    bounds
}

/// How many origins of each crowd have evidence in a scope.
pub(super) fn active(held: &BTreeMap<CellKey, Vec<Held>>) -> Active {
    let origins: BTreeSet<(ScopeId, Origin)> = held
        .iter()
        .flat_map(|(key, cells)| cells.iter().map(|held| (key.scope, held)))
        .filter(|(_, held)| held.n > 0)
        .map(|(scope, held)| (scope, held.origin))
        .collect();
    let mut counts = Active::new();
    for (scope, origin) in origins {
        *counts.entry((scope, crowd(origin))).or_default() += 1;
    }
    counts
}

/// The bounds at keys of a scope that nobody has evidence for yet, for a reader of tenant `own`.
pub(super) fn fresh(active: &Active, own: u32) -> BTreeMap<ScopeId, Vec<(Crowd, u32)>> {
    let mut fresh: BTreeMap<ScopeId, Vec<(Crowd, u32)>> = BTreeMap::new();
    for ((scope, crowd), size) in active {
        if crowd.0 != own || *size >= CROWD_MIN {
            fresh.entry(*scope).or_default().push((*crowd, floor(*crowd)));
        }
    }
    fresh
}

/// The least bound of a crowd's origins.
const fn floor((_, is_zone): Crowd) -> u32 {
    if is_zone { ZONE_FLOOR } else { RUNS_FLOOR }
}

/// The number that more than a third of a crowd reach; `None` where there is no crowd.
fn ranked(mut runs: Vec<u32>, crowd: usize) -> Option<u32> {
    if crowd < CROWD_MIN {
        return None;
    }
    runs.sort_unstable_by(|a, b| b.cmp(a));
    let rank = regime::quorum(crowd) - 1;
    Some(runs.get(rank).copied().unwrap_or(0))
}

/// Tightens the bounds of other tenants' origins for a reader of tenant `own`, so that the sum of each such tenant is
/// at most what more than a third of the tenants can show or, where there are few, half of what the reader's own tenant
/// knows itself. `weight` says how far an origin is believed.
pub(super) fn across(
    bounds: &mut Bounds,
    held: &BTreeMap<CellKey, Vec<Held>>,
    own: u32,
    weight: impl Fn(Origin) -> i64,
) {
    for (key, cells) in held {
        let tenants: Vec<&[Held]> = cells
            .chunk_by(|a, b| a.origin.tenant == b.origin.tenant)
            .collect();
        if tenants.iter().all(|tenant| tenant[0].origin.tenant == own) {
            continue;
        }
        let of_key = bounds.entry(*key).or_default();
        let sums: Vec<i64> = tenants
            .iter()
            .map(|tenant| {
                let sum = |held: &Held| {
                    let bound = bound_in(of_key, crowd(held.origin));
                    i64::from(held.n.min(bound)) * weight(held.origin) / fixed::ONE
                };
                tenant.iter().map(sum).sum()
            })
            .collect();
        let of_own = tenants.iter().position(|tenant| tenant[0].origin.tenant == own);
        // Two runs of ours for one of theirs: a single tenant is never more than a third of what is believed.
        let half = of_own.map_or(0, |place| sums[place] / 2);
        let most = shown(sums.clone()).max(half).max(TENANT_FLOOR);
        for (tenant, sum) in tenants.iter().zip(sums) {
            let number = tenant[0].origin.tenant;
            if number != own && sum > most {
                let level = level(tenant.iter().map(|held| held.n).collect(), most);
                let bounds = [(number, false), (number, true)]
                    .map(|crowd| (crowd, level.min(bound_in(of_key, crowd))));
                of_key.retain(|((of, _), _)| *of != number);
                of_key.extend(bounds);
                of_key.sort_unstable();
            }
        }
    }
}

/// What more than a third of the tenants can show; nothing where they are too few to compare.
fn shown(mut sums: Vec<i64>) -> i64 {
    if sums.len() < CROWD_MIN {
        return 0;
    }
    sums.sort_unstable_by(|a, b| b.cmp(a));
    sums[regime::quorum(sums.len()) - 1]
}

/// The bound of a crowd's origins at a key.
pub(super) fn bound_in(of_key: &[(Crowd, u32)], crowd: Crowd) -> u32 {
    let place = of_key.iter().find(|(of, _)| *of == crowd);
    place.map_or(u32::MAX, |(_, bound)| *bound)
}

/// The level at which numbers are cut off so that their sum is at most `most`.
fn level(mut runs: Vec<u32>, most: i64) -> u32 {
    runs.sort_unstable();
    let mut left = most;
    for (place, runs_here) in runs.iter().enumerate() {
        let share = left / i64::try_from(runs.len() - place).unwrap_or(i64::MAX);
        if i64::from(*runs_here) > share {
            return u32::try_from(share).unwrap_or(u32::MAX);
        }
        left -= i64::from(*runs_here);
    }
    u32::MAX
}
