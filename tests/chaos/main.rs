//! Real processes that are killed, interrupted, starved of disk and of models, and resumed.
//!
//! The measure is always the same: the job ends with the bytes of an undisturbed run, its journal is whole, and no
//! step was paid for twice. Each test prints its seed; `CHAOS_SEED` plays the same moments again.

mod big_folder;
mod colony;
mod full_disk;
mod history;
mod in_use;
mod interrupted;
mod killed;
mod model_away;
mod seed;
