//! The metrics of this crate: names as constants, so that dashboards and tests can name only what exists.

use metrics::{Unit, describe_counter};

/// Tool calls that ended, by tool and outcome (`ok` or `refused`).
pub const CALLS: &str = "anthill_tools_calls_total";
/// Files that were read and judged, by outcome (`document` or `skipped`).
pub const FILES: &str = "anthill_tools_files_total";
/// Bytes of input files that were read and judged.
pub const FILE_BYTES: &str = "anthill_tools_file_bytes_total";
/// Search indexes that were built.
pub const INDEXES: &str = "anthill_tools_indexes_total";

/// Describes every metric of this crate to the installed recorder.
pub fn describe() {
    describe_counter!(CALLS, Unit::Count, "tool calls that ended, by tool and outcome");
    describe_counter!(FILES, Unit::Count, "input files read and judged, by outcome");
    describe_counter!(FILE_BYTES, Unit::Bytes, "bytes of input files read and judged");
    describe_counter!(INDEXES, Unit::Count, "search indexes built over a job's inputs");
}
