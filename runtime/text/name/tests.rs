//! A file is found by what it is called, in whatever form.

use super::*;

const KNOWN: &[&str] = &[
    "U\u{308}berblick.md",
    "notes/a.md",
    "notes/b.md",
    "Read Me.TXT",
    " led.md",
    "led.md",
    "two\nlines.md",
    "case.md",
    "Case.md",
];

fn check(given: &str, expected: Option<&str>) {
    assert_eq!(resolve(KNOWN, given), expected, "{given:?}");
}

#[test]
fn other_forms_of_a_name_lead_to_it() {
    check("\u{dc}berblick.md", Some("U\u{308}berblick.md"));
    check("\u{fc}BERBLICK.MD", Some("U\u{308}berblick.md"));
    check("./notes/a.md", Some("notes/a.md"));
    check("`notes/a.md`", Some("notes/a.md"));
    check("\"./notes/a.md\"", Some("notes/a.md"));
    check("notes\\b.md", Some("notes/b.md"));
    check("/notes/b.md", Some("notes/b.md"));
    check("read me.txt", Some("Read Me.TXT"));
    check("two\\nlines.md", Some("two\nlines.md"));
    check("\"two\\nlines.md\"", Some("two\nlines.md"));
}

#[test]
fn the_nearest_form_wins_and_two_are_none() {
    check(" led.md", Some(" led.md"));
    check("led.md", Some("led.md"));
    check("case.md", Some("case.md"));
    check("CASE.md", None);
    check("a.md", None);
    check("../notes/a.md", None);
    check("", None);
}

#[test]
fn names_that_nobody_could_see_are_shown_in_quotation_marks() {
    assert_eq!(shown("plain name.md"), "plain name.md");
    assert_eq!(shown(" led.md"), "\" led.md\"");
    for name in KNOWN {
        assert_eq!(resolve(KNOWN, &shown(name)), Some(*name));
    }
}
