//! Every stable code has one page, and every page one code.

use anthill_contracts::codes;

use super::workspace::paths;
use super::{Flaw, demand_none, told};

const FOLDER: &str = "runtime/contracts/codes/";

fn flaws(codes: &[&str], paths: &[String]) -> Vec<Flaw> {
    let pages = paths
        .iter()
        .filter_map(|path| path.strip_prefix(FOLDER)?.strip_suffix(".md"))
        .collect::<Vec<_>>();
    let orphans = pages
        .iter()
        .filter(|page| !codes.contains(page))
        .map(|page| Flaw::in_file(format!("{FOLDER}{page}.md"), "is the page of no code"));
    let bare = codes
        .iter()
        .filter(|code| !pages.contains(code))
        .map(|code| Flaw::in_file(*code, "has no page"));
    orphans.chain(bare).collect()
}

#[test]
fn codes_and_pages_agree() {
    let known = codes::ALL.iter().map(|code| code.id).collect::<Vec<_>>();
    demand_none(
        flaws(&known, &paths()),
        "write the page, or remove it; a code is never used again",
    );
}

#[test]
fn a_page_without_a_code_is_found() {
    let paths = ["AH0001.md", "AH0009.md", "tests.rs"].map(|name| format!("{FOLDER}{name}"));
    assert_eq!(
        told(flaws(&["AH0001", "AH0002"], &paths)),
        [
            "runtime/contracts/codes/AH0009.md: is the page of no code",
            "AH0002: has no page"
        ]
    );
}
