//! The job's input documents as a port: what may be read, and nothing else.
//!
//! The methods block on the disk. Actors call them on the blocking pool, never in a handler.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::brief::{Encoding, Passage, Place, Skipped};
use crate::codes::{self, Code};
use crate::digest::Digest;
use crate::fault::Problem;
use crate::plan::DocumentSlice;

/// The inputs of one job.
pub trait Sources: Send + Sync {
    /// Lists every document, sorted by path, and every file that is no document, with the reason.
    fn list(&self) -> Result<Listing, SourceError>;

    /// The readable text of a slice. Fails where the file's content is not what the slice says.
    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError>;

    /// The raw bytes of a file, at most `bytes_max` from `start`, refused outside the inputs.
    fn bytes(&self, path: &str, start: u64, bytes_max: u64) -> Result<Vec<u8>, SourceError>;

    /// Where a document contains a quotation: exactly, or as the same words in another form (composed letters,
    /// line ends, typographic signs, markup). The answer holds the place and the file's own text there.
    fn locate(&self, path: &str, quote: &str) -> Result<Option<LocatedQuote>, SourceError>;

    /// The path of the document that is meant where somebody names it in another form (normal form, case, `./`,
    /// quotation marks), if there is exactly one; else the path as it is given.
    fn resolve(&self, path: &str) -> Result<String, SourceError> {
        Ok(path.to_owned())
    }
}

/// Shared inputs of a job.
pub type SourcesRef = Arc<dyn Sources>;

/// What there is to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Listing {
    /// Documents, sorted by path.
    pub documents: Vec<Document>,
    /// Files that are not read, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Path below its input, with `/`.
    pub path: String,
    /// Hash of the file's bytes.
    pub digest: Digest,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// How its bytes become text.
    pub encoding: Encoding,
    /// What kind of text it is.
    pub kind: DocumentKind,
    /// Where it may be cut, in ascending order: offsets of the first byte of each chunk after the first.
    pub cuts: Vec<u64>,
}

/// What kind of text a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// Program source or configuration.
    Source,
    /// Any other text.
    Text,
}

impl DocumentKind {
    /// The word used in scopes and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Source => "source",
            Self::Text => "text",
        }
    }
}

/// A quotation found in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedQuote {
    /// Its place.
    pub place: Place,
    /// The file's own text there.
    pub quote: String,
    /// How the file's bytes become text.
    pub encoding: Encoding,
}

/// Failed to read an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The input folder or file does not exist.
    #[error("the input `{path}` does not exist")]
    Missing {
        /// The path.
        path: String,
    },
    /// The operating system refused.
    #[error("the input `{path}` cannot be read: {detail}")]
    Unreadable {
        /// The path.
        path: String,
        /// What the operating system said.
        detail: String,
    },
    /// The process may not open any more files.
    #[error("the input `{path}` cannot be opened: this process has as many files open as it may")]
    DescriptorsExhausted {
        /// The path.
        path: String,
    },
    /// There is no document in the inputs.
    #[error("no readable document in {inputs} ({skipped} files skipped, {own} of them output of anthill)")]
    NoDocuments {
        /// The inputs.
        inputs: String,
        /// How many files were skipped.
        skipped: usize,
        /// How many of these this program has written itself.
        own: usize,
    },
    /// The path leads outside the inputs.
    #[error("`{path}` is not below the job's inputs")]
    Outside {
        /// The path.
        path: String,
    },
    /// The content is not what it was when the job listed it.
    #[error("`{path}` has changed since the job listed it")]
    Changed {
        /// The path.
        path: String,
    },
    /// A glob of the spec does not parse.
    #[error("the pattern `{pattern}` is not valid: {detail}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        detail: String,
    },
}

impl SourceError {
    /// The stable code.
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::Missing { .. } => &codes::INPUT_MISSING,
            Self::Unreadable { .. } => &codes::INPUT_UNREADABLE,
            Self::DescriptorsExhausted { .. } => &codes::DESCRIPTORS_EXHAUSTED,
            Self::NoDocuments { .. } => &codes::INPUT_EMPTY,
            Self::Outside { .. } => &codes::INPUT_OUTSIDE,
            Self::Changed { .. } => &codes::INPUT_CHANGED,
            Self::Pattern { .. } => &codes::SPEC_VALUE,
        }
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        Self::new(error.code(), &error)
    }
}
