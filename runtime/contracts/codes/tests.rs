//! Codes are unique and their pages say what they must.

use super::*;

#[test]
fn every_code_is_unique_and_has_its_page() {
    for (position, code) in ALL.iter().enumerate() {
        assert!(
            ALL[position + 1..].iter().all(|other| other.id != code.id),
            "{} twice",
            code.id
        );
        assert!(
            code.page.starts_with(&format!("# {}: {}\n", code.id, code.title)),
            "{}",
            code.id
        );
        assert!(code.page.contains("## What to do"), "{}", code.id);
        assert!(
            code.page.contains(&format!("Exit code: {}.", code.exit)),
            "{}",
            code.id
        );
        assert!(
            !code.remedy.ends_with('.') && !code.title.ends_with('.'),
            "{}",
            code.id
        );
    }
}

#[test]
fn codes_are_found_whatever_their_case() {
    assert_eq!(find("ah0105").map(|code| code.id), Some("AH0105"));
    assert_eq!(find("AH9999"), None);
}
