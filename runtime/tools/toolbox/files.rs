//! `list_files` and `read_file`: looking around in the inputs and reading them as they are.

use anthill_contracts::brief::{Encoding, Passage};
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Document, DocumentKind};
use anthill_contracts::tool::ToolOutput;
use anthill_text::{encoding, name};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Work;
use super::output::{Capped, Room};
use super::views::View;

/// Most bytes of a file that one call returns.
pub const READ_BYTES_MAX: u64 = 16 * 1024;

/// Arguments of `list_files`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFiles {
    /// Only paths that begin with this; empty for all.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    prefix: String,
    /// Only paths that come after this one in alphabetical order, to go on with a list that was cut.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    after: String,
}

impl Work for ListFiles {
    const NAME: &'static str = "list_files";
    const DESCRIPTION: &'static str = "Lists the documents that this job may read, with kind and length in bytes, \
        and the files that cannot be read, with the reason.";

    fn work(self, view: &View) -> Result<ToolOutput, String> {
        let listing = view.listing().map_err(|error| error.to_string())?;
        let wanted = |path: &str| path.starts_with(&self.prefix) && path > self.after.as_str();
        let mut output = Capped::default();
        let mut last_shown = "";
        let mut found = 0;
        for document in listing.documents.iter().filter(|document| wanted(&document.path)) {
            found += 1;
            let line = format!(
                "{} ({}, {} bytes)\n",
                name::shown(&document.path),
                kind_word(document.kind),
                document.bytes
            );
            if output.push(&line) == Room::Shown {
                last_shown = &document.path;
            }
        }
        if found == 0 {
            output.push("no document\n");
        }
        for skipped in listing.skipped.iter().filter(|skipped| wanted(&skipped.path)) {
            output.push(&format!(
                "not readable: {} ({})\n",
                name::shown(&skipped.path),
                skipped.reason.words()
            ));
        }
        Ok(output.finish(&format!("go on with after=\"{last_shown}\", or give a prefix")))
    }
}

const fn kind_word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Markdown => "markdown",
        DocumentKind::Html => "html",
        DocumentKind::Source => "source",
        DocumentKind::Text => "text",
    }
}

/// Arguments of `read_file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    /// Path of the document, as `list_files` and `search` give it.
    #[schemars(length(min = 1, max = 4096))]
    path: String,
    /// First byte to read.
    #[serde(default)]
    start: u64,
    /// How many bytes to read; at most 16384 are returned.
    #[serde(default = "bytes_default")]
    #[schemars(range(min = 1))]
    bytes: u64,
}

const fn bytes_default() -> u64 {
    8 * 1024
}

impl Work for ReadFile {
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = "Reads a range of bytes of one document as it lies on disk, with its markup. \
        Quotations must be copied from what this or `search` returns.";

    fn work(self, view: &View) -> Result<ToolOutput, String> {
        let document = view.document(&self.path)?;
        let path = name::shown(&document.path);
        if self.start >= document.bytes {
            return Err(format!(
                "`{path}` has only {} bytes; `start` must be below",
                document.bytes
            ));
        }
        let wanted = self.bytes.min(READ_BYTES_MAX);
        let bytes = view
            .sources()
            .bytes(&document.path, self.start, wanted)
            .map_err(|error| error.to_string())?;
        let shown = decode(&bytes, self.start, document.encoding)
            .ok_or_else(|| format!("`{path}` has changed since the job listed it"))?;
        let passages = passages(view, &document, &shown)?;
        Ok(self.show(&document, &shown, passages))
    }
}

impl ReadFile {
    fn show(&self, document: &Document, shown: &Shown, passages: Vec<Passage>) -> ToolOutput {
        let (start, end, all) = (shown.start, shown.end, document.bytes);
        let mut text = format!(
            "{}, bytes {start} to {end} of {all}:\n{}\n",
            name::shown(&document.path),
            shown.text
        );
        if end < all {
            let rest = format!(
                "[cut: {} of {all} bytes shown; go on with start={end}]\n",
                end - start
            );
            text.push_str(&rest);
        }
        ToolOutput {
            ok: true,
            text,
            truncated: self.bytes > READ_BYTES_MAX && end < all,
            passages,
        }
    }
}

/// A range of a file as text, narrowed so that it cuts no letter.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    start: u64,
    end: u64,
}

fn decode(bytes: &[u8], start: u64, encoding: Encoding) -> Option<Shown> {
    if encoding != Encoding::Utf8 {
        return decode_other(bytes, start, encoding);
    }
    let is_tail = |byte: &u8| byte & 0xc0 == 0x80;
    let skipped = bytes.iter().take(3).take_while(|byte| is_tail(byte)).count();
    let whole = &bytes[skipped..];
    let text = match std::str::from_utf8(whole) {
        Ok(text) => text,
        // A letter that begins at the end and is cut is left to the next call.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&whole[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let start = start + skipped as u64;
    Some(Shown {
        text: text.to_owned(),
        start,
        end: start + text.len() as u64,
    })
}

/// Longest character of any encoding, in bytes.
const CHARACTER_BYTES_MAX: usize = 4;

/// The same for encodings in which a character does not tell where it begins: without the fewest bytes at both ends
/// that leave text. Offsets that were returned before are borders of characters, so nothing is cut at the start of
/// those.
fn decode_other(bytes: &[u8], start: u64, encoding: Encoding) -> Option<Shown> {
    let cuts =
        (0..CHARACTER_BYTES_MAX).flat_map(|head| (0..CHARACTER_BYTES_MAX).map(move |tail| (head, tail)));
    for (head, tail) in cuts {
        let whole = bytes.get(head..bytes.len().checked_sub(tail)?)?;
        if let Some(text) = encoding::decode(whole, encoding) {
            let start = start + head as u64;
            return Some(Shown {
                text,
                start,
                end: start + whole.len() as u64,
            });
        }
    }
    None
}

/// The passages that stand entirely in what is shown.
fn passages(view: &View, document: &Document, shown: &Shown) -> Result<Vec<Passage>, String> {
    let slice = DocumentSlice {
        path: document.path.clone(),
        digest: document.digest,
        start: shown.start,
        end: shown.end,
    };
    let mut passages = view.sources().read(&slice).map_err(|error| error.to_string())?;
    passages.retain(|passage| passage.end <= shown.end);
    Ok(passages)
}

#[cfg(test)]
mod tests;
