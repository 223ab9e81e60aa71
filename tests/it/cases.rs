//! Trouble that users of comparable programs have met: each case with its right value, and others of its kind.

mod files;
