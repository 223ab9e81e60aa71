//! The shell on real ractor actors: on a paused clock, except where a thread must really be blocked.

mod counting;
mod defects;
mod engine;
mod rig;
