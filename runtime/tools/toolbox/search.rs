//! `search`: the passages of a job's inputs ranked by BM25 against a query.
//!
//! The index holds hashes of words and places of passages, not their text; what is shown is read again from the
//! files. It covers the first [`INDEX_BYTES_MAX`] bytes of text, in the order of the listing, and says so where
//! there is more. An index on disk (tantivy) was rejected: jobs are short and their inputs are known in full.

use std::fmt::Write as _;
use std::sync::Arc;

use anthill_contracts::brief::Passage;
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Document, Listing, SourceError, Sources};
use anthill_contracts::tool::ToolOutput;
use anthill_text::name;
use anthill_text::word::Language;
use bm25::{Embedder, EmbedderBuilder, Embedding, Scorer, Tokenizer};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Work;
use super::output::{Capped, Room};
use super::views::View;

/// Most text that one job's index covers, in bytes.
pub const INDEX_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much text is looked at to tell its language, of a passage and in all, in bytes.
const SAMPLE_PASSAGE_BYTES: usize = 400;
const SAMPLE_BYTES: usize = 16 * 1024;

/// Arguments of `search`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Words to look for; the more of them a passage has, and the rarer they are, the higher it ranks.
    #[schemars(length(min = 1, max = 400))]
    query: String,
    /// Most passages to return.
    #[serde(default = "limit_default")]
    #[schemars(range(min = 1, max = 20))]
    limit: usize,
}

const fn limit_default() -> usize {
    8
}

impl Work for Search {
    const NAME: &'static str = "search";
    const DESCRIPTION: &'static str = "Finds the passages of the job's documents that fit a query best, with their \
        paths, places and text.";

    fn work(self, view: &View) -> Result<ToolOutput, String> {
        let index = view.index().map_err(|error| error.to_string())?;
        let hits = index.search(&self.query, self.limit);
        let mut output = Capped::default();
        output.push(&index.summary(hits.len()));
        for (position, hit) in hits.into_iter().enumerate() {
            let passage = index
                .passage(view.sources(), hit)
                .map_err(|error| error.to_string())?;
            if output.push(&shown(position + 1, &passage)) == Room::Shown {
                output.push_passage(passage);
            }
        }
        Ok(output.finish("ask for fewer passages, or read the file"))
    }
}

fn shown(number: usize, passage: &Passage) -> String {
    let mut text = format!(
        "[{number}] {}, bytes {} to {}",
        name::shown(&passage.path),
        passage.start,
        passage.end
    );
    if let Some(heading) = &passage.heading {
        // Writing to a string cannot fail.
        let _ = write!(text, ", under \"{heading}\"");
    }
    let _ = write!(text, ":\n{}\n\n", passage.text);
    text
}

/// The index of one job's inputs.
pub(super) struct Index {
    listing: Arc<Listing>,
    places: Vec<IndexedPassage>,
    embedder: Embedder<u32, Words>,
    scorer: Scorer<u32>,
    /// How many documents are covered from their first to their last passage.
    documents_covered: usize,
}

/// Where an indexed passage stands.
struct IndexedPassage {
    document: usize,
    start: u64,
}

impl Index {
    /// Reads the inputs and indexes their passages.
    pub(super) fn build(sources: &dyn Sources, listing: Arc<Listing>) -> Result<Self, SourceError> {
        let mut gathered = Gathered::default();
        let mut documents_covered = 0;
        for (position, document) in listing.documents.iter().enumerate() {
            if !gathered.take(sources, position, document)? {
                break;
            }
            documents_covered += 1;
        }
        let corpus: Vec<&str> = gathered.texts.iter().map(String::as_str).collect();
        let language = Words(Language::of(&sample(&gathered.texts)));
        let embedder: Embedder<u32, Words> =
            EmbedderBuilder::with_tokenizer_and_fit_to_corpus(language, &corpus).build();
        let mut scorer = Scorer::new();
        for (number, text) in (0..).zip(&gathered.texts) {
            scorer.upsert(&number, once_each(embedder.embed(text)));
        }
        metrics::counter!(crate::metrics::INDEXES).increment(1);
        Ok(Self {
            listing,
            places: gathered.places,
            embedder,
            scorer,
            documents_covered,
        })
    }

    /// The numbers of the best passages, best first; equals in the order of the listing.
    fn search(&self, query: &str, limit: usize) -> Vec<u32> {
        let mut found = self.scorer.matches(&once_each(self.embedder.embed(query)));
        found.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.id.cmp(&other.id)));
        found.into_iter().take(limit).map(|hit| hit.id).collect()
    }

    /// Reads an indexed passage again.
    fn passage(&self, sources: &dyn Sources, number: u32) -> Result<Passage, SourceError> {
        let place = &self.places[number as usize];
        let document = &self.listing.documents[place.document];
        let slice = DocumentSlice {
            path: document.path.clone(),
            digest: document.digest,
            start: place.start,
            end: place.start + 1,
        };
        let changed = || SourceError::Changed {
            path: document.path.clone(),
        };
        sources.read(&slice)?.into_iter().next().ok_or_else(changed)
    }

    fn summary(&self, found: usize) -> String {
        let all = self.listing.documents.len();
        let mut text = format!(
            "{found} passages of {} in {} documents\n",
            self.places.len(),
            self.documents_covered
        );
        if self.documents_covered < all {
            let _ = writeln!(
                text,
                "[only the first {INDEX_BYTES_MAX} bytes of text were searched: {} of {all} documents in full]",
                self.documents_covered
            );
        }
        text.push('\n');
        text
    }
}

/// The passages that are to be indexed, with the words of their headings.
#[derive(Default)]
struct Gathered {
    places: Vec<IndexedPassage>,
    texts: Vec<String>,
    bytes: usize,
}

impl Gathered {
    /// Adds the passages of a document, chunk by chunk; false where the bound was reached before its end.
    fn take(
        &mut self,
        sources: &dyn Sources,
        position: usize,
        document: &Document,
    ) -> Result<bool, SourceError> {
        let ends = document.cuts.iter().copied().chain([document.bytes]);
        let mut start = 0;
        for end in ends {
            let slice = DocumentSlice {
                path: document.path.clone(),
                digest: document.digest,
                start,
                end,
            };
            for passage in sources.read(&slice)? {
                let text = match passage.heading {
                    Some(heading) => format!("{heading}\n{}", passage.text),
                    None => passage.text,
                };
                if self.bytes + text.len() > INDEX_BYTES_MAX {
                    return Ok(false);
                }
                self.bytes += text.len();
                self.texts.push(text);
                self.places.push(IndexedPassage {
                    document: position,
                    start: passage.start,
                });
            }
            start = end;
        }
        Ok(true)
    }
}

/// The library gives one entry for every occurrence of a word, all with the same weight.
fn once_each(mut embedding: Embedding) -> Embedding {
    embedding.0.sort_unstable_by_key(|token| token.index);
    embedding.0.dedup_by_key(|token| token.index);
    embedding.0.shrink_to_fit();
    embedding
}

/// Cuts text into terms by the language of the corpus, in the forms in which quotations are compared.
struct Words(Language);

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        self.0.terms(text)
    }
}

/// The start of each passage, until that is enough to tell the language.
fn sample(texts: &[String]) -> String {
    let mut sample = String::new();
    for text in texts {
        let head = &text[..text.floor_char_boundary(SAMPLE_PASSAGE_BYTES)];
        sample.push_str(head);
        sample.push('\n');
        if sample.len() >= SAMPLE_BYTES {
            break;
        }
    }
    sample
}

#[cfg(test)]
mod tests;
