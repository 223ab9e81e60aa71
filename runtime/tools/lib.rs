//! Input documents and the tools over them.
//!
//! [`inputs`] turns the folders and files of a job into documents, passages and quotations whose places are bytes of
//! the files as they lie on disk. It writes nothing and follows no link.

pub mod inputs;
pub mod metrics;
