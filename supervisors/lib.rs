//! Supervision with OTP's semantics, and the tree node, tenant, lead.

pub mod child_spec;
pub mod lead;
pub mod metrics;
pub mod names;
pub mod node;
pub mod strategy;
pub mod tenant;
pub mod tree;
pub mod watch;
