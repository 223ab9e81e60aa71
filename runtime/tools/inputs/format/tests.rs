//! A file's kind follows from its name, and from its content where that says nothing.

use super::*;

fn check(path: &str, head: &str, expected: DocumentKind) {
    assert_eq!(
        Format::of(path, head.as_bytes()).kind(),
        expected,
        "{path} with {head:?}"
    );
}

#[test]
fn the_name_decides_and_content_fills_in() {
    check("a/README.md", "<p align=center>", DocumentKind::Markdown);
    check("INDEX.HTM", "", DocumentKind::Html);
    check("src/lib.rs", "", DocumentKind::Source);
    check("deep/Makefile", "", DocumentKind::Source);
    check("notes.txt", "<!DOCTYPE html>", DocumentKind::Text);
    check("page", "\n <!doctype HTML><p>", DocumentKind::Html);
    check("run", "#!/bin/sh\n", DocumentKind::Source);
    check("LICENSE", "Apache License", DocumentKind::Text);
    check("ends.with.dot.", "x", DocumentKind::Text);
}
