//! Documents in every form that people keep text in: what they see is read, and what was not read says why.

use anthill_contracts::brief::Encoding;
use anthill_kit::cli::{Finished, Workplace};
use anthill_text::encoding::{decode, encode};
use serde_json::Value;

use crate::cli::workplace;

const JOB: &str = "name = \"sea\"\ngoal = \"Why does the tide rise and fall?\"\nshape = \"map_reduce_verify\"\n\
                   [[inputs]]\npath = \"docs\"\n[knowledge]\nuse = false\n";

/// Two sentences that answer the goal.
const MOON: &str = "The tide rises because the moon pulls the water of the sea towards itself.";
const SUN: &str = "The tide falls again when the coast has turned away from the pull of the moon.";

/// A job over these files, with the built-in model.
fn place_of(files: &[(&str, &[u8])], goal: Option<&str>) -> Workplace {
    let place = workplace();
    for (path, bytes) in files {
        place.write(format!("docs/{path}"), bytes);
    }
    let job = goal.map_or_else(
        || JOB.to_owned(),
        |goal| JOB.replace("Why does the tide rise and fall?", goal),
    );
    place.write("job.toml", job);
    place
}

fn run(place: &Workplace) -> Finished {
    place.run(["run", "job.toml", "--data-dir", "data", "--out", "out", "--quiet"])
}

/// Plays a job over these files and checks that each citation stands in its file, byte for byte.
#[track_caller]
fn brief(files: &[(&str, &[u8])], goal: Option<&str>) -> Value {
    let place = place_of(files, goal);
    run(&place).ok();
    let brief: Value = serde_json::from_str(&place.read("out/brief.json")).expect("a brief is JSON");
    for citation in brief["citations"].as_array().into_iter().flatten() {
        let path = citation["path"].as_str().expect("a citation names its file");
        let bytes = std::fs::read(place.path(format!("docs/{path}"))).expect("the file is there");
        let at =
            |key: &str| usize::try_from(citation[key].as_u64().expect("a place")).expect("files are small");
        let encoding: Encoding =
            serde_json::from_value(citation["encoding"].clone()).expect("a known encoding");
        let there = decode(&bytes[at("start")..at("end")], encoding);
        assert_eq!(there.as_deref(), citation["quote"].as_str(), "{citation}");
    }
    brief
}

/// Each of these files is read and cited.
#[track_caller]
fn check_read(path: &str, text: &str) {
    check_bytes(path, text.as_bytes());
}

#[track_caller]
fn check_bytes(path: &str, bytes: &[u8]) {
    let brief = brief(&[(path, bytes)], None);
    let cited = brief["citations"].as_array().map_or(0, Vec::len);
    assert!(cited >= 2, "{path} is cited {cited} times: {brief:#}");
    assert_eq!(brief["unused"], serde_json::json!([]), "{path}");
}

/// All text of a page stood between `<pre>`, and the page was taken for empty.
#[test]
fn a_page_whose_text_stands_between_pre_is_read() {
    check_read(
        "mail.html",
        &format!(
            "<!DOCTYPE html><html><head><title>[sea]</title></head><body><h1>[sea] tides</h1><pre>\nDear all,\n\n{MOON}\n{SUN}\n\nyours\n</pre></body></html>"
        ),
    );
    check_read(
        "form.html",
        &format!("<form><textarea>{MOON}\n\n{SUN}</textarea></form>"),
    );
    check_read(
        "parts.html",
        &format!("<dl><dt>Moon<dd>{MOON}<dt>Coast<dd>{SUN}</dl>"),
    );
}

/// A report stood between fences that said it was Markdown, and was left out as a program.
#[test]
fn a_report_between_fences_is_read() {
    let report = format!("# Tides\n\n{MOON}\n\n## Coast\n\n{SUN}\n");
    check_read("report.md", &format!("```markdown\n{report}```\n"));
    check_read("never_closed.md", &format!("~~~md\n{report}"));
    check_read("bare.md", &format!("\n```\n{report}```"));
    check_read(
        "listing.md",
        &format!("# Notes\n\n```text\n{MOON}\n\n{SUN}\n```\n\nThe end.\n"),
    );
}

/// Of data only comments were looked at.
#[test]
fn data_is_read_as_text() {
    check_read(
        "export.json",
        &format!(
            "{{\"messages\": [{{\"from\": \"a\", \"text\": \"{MOON}\"}}, {{\"from\": \"b\", \"text\": \"{SUN}\"}}]}}"
        ),
    );
    check_read(
        "lines.jsonl",
        &format!("{{\"t\": \"{MOON}\"}}\n{{\"t\": \"{SUN}\"}}\n"),
    );
    check_read(
        "faq.yaml",
        &format!("- q: Why does it rise?\n  a: >\n    {MOON}\n    {SUN}\n"),
    );
    check_read(
        "faq.toml",
        &format!("[moon]\nwhy = \"{MOON}\"\n[coast]\nwhy = '''\n{SUN}\n'''\n"),
    );
    check_read("table.csv", &format!("id;text\n1;\"{MOON}\"\n2;{SUN}\n"));
    check_read(
        "feed.xml",
        &format!(
            "<?xml version=\"1.0\"?><rss><item><title>{MOON}</title><d><![CDATA[<p>{SUN}</p>]]></d></item></rss>"
        ),
    );
    check_read(
        "film.srt",
        &format!("1\n00:00:01,000 --> 00:00:02,000\n{MOON}\n\n2\n00:00:03,000 --> 00:00:04,000\n{SUN}\n"),
    );
    check_read("app.log", &format!("{MOON}\n{SUN}\n"));
    check_read("texts.js", &format!("export const moon = 1;\n{MOON}\n\n{SUN}\n"));
}

