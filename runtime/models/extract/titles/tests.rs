//! Headings and file names become titles that people would write.

use std::collections::BTreeSet;

use super::{of_heading, of_path, unused};

#[test]
fn headings_become_titles() {
    let check =
        |heading: &str, title: Option<&str>| assert_eq!(of_heading(heading).as_deref(), title, "{heading}");
    check("4.1. what is `Ownership`? ¶", Some("What is Ownership?"));
    check("## The Slice  Type #", Some("The Slice Type"));
    check("Introduction", None);
    check("1.", None);
    check(&"long ".repeat(30), None);
}

#[test]
fn file_names_become_titles() {
    let check = |path: &str, title: &str| assert_eq!(of_path(path), title, "{path}");
    check("book/ch04-01-what-is-ownership.html", "What is ownership");
    check("docs/error_handling/index.md", "Error handling");
    check("README.md", "README");
    check("2024.txt", "2024");
    check("", "Findings");
}

#[test]
fn no_title_stands_twice() {
    let mut taken = BTreeSet::new();
    let titles = ["Scope".to_owned(), "Types".to_owned()];
    let given: Vec<String> = (0..4).map(|_| unused(&titles, &mut taken)).collect();
    assert_eq!(given, ["Scope", "Types", "Scope (2)", "Scope (3)"]);
}
