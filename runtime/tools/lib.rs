//! Input documents and the tools over them.
//!
//! Two halves. [`inputs`] turns the folders and files of a job into documents, passages and quotations whose places
//! are bytes of the files as they lie on disk. [`toolbox`] offers them to models as tools that check their
//! arguments, cap their output and never fail the runtime. Neither writes anything, and neither follows a link.

pub mod inputs;
pub mod metrics;
pub mod toolbox;
