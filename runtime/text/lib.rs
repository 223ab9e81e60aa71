//! One set of words for text: how bytes become characters, when two texts are the same words, what a word and a
//! sentence are, and where in a text a quotation stands.
//!
//! Everything that compares text stands on this crate, so that a quotation that the search finds is one that the
//! critic accepts. It holds pure functions alone: bytes and characters in, places out. Work that grows with a
//! document is counted, and tests hold the counts to a straight line.

pub mod encoding;
pub mod fold;
pub mod name;
pub mod quotation;
pub mod script;
pub mod sentence;
pub mod word;
