//! The knowledge as it was at one moment: what a job that began then is given a choice of, to its end.
//!
//! Tasks of a job end in whichever order the machine lets them, and other jobs teach at the same time. Were each task
//! to read what is known by then, no job could be made again. So a job reads the knowledge of the moment in which it
//! began, frozen as facts: a node that has crashed opens them again and reads bit for bit the same. Two things bind at
//! once whatever the moment: a revocation, and harm that was seen. Rejected: versions of each entry within the replica,
//! which every reading and every merge would have to pay for.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::SignalId;
use anthill_contracts::knowledge::{Ask, Cut};
use anthill_contracts::signal::{Origin, Receipt};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{Builtin, KnowledgeBase, Opening};
use crate::codec::{read_snapshot, snapshot_of};
use crate::fact::{CellKey, Fact};
use crate::lifecycle::{self, Reason};
use crate::params::Params;
use crate::replica::Versions;
use crate::retrieval::Vector;
use crate::view::View;

/// Version of the encoding of what is frozen.
const VERSION: u8 = 1;

/// Everything that readings of the knowledge depend on, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    at: Timestamp,
    node: u64,
    inc: u32,
    groups: Vec<u32>,
    versions: Versions,
    facts: Vec<Fact>,
    vectors: Vec<(SignalId, Vector)>,
}

/// The same as bytes.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u8,
    at: Timestamp,
    node: u64,
    inc: u32,
    groups: Vec<u32>,
    versions: Versions,
    facts: ByteBuf,
    vectors: Vec<(SignalId, ByteBuf)>,
}

/// Why frozen knowledge cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FrozenError {
    /// What is wrong with the bytes.
    pub detail: String,
}

/// Signals that nobody may be shown although they may be chosen by what was known once.
pub(super) struct Banned<'a>(Option<(&'a KnowledgeBase, Option<&'a View>)>);

impl<'a> Banned<'a> {
    /// Nothing beyond what the knowledge that is read says itself.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    fn by(base: &'a KnowledgeBase, tenant: u32) -> Self {
        Self(Some((base, base.views.get(&tenant).map(|(_, view)| view))))
    }

    /// Whether this one is revoked by now, or has done harm.
    pub(super) fn holds(&self, signal: SignalId) -> bool {
        let Some((base, view)) = self.0 else {
            return false;
        };
        if base.replica.is_dead(signal) {
            return true;
        }
        let Some(view) = view else { return false };
        let standing = lifecycle::state(&base.replica, view, signal, view.at(), &base.params);
        let has_harmed = |reason: &Reason| matches!(reason, Reason::Harmed { .. });
        standing.reasons.iter().any(has_harmed)
    }
}

impl Frozen {
    /// The moment.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let vectors = self.vectors.iter().map(|(signal, vector)| {
            let numbers: Vec<u8> = vector
                .numbers()
                .iter()
                .map(|number| number.cast_unsigned())
                .collect();
            (*signal, ByteBuf::from(numbers))
        });
        let written = Written {
            version: VERSION,
            at: self.at,
            node: self.node,
            inc: self.inc,
            groups: self.groups.clone(),
            versions: self.versions.clone(),
            facts: ByteBuf::from(snapshot_of(&self.facts)),
            vectors: vectors.collect(),
        };
        rmp_serde::to_vec(&written).expect("writing plain data to memory cannot fail")
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrozenError> {
        let refused = |detail: String| FrozenError { detail };
        let written: Written = rmp_serde::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        if written.version != VERSION {
            return Err(refused(format!(
                "invalid version {}: expected {VERSION}",
                written.version
            )));
        }
        let facts = read_snapshot(&written.facts).map_err(|error| refused(error.to_string()))?;
        let vectors = written.vectors.into_iter().filter_map(|(signal, numbers)| {
            let numbers: Vec<i8> = numbers.iter().map(|byte| byte.cast_signed()).collect();
            Some((signal, Vector::new(numbers)?))
        });
        Ok(Self {
            at: written.at,
            node: written.node,
            inc: written.inc,
            groups: written.groups,
            versions: written.versions,
            facts,
            vectors: vectors.collect(),
        })
    }

    /// Opens it to be read; nothing is ever written into it.
    pub fn open(self, builtins: Vec<Builtin>, params: Params) -> KnowledgeBase {
        let mut base = KnowledgeBase::open(Opening {
            facts: self.facts,
            node: self.node,
            inc: self.inc,
            versions: self.versions,
            builtins,
            params,
            groups: self.groups.into_iter().collect(),
            now: self.at.0,
        });
        for (signal, vector) in self.vectors {
            base.set_vector(signal, vector);
        }
        base
    }
}

impl KnowledgeBase {
    /// Everything that readings depend on, as it is now.
    pub fn freeze(&self, now: u64) -> Frozen {
        Frozen {
            at: Timestamp(now),
            node: self.node,
            inc: self.inc,
            groups: self.groups.clone(),
            versions: self.versions(),
            facts: self.facts(),
            vectors: self.index.vectors(),
        }
    }

    /// What is known, in few bytes: equal for equal knowledge, and another one with each signal and each run more.
    ///
    /// Who has seen something and when is left out, and so are the sums that fade: two data directories that were
    /// taught the same on different days draw the same.
    pub fn known(&self) -> Digest {
        let mut parts: Vec<Vec<u8>> = vec![b"known v1".to_vec()];
        for signal in self.replica.signals() {
            let is_dead = [u8::from(self.replica.is_dead(signal.id))];
            parts.push([signal.id.as_bytes().as_slice(), &is_dead].concat());
        }
        for (signal, measured) in &self.shipped {
            for one in measured {
                let figures = [one.runs.to_le_bytes(), one.gain_milli.to_le_bytes()].concat();
                let place = [signal.as_bytes().as_slice(), one.scope.as_str().as_bytes()];
                parts.push([place.concat(), figures].concat());
            }
        }
        let keys: BTreeSet<CellKey> = self.replica.keys().copied().collect();
        let mut runs: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for key in keys {
            let seen = self.replica.cells(&key).map(|(_, cell)| u64::from(cell.total));
            let place = [
                key.signal.as_bytes().as_slice(),
                &key.scope.0.to_le_bytes(),
                &key.bundle.family.to_le_bytes(),
                &key.bundle.exact.to_le_bytes(),
            ];
            *runs.entry(place.concat()).or_default() += seen.sum::<u64>();
        }
        for (place, runs) in runs {
            parts.push([place.as_slice(), &runs.to_le_bytes()].concat());
        }
        Digest::of_parts(parts.iter().map(Vec::as_slice))
    }

    /// Chooses what a run is shown by the knowledge as it was at a cut, which [`Frozen::open`] has opened. What was
    /// revoked or has done harm since is not shown; the other choices stay as they were.
    pub fn recall_at(
        &mut self,
        (then, cut): (&mut Self, Cut),
        ask: &Ask,
        vector: Option<&Vector>,
        now: u64,
    ) -> Receipt {
        let tenant = Origin::tenant_number(&ask.tenant);
        then.view(tenant, cut.at.0);
        self.view(tenant, now);
        let decided = then.decide(ask, vector, cut.at.0, &Banned::by(self, tenant));
        self.issue(ask, decided, now)
    }
}

#[cfg(test)]
mod tests;
