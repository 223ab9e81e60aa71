//! Journal, projections and blobs behind one trait, on `SQLite`.
//!
//! The engine is cut so that each promise has one home. [`journal`] decides, without I/O, who may append and how
//! frames are chained; the simulator runs the very same code. The writer thread makes appends durable in groups and
//! stops for good at the first failed write. [`fold`] says, again without I/O, what people see of a journal; the
//! projector writes its rows beside the journal, into a file that may be deleted at any time. Readers never wait for
//! the writer. The way rejected was to update the tables within the append: it halves the rate and ties the format of
//! what people see to the format of what must last.

mod audit;
mod blobs;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod directory;
mod encoding;
mod failure;
pub mod fold;
mod frames;
pub mod journal;
mod knowledge;
mod leases;
pub mod metrics;
mod options;
mod projector;
mod readers;
mod schema;
mod sqlite;
mod views;
mod writer;

pub use encoding::{decode_events, encode_events};
pub use knowledge::KnowledgeDb;
pub use options::StoreOptions;
pub use sqlite::SqliteStore;
