//! The words of anthill, and the ports between its parts.
//!
//! Every other crate stands on this one and this one stands on none of them. It holds data and traits only: no
//! I/O, no actor, no clock but the one system clock that the composition root wires in. The choice rejected was a
//! shared "types" crate that also holds behaviour; it becomes the magnet that every edit rebuilds.

pub mod artifact;
pub mod brief;
pub mod budget;
pub mod clock;
pub mod codes;
pub mod digest;
pub mod event;
pub mod fault;
pub mod id;
pub mod knowledge;
pub mod model;
pub mod plan;
pub mod signal;
pub mod sources;
pub mod spec;
pub mod step;
pub mod store;
pub mod task;
pub mod text_file;
pub mod tool;
