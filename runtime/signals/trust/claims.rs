//! Claims: what the origins of one tenant say they have seen, laid out for comparison.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::signal::Origin;

use crate::fact::{CellKey, ScopeId};
use crate::fixed;
use crate::params::Params;
use crate::regime::{Electorate, ScopeRegimes};
use crate::replica::Replica;

use super::bounds::{Bounds, bound_in};

/// What one origin claims to have seen at one key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// The origin's place in [`Claims::origins`].
    pub origin: usize,
    /// Runs.
    pub n: f64,
    /// Sum of outcomes.
    pub y: f64,
    /// Sum of observed advantages.
    pub adv: f64,
}

/// The claims of the origins of one pool, key by key.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    origins: Vec<Origin>,
    own: Option<usize>,
    rows: Vec<Claim>,
    ends: Vec<(f64, usize)>,
}

/// The claims at one key.
#[derive(Debug, Clone, Copy)]
pub struct KeyClaims<'a> {
    /// Most runs that one origin's claim counts for here.
    pub bound: f64,
    /// The claims, by origin.
    pub claims: &'a [Claim],
}

impl Claims {
    /// No claims yet of these origins, which are sorted; `own` is believed whatever it says.
    pub fn new(origins: Vec<Origin>, own: Origin) -> Self {
        let own = origins.binary_search(&own).ok();
        Self {
            origins,
            own,
            ..Self::default()
        }
    }

    /// The origins, sorted.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The place of the origin that is believed whatever it says.
    pub fn own(&self) -> Option<usize> {
        self.own
    }

    /// Adds the claims at one more key, where no claim counts for more runs than `bound`.
    pub fn push(&mut self, bound: f64, claims: impl IntoIterator<Item = Claim>) {
        self.rows.extend(claims);
        self.ends.push((bound, self.rows.len()));
    }

    /// The claims of each key.
    pub fn keys(&self) -> impl Iterator<Item = KeyClaims<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, (bound, end))| KeyClaims {
            bound: *bound,
            claims: &self.rows[start..*end],
        })
    }
}

/// What one origin holds at one key, as of now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Who.
    pub(super) origin: Origin,
    /// Runs, Q16.16.
    pub(super) n: u32,
    /// Their outcomes, Q16.16.
    pub(super) y: u32,
    /// Their advantages, Q16.16.
    pub(super) adv: i64,
}

/// The evidence of the current regime at every key, each by origin. It is asked of everybody which regime that is:
/// trust cannot be asked, for it rests on the answer.
pub(super) fn held(
    replica: &Replica,
    tenant: u32,
    now: u64,
    params: &Params,
) -> BTreeMap<CellKey, Vec<Held>> {
    let electorate = Electorate {
        tenant,
        trusted: |_| true,
    };
    let mut regimes: BTreeMap<ScopeId, ScopeRegimes> = BTreeMap::new();
    let mut by_key = BTreeMap::new();
    for key in replica.signal_keys() {
        let scope = regimes
            .entry(key.scope)
            .or_insert_with(|| ScopeRegimes::of(replica, key.scope, now, params, &electorate));
        let regime = scope.of_signal(key.signal);
        let mut current: Vec<Held> = replica
            .cells(key)
            .filter(|(_, cell)| regime.keep(cell, params) == fixed::ONE)
            .map(|(origin, cell)| {
                let sums = cell.slow_at(now, params);
                Held {
                    origin,
                    n: sums.n,
                    y: sums.y,
                    adv: sums.adv,
                }
            })
            .collect();
        current.sort_unstable_by_key(|held| held.origin);
        by_key.insert(*key, current);
    }
    by_key
}

/// The same without what is counted at a scope below, too: a run is credited to its scope and to those above, where
/// origins with another mixture of work rightly differ.
fn direct(replica: &Replica, held: &BTreeMap<CellKey, Vec<Held>>) -> BTreeMap<CellKey, Vec<Held>> {
    let mut direct = held.clone();
    let scopes: BTreeSet<ScopeId> = held.keys().map(|key| key.scope).collect();
    let parents: BTreeMap<ScopeId, ScopeId> = scopes
        .into_iter()
        .filter_map(|scope| Some((scope, ScopeId::of(&replica.scope(scope)?.parent()?))))
        .collect();
    for (key, below) in held {
        let Some(parent) = parents.get(&key.scope) else {
            continue;
        };
        let above = CellKey {
            scope: *parent,
            ..*key
        };
        let Some(above) = direct.get_mut(&above) else {
            continue;
        };
        for part in below {
            if let Ok(place) = above.binary_search_by_key(&part.origin, |whole| whole.origin) {
                let whole = &mut above[place];
                whole.n = whole.n.saturating_sub(part.n);
                whole.y = whole.y.saturating_sub(part.y).min(whole.n);
                whole.adv = whole.adv.saturating_sub(part.adv);
            }
        }
    }
    direct
}

/// The claims of each tenant's origins, for comparison among themselves.
pub(super) fn pools(
    replica: &Replica,
    held: &BTreeMap<CellKey, Vec<Held>>,
    bounds: &Bounds,
    own: Origin,
) -> Vec<Claims> {
    let origins: BTreeSet<Origin> = held.values().flatten().map(|held| held.origin).collect();
    let origins: Vec<Origin> = origins.into_iter().collect();
    let mut pools: BTreeMap<u32, Claims> = origins
        .chunk_by(|a, b| a.tenant == b.tenant)
        .map(|tenant| (tenant[0].tenant, Claims::new(tenant.to_vec(), own)))
        .collect();
    for (key, cells) in direct(replica, held) {
        let bounds = bounds.get(&key).map_or(&[][..], Vec::as_slice);
        // Cells are sorted by origin, so those of one tenant lie together.
        for tenant in cells.chunk_by(|a, b| a.origin.tenant == b.origin.tenant) {
            let number = tenant[0].origin.tenant;
            let Some(pool) = pools.get_mut(&number) else {
                continue;
            };
            let bound = bound_in(bounds, (number, false));
            let claims: Vec<Claim> = tenant
                .iter()
                .filter_map(|held| {
                    Some(Claim {
                        origin: pool.origins.binary_search(&held.origin).ok()?,
                        n: fixed::to_f64(i64::from(held.n)),
                        y: fixed::to_f64(i64::from(held.y)),
                        adv: fixed::to_f64(held.adv),
                    })
                })
                .collect();
            pool.push(fixed::to_f64(i64::from(bound)), claims);
        }
    }
    pools.into_values().collect()
}
