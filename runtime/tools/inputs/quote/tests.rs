//! Quotations are found through line breaks, markup and entities.

use super::*;
use crate::inputs::format::Format;
use crate::inputs::parse::{Context, parse};

/// Looks for `quote` in a document and compares the document's own words there.
fn check(path: &str, text: &str, quote: &str, expected: Option<&str>) {
    let parsed = parse(Format::of(path, text.as_bytes()), text, &Context::default());
    let found = Quotation::new(quote).and_then(|wanted| {
        let words = Searched::new(&parsed.renderings).find(&wanted).0;
        words.or_else(|| find_in_raw(text, &wanted).0)
    });
    assert_eq!(found.map(|(start, end)| &text[start..end]), expected, "{quote}");
}

#[test]
fn line_breaks_and_markup_are_seen_through() {
    check(
        "a.md",
        "Ants follow\n  the **strong** trail.",
        "follow the strong trail",
        Some("follow\n  the **strong** trail"),
    );
    check(
        "a.md",
        "The **strong** trail wins.",
        "strong trail wins",
        Some("**strong** trail wins"),
    );
    check(
        "a.md",
        "See [the guide](http://x) now.",
        "See the guide",
        Some("See [the guide](http://x)"),
    );
    check(
        "a.html",
        "<p>Food &amp; <i>water</i> are near</p>",
        "Food & water are",
        Some("Food &amp; <i>water</i> are"),
    );
}

#[test]
fn typographic_signs_are_folded_on_both_sides() {
    check(
        "a.txt",
        "It\u{2019}s a \u{201c}short\u{201d} way\u{2014}really\u{2026}",
        "It's a \"short\" way-really...",
        Some("It\u{2019}s a \u{201c}short\u{201d} way\u{2014}really\u{2026}"),
    );
    check(
        "a.txt",
        "the col\u{ad}ony's nest",
        "the colony\u{2019}s\u{a0}nest",
        Some("the col\u{ad}ony's nest"),
    );
}

#[test]
fn quotations_with_markup_in_them_are_found_too() {
    check(
        "a.md",
        "Ants follow\nthe **strong** trail.",
        "follow the **strong** trail",
        Some("follow\nthe **strong** trail"),
    );
}

/// A passage that ended with an invisible sign was looked for with the space before it, and the place held it.
#[test]
fn invisible_signs_at_the_end_leave_no_white_space() {
    check("a.txt", "// comment\n\u{feff}", "comment of \u{feff}", None);
    check(
        "a.txt",
        "// comment\n\u{feff}",
        "// comment\u{a0}\u{feff}",
        Some("// comment"),
    );
}

#[test]
fn other_words_are_not_found() {
    check(
        "a.txt",
        "Ants follow the strong trail.",
        "Ants follow the weak trail",
        None,
    );
    check(
        "a.txt",
        "Ants follow the strong trail.",
        "ants follow the strong trail",
        None,
    );
}

#[test]
fn too_short_and_too_long_quotations_are_not_looked_for() {
    assert!(Quotation::new("  eight888  ").is_some());
    assert!(Quotation::new("  seven77  ").is_none());
    assert!(Quotation::new(&"a".repeat(2000)).is_some());
    assert!(Quotation::new(&"a".repeat(2001)).is_none());
    assert!(Quotation::new("--- ... --- !!").is_none());
}
