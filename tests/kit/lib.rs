//! What the tests share.

pub mod cli;
pub mod fault_proxy;
pub mod model_server;
pub mod running;
pub mod wait;
