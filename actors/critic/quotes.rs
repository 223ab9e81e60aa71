//! Whether a quotation stands at its place: the file's bytes against the quoted text.

use anthill_contracts::brief::{Encoding, Place};
use anthill_contracts::sources::{SourceError, Sources};
use anthill_contracts::task::ReasonCode;
use anthill_text::encoding;

use crate::compose::QUOTE_BYTES_MAX;

/// A quotation with the place it claims.
pub(super) struct Claimed<'a> {
    pub(super) path: &'a str,
    pub(super) place: Place,
    pub(super) quote: &'a str,
}

/// Nothing where the quotation stands in one of these encodings; else what is wrong.
pub(super) fn flaw(
    claimed: &Claimed<'_>,
    encodings: &[Encoding],
    sources: &dyn Sources,
) -> Option<(ReasonCode, String)> {
    let Claimed {
        path,
        place: Place { start, end },
        quote,
    } = *claimed;
    if !is_inside(path) {
        return Some((
            ReasonCode::QuoteNotFound,
            format!("the path `{path}` leads outside the job's inputs"),
        ));
    }
    let Some(length) = end.checked_sub(start).filter(|length| *length > 0) else {
        return Some((
            ReasonCode::QuoteNotFound,
            format!("bytes {start} to {end} of `{path}` are no range"),
        ));
    };
    if length > QUOTE_BYTES_MAX as u64 {
        let detail =
            format!("the quotation from `{path}` has {length} bytes; at most {QUOTE_BYTES_MAX} are allowed");
        return Some((ReasonCode::TooLong, detail));
    }
    match sources.bytes(path, start, length) {
        Ok(bytes) => {
            let is_whole = bytes.len() as u64 == length;
            let stands = is_whole && encoding::says(&bytes, quote, encodings);
            (!stands).then(|| {
                let detail = format!("bytes {start} to {end} of `{path}` are not the quoted text");
                (ReasonCode::QuoteNotFound, detail)
            })
        }
        Err(error @ (SourceError::Changed { .. } | SourceError::Unreadable { .. })) => {
            Some((ReasonCode::InputChanged, error.to_string()))
        }
        Err(error @ SourceError::DescriptorsExhausted { .. }) => {
            Some((ReasonCode::DescriptorsExhausted, error.to_string()))
        }
        Err(error) => Some((ReasonCode::QuoteNotFound, error.to_string())),
    }
}

/// Whether a path is one below the inputs: relative, without a step up, and not empty. The port refuses the rest
/// too; a check that relies on it alone would say nothing about an artifact.
pub(super) fn is_inside(path: &str) -> bool {
    let steps_up = path.split(['/', '\\']).any(|part| part == "..");
    !path.is_empty() && !path.starts_with(['/', '\\']) && !path.contains('\0') && !steps_up
}
