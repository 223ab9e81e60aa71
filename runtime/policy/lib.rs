//! Verdicts, and nothing that carries them out: what a job and its tasks may still spend.
//!
//! Everything here is synchronous, keeps its state in ordered maps and knows neither clock nor chance, so that a
//! resumed lead and a simulated one come to the same verdicts. The choice rejected was a budget actor that others ask
//! over a mailbox: the lead is the journal's single writer anyway, and a second owner of the same sums could only differ.

pub mod ledger;

pub use ledger::{Broken, Ledger, Refusal, Reserved, Scope};
