//! The draw: one value from a posterior, the same for the same task, knowledge and signal on every replay.
//!
//! A signal is chosen as often as it is likely to be the best (Thompson 1933), so what is little known gets its chance
//! without a share of tasks set aside for trying. The chance comes from a hash of what the task is, of what was known,
//! and of the signal, not from a generator with a state: the same job on the same knowledge is made in the same way, in
//! whichever order its tasks run, and two tasks draw apart. Rejected: a hash of the task's id, which is another one each
//! time, so that nobody could make a result again; and a constant, with which every job would try the same.
//!
//! A posterior that is followed to the letter tries too much: it asks how likely an action is the best, and not what
//! knowing it would still be worth, and where many nodes decide before they hear of each other, each of them tries what
//! all of them try. So draws reach less far than the posterior (posterior reshaping, Chapelle and Li 2011); see
//! [`Reach`]. Rejected: a posterior that is itself made surer, which would say of a harmful signal that it surely is.

use anthill_contracts::digest::Digest;
use anthill_contracts::id::{SignalId, TaskId};
use anthill_contracts::signal::Origin;

use crate::evidence::Reading;
use crate::fact::ScopeId;
use crate::fixed;
use crate::posterior::Posterior;

/// Least share of their width that draws keep, however much is under way elsewhere.
const BREADTH_MIN: f64 = 0.2;

/// Least runs of an origin in a scope, Q16.16 after decay, for it to count as one that works there.
const ACTIVE_RUNS: i64 = fixed::ONE / 2;

/// By how much an inverse variance exceeds what the scope itself gives, where it leans on others.
const LEANING: f64 = 1.0 + 1e-6;

/// What the draws of one agent of one task are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot([u8; 16]);

impl Lot {
    /// The lot of a task that is this and meets this knowledge; neither alone decides anything.
    pub fn of(seed: &Digest, known: Option<&Digest>) -> Self {
        let known = known.map_or(&[][..], |known| known.as_bytes());
        let hashed = Digest::of_parts([b"lot v1".as_slice(), seed.as_bytes(), known]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hashed.as_bytes()[..16]);
        Self(bytes)
    }

    /// The bytes, for decisions that hash more than a signal with it.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// For tasks that have no content but their number.
impl From<TaskId> for Lot {
    fn from(task: TaskId) -> Self {
        Self(*task.as_bytes())
    }
}

/// How far draws reach around what is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// The inverse variance before anything is known.
    prior: f64,
    /// How often each run in the scope itself counts.
    runs: f64,
    /// The share of the width that is kept.
    breadth: f64,
}

impl Reach {
    /// How far draws reach in a scope. The less is known beside what others may have under way, the narrower they are:
    /// others try, too, and what they find is heard of. Who works alone draws as widely as ever.
    pub fn of(reading: &Reading<'_>, scope: ScopeId) -> Self {
        let params = reading.by.params;
        let (mut others, mut runs) = (0.0, 0.0);
        for (origin, cell) in reading.replica.scope_cells(scope) {
            let here = i64::from(cell.slow_at(reading.by.now, params).n);
            if here >= ACTIVE_RUNS && reading.by.view.is_trusted(*origin) {
                runs += fixed::to_f64(here);
                others += f64::from(u8::from(!is_own(*origin, reading)));
            }
        }
        let unheard = others * params.draw_unheard_runs;
        let known = (runs + 1.0) / (runs + 1.0 + unheard);
        Self {
            prior: params.prior_sd.powi(2).recip(),
            runs: params.draw_runs_weight,
            breadth: BREADTH_MIN + (1.0 - BREADTH_MIN) * known,
        }
    }

    /// The posterior that draws follow: with the same mean, and as if each run in the scope itself had been made more
    /// than once. What is concluded from other scopes is not made surer, and whoever leans on them draws widely: they
    /// may be wrong here, and the runs that would show it must go on.
    #[must_use]
    pub fn reshaped(self, posterior: Posterior) -> Posterior {
        let precision = posterior.sd.powi(2).recip();
        let leans = precision > (self.prior + posterior.seen) * LEANING;
        let breadth = if leans { 1.0 } else { self.breadth };
        Posterior {
            sd: breadth / (precision + (self.runs - 1.0) * posterior.seen).sqrt(),
            ..posterior
        }
    }
}

fn is_own(origin: Origin, reading: &Reading<'_>) -> bool {
    origin == reading.by.view.own()
}

/// A draw from a posterior that is taken to be normal.
pub fn normal(lot: impl Into<Lot>, signal: SignalId, posterior: &Posterior) -> f64 {
    posterior.mean + posterior.sd * standard(lot, signal)
}

/// A standard normal value that is fixed by lot and signal (Box and Muller 1958).
pub fn standard(lot: impl Into<Lot>, signal: SignalId) -> f64 {
    let [first, second] = uniforms(*b"draw", lot.into(), signal);
    (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos()
}

/// A value above 0 and up to 1 that is fixed by a purpose, a lot and a signal: for decisions by lot.
pub fn uniform(purpose: [u8; 4], lot: impl Into<Lot>, signal: SignalId) -> f64 {
    uniforms(purpose, lot.into(), signal)[0]
}

/// Of actions that exclude each other, the place of the one with the largest draw; `None` of none.
pub fn largest(
    lot: impl Into<Lot>,
    actions: impl IntoIterator<Item = (SignalId, Posterior)>,
) -> Option<(usize, f64)> {
    let lot = lot.into();
    actions
        .into_iter()
        .map(|(signal, posterior)| normal(lot, signal, &posterior))
        .enumerate()
        .max_by(|(_, left), (_, right)| left.total_cmp(right))
}

/// Two independent values above 0 and up to 1.
fn uniforms(purpose: [u8; 4], lot: Lot, signal: SignalId) -> [f64; 2] {
    let mut input = [0; 36];
    input[..4].copy_from_slice(&purpose);
    input[4..20].copy_from_slice(lot.as_bytes());
    input[20..].copy_from_slice(signal.as_bytes());
    let mut hashed = [[0; 8]; 2];
    let mut output = blake3::Hasher::new().update(&input).finalize_xof();
    for bytes in &mut hashed {
        output.fill(bytes);
    }
    hashed.map(|bytes| {
        // 53 bits fill a float exactly; one is added so that zero, whose logarithm is infinite, cannot come.
        let bits = u64::from_le_bytes(bytes) >> 11;
        (bits + 1) as f64 / (1_u64 << 53) as f64
    })
}

#[cfg(test)]
mod tests;
