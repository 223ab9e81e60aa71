//! Terms are what a text is about, whatever its script, its form and the ending of its words.

use super::*;

fn terms(text: &str) -> Vec<String> {
    Language::of(text).terms(text)
}

#[test]
fn terms_are_what_a_text_is_about() {
    assert_eq!(terms("How are the errors handled?"), ["error", "handl"]);
    assert_eq!(terms("Bee's dances, DANCING!"), ["bee", "danc", "danc"]);
    assert_eq!(
        terms("don't call read_file twice"),
        ["call", "read", "file", "read_file", "twice"]
    );
    assert_eq!(terms(&"x".repeat(100)), Vec::<String>::new(), "data is no word");
}

#[test]
fn forms_of_a_word_are_one_term() {
    let english = Language::english();
    assert_eq!(english.terms("Ka\u{308}fer"), english.terms("K\u{e4}fer"));
    assert_eq!(
        english.terms("\u{fb01}nder \u{ff21}nts"),
        english.terms("finder Ants")
    );
    assert!(
        english
            .terms("of phero- mone trails")
            .contains(&"pheromon".to_owned())
    );
    assert!(english.terms("col\u{ad}ony").contains(&"coloni".to_owned()));
    assert_ne!(english.terms("passé"), english.terms("passe"));
}

#[test]
fn a_language_is_told_by_its_function_words() {
    let german = Language::of("Wie finden die Ameisen ihr Futter, und warum gehen sie nicht allein?");
    assert!(german.is_stop("nicht") && !german.is_stop("the"));
    assert_eq!(german.terms("Ameisen"), german.terms("Ameise"));
    let french = Language::of("Comment les fourmis trouvent-elles leur nourriture dans la nature ?");
    assert!(french.is_stop("leur"));
    assert!(
        Language::of("Käfer Größe").is_stop("the"),
        "nothing speaks for another language"
    );
}

#[test]
fn scripts_without_spaces_are_taken_in_groups() {
    assert_eq!(terms("蚂蚁如何找到食物？"), ["蚂蚁", "找到", "到食", "食物"]);
    assert_eq!(
        terms("アリはどのように食物を見つけますか"),
        ["アリ", "食物", "見"]
    );
    let thai = terms("มดหาอาหาร");
    assert!(thai.contains(&"อาห".to_owned()), "{thai:?}");
    assert!(!terms("ありはどこ").is_empty(), "kana alone");
    assert_eq!(terms("Rust 程序"), ["rust", "程序"]);
    assert_eq!(terms("개미는 먹이를"), terms("개미가 먹이의"));
}

#[test]
fn words_are_counted_in_every_script() {
    assert_eq!(count("five words of plain English"), 5);
    assert_eq!(count("蚂蚁寻找食物的路"), 4);
}
