//! Source files in memory, for the tests of everything that reads them.

use std::collections::BTreeMap;

use anthill_contracts::brief::{Encoding, Passage, Place, SkipReason, Skipped};
use anthill_contracts::digest::Digest;
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Document, DocumentKind, Listing, LocatedQuote, SourceError, Sources};
use anthill_text::encoding;

/// Files by path.
#[derive(Clone, Default)]
pub(crate) struct MemorySources {
    files: BTreeMap<String, (Vec<u8>, Encoding)>,
    /// Paths that have changed since they were listed.
    changed: Vec<String>,
}

impl MemorySources {
    /// UTF-8 files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut sources = Self::default();
        for (path, text) in files {
            sources.put(path, text.as_bytes(), Encoding::Utf8);
        }
        sources
    }

    pub(crate) fn put(&mut self, path: &str, bytes: &[u8], encoding: Encoding) {
        self.files.insert(path.to_owned(), (bytes.to_vec(), encoding));
    }

    pub(crate) fn change(&mut self, path: &str) {
        self.changed.push(path.to_owned());
    }

    pub(crate) fn listing(&self) -> Listing {
        let documents = self.files.iter().map(|(path, (bytes, encoding))| Document {
            path: path.clone(),
            digest: Digest::of(bytes),
            bytes: bytes.len() as u64,
            encoding: *encoding,
            kind: DocumentKind::Text,
            cuts: Vec::new(),
        });
        let skipped = vec![Skipped {
            path: "logo.png".to_owned(),
            reason: SkipReason::Binary,
        }];
        Listing {
            documents: documents.collect(),
            skipped,
        }
    }

    fn file(&self, path: &str) -> Result<&(Vec<u8>, Encoding), SourceError> {
        if path.starts_with('/') || path.contains("..") {
            return Err(SourceError::Outside {
                path: path.to_owned(),
            });
        }
        if self.changed.iter().any(|changed| changed == path) {
            return Err(SourceError::Changed {
                path: path.to_owned(),
            });
        }
        self.files.get(path).ok_or_else(|| SourceError::Missing {
            path: path.to_owned(),
        })
    }

    fn text(&self, path: &str) -> Result<(String, Encoding), SourceError> {
        let (bytes, encoding) = self.file(path)?;
        let text =
            encoding::decode(bytes, *encoding).expect("the files of a test are text in their encoding");
        Ok((text, *encoding))
    }
}

impl Sources for MemorySources {
    fn list(&self) -> Result<Listing, SourceError> {
        Ok(self.listing())
    }

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError> {
        let (text, _) = self.text(&slice.path)?;
        Ok(vec![Passage {
            path: slice.path.clone(),
            start: slice.start,
            end: slice.end,
            text,
            heading: None,
        }])
    }

    fn bytes(&self, path: &str, start: u64, bytes_max: u64) -> Result<Vec<u8>, SourceError> {
        let (bytes, _) = self.file(path)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
        let length = usize::try_from(bytes_max)
            .unwrap_or(usize::MAX)
            .min(bytes.len() - start);
        Ok(bytes[start..start + length].to_vec())
    }

    /// Finds the words with any white space between them.
    fn locate(&self, path: &str, quote: &str) -> Result<Option<LocatedQuote>, SourceError> {
        let (text, encoding) = self.text(path)?;
        let words: Vec<&str> = quote.split_whitespace().collect();
        let length = |text: &str| {
            let bytes = encoding::encode(text, encoding).expect("the text comes from the file");
            bytes.len() as u64
        };
        let mut starts = text.char_indices().map(|(start, _)| start);
        let found = starts.find_map(|start| Some((start, matched(&text[start..], &words)?)));
        Ok(found.map(|(start, bytes)| {
            let quote = text[start..start + bytes].to_owned();
            let first = length(&text[..start]);
            let place = Place {
                start: first,
                end: first + length(&quote),
            };
            LocatedQuote {
                place,
                quote,
                encoding,
            }
        }))
    }
}

/// How many bytes of the text these words take at its beginning.
fn matched(text: &str, words: &[&str]) -> Option<usize> {
    let mut rest = text;
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            let trimmed = rest.trim_start();
            if trimmed.len() == rest.len() {
                return None;
            }
            rest = trimmed;
        }
        rest = rest.strip_prefix(word)?;
    }
    (!words.is_empty()).then_some(text.len() - rest.len())
}
