//! Sentences end where they end, and what is no sentence is left out.

use super::{as_claim, shape, split};
use crate::extract::words::Language;

fn sentences(text: &str) -> Vec<&str> {
    split(text).into_iter().map(|(_, sentence)| sentence).collect()
}

#[test]
fn sentences_end_where_they_end() {
    assert_eq!(
        sentences("One. Two! Three?  Four"),
        ["One.", "Two!", "Three?", "Four"]
    );
    assert_eq!(
        sentences("Use a tool, e.g. Cargo, as Dr. Smith did. See J. Doe et al. 2020 too."),
        [
            "Use a tool, e.g. Cargo, as Dr. Smith did.",
            "See J. Doe et al. 2020 too."
        ]
    );
    assert_eq!(
        sentences("It costs 3.50 in v1.2 of lib.rs."),
        ["It costs 3.50 in v1.2 of lib.rs."]
    );
    assert_eq!(sentences(" \n "), Vec::<&str>::new());
}

#[test]
fn offsets_point_at_the_sentence() {
    let text = "  Äpfel fallen.  Birnen auch. ";
    for (offset, sentence) in split(text) {
        assert_eq!(&text[offset..offset + sentence.len()], sentence);
    }
}

#[test]
fn what_is_no_sentence_is_left_out() {
    let language = Language::english();
    for text in [
        "Getting Started With The Async Runtime Book",
        "Home | Docs | Blog | About us and them",
        "let x = vec![1, 2, 3]; println!(\"{}\", x.len());",
        "Too short.",
        "name: value, other_name: other_value = <T as Into<U>>::into",
        "2024-01-01 12:00:00 INFO 192.168.0.1 200 1234 5678",
        "a table with few words",
    ] {
        assert_eq!(shape(text, &language), None, "{text}");
    }
    assert_eq!(
        shape(&"A very long sentence goes on. ".repeat(20), &language),
        None
    );
}

#[test]
fn a_sentence_that_stands_alone_is_worth_more() {
    let language = Language::english();
    let worth = |text: &str| shape(text, &language).expect(text);
    let plain = worth("The borrow checker rejects two mutable references at once.");
    assert!((plain - 1.0).abs() < f64::EPSILON);
    for worse in [
        "However, the borrow checker rejects two mutable references.",
        "It rejects two mutable references at the same time.",
        "Does the borrow checker reject two mutable references?",
        "As chapter 4 shows, the borrow checker rejects mutable references.",
        "rejecting two mutable references at once is what the borrow checker does",
        "Copyright of the borrow checker and its references is with the authors.",
    ] {
        assert!(worth(worse) < plain * 0.8, "{worse}");
    }
}

#[test]
fn claims_lose_the_marks_around_them() {
    assert_eq!(
        as_claim("- Use `clap` for\n arguments"),
        "Use `clap` for arguments."
    );
    assert_eq!(as_claim("12. Do this first."), "Do this first.");
    assert_eq!(as_claim("1984 was a book"), "1984 was a book.");
    assert_eq!(as_claim("He said \"no.\""), "He said \"no.\"");
    assert_eq!(as_claim("As follows:"), "As follows.");
}
