//! Any text whatever: the readers and the finder do not panic, name places that are there, and their work is bounded by
//! the length of the text.
//!
//! `cargo test` runs a moment on random bytes and on the corpus beside this file; `tests/README.md` says how to run them
//! guided by coverage.

use crate::inputs::reading;

/// Work for each byte of a text that is read.
const WORK_PER_BYTE_MAX: u64 = 64;

/// Work for each byte of a text that is searched.
const SEARCH_PER_BYTE_MAX: u64 = 160;

/// Work that even an empty text may take.
const WORK_BASE: u64 = 4096;

fn check_reading(name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = reading::passages(name, &text);
    let length = text.len() as u64;
    assert!(
        read.work <= WORK_PER_BYTE_MAX * length + WORK_BASE,
        "{} steps for {length} bytes",
        read.work
    );
    for stretch in &read.value {
        assert!(
            text.get(stretch.start..stretch.end).is_some(),
            "{stretch:?} is no stretch of the text"
        );
    }
}

#[test]
fn html() {
    bolero::check!().for_each(|bytes: &[u8]| check_reading("a.html", bytes));
}

#[test]
fn markdown() {
    bolero::check!().for_each(|bytes: &[u8]| check_reading("a.md", bytes));
}

/// The first byte says how much of the rest is the quotation; the others are the document.
#[test]
fn quotations() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some((first, rest)) = bytes.split_first() else {
            return;
        };
        let middle = rest.len() * usize::from(*first) / 512;
        let (quote, text) = rest.split_at(middle);
        let (quote, text) = (String::from_utf8_lossy(quote), String::from_utf8_lossy(text));
        for name in ["a.txt", "a.html"] {
            let found = reading::locate(name, &text, &quote);
            let length = (text.len() + quote.len()) as u64;
            assert!(
                found.work <= SEARCH_PER_BYTE_MAX * length + WORK_BASE,
                "{} steps for {length} bytes",
                found.work
            );
            if let Some((start, end)) = found.value {
                let there = text.get(start..end).expect("the place is in the text");
                assert!(
                    reading::locate(name, there, &quote).value.is_some() || name == "a.html",
                    "{there:?} does not say {quote:?}"
                );
            }
        }
    });
}
