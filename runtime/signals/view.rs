//! The view: what a reader thinks of the origins, kept between two looks at the facts.
//!
//! Trust, caps and regimes are readings of all facts at once and too dear for every question, so they are taken about
//! every ten seconds and kept here. Nothing of it is ever stored or sent: two nodes may hold different views of equal
//! facts. Regimes matter most right after they change, so a reader brings those of one scope up to date by itself
//! before it acts there (see [`View::refresh`]).

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{BundleClass, Origin};

use crate::evidence::Reader;
use crate::fact::{CellKey, ScopeId};
use crate::fixed;
use crate::kinship::Kinship;
use crate::params::Params;
use crate::pooling;
use crate::regime::{Electorate, Regime, ScopeRegimes};
use crate::replica::Replica;
use crate::trust::{Bound, Trust};

/// What a reader thinks of the facts that it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    own: Origin,
    at: u64,
    trust: Trust,
    /// Origins that are believed less than whole, by origin; all others are believed.
    doubted: BTreeMap<Origin, i64>,
    caps: BTreeMap<ScopeId, f64>,
    kinship: Kinship,
    bundles: BTreeMap<ScopeId, BTreeSet<BundleClass>>,
    regimes: BTreeMap<ScopeId, ScopeRegimes>,
}

impl View {
    /// The view of a reader that knows nothing yet: everybody is believed, nothing has broken.
    pub const fn blank(own: Origin) -> Self {
        Self {
            own,
            at: 0,
            trust: Trust::blank(),
            doubted: BTreeMap::new(),
            caps: BTreeMap::new(),
            kinship: Kinship::blank(),
            bundles: BTreeMap::new(),
            regimes: BTreeMap::new(),
        }
    }

    /// The view of `own` at a time.
    pub fn of(replica: &Replica, own: Origin, now: u64, params: &Params) -> Self {
        let mut view = Self::blank(own);
        view.at = now;
        view.trust = Trust::of(replica, own, now, params);
        view.caps = pooling::caps(replica, view.trust.weights(), now, params);
        view.caps.retain(|_, cap| cap.is_finite());
        view.doubted.clone_from(view.trust.weights());
        view.doubted.retain(|_, weight| *weight < fixed::ONE);
        for key in replica.signal_keys() {
            view.bundles.entry(key.scope).or_default().insert(key.bundle);
        }
        let scopes: Vec<ScopeId> = view.bundles.keys().copied().collect();
        for scope in scopes {
            view.refresh(replica, scope, now, params);
        }
        let reader = Reader {
            view: &view,
            bundle: BundleClass::default(),
            now,
            params,
        };
        view.kinship = Kinship::of(&reader.of(replica));
        view
    }

    /// Brings the regimes of one scope up to date; cheap enough to be done before each use of the scope.
    pub fn refresh(&mut self, replica: &Replica, scope: ScopeId, now: u64, params: &Params) {
        let electorate = Electorate {
            tenant: self.own.tenant,
            trusted: |origin| self.is_trusted(origin),
        };
        let regimes = ScopeRegimes::of(replica, scope, now, params, &electorate);
        if regimes.is_calm() {
            self.regimes.remove(&scope);
        } else {
            self.regimes.insert(scope, regimes);
        }
    }

    /// Whose view it is.
    pub const fn own(&self) -> Origin {
        self.own
    }

    /// When it was taken, in milliseconds since 1970.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// How far an origin is believed, Q16.16. One that has come since is believed whole, as it has said little.
    pub fn weight(&self, origin: Origin) -> i64 {
        if self.doubted.is_empty() || origin == self.own {
            return fixed::ONE;
        }
        self.doubted.get(&origin).copied().unwrap_or(fixed::ONE)
    }

    /// Most runs that a claim of another origin counts for at a key.
    pub fn bound(&self, key: &CellKey) -> Bound<'_> {
        self.trust.bound(key)
    }

    /// Whether an origin has a say in votes: it is believed at least by half.
    pub fn is_trusted(&self, origin: Origin) -> bool {
        self.weight(origin) * 2 >= fixed::ONE
    }

    /// Most runs that evidence of other origins is worth in a scope; infinite where they are all alike.
    pub fn cap(&self, scope: ScopeId) -> f64 {
        self.caps.get(&scope).copied().unwrap_or(f64::INFINITY)
    }

    /// What sibling scopes say of each other.
    pub const fn kinship(&self) -> &Kinship {
        &self.kinship
    }

    /// The regime that a signal of a scope is in.
    pub fn regime(&self, scope: ScopeId, signal: SignalId) -> Regime {
        self.regimes
            .get(&scope)
            .map_or_else(Regime::default, |regimes| regimes.of_signal(signal))
    }

    /// The signals of a scope that have broken.
    pub fn broken(&self, scope: ScopeId) -> impl Iterator<Item = SignalId> {
        self.regimes
            .get(&scope)
            .into_iter()
            .flat_map(ScopeRegimes::broken)
    }

    /// The classes of bundles that have evidence in a scope, `here` first.
    pub fn bundles(&self, scope: ScopeId, here: BundleClass) -> impl Iterator<Item = BundleClass> {
        let others = self.bundles.get(&scope).into_iter().flatten();
        std::iter::once(here).chain(others.copied().filter(move |bundle| *bundle != here))
    }
}

#[cfg(test)]
mod tests;
