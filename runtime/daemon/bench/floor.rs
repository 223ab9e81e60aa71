//! The physical limit: some bytes, written and synced to a plain file in batches.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::event::Frame;
use anthill_contracts::fault::Problem;

/// Bytes that became durable together, in order.
pub(super) struct Batches(Vec<Vec<u8>>);

impl Batches {
    /// The encoded frames, so many to a batch.
    pub(super) fn of(frames: &[Frame], frames_per_batch: usize) -> Result<Self, Problem> {
        let encoded: Result<Vec<Vec<u8>>, _> = frames.iter().map(rmp_serde::to_vec).collect();
        let encoded = encoded.map_err(|error| Problem::new(&codes::DEFECT, error))?;
        Ok(Self(
            encoded
                .chunks(frames_per_batch.max(1))
                .map(<[Vec<u8>]>::concat)
                .collect(),
        ))
    }

    /// How many bytes these are.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// How long it takes to write them to a new file, with one sync for each batch.
    pub(super) fn write(&self, dir: &Path, clock: &dyn Clock) -> Result<Duration, Problem> {
        let refused = |error: std::io::Error| Problem::new(&codes::DATA_NOT_WRITABLE, error);
        let path = dir.join("floor.bin");
        let mut file = File::create(&path).map_err(refused)?;
        let began = clock.mono();
        for batch in &self.0 {
            file.write_all(batch).map_err(refused)?;
            file.sync_data().map_err(refused)?;
        }
        let took = clock.mono().saturating_sub(began);
        std::fs::remove_file(&path).map_err(refused)?;
        Ok(took)
    }
}
