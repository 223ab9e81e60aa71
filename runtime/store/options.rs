//! The bounds of the engine. Every queue and every size has one.

use std::time::Duration;

/// How much the engine takes on at once, and when it tidies up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Most appends that wait for the writer; one more is answered with `Busy`.
    pub queue_max: usize,
    /// Most bytes in these.
    pub queue_bytes_max: usize,
    /// Most appends in one commit.
    pub batch_max: usize,
    /// Most bytes in one commit, unless a single append is larger.
    pub batch_bytes_max: usize,
    /// Most reads at once.
    pub readers_max: usize,
    /// Bytes in the write-ahead log after which it is copied into the database. Larger makes the pause longer and rarer.
    pub checkpoint_bytes: u64,
    /// How long the projector lets changes gather where nobody waits for them, so that it does not compete with a
    /// burst of appends. Readers of this process never wait for it.
    pub project_linger: Duration,
    /// Most bytes of the journal's database; above it the disk counts as full. `None` leaves it to the disk.
    pub database_bytes_max: Option<u64>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            queue_max: 4096,
            queue_bytes_max: 64 * 1024 * 1024,
            batch_max: 1024,
            batch_bytes_max: 8 * 1024 * 1024,
            readers_max: 4,
            checkpoint_bytes: 16 * 1024 * 1024,
            project_linger: Duration::from_secs(1),
            database_bytes_max: None,
        }
    }
}
