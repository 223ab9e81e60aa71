//! A sentence is as relevant as the part of the question that it covers.

use super::Question;
use crate::extract::words::Language;

fn covered(question: &str, text: &str, heading: &str) -> f64 {
    let language = Language::english();
    Question::new(question, &language).covered_by(&language.terms(text), &language.terms(heading))
}

#[test]
fn more_of_the_question_is_more_relevant() {
    let question = "How does the borrow checker prevent data races?";
    let all = covered(question, "The borrow checker prevents data races.", "");
    let some = covered(question, "The borrow checker is strict.", "");
    assert!(all > some && some > 0.0, "{all} {some}");
    assert!((all - 1.0).abs() < f64::EPSILON);
}

#[test]
fn one_word_of_a_long_question_is_nothing() {
    let question = "How does the borrow checker prevent data races?";
    assert!(covered(question, "Data is stored on disk.", "") <= 0.0);
    assert!(
        covered(
            question,
            "It was a fine day.",
            "The borrow checker and data races"
        ) <= 0.0
    );
    assert!(
        covered(question, "Data is never shared.", "The borrow checker") > 0.0,
        "the heading helps"
    );
}

#[test]
fn weak_words_do_not_answer() {
    assert!(
        covered(
            "What is the main purpose of traits?",
            "The main purpose is fun.",
            ""
        ) <= 0.0
    );
    assert!(
        covered(
            "What is the main purpose of traits?",
            "Traits share behaviour.",
            ""
        ) > 0.0
    );
}

#[test]
fn neighbours_of_the_question_count_as_such() {
    let question = "trait objects size layout";
    let together = covered(question, "A trait object has two pointers.", "");
    let apart = covered(question, "An object of any kind may have a trait.", "");
    assert!(together > apart, "{together} {apart}");
}

#[test]
fn rare_terms_weigh_more() {
    let language = Language::english();
    let texts: Vec<Vec<String>> = (0..20)
        .map(|n| language.terms(if n == 0 { "rust ownership" } else { "rust" }))
        .collect();
    let question = Question::new("rust ownership", &language).weighed(&texts);
    let of = |text: &str| question.covered_by(&language.terms(text), &[]);
    assert!(of("ownership") > 0.0);
    assert!(
        of("rust") <= 0.0,
        "what stands everywhere does not answer by itself"
    );
}

#[test]
fn a_question_without_a_subject_is_open() {
    let language = Language::english();
    assert!(Question::new("Summarize these documents", &language).is_open());
    assert!(Question::new("", &language).is_open());
    assert!(!Question::new("Summarize ownership", &language).is_open());
}

#[test]
fn answers_have_the_form_of_the_question() {
    let language = Language::english();
    let form = |question: &str, text: &str| Question::new(question, &language).form(text);
    assert!(form("What is a slice?", "A slice is a view.") > form("What is a slice?", "Slices rock."));
    assert!(form("Why slices?", "Because of speed.") <= form("Why slices?", "They exist because of speed."));
    assert!((form("slices", "A slice is a view.") - 1.0).abs() < f64::EPSILON);
}
