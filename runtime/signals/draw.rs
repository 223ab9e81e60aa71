//! The draw: one value from a posterior, the same for the same task and signal on every replay.
//!
//! A signal is chosen as often as it is likely to be the best (Thompson 1933), so what is little known gets its chance
//! without a share of tasks set aside for trying. The chance comes from a hash of task and signal, not from a
//! generator with a state: a resumed task is shown what it was shown before, and two tasks draw apart.

use anthill_contracts::id::{SignalId, TaskId};

use crate::posterior::Posterior;

/// A draw from a posterior that is taken to be normal.
pub fn normal(task: TaskId, signal: SignalId, posterior: &Posterior) -> f64 {
    posterior.mean + posterior.sd * standard(task, signal)
}

/// A standard normal value that is fixed by task and signal (Box and Muller 1958).
pub fn standard(task: TaskId, signal: SignalId) -> f64 {
    let [first, second] = uniforms(*b"draw", task, signal);
    (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos()
}

/// A value above 0 and up to 1 that is fixed by a purpose, a task and a signal: for decisions by lot.
pub fn uniform(purpose: [u8; 4], task: TaskId, signal: SignalId) -> f64 {
    uniforms(purpose, task, signal)[0]
}

/// Of actions that exclude each other, the place of the one with the largest draw; `None` of none.
pub fn largest(
    task: TaskId,
    actions: impl IntoIterator<Item = (SignalId, Posterior)>,
) -> Option<(usize, f64)> {
    actions
        .into_iter()
        .map(|(signal, posterior)| normal(task, signal, &posterior))
        .enumerate()
        .max_by(|(_, left), (_, right)| left.total_cmp(right))
}

/// Two independent values above 0 and up to 1.
fn uniforms(purpose: [u8; 4], task: TaskId, signal: SignalId) -> [f64; 2] {
    let mut input = [0; 36];
    input[..4].copy_from_slice(&purpose);
    input[4..20].copy_from_slice(task.as_bytes());
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
