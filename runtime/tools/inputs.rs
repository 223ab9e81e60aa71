//! A job's input documents on disk: the [`Sources`] port over folders and files.
//!
//! Documents are judged once and read in segments afterwards. Nothing but a whole file at its first look is ever
//! held, and only one of those at a time, so the memory stays that of the largest file however many readers work
//! at once. Mapping files into memory was rejected: it needs `unsafe`, and a file that shrinks would kill the
//! process. Every offset is a byte of the file as it lies on disk, whatever its encoding.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anthill_contracts::brief::{Encoding, Passage, Place, SkipReason, Skipped};
use anthill_contracts::digest::Digest;
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Document, Listing, LocatedQuote, SourceError, Sources};
use anthill_contracts::spec::{InputSpec, WorkSpec};
use anthill_text::quotation::Quotation;
use anthill_text::{encoding, fold, name};

pub use self::own::OwnOutput;

use self::decode::Decoded;
use self::quote::Searched;
use self::render::{Range, Rendering};
use self::roots::{FILES_MAX, Roots, refusal};
use self::scan::{Fingerprint, Scan, Segment, Verdict};

mod cut;
mod decode;
mod format;
mod own;
mod parse;
mod quote;
pub mod reading;
mod render;
mod roots;
mod scan;
mod sniff;
mod window;

/// Bounds on what is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Files above this many bytes are skipped and named.
    pub file_bytes_max: u64,
    /// Longer documents are cut into chunks of about this many bytes; taken as at least
    /// [`Self::CHUNK_BYTES_MIN`] and at most [`Self::CHUNK_BYTES_MAX`].
    pub chunk_bytes: u64,
}

impl SourceLimits {
    /// Smallest chunk; below it a paragraph would not fit.
    pub const CHUNK_BYTES_MIN: u64 = 1024;
    /// Largest chunk; readers hold one each.
    pub const CHUNK_BYTES_MAX: u64 = 256 * 1024;

    /// The limits that a spec's work section asks for.
    pub const fn of(work: &WorkSpec) -> Self {
        Self {
            file_bytes_max: work.file_bytes_max,
            chunk_bytes: work.chunk_bytes,
        }
    }

    fn chunk(&self) -> usize {
        let bytes = self
            .chunk_bytes
            .clamp(Self::CHUNK_BYTES_MIN, Self::CHUNK_BYTES_MAX);
        usize::try_from(bytes).expect("the upper bound fits into any usize")
    }
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self::of(&WorkSpec::default())
    }
}

/// Folders and files on disk as the inputs of one job.
///
/// With one input, paths are those below it; with several, each begins with the name of its input's folder or
/// file (`name~2` where two have the same name). Hidden files and folders, whose names begin with a dot, are no part
/// of an input; `.gitignore` files are not obeyed; symbolic links are named as skipped and never followed, except that
/// an input itself may be reached over one.
pub struct FolderSources {
    roots: Roots,
    limits: SourceLimits,
    judged: Mutex<HashMap<String, (Fingerprint, Verdict)>>,
    /// The paths that were found when somebody named a file in another form.
    names: Mutex<Option<Arc<[String]>>>,
    /// Held while a whole file is in memory.
    whole_file: Mutex<()>,
}

impl FolderSources {
    /// Opens the inputs. Fails where one does not exist or a glob does not parse; what the inputs hold is looked
    /// at by [`Sources::list`].
    pub fn open(inputs: &[InputSpec], limits: SourceLimits) -> Result<Self, SourceError> {
        Ok(Self {
            roots: Roots::open(inputs)?,
            limits,
            judged: Mutex::new(HashMap::new()),
            names: Mutex::new(None),
            whole_file: Mutex::new(()),
        })
    }

    /// The same inputs without what this program has written itself.
    #[must_use]
    pub fn without(mut self, own: OwnOutput) -> Self {
        self.roots.leave_out(own);
        self
    }

    /// Judges a file, from memory where it has not changed since the last time.
    fn judge(&self, path: &str) -> Result<Verdict, SourceError> {
        let (file, metadata) = self.roots.open_file(path)?;
        let fingerprint = Fingerprint::of(&metadata);
        if let Some(verdict) = self.known(path, fingerprint) {
            return Ok(verdict);
        }
        let _alone = lock(&self.whole_file);
        // Another reader may have judged it while this one waited.
        if let Some(verdict) = self.known(path, fingerprint) {
            return Ok(verdict);
        }
        let verdict = self.look(path, &file)?;
        let unchanged = file
            .metadata()
            .is_ok_and(|now| Fingerprint::of(&now) == fingerprint);
        if unchanged {
            let mut judged = lock(&self.judged);
            if judged.len() >= FILES_MAX {
                judged.clear();
            }
            judged.insert(path.to_owned(), (fingerprint, verdict.clone()));
        }
        Ok(verdict)
    }

