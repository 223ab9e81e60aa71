//! The machine alone: cases by hand, against a reference model of OTP, and under random weather.

mod cases;
mod compare;
mod model;
mod scenario;
mod weather;
mod world;
