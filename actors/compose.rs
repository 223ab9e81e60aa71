//! From a model's final answer to the body of an artifact, and from there to what people read.
//!
//! A model says words; a program places them. Every quotation is looked up in its source file and carries the file's
//! own text from then on, so the critic can compare bytes and needs no mercy. What cannot be composed comes back as
//! review findings, in the words that the model is shown. The choice rejected was to let models write citations with
//! offsets: they count badly, and a wrong offset is indistinguishable from an invented quotation.

use std::collections::BTreeSet;

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::brief::{Encoding, Findings, Quote, SkipReason, Skipped};
use anthill_contracts::digest::Digest;
use anthill_contracts::sources::Listing;
use anthill_contracts::task::ReasonCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

mod answer;
mod brief;
mod findings;
mod markdown;
mod memo;

pub use answer::{ANSWER_BYTES_MAX, Objects, lessons, objects, parse_answer, parse_value};
pub use brief::{brief_from_findings, brief_from_outline, partial_brief};
pub use findings::{claims_of, findings, named_in, quoted_in, select_findings, without_quotes_of};
pub use markdown::render_markdown;
pub use memo::{MemoInput, memo_key};

pub(crate) use brief::{TITLE_CHARS_MAX, missing_quote};
pub(crate) use findings::{QUOTE_BYTES_MAX, same_words};

/// What the job's readers have covered, for the lists at the end of a brief.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// What there was to read.
    pub listing: Listing,
    /// Documents whose reader failed, wholly or for a part, and why.
    pub failed: Vec<Skipped>,
    /// Paths of documents that were not reached before the job stopped, wholly or for a part.
    pub unread: Vec<String>,
    /// Paths of documents that are not what they were: nothing is quoted from them any more.
    pub set_aside: BTreeSet<String>,
    /// Paths of documents of which an agent with tools has seen something; nothing where readers went through all.
    pub opened: Option<BTreeSet<String>>,
}

impl Coverage {
    /// Everything was read.
    pub fn whole(listing: Listing) -> Self {
        Self {
            listing,
            ..Self::default()
        }
    }

    /// Sets documents aside that are not what they were.
    pub fn set_aside(&mut self, paths: Vec<String>) {
        let changed = |path: &String| Skipped {
            path: path.clone(),
            reason: SkipReason::Changed,
        };
        self.failed.extend(paths.iter().map(changed));
        self.set_aside.extend(paths);
    }

    /// Drops what is quoted from documents that were set aside, and the claims that rest on nothing else.
    pub fn retain_known(&self, findings: &mut Findings) {
        let is_aside = |quote: &Quote| self.set_aside.contains(&quote.path);
        findings.claims.retain_mut(|claim| {
            let had_quotes = !claim.quotes.is_empty();
            claim.quotes.retain(|quote| !is_aside(quote));
            !had_quotes || !claim.quotes.is_empty()
        });
    }

    /// The hash that a document had when the job listed it.
    pub fn digest(&self, path: &str) -> Option<Digest> {
        let documents = &self.listing.documents;
        let found = documents.binary_search_by(|document| document.path.as_str().cmp(path));
        found.ok().map(|index| documents[index].digest)
    }

    /// How the bytes of this document become text; nothing where it is no document of the job.
    fn encoding(&self, path: &str) -> Option<Encoding> {
        if self.set_aside.contains(path) {
            return None;
        }
        let documents = &self.listing.documents;
        let found = documents.binary_search_by(|document| document.path.as_str().cmp(path));
        found.ok().map(|index| documents[index].encoding)
    }

    /// Documents that an agent which finds its own way neither opened nor quotes, and of which nothing else is said.
    fn not_opened(&self, cited: &BTreeSet<&str>) -> Vec<Skipped> {
        let Some(opened) = &self.opened else {
            return Vec::new();
        };
        let told: BTreeSet<&str> = self.failed.iter().map(|file| file.path.as_str()).collect();
        let documents = self
            .listing
            .documents
            .iter()
            .map(|document| document.path.as_str());
        let not_opened =
            documents.filter(|path| !opened.contains(*path) && !cited.contains(path) && !told.contains(path));
        let named = not_opened.map(|path| Skipped {
            path: path.to_owned(),
            reason: SkipReason::NotOpened,
        });
        named.collect()
    }

    /// Every file that was not read, or not to its end, sorted by path.
    fn skipped(&self) -> Vec<Skipped> {
        let mut skipped = self.listing.skipped.clone();
        skipped.extend(self.failed.iter().cloned());
        skipped.extend(self.unread.iter().map(|path| Skipped {
            path: path.clone(),
            reason: SkipReason::NotReached,
        }));
        skipped.sort_by(|one, other| one.path.cmp(&other.path));
        skipped.dedup_by(|later, earlier| later.path == earlier.path);
        skipped
    }
}

/// The body of an artifact: JSON for people and programs, the same bytes for the same value.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut body =
        serde_json::to_vec_pretty(value).expect("artifact bodies hold no map with keys that are no strings");
    body.push(b'\n');
    body
}

/// The value in the body of an artifact.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}

/// How many words a text has.
pub fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// A text with every run of white space as one space, and none at its ends.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn flaw(reason: ReasonCode, detail: impl Into<String>) -> ReviewFinding {
    ReviewFinding {
        reason,
        detail: detail.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
