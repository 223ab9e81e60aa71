//! The knowledge algebra: what colonies of agents have learned, as facts that merge and readings of them.
//!
//! Facts say who observed what, and only their origin writes them; merging them is exact. Decay, trust, caps, regime,
//! state and ranking are readings: pure functions of the facts and the time. So two nodes may hold different opinions
//! without diverging, and a wrong rule is mended by new code, not by repairing data. Nothing here does I/O, looks at a
//! clock or draws a number that its caller did not give it.

pub mod audit;
pub mod base;
pub mod codec;
pub mod credit;
pub mod dedup;
pub mod draw;
pub mod evidence;
pub mod fact;
pub mod fixed;
pub mod gossip;
pub mod guard;
pub mod hygiene;
pub mod kinship;
// The hunt for broken laws serves tests alone.
#[cfg(any(test, feature = "seeded-bugs"))]
pub mod laws;
pub mod lifecycle;
pub mod lineage;
pub mod packing;
pub mod params;
pub mod pooling;
pub mod posterior;
pub mod regime;
pub mod replica;
pub mod retrieval;
pub mod route;
pub mod trust;
pub mod view;
pub mod worlds;
pub mod writer;
pub mod zone;
