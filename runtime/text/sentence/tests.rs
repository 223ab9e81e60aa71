//! Sentences end where their language ends them.

use super::*;

fn check(text: &str, expected: &[&str]) {
    let found: Vec<&str> = split(text).into_iter().map(|(_, sentence)| sentence).collect();
    assert_eq!(found, expected);
    for (at, sentence) in split(text) {
        assert!(text[at..].starts_with(sentence));
    }
}

#[test]
fn full_stops_of_many_scripts_end_sentences() {
    check("One. Two! Three?  Four", &["One.", "Two!", "Three?", "Four"]);
    check(
        "蚂蚁寻找食物。它们沿着路走！为什么？",
        &["蚂蚁寻找食物。", "它们沿着路走！", "为什么？"],
    );
    check(
        "चींटियाँ भोजन खोजती हैं। वे राह पर चलती हैं।",
        &["चींटियाँ भोजन खोजती हैं।", "वे राह पर चलती हैं।"],
    );
    check(
        "هل يجد النمل الطعام؟ نعم يجده.",
        &["هل يجد النمل الطعام؟", "نعم يجده."],
    );
    check(
        "¿Cómo comen? ¡Así comen! Y ya.",
        &["¿Cómo comen?", "¡Así comen!", "Y ya."],
    );
}

#[test]
fn abbreviations_and_numbers_end_none() {
    check(
        "Use it, e.g. Cargo, as Dr. Smith did. See J. Doe.",
        &["Use it, e.g. Cargo, as Dr. Smith did.", "See J. Doe."],
    );
    check(
        "It costs 3.50 in v1.2 of lib.rs.",
        &["It costs 3.50 in v1.2 of lib.rs."],
    );
    check(
        "Ameisen u.a. Insekten finden z.B. Zucker. Das geht.",
        &["Ameisen u.a. Insekten finden z.B. Zucker.", "Das geht."],
    );
}

#[test]
fn a_space_ends_long_sentences_of_thai() {
    let clause = "มดหาอาหารโดยเดินตามรอยฟีโรโมนที่มดตัวอื่นทิ้งไว้บนพื้นดินก่อนหน้านั้น";
    let text = format!("{clause} {clause} {clause}");
    check(&text, &[clause, clause, clause]);
}

#[test]
fn the_end_of_a_sentence_is_known_and_added() {
    for ended in [
        "It is.",
        "「はい。」",
        "好吗？",
        "ठीक है।",
        "نعم؟",
        "\"So.\"",
        "(so!)",
    ] {
        assert!(is_ended(ended), "{ended}");
    }
    assert!(!is_ended("no end"));
    assert_eq!((full_stop("end"), full_stop("蚂蚁")), ('.', '\u{3002}'));
}
