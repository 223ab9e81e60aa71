//! Files that people name: nothing is read without a bound, nothing is written half.
//!
//! Every part of the program that reads or writes such a file does it here, so that a device, a pipe, a link and a file
//! are treated the same by all commands; a test of the house refuses other writers. What the program keeps for itself
//! (journal, blobs) follows the rules of the store instead.

pub mod read;
pub mod write;
