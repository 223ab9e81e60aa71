//! Made-up documents, so that a bench measures agents and not a disk full of files.

use anthill_contracts::brief::{Encoding, Passage};
use anthill_contracts::digest::Digest;
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Document, DocumentKind, Listing, LocatedQuote, SourceError, Sources};

/// So many documents of one sentence.
pub(super) struct Herd {
    /// How many.
    pub(super) documents: usize,
}

const TEXT: &str = "An ant that waits costs nothing.";

impl Sources for Herd {
    fn list(&self) -> Result<Listing, SourceError> {
        let documents = (0..self.documents).map(|index| Document {
            path: format!("folder/document-{index:06}.txt"),
            digest: Digest::of(TEXT.as_bytes()),
            bytes: TEXT.len() as u64,
            encoding: Encoding::Utf8,
            kind: DocumentKind::Text,
            cuts: Vec::new(),
        });
        Ok(Listing {
            documents: documents.collect(),
            skipped: Vec::new(),
        })
    }

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError> {
        let (start, end, text) = (slice.start, slice.end, TEXT.to_owned());
        Ok(vec![Passage {
            path: slice.path.clone(),
            start,
            end,
            text,
            heading: None,
        }])
    }

    fn bytes(&self, path: &str, _: u64, _: u64) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Outside {
            path: path.to_owned(),
        })
    }

    fn locate(&self, _: &str, _: &str) -> Result<Option<LocatedQuote>, SourceError> {
        Ok(None)
    }
}