    fn known(&self, path: &str, fingerprint: Fingerprint) -> Option<Verdict> {
        let judged = lock(&self.judged);
        let (known, verdict) = judged.get(path)?;
        (*known == fingerprint).then(|| verdict.clone())
    }

    /// Reads a whole file and judges it; the caller holds `whole_file`.
    fn look(&self, path: &str, file: &File) -> Result<Verdict, SourceError> {
        let failed = |error: &io::Error| refusal(path, error);
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        if length > self.limits.file_bytes_max {
            return Ok(Verdict::Skipped(SkipReason::TooLarge));
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))
            .map_err(|_| roots::unreadable(path, "there is not enough memory for it"))?;
        let bound = self.limits.file_bytes_max.saturating_add(1);
        file.take(bound)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&error))?;
        if bytes.len() as u64 >= bound {
            return Ok(Verdict::Skipped(SkipReason::TooLarge));
        }
        let verdict = scan::scan(path, &bytes, self.limits.chunk());
        let outcome = match verdict {
            Verdict::Document(_) => "document",
            Verdict::Skipped(_) => "skipped",
        };
        metrics::counter!(crate::metrics::FILES, "outcome" => outcome).increment(1);
        metrics::counter!(crate::metrics::FILE_BYTES).increment(bytes.len() as u64);
        Ok(verdict)
    }

    /// The text of one segment, as it was when its file was judged.
    fn segment(&self, path: &str, scan: &Scan, segment: &Segment) -> Result<Decoded, SourceError> {
        let changed = || SourceError::Changed {
            path: path.to_owned(),
        };
        let bytes = self.bytes(path, segment.start, segment.end - segment.start)?;
        if Digest::of(&bytes) != segment.digest {
            return Err(changed());
        }
        Decoded::new(bytes, segment.start, scan.encoding).ok_or_else(changed)
    }

    /// Looks for a quotation as the bytes it is.
    fn locate_bytes(
        &self,
        path: &str,
        scan: &Scan,
        wanted: &Quotation<'_>,
    ) -> Result<Option<LocatedQuote>, SourceError> {
        // Where a character may be a part of another one, equal bytes prove nothing.
        let is_sure = encoding::is_self_synchronous(scan.encoding);
        let Some(needle) = encoding::encode(wanted.text(), scan.encoding).filter(|_| is_sure) else {
            return Ok(None);
        };
        let (file, _) = self.roots.open_file(path)?;
        let stands_alone = |before: &[u8], after: &[u8]| {
            let (before, after) = around(scan.encoding, before, after);
            !wanted.cuts(before, wanted.text().chars().next())
                && !wanted.cuts(after, wanted.text().chars().next_back())
                && !after.is_some_and(fold::is_part_of_letter)
        };
        let found = window::find(file, &needle, &stands_alone).map_err(|error| refusal(path, &error))?;
        Ok(found.map(|start| LocatedQuote {
            place: Place {
                start,
                end: start + needle.len() as u64,
            },
            quote: wanted.text().to_owned(),
            encoding: scan.encoding,
        }))
    }

    /// Looks for a quotation as people read it.
    fn locate_words(
        &self,
        path: &str,
        scan: &Scan,
        wanted: &Quotation<'_>,
    ) -> Result<Option<LocatedQuote>, SourceError> {
        for segment in &scan.segments {
            let decoded = self.segment(path, scan, segment)?;
            let parsed = parse::parse(scan.format, decoded.text(), &segment.context);
            let found = Searched::new(&parsed.renderings)
                .find(wanted)
                .0
                .or_else(|| quote::find_in_raw(decoded.text(), wanted).0);
            if let Some((start, end)) = found {
                return Ok(Some(LocatedQuote {
                    place: place(&decoded, (start, end)),
                    quote: decoded.text()[start..end].to_owned(),
                    encoding: scan.encoding,
                }));
            }
        }
        Ok(None)
    }

    /// The paths of the inputs, as they were when they were last looked at.
    fn names(&self) -> Result<Arc<[String]>, SourceError> {
        if let Some(names) = lock(&self.names).as_ref() {
            return Ok(Arc::clone(names));
        }
        let names: Arc<[String]> = self.roots.walk()?.files.into();
        *lock(&self.names) = Some(Arc::clone(&names));
        Ok(names)
    }
}

