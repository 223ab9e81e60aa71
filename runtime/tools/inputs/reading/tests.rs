//! The readers by themselves do what they do for files.

use super::*;

#[test]
fn passages_and_quotations_lead_back_to_the_text() {
    let text = "# Food\n\nAnts follow **trails** of phero-\nmone.\n";
    let read = passages("a.md", text);
    assert_eq!(read.value.len(), 1);
    assert_eq!(
        &text[read.value[0].start..read.value[0].end],
        "Ants follow **trails** of phero-\nmone."
    );
    let found = locate("a.md", text, "trails of pheromone")
        .value
        .expect("it stands there");
    assert_eq!(&text[found.0..found.1], "**trails** of phero-\nmone");
    assert_eq!(locate("a.md", text, "trails of pheromones").value, None);
    assert_eq!(locate("a.md", text, "short").work, 0);
}

#[test]
fn work_grows_with_the_text() {
    let work = |name: &str, part: &str, times: usize| passages(name, &part.repeat(times)).work;
    for (name, part) in [
        ("a.md", "> "),
        ("a.md", "- x\n "),
        ("a.md", "<div>\n\n"),
        ("a.md", "```\n"),
        ("a.md", "**a"),
        ("a.md", "[a]("),
        ("a.md", "| a "),
        ("a.html", "<p>x"),
        ("a.json", "[\"a\","),
        ("a.json", "\"\\u"),
        ("a.yaml", "- - a: b\n"),
        ("a.csv", "\"\","),
        ("a.srt", "<<<"),
        ("a.txt", "a\n"),
    ] {
        let (once, twice) = (work(name, part, 4_000), work(name, part, 8_000));
        assert!(twice * 2 <= once * 5, "{name} {part:?}: {once}, then {twice}");
    }
}
