//! Files are listed and read within bounds.

use serde_json::json;

use super::*;
use crate::toolbox::output::OUTPUT_BYTES_MAX;
use crate::toolbox::tests::Bench;

#[test]
fn files_are_listed_with_what_cannot_be_read() {
    let bench = Bench::new(&[("b/two.md", b"# Two"), ("one.txt", b"One"), ("x.bin", b"\0")]);
    let all = bench.run("list_files", &json!({}));
    assert_eq!(
        all.text,
        "b/two.md (markdown, 5 bytes)\none.txt (text, 3 bytes)\nnot readable: x.bin (not text)\n"
    );
    let some = bench.run("list_files", &json!({"prefix": "b/"}));
    assert_eq!(some.text, "b/two.md (markdown, 5 bytes)\n");
    let none = bench.run("list_files", &json!({"prefix": "z"}));
    assert_eq!(none.text, "no document\n");
}

#[test]
fn a_long_list_is_cut_and_goes_on() {
    let names: Vec<String> = (0..700)
        .map(|number| format!("a/rather/long/path/of/document-{number:04}.txt"))
        .collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"Words"[..])).collect();
    let bench = Bench::new(&files);
    let first = bench.run("list_files", &json!({}));
    assert!(first.truncated && first.text.len() < OUTPUT_BYTES_MAX + 200);
    let after = first
        .text
        .split("after=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let after = after.expect("the marker says how to go on");
    let second = bench.run("list_files", &json!({"after": after}));
    assert!(!second.truncated);
    let shown = |text: &str| text.lines().filter(|line| line.starts_with("a/")).count();
    assert_eq!(shown(&first.text) + shown(&second.text), names.len());
}

#[test]
fn a_range_of_a_file_is_read_with_its_passages() {
    let bench = Bench::new(&[("a.md", b"# Title\n\nFirst **words**.\n\nSecond words.\n")]);
    let output = bench.run("read_file", &json!({"path": "a.md", "start": 9, "bytes": 18}));
    assert_eq!(
        output.text,
        "a.md, bytes 9 to 27 of 41:\nFirst **words**.\n\n\n[cut: 18 of 41 bytes shown; go on with start=27]\n"
    );
    assert_eq!(output.passages.len(), 1);
    assert_eq!(output.passages[0].text, "First words.");
    assert!(!output.truncated, "it was all that was asked for");
}

#[test]
fn a_call_returns_no_more_than_its_bound() {
    let bench = Bench::new(&[("a.txt", "words and ".repeat(10_000).as_bytes())]);
    let output = bench.run("read_file", &json!({"path": "a.txt", "bytes": 90_000}));
    assert!(output.truncated);
    assert!(
        output
            .text
            .contains("[cut: 16384 of 100000 bytes shown; go on with start=16384]")
    );
}

#[test]
fn letters_are_not_cut() {
    let text = "\u{20ac}".repeat(10);
    assert_eq!(
        decode(&text.as_bytes()[1..8], 1, Encoding::Utf8),
        Some(Shown {
            text: "\u{20ac}".to_owned(),
            start: 3,
            end: 6
        })
    );
    let latin = decode(b"\xa4\xe4", 7, Encoding::Latin1);
    assert_eq!(
        latin,
        Some(Shown {
            text: "\u{a4}\u{e4}".to_owned(),
            start: 7,
            end: 9
        })
    );
    assert_eq!(decode(b"a\xffb", 0, Encoding::Utf8), None);
}

#[test]
fn what_cannot_be_read_is_refused_with_a_hint() {
    let bench = Bench::new(&[
        ("sub/a.txt", b"Some words."),
        ("x.bin", b"\0"),
        (".env", b"KEY=1"),
    ]);
    let refusal = |path: &str, start: u64| {
        let output = bench.run("read_file", &json!({"path": path, "start": start}));
        assert!(!output.ok, "{path}");
        output.text
    };
    assert_eq!(
        refusal("a.txt", 0),
        "`a.txt` is not among the job's documents; did you mean `sub/a.txt`?"
    );
    assert_eq!(refusal("x.bin", 0), "`x.bin` cannot be read: not text");
    assert_eq!(
        refusal("sub/a.txt", 11),
        "`sub/a.txt` has only 11 bytes; `start` must be below"
    );
    for path in [".env", "../secret", "/etc/passwd", "sub"] {
        assert!(
            refusal(path, 0).contains("is not among the job's documents"),
            "{path}"
        );
    }
}

#[test]
fn a_file_that_changed_is_refused() {
    let bench = Bench::new(&[("a.txt", b"Some words.")]);
    assert!(bench.run("read_file", &json!({"path": "a.txt"})).ok);
    std::fs::write(bench.dir.path().join("a.txt"), "Other words.").expect("the file can be written");
    let output = bench.run("read_file", &json!({"path": "a.txt"}));
    assert_eq!(
        (output.ok, output.text.as_str()),
        (false, "`a.txt` has changed since the job listed it")
    );
}
