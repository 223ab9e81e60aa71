//! The `anthill` program.
fn main() {}
