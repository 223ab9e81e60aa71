//! The store's metrics: names, labels, and what they mean.

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Appends by outcome: `committed`, `refused` (fence or order), `busy` (queue full), `failed`.
pub const APPENDS: &str = "anthill_store_appends_total";
/// Frames made durable.
pub const FRAMES: &str = "anthill_store_frames_total";
/// Bytes made durable, by `kind`: `frame` bodies, and `blob` bodies as stored.
pub const BYTES: &str = "anthill_store_bytes_total";
/// Appends in one commit.
pub const BATCH: &str = "anthill_store_batch_appends";
/// Seconds that a commit took, its sync included.
pub const COMMIT: &str = "anthill_store_commit_seconds";
/// Appends that wait for the writer.
pub const QUEUE: &str = "anthill_store_queue_appends";
/// Seconds that copying the write-ahead log into the database took.
pub const CHECKPOINT: &str = "anthill_store_checkpoint_seconds";
/// Frames taken into the projections.
pub const PROJECTED: &str = "anthill_store_projected_frames_total";

/// Every name, for the test that compares dashboards with what exists.
pub const ALL: [&str; 8] = [
    APPENDS, FRAMES, BYTES, BATCH, COMMIT, QUEUE, CHECKPOINT, PROJECTED,
];

/// Tells the recorder what the metrics mean; called once by the composition root.
pub fn describe() {
    describe_counter!(APPENDS, Unit::Count, "appends by outcome");
    describe_counter!(FRAMES, Unit::Count, "frames made durable");
    describe_counter!(BYTES, Unit::Bytes, "bytes made durable");
    describe_histogram!(BATCH, Unit::Count, "appends in one commit");
    describe_histogram!(COMMIT, Unit::Seconds, "time of a commit, its sync included");
    describe_gauge!(QUEUE, Unit::Count, "appends that wait for the writer");
    describe_histogram!(
        CHECKPOINT,
        Unit::Seconds,
        "time of copying the write-ahead log into the database"
    );
    describe_counter!(PROJECTED, Unit::Count, "frames taken into the projections");
}
