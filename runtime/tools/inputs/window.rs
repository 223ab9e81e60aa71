//! Bytes in a file of any length, searched in windows that overlap.

use std::fs::File;
use std::io::{self, Read as _};

/// How much of a file is searched at once.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;

/// How much is seen of what stands around a match, in bytes; no character is longer.
const AROUND_BYTES: usize = 4;

/// Most matches that are looked at and refused.
const REFUSED_MAX: usize = 100_000;

/// The offset of the first occurrence of some bytes that is taken by `takes`, which is shown what stands right before
/// and right behind it.
pub(super) fn find(
    mut file: File,
    needle: &[u8],
    takes: &dyn Fn(&[u8], &[u8]) -> bool,
) -> io::Result<Option<u64>> {
    let finder = memchr::memmem::Finder::new(needle);
    let mut window: Vec<u8> = Vec::with_capacity(WINDOW_BYTES + needle.len());
    let mut base = 0;
    let mut from = 0;
    let mut refused = 0;
    loop {
        let read = file.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        let is_last = read == 0;
        while let Some(at) = window
            .get(from..)
            .and_then(|rest| finder.find(rest))
            .map(|at| from + at)
        {
            let end = at + needle.len();
            if window.len() - end < AROUND_BYTES && !is_last {
                break;
            }
            let before = &window[at.saturating_sub(AROUND_BYTES)..at];
            let after = &window[end..window.len().min(end + AROUND_BYTES)];
            if takes(before, after) {
                return Ok(Some(base + at as u64));
            }
            from = at + 1;
            refused += 1;
            if refused > REFUSED_MAX {
                return Ok(None);
            }
        }
        if is_last {
            return Ok(None);
        }
        // What may begin a match, and what stands before it, is seen again.
        let kept = needle.len() + 2 * AROUND_BYTES;
        let done = window.len().saturating_sub(kept);
        window.drain(..done);
        from = from.saturating_sub(done);
        base += done as u64;
    }
}