/// Blocks of HTML in Markdown were left out.
#[test]
fn html_in_markdown_is_read() {
    check_read(
        "details.md",
        &format!("# Tides\n\n<details>\n<summary>Why the tide moves</summary>\n{MOON}\n{SUN}\n</details>\n"),
    );
    check_read(
        "div.md",
        &format!("# Tides\n\n<div class=\"note\">{MOON}</div>\n\n<table><tr><td>{SUN}</td></tr></table>\n"),
    );
    check_read(
        "apart.md",
        &format!("<details>\n\n{MOON}\n\n<p>{SUN}</p>\n\n</details>\n"),
    );
}

/// A menu that was never closed hid the page.
#[test]
fn tags_that_are_never_closed_hide_nothing() {
    let article = format!("<main><h1>Tides</h1><p>{MOON}</p><p>{SUN}</p></main></body></html>");
    check_read(
        "nav.html",
        &format!("<html><body><nav><a href=x>Home</a>{article}"),
    );
    check_read("title.html", &format!("<html><head><title>Tides<body>{article}"));
    check_read("comment.html", &format!("<html><body><!-- old {article}"));
    check_read(
        "quote.html",
        &format!("<html><body><p title=\"old>{MOON}</p><p>{SUN}</p>"),
    );
    check_read("table.html", &format!("<html><body><table><tr>{article}"));
}

/// A text with the line ends of old computers was one block.
#[test]
fn old_line_ends_end_lines() {
    let text = format!("Moon\n====\n\n{MOON}\n\nCoast\n=====\n\n- {SUN}\n- Nothing.\n");
    for end in ["\r", "\r\n", "\u{85}", "\u{2028}"] {
        check_read("old.txt", &text.replace('\n', end));
        check_read("old.md", &text.replace('\n', end));
    }
}

#[test]
fn text_in_other_encodings_is_read_and_its_places_are_bytes() {
    let text = format!("\u{feff}{MOON}\n\n{SUN}\n");
    for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
        check_bytes(
            "wide.txt",
            &encode(&text, encoding).expect("UTF-16 has every letter"),
        );
    }
    let bare = text.trim_start_matches('\u{feff}');
    check_bytes(
        "bare.txt",
        &encode(bare, Encoding::Utf16Le).expect("UTF-16 has every letter"),
    );
    let quoted = format!("\u{201c}So it is.\u{201d} {bare}");
    check_bytes(
        "western.txt",
        &encode(&quoted, Encoding::Windows1252).expect("Windows has these signs"),
    );
}

/// A sentence of twenty characters was too short to be one, and a question without spaces was one word.
#[test]
fn sentences_of_scripts_without_spaces_are_read() {
    let chinese = "# 潮汐\n\n月亮的引力拉动海水，所以潮汐会上涨。\n\n海岸转离月亮以后，潮汐就会下降。\n";
    let japanese = "# 潮\n\n月の引力が海水を引くので潮が満ちます。\n\n海岸が月から離れると潮が引きます。\n";
    for (text, goal) in [
        (chinese, "潮汐为什么会上涨和下降？"),
        (japanese, "潮はなぜ満ちたり引いたりするのですか"),
    ] {
        for encoding in [Encoding::Utf8, Encoding::Utf16Le] {
            let marked = format!("\u{feff}{text}");
            let bytes = encode(&marked, encoding).expect("Unicode has every letter");
            let brief = brief(&[("tide.md", &bytes)], Some(goal));
            assert!(
                brief["citations"].as_array().is_some_and(|all| !all.is_empty()),
                "{goal}: {brief:#}"
            );
        }
    }
    let legacy = encode(chinese, Encoding::Gb18030).expect("it has these characters");
    let brief = brief(&[("tide.txt", &legacy)], Some("潮汐为什么会上涨和下降？"));
    assert_eq!(brief["citations"][0]["encoding"], "gb18030", "{brief:#}");
}

/// "Read, but not used" was said of files in which nothing had been read.
#[test]
fn a_file_without_text_is_not_read_and_says_so() {
    let brief = brief(
        &[
            ("tide.md", format!("{MOON}\n\n{SUN}\n").as_bytes()),
            (
                "other.md",
                b"Bread is baked from flour and water in a hot oven.\n",
            ),
            ("script.html", b"<html><script>run()</script></html>"),
            ("picture.md", b"![a picture](x.png)\n"),
            ("empty.json", b"{}"),
            ("mail.txt", b"\x1b$B%\"%j\x1b(B"),
        ],
        None,
    );
    assert_eq!(brief["unused"], serde_json::json!(["other.md"]));
    let skipped: Vec<(&str, &str)> = brief["skipped"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|file| Some((file["path"].as_str()?, file["reason"].as_str()?)))
        .collect();
    assert_eq!(
        skipped,
        [
            ("empty.json", "empty"),
            ("mail.txt", "unknown_encoding"),
            ("picture.md", "empty"),
            ("script.html", "empty")
        ]
    );
}

/// With nothing to read, no model is asked.
#[test]
fn a_folder_without_text_is_refused() {
    let place = place_of(&[("a.html", b"<script>run()</script>")], None);
    run(&place).refused(2, "AH0106");
}

#[test]
fn files_with_odd_names_are_read() {
    for name in [
        " tide.md",
        "tide.md ",
        "ti\nde.md",
        "ti\tde \u{201c}x\u{201d}.md",
        "Gezeiten U\u{308}ber.md",
    ] {
        check_read(name, &format!("{MOON}\n\n{SUN}\n"));
    }
}
