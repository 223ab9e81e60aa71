//! Every kind of document gives its prose, and nothing but its prose.

use super::*;
use crate::inputs::format::Format;

/// The passages of a document as (heading, text), one per line.
fn check(path: &str, text: &str, expected: &[(&str, &str)]) {
    let parsed = parse(Format::of(path, text.as_bytes()), text, &Context::default());
    let found: Vec<(&str, &str)> = parsed
        .renderings
        .iter()
        .map(|rendering| {
            (
                rendering.heading.as_deref().unwrap_or(""),
                rendering.text.as_str(),
            )
        })
        .collect();
    assert_eq!(found, expected, "{path}: {text}");
}

#[test]
fn markdown_gives_paragraphs_items_quotes_and_cells() {
    check(
        "a.md",
        "# The *nest*\r\n\r\nFirst **bold** line\r\nand [a link](http://x).\r\n\r\n- one\n- two\n  more\n\n> said\n\n| a | b |\n|---|---|\n| c1 | c2 |\n",
        &[
            ("The nest", "First bold line and a link."),
            ("The nest", "one"),
            ("The nest", "two more"),
            ("The nest", "said"),
            ("The nest", "a"),
            ("The nest", "b"),
            ("The nest", "c1"),
            ("The nest", "c2"),
        ],
    );
}

#[test]
fn markdown_leaves_out_code_html_images_and_front_matter() {
    check(
        "a.md",
        "---\ntitle: secret words\n---\n\nKept `code` &amp; \\*kept\\*.\n\n```rust\nlet hidden = 1;\n```\n\n    indented code\n\n<div>raw</div>\n\nSee ![an image](x.png) here.\n",
        &[("", "Kept code & *kept*."), ("", "See here.")],
    );
}

#[test]
fn html_gives_blocks_and_leaves_out_what_is_not_for_readers() {
    check(
        "a.html",
        "<!DOCTYPE html><html><head><title>T</title><style>p {}</style></head><body><nav><div>menu</div></nav>\
         <h1>Ants &amp; trails</h1><p>Caf&eacute; &lt;b&gt; R&D <b>bold</b>word<br>next</p><script>if (a<b) {}</script>\
         <ul><li>one<li>two</ul><!-- no --><p>in<!-- no -->side</p><pre>code</pre>tail</body></html>",
        &[
            ("Ants & trails", "Caf\u{e9} <b> R&D boldword next"),
            ("Ants & trails", "one"),
            ("Ants & trails", "two"),
            ("Ants & trails", "inside"),
            ("Ants & trails", "tail"),
        ],
    );
}

#[test]
fn html_that_is_never_closed_still_reads() {
    check(
        "a.html",
        "<head><title>t</title><body><p>one <b>two<p>three <a href='x",
        &[("", "one two"), ("", "three")],
    );
    check(
        "a.html",
        "<p>visible</p><script>never closed <p>no</p>",
        &[("", "visible")],
    );
    check(
        "a.html",
        "5 < 6 & 7 &unknown; &#x41;&#66; &ampx",
        &[("", "5 < 6 & 7 &unknown; AB &x")],
    );
}

#[test]
fn html_elements_that_close_themselves_hide_nothing() {
    check(
        "a.html",
        "<p>one</p><svg/><p>two</p><svg><svg/>x</svg><p>three</p>",
        &[("", "one"), ("", "two"), ("", "three")],
    );
}

#[test]
fn source_files_give_their_comments() {
    check(
        "a.rs",
        "//! # The crate\n//! It walks\n//! far.\n\nuse x;\n/// Adds.\n///\n/// ```\n/// hidden();\n/// ```\nfn a() { let s = \"// no\"; } // not at the start\n/*\n * A block\n * of two.\n */\n",
        &[
            ("The crate", "It walks far."),
            ("The crate", "Adds."),
            ("The crate", "A block of two."),
        ],
    );
    check(
        "a.py",
        "#!/usr/bin/env python\n# A remark\n# in two lines.\n\"\"\"Module text.\n\nSecond paragraph.\"\"\"\nx = \"\"\"\nno documentation\n\"\"\"\ndef f():\n    r'''One line.'''\n    # - an item\n    # - another\n",
        &[
            ("", "A remark in two lines."),
            ("", "Module text."),
            ("", "Second paragraph."),
            ("", "One line."),
            ("", "an item"),
            ("", "another"),
        ],
    );
    check(
        "a.sql",
        "-- Rows that\n-- last.\nselect 1; -- no\n",
        &[("", "Rows that last.")],
    );
    check(
        "a.el",
        ";;; Commentary:\n;; Walks.\n",
        &[("", "Commentary: Walks.")],
    );
}

#[test]
fn plain_text_gives_paragraphs_items_and_titles() {
    check(
        "a.txt",
        "=====\nTrails\n=====\n\nFirst line\nsecond line.\r\n\r\n- one\n- two\n  goes on\n\nNext\n----\nLast words",
        &[
            ("Trails", "First line second line."),
            ("Trails", "one"),
            ("Trails", "two goes on"),
            ("Next", "Last words"),
        ],
    );
}

#[test]
fn a_segment_inherits_heading_and_open_comment() {
    let format = Format::of("a.rs", b"");
    let first = parse(format, "//! # Title\n/* open\n", &Context::default());
    let second = parse(format, "still comment */\ncode();\n", &first.context);
    assert_eq!(second.renderings[0].text, "still comment");
    assert_eq!(second.renderings[0].heading.as_deref(), Some("Title"));
    assert_eq!(second.context.inside, None);
}
