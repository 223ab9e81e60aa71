//! Titles of sections, from headings and file names, for people.

use std::collections::BTreeSet;

use anthill_text::script;

const TITLE_CHARS_MAX: usize = 80;
/// Headings that say nothing without their document.
const GENERIC: [&str; 20] = [
    "introduction",
    "overview",
    "summary",
    "examples",
    "example",
    "notes",
    "note",
    "see also",
    "description",
    "synopsis",
    "readme",
    "contents",
    "index",
    "details",
    "background",
    "conclusion",
    "getting started",
    "usage",
    "faq",
    "abstract",
];
/// File names that say nothing without their folder.
const GENERIC_FILES: [&str; 5] = ["index", "readme", "mod", "lib", "main"];

/// A heading as a title, if it says something.
pub(super) fn of_heading(heading: &str) -> Option<String> {
    let text = heading.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '#' | '*' | ' ' | ')' | '-'))
        .trim_end_matches(['\u{b6}', '#', ':', '.', '*', ' '])
        .replace('`', "");
    let generic = GENERIC.contains(&text.to_lowercase().as_str());
    let chars = text.chars().count();
    let chars_min = if text.contains(script::is_unspaced) { 2 } else { 3 };
    (!generic && (chars_min..=TITLE_CHARS_MAX).contains(&chars)).then(|| capitalised(&text))
}

/// A path as a title: the file's name, or its folder's where the name says nothing.
pub(super) fn of_path(path: &str) -> String {
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
    let file = parts.next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name = if GENERIC_FILES.contains(&stem.to_lowercase().as_str()) {
        parts.next().unwrap_or(stem)
    } else {
        stem
    };
    let words = name.replace(['-', '_', '.'], " ");
    let meaningful: Vec<&str> = words.split_whitespace().filter(|word| !is_number(word)).collect();
    let text = if meaningful.is_empty() {
        words.trim().to_owned()
    } else {
        meaningful.join(" ")
    };
    let short: String = text.chars().take(TITLE_CHARS_MAX).collect();
    if short.is_empty() {
        "Findings".to_owned()
    } else {
        capitalised(&short)
    }
}

/// Numbers of chapters, such as `04` and `ch04`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches("chapter").trim_start_matches("ch");
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The first of these titles that is not taken, or the first one with a number.
pub(super) fn unused(candidates: &[String], taken: &mut BTreeSet<String>) -> String {
    let first = candidates
        .first()
        .cloned()
        .unwrap_or_else(|| "Findings".to_owned());
    let numbered = (2..).map(|number| format!("{first} ({number})"));
    let title = candidates
        .iter()
        .cloned()
        .chain(numbered)
        .find(|title| !taken.contains(&title.to_lowercase()))
        .unwrap_or(first);
    taken.insert(title.to_lowercase());
    title
}

#[cfg(test)]
mod tests;
