//! Terms are what a text is about, whatever their ending.

use super::{Language, Vocabulary, content_words, head};

fn terms(text: &str) -> Vec<String> {
    Language::english().terms(text)
}

#[test]
fn terms_are_what_a_text_is_about() {
    assert_eq!(terms("How are the errors handled?"), ["error", "handl"]);
    assert_eq!(terms("Bee's dances, DANCING!"), ["bee", "danc", "danc"]);
    assert_eq!(
        terms("don't call read_file twice"),
        ["call", "read", "file", "read_file", "twice"]
    );
    assert_eq!(terms("Größe 42 x"), ["größe", "42"]);
    assert_eq!(terms(&"x".repeat(100)), Vec::<String>::new(), "data is no word");
}

#[test]
fn content_words_stand_as_they_were_written() {
    assert_eq!(
        content_words("What does the Borrow Checker check, and when does a borrow end?"),
        ["Borrow", "Checker", "check", "end"]
    );
    assert_eq!(content_words("What is it?"), Vec::<String>::new());
}

#[test]
fn bags_count_and_share_numbers() {
    let mut vocabulary = Vocabulary::default();
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let first = vocabulary.bag(&of(&["a", "b", "a"]));
    let second = vocabulary.bag(&of(&["b"]));
    assert_eq!(first.into_iter().collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    assert_eq!(second.into_iter().collect::<Vec<_>>(), [(1, 1)]);
}

#[test]
fn a_head_ends_between_characters() {
    assert_eq!(head("aé", 2), "a");
    assert_eq!(head("aé", 9), "aé");
}
