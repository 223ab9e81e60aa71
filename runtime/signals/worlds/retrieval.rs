//! Retrieval on texts whose relevance nobody had to judge: manual pages, asked for by their own one line.

mod pages;

pub use pages::{Page, page_of};
