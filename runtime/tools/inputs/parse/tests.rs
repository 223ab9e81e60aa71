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
fn markdown_reads_code_html_and_front_matter_and_leaves_out_images() {
    check(
        "a.md",
        "---\ntitle: secret words\n---\n\nKept `code` &amp; \\*kept\\*.\n\n```rust\nlet hidden = 1;\n```\n\n    indented code\n\n<div>raw</div>\n\nSee ![an image](x.png) here.\n",
        &[
            ("", "title: secret words"),
            ("", "Kept code & *kept*."),
            ("", "let hidden = 1;"),
            ("", "indented code"),
            ("", "raw"),
            ("", "See here."),
        ],
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
            ("Ants & trails", "code"),
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

#[test]
fn every_line_end_ends_lines() {
    let text = "Food\n====\n\nAnts find food.\n\nOther\n=====\n\n- A scout walks.\n- Nothing.\n";
    let expected: &[(&str, &str)] = &[
        ("Food", "Ants find food."),
        ("Other", "A scout walks."),
        ("Other", "Nothing."),
    ];
    for end in ["\n", "\r", "\r\n", "\r\r\n", "\u{85}", "\u{2028}"] {
        check("a.txt", &text.replace('\n', end), expected);
        check("a.md", &text.replace('\n', end), expected);
    }
    check(
        "a.rs",
        "// One remark.\rcode();\r// Another.\r",
        &[("", "One remark."), ("", "Another.")],
    );
    check("a.csv", "a,b\rc,d\r", &[("", "a, b"), ("", "c, d")]);
}

#[test]
fn reports_between_fences_are_read_as_markdown() {
    let report = "# Food\n\nAnts find **food**.\n\n## Scouts\n\n- They walk home.\n";
    let expected: &[(&str, &str)] = &[("Food", "Ants find food."), ("Scouts", "They walk home.")];
    for (before, after) in [
        ("```markdown\n", "```\n"),
        ("```md\n", "```"),
        ("\n```\n", "```\n\n"),
        ("~~~~ Markdown\n", "~~~~\n"),
        ("```markdown\n", ""),
        ("```\n", ""),
    ] {
        check("a.md", &format!("{before}{report}{after}"), expected);
    }
    check(
        "a.md",
        "```markdown\n# Food\n\n```sh\nls -l\n```\n\nAfter the listing.\n```\n",
        &[("Food", "ls -l"), ("Food", "After the listing.")],
    );
    check(
        "a.md",
        "Before.\n\n```\nlet a;\nlet b;\n```\n\n```rust\nnever closed();\n\nAfter it.\n",
        &[
            ("", "Before."),
            ("", "let a;\nlet b;"),
            ("", "never closed();"),
            ("", "After it."),
        ],
    );
}

#[test]
fn html_in_markdown_is_read() {
    check(
        "a.md",
        "# Food\n\n<details>\n<summary>How</summary>\nAnts follow <b>trails</b> &amp; find food.\n</details>\n\n\
         <div class=\"note\">A note.</div>\n\n> <p>In a\n> quote.</p>\n\n- <table><tr><td>x<td>y</table>\n\n\
         <!-- not\n\nread -->\n\n<details>\n\nMarkdown *inside*.\n\n</details>\n",
        &[
            ("Food", "How"),
            ("Food", "Ants follow trails & find food."),
            ("Food", "A note."),
            ("Food", "In a quote."),
            ("Food", "x"),
            ("Food", "y"),
            ("Food", "Markdown inside."),
        ],
    );
}

#[test]
fn json_gives_its_values_under_their_names() {
    check(
        "a.json",
        r#"{"id": 7, "user": "u1", "text": "Ants find food by trails.\nSee \u00e9t\u00e9 \ud83d\udc1c now.", "tags": ["a", "b"]}"#,
        &[
            ("", "id: 7,\nuser: u1,"),
            (
                "text",
                "Ants find food by trails. See \u{e9}t\u{e9} \u{1f41c} now.",
            ),
            ("", "tags: a, b"),
        ],
    );
    check(
        "a.jsonl",
        "{\"q\": \"How do ants find food?\"}\n{\"a\": \"They follow trails \\\"home\\\" again.\"}\n",
        &[
            ("q", "How do ants find food?"),
            ("a", "They follow trails \"home\" again."),
        ],
    );
    check(
        "a.ipynb",
        "{\"source\": [\"Ants walk on\\n\", \"trails that they smell.\"], \"image\": \"AAAA",
        &[
            ("source", "Ants walk on trails that they smell."),
            ("", "image: AAAA"),
        ],
    );
    check(
        "a.json",
        "// A remark on all of it.\n{broken: [1, 2",
        &[("", "A remark on all of it."), ("", "broken: 1, 2")],
    );
}

#[test]
fn settings_give_their_values_comments_and_texts() {
    check(
        "a.yaml",
        "# About the\n# colony.\nname: x\nport: 80 # no\nsay: \"Ants \\u00e9 find food\\tby trails\"\n- question: How do ants find food?\n  answer: >\n    Ants follow trails\n    of pheromone.\n\n    They smell them.\n  next: 'it''s'\n  long: Ants find\n    food by trails.\n",
        &[
            ("", "About the colony."),
            ("", "name: x\nport: 80"),
            ("say", "Ants \u{e9} find food by trails"),
            ("question", "How do ants find food?"),
            ("answer", "Ants follow trails of pheromone."),
            ("answer", "They smell them."),
            ("", "next: it's"),
            ("long", "Ants find food by trails."),
        ],
    );
    check(
        "a.toml",
        "[colony]\nsize = 3\nabout = \"\"\"\nAnts live in\nnests.\"\"\"\nwhy = 'They are safe in there.'\n",
        &[
            ("colony", "size: 3"),
            ("about", "Ants live in nests."),
            ("why", "They are safe in there."),
        ],
    );
    check(
        "a.ini",
        "; Remark.\n[one]\nkey = value\n",
        &[("", "Remark."), ("one", "key: value")],
    );
}

#[test]
fn tables_subtitles_and_logs_give_their_lines() {
    check(
        "a.csv",
        "id,text\n1,\"Ants find food, they say \"\"often\"\".\n\nAgain and again.\"\n2,short\n",
        &[
            ("", "id, text"),
            ("", "1,"),
            ("", "Ants find food, they say \"often\"."),
            ("", "Again and again."),
            ("", "2, short"),
        ],
    );
    check("a.tsv", "a\tb\nc\td e\n", &[("", "a, b"), ("", "c, d e")]);
    check(
        "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nAnts find food\n\n2\n00:00:03,000 --> 00:00:04,000\n<i>by trails.</i> Or not.\n\n3\n00:00:05,000 --> 00:00:06,000\nThe end\n",
        &[("", "Ants find food by trails. Or not."), ("", "The end")],
    );
    check(
        "a.log",
        "10:00 started\n  with more\n10:01 ended\n",
        &[("", "10:00 started with more"), ("", "10:01 ended")],
    );
}

#[test]
fn a_text_of_headings_alone_is_read() {
    check("a.md", "# Words\n", &[("", "Words")]);
    check("a.html", "<h1>Words</h1>", &[("", "Words")]);
}
