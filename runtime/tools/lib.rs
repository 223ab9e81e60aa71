//! Input documents and the tools over them.
