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

#[test]
fn files_that_are_no_documents_say_why() {
    let verdict = scan("a.png", b"\x89PNG\r\n\x1a\n\0\0", 1024);
    assert!(matches!(verdict, Verdict::Skipped(SkipReason::Binary)));
}
