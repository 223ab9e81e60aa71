//! Documents are cut between passages, and nothing is lost or doubled.

use anthill_contracts::brief::SkipReason;

use super::*;

fn check(path: &str, text: &str, chunk: usize) -> Vec<Range> {
    let pieces = segments(Format::of(path, text.as_bytes()), text, chunk);
    let ranges: Vec<Range> = pieces.into_iter().map(|piece| piece.range).collect();
    let mut end = 0;
    for range in &ranges {
        assert!(end <= range.0 && range.0 < range.1, "{path}: {ranges:?}");
        assert!(range.1 - range.0 <= chunk + chunk / 4, "{path}: {ranges:?}");
        end = range.1;
    }
    assert!(end <= text.len());
    ranges
}

#[test]
fn short_files_stay_whole() {
    assert_eq!(check("a.txt", &"a".repeat(1280), 1024), [(0, 1280)]);
}

#[test]
fn text_is_cut_between_paragraphs() {
    let paragraph = format!("{}\n\n", "Ants walk. ".repeat(20));
    let text = paragraph.repeat(40);
    for (start, _) in check("a.txt", &text, 1024) {
        assert_eq!(start % paragraph.len(), 0);
    }
}

#[test]
fn one_huge_line_is_cut_between_words_or_letters() {
    let words = "ant ".repeat(5_000);
    for (start, _) in check("a.txt", &words, 1024) {
        assert_eq!(start % 4, 0);
    }
    let letters = "\u{20ac}".repeat(5_000);
    for (start, _) in check("a.txt", &letters, 1024) {
        assert!(letters.is_char_boundary(start));
    }
}

/// A listing that was longer than a segment lay between two of them, and nobody read it.
#[test]
fn a_long_listing_is_cut_between_its_lines_and_what_follows_knows_the_fence() {
    let markdown = format!("Before.\n\n```\n{}```\n\nAfter.\n", "code();\n".repeat(1_000));
    let pieces = segments(Format::Markdown, &markdown, 1024);
    assert_eq!(pieces.last().map(|piece| piece.range.1), Some(markdown.len()));
    let fences = pieces
        .iter()
        .filter(|piece| piece.inside == Some(Inside::Listing("```".into())));
    assert_eq!(fences.count(), pieces.len() - 1);
    check("a.md", &markdown, 1024);
}

#[test]
fn long_scripts_lie_between_segments() {
    let html = format!(
        "<p>Before</p><script>{}</script><p>After</p>",
        "if (a < b) { '<p>' }\n".repeat(1_000)
    );
    let ranges = check("a.html", &html, 1024);
    let kept: String = ranges.iter().map(|(start, end)| &html[*start..*end]).collect();
    assert_eq!(kept, "<p>Before</p><p>After</p>");
}

/// A page that was one script had no segment at all, and the scan took the last of none.
#[test]
fn a_page_of_one_script_has_no_segment() {
    let html = format!("<script>{}", "if (a < b) {}\n".repeat(1_000));
    assert_eq!(check("a.html", &html, 1024), []);
    let verdict = crate::inputs::scan::scan("a.html", html.as_bytes(), 1024);
    assert!(matches!(
        verdict,
        crate::inputs::scan::Verdict::Skipped(SkipReason::Empty)
    ));
}

#[test]
fn a_tag_is_never_cut() {
    let image = format!("<p>One <img src='{}'> two</p>", "x y ".repeat(1_000));
    let html = image.repeat(10);
    for (start, _) in check("a.html", &html, 1024) {
        assert!(html[start..].starts_with("<p>") || html[start..].starts_with(" two"));
    }
}

#[test]
fn html_is_cut_before_blocks() {
    let html = "<div><p>Some <b>bold</b> words &amp; more of them.</p></div>".repeat(400);
    for (start, _) in check("a.html", &html, 1024) {
        assert!(html[start..].starts_with("<div>") || html[start..].starts_with("<p>"));
    }
}
