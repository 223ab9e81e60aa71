//! Claims: what origins say they have seen, laid out for comparison.

use std::collections::BTreeMap;

use anthill_contracts::signal::Origin;

use crate::fact::CellKey;
use crate::fixed;
use crate::params::Params;
use crate::replica::Replica;

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
    /// Recent runs.
    pub recent_n: f64,
    /// Sum of their outcomes.
    pub recent_y: f64,
}

/// The claims of the origins of one pool, key by key.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    origins: Vec<Origin>,
    own: Option<usize>,
    rows: Vec<Claim>,
    ends: Vec<usize>,
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

    /// Adds the claims at one more key.
    pub fn push(&mut self, claims: impl IntoIterator<Item = Claim>) {
        self.rows.extend(claims);
        self.ends.push(self.rows.len());
    }

    /// The claims of each key.
    pub fn keys(&self) -> impl Iterator<Item = &[Claim]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.rows[start..*end])
    }
}

/// The claims of the current regime, by tenant.
pub(super) fn pools(replica: &Replica, own: Origin, now: u64, params: &Params) -> BTreeMap<u32, Claims> {
    let mut keys: Vec<&CellKey> = replica.keys().collect();
    keys.sort_unstable();
    let mut origins: Vec<Origin> = keys
        .iter()
        .flat_map(|key| replica.cells(key))
        .map(|(origin, _)| origin)
        .collect();
    origins.sort_unstable();
    origins.dedup();
    let mut pools: BTreeMap<u32, Claims> = BTreeMap::new();
    for tenant in origins.chunk_by(|a, b| a.tenant == b.tenant) {
        pools.insert(tenant[0].tenant, Claims::new(tenant.to_vec(), own));
    }
    for key in keys {
        let regime = standing_regime(replica, key);
        // Cells are sorted by origin, so those of one tenant lie together.
        let cells: Vec<_> = replica.cells(key).collect();
        for cells in cells.chunk_by(|(a, _), (b, _)| a.tenant == b.tenant) {
            let Some(pool) = pools.get_mut(&cells[0].0.tenant) else {
                continue;
            };
            let places: Vec<Claim> = cells
                .iter()
                .filter(|(_, cell)| cell.regime >= regime)
                .filter_map(|(origin, cell)| {
                    let slow = cell.slow_at(now, params);
                    let fast = cell.fast_at(now, params);
                    Some(Claim {
                        origin: pool.origins.binary_search(origin).ok()?,
                        n: fixed::to_f64(i64::from(slow.n)),
                        y: fixed::to_f64(i64::from(slow.y)),
                        adv: fixed::to_f64(slow.adv),
                        recent_n: fixed::to_f64(i64::from(fast.n)),
                        recent_y: fixed::to_f64(i64::from(fast.y)),
                    })
                })
                .collect();
            pool.push(places);
        }
    }
    pools
}

/// The regime that more than a third of the scope's origins want for a signal, whoever they are: trust cannot be asked
/// here, for it rests on the answer.
fn standing_regime(replica: &Replica, key: &CellKey) -> u8 {
    let cells = replica.scope_cells(key.scope);
    let mut votes: Vec<u8> = cells.iter().map(|(_, cell)| cell.vote_for(key.signal)).collect();
    let quorum = cells.len() / 3;
    votes.sort_unstable_by(|a, b| b.cmp(a));
    votes.get(quorum).copied().unwrap_or(0)
}