/// The characters right before and right after a match.
fn around(encoding: Encoding, before: &[u8], after: &[u8]) -> (Option<char>, Option<char>) {
    let letters = |bytes: &[u8]| match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        _ => encoding::decode(bytes, encoding).unwrap_or_default(),
    };
    (letters(before).chars().next_back(), letters(after).chars().next())
}

impl Sources for FolderSources {
    fn list(&self) -> Result<Listing, SourceError> {
        let walked = self.roots.walk()?;
        *lock(&self.names) = Some(walked.files.clone().into());
        let mut documents: Vec<Document> = Vec::new();
        let mut skipped = walked.skipped;
        for path in walked.files {
            let reason = match self.judge(&path) {
                Ok(Verdict::Document(scan)) => {
                    documents.push(scan.document(path));
                    continue;
                }
                Ok(Verdict::Skipped(reason)) => reason,
                // It says nothing of the file.
                Err(error @ SourceError::DescriptorsExhausted { .. }) => return Err(error),
                // It was taken away while the inputs were listed: there is nothing to read and nothing to tell.
                Err(SourceError::Missing { .. }) => continue,
                Err(SourceError::Outside { .. }) => SkipReason::SymbolicLink,
                Err(error) => {
                    tracing::debug!(%path, %error, "an input file cannot be read");
                    SkipReason::Unreadable
                }
            };
            skipped.push(Skipped { path, reason });
        }
        documents.sort_by(|one, other| one.path.cmp(&other.path));
        skipped.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Listing { documents, skipped })
    }

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError> {
        let scan = match self.judge(&slice.path)? {
            Verdict::Document(scan) if scan.digest == slice.digest => scan,
            Verdict::Document(_) | Verdict::Skipped(_) => {
                return Err(SourceError::Changed {
                    path: slice.path.clone(),
                });
            }
        };
        let mut passages = Vec::new();
        let overlaps = |segment: &&Segment| segment.start < slice.end && slice.start < segment.end;
        for segment in scan.segments.iter().filter(overlaps) {
            let decoded = self.segment(&slice.path, &scan, segment)?;
            let parsed = parse::parse(scan.format, decoded.text(), &segment.context);
            for rendering in &parsed.renderings {
                passages.extend(passages_of(&slice.path, &decoded, rendering));
            }
        }
        passages.retain(|passage| (slice.start..slice.end).contains(&passage.start));
        Ok(passages)
    }

    fn bytes(&self, path: &str, start: u64, bytes_max: u64) -> Result<Vec<u8>, SourceError> {
        let (mut file, _) = self.roots.open_file(path)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.take(bytes_max).read_to_end(&mut bytes))
            .map_err(|error| refusal(path, &error))?;
        Ok(bytes)
    }

    /// Quotations below 8 characters (4 in scripts without spaces) or above 2000 are not looked for.
    fn locate(&self, path: &str, quote: &str) -> Result<Option<LocatedQuote>, SourceError> {
        let Verdict::Document(scan) = self.judge(path)? else {
            return Ok(None);
        };
        let Some(wanted) = Quotation::new(quote) else {
            return Ok(None);
        };
        match self.locate_bytes(path, &scan, &wanted)? {
            Some(found) => Ok(Some(found)),
            None => self.locate_words(path, &scan, &wanted),
        }
    }

    fn resolve(&self, path: &str) -> Result<String, SourceError> {
        if self.roots.open_file(path).is_ok() {
            return Ok(path.to_owned());
        }
        let names = self.names()?;
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(name::resolve(&known, path).unwrap_or(path).to_owned())
    }
}

fn passages_of(path: &str, decoded: &Decoded, rendering: &Rendering) -> Vec<Passage> {
    let passage = |(text, range): (&str, Range)| {
        let Place { start, end } = place(decoded, range);
        Passage {
            path: path.to_owned(),
            start,
            end,
            text: text.to_owned(),
            heading: rendering.heading.as_deref().map(str::to_owned),
        }
    };
    rendering.pieces().into_iter().map(passage).collect()
}

fn place(decoded: &Decoded, (start, end): Range) -> Place {
    Place {
        start: decoded.start(start),
        end: decoded.end(end),
    }
}

/// The maps hold whole values only, so a panic elsewhere cannot have left them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
