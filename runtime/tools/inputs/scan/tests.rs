//! A scan knows headings, and says why a file is no document.

use super::*;

#[test]
fn segments_know_the_heading_above_them() {
    let text = format!(
        "# One\n\n{}# Two\n\n{}",
        "Some words here.\n\n".repeat(100),
        "Other words.\n\n".repeat(200)
    );
    let Verdict::Document(scan) = scan("a.md", text.as_bytes(), 1024) else {
        panic!("this is a document");
    };
    let headings: Vec<&str> = scan
        .segments
        .iter()
        .map(|segment| segment.context.heading.as_deref().unwrap_or(""))
        .collect();
    assert_eq!((headings[0], headings[1]), ("", "One"));
    assert_eq!(headings.last(), Some(&"Two"));
    assert_eq!(
        scan.document("a.md".to_owned()).cuts.len() + 1,
        scan.segments.len()
    );
}

/// A reader was given a part of a page that held nothing but a picture, and a model was asked about nothing.
#[test]
fn no_part_is_without_text() {
    let blob = format!("{{\"data\": \"{}\",\n", "QUJD".repeat(2_000));
    let text = format!(
        "{blob}\"text\": \"Ants find food by trails.\",\n{blob}\"more\": \"They walk home again then.\"}}"
    );
    let Verdict::Document(scan) = scan("a.json", text.as_bytes(), 1024) else {
        panic!("this is a document");
    };
    let texts = scan
        .segments
        .iter()
        .filter(|segment| segment.found == Found::Text)
        .count();
    assert!(texts < scan.segments.len());
    assert_eq!(scan.document("a.json".to_owned()).cuts.len() + 1, texts);
}

#[test]
fn a_file_in_which_nothing_is_read_is_empty() {
    for (path, text) in [
        (
            "a.html",
            "<html><head><title>Ants</title></head><body><script>go()</script></body></html>",
        ),
        ("a.md", "![picture](ants.png)\n\n---\n"),
        ("a.json", "{}"),
        ("a.txt", "--- === ---\n"),
        ("a.csv", ",,,\n"),
    ] {
        let verdict = scan(path, text.as_bytes(), 1024);
        assert!(matches!(verdict, Verdict::Skipped(SkipReason::Empty)), "{path}");
    }
}

#[test]
fn a_source_file_without_a_comment_is_read_as_it_stands() {
    let Verdict::Document(scan) = scan(
        "a.js",
        b"export const how = \"Ants find food by trails.\";\n",
        1024,
    ) else {
        panic!("this is a document");
    };
    assert_eq!(scan.format, Format::Listing);
}

#[test]
fn files_that_are_no_documents_say_why() {
    let verdict = scan("a.png", b"\x89PNG\r\n\x1a\n\0\0", 1024);
    assert!(matches!(verdict, Verdict::Skipped(SkipReason::Binary)));
}
