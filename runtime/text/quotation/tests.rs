//! The same words are found in any form, and other words are not.

use proptest::prelude::*;

use super::*;

fn find<'a>(text: &'a str, quote: &str) -> Option<&'a str> {
    let wanted = Quotation::new(quote).unwrap_or_else(|| panic!("{quote:?} is worth looking for"));
    let found = Haystack::new(&Folded::of(text)).find(&wanted)?;
    let length = text[found.last..].chars().next().map_or(0, char::len_utf8);
    Some(&text[found.first..found.last + length])
}

/// The quotation is found, and what stands there is all of `expected`.
#[track_caller]
fn says(text: &str, quote: &str, expected: &str) {
    assert_eq!(find(text, quote), Some(expected), "{quote:?} in {text:?}");
}

#[track_caller]
fn says_not(text: &str, quote: &str) {
    assert_eq!(find(text, quote), None, "{quote:?} in {text:?}");
}

#[test]
fn composed_and_decomposed_letters_are_the_same() {
    says(
        "Die Bru\u{308}cke u\u{308}ber den Fluss.",
        "Brücke über den",
        "Bru\u{308}cke u\u{308}ber den",
    );
    says(
        "Die Brücke über den Fluss.",
        "Bru\u{308}cke u\u{308}ber den",
        "Brücke über den",
    );
    // Two accents in either order, and syllables of Korean apart and together.
    says(
        "ti\u{302}\u{323}ng a\u{323}\u{302}m vang",
        "tị̂ng ậm vang",
        "ti\u{302}\u{323}ng a\u{323}\u{302}m vang",
    );
    says(
        "개미는 먹이를 찾는다",
        "\u{1100}\u{1162}\u{1106}\u{1175}\u{1102}\u{1173}\u{11ab} 먹이를",
        "개미는 먹이를",
    );
    says(
        "か\u{3099}くせいは本を読む",
        "がくせいは本を",
        "か\u{3099}くせいは本を",
    );
}

#[test]
fn accents_and_letters_that_differ_are_other_words() {
    says_not("le passé composé", "le passe compose");
    says_not("le passe compose", "le passé composé");
    // The base letter alone is not the letter with its accent, whichever way the file writes it.
    says_not("a large cafe\u{301}", "a large cafe");
    says_not("a large café", "a large cafe");
    says_not("ein großes Maß", "ein grosses Mass");
    says_not("큰 개미는 각각의 집에서 각", "큰 개미는 각각의 집에서 가");
}

#[test]
fn compatibility_forms_are_the_same_where_they_say_the_same() {
    says(
        "an e\u{fb03}cient \u{fb01}nder",
        "an efficient finder",
        "an e\u{fb03}cient \u{fb01}nder",
    );
    says(
        "ＡＮＴＳ ２０２４ found",
        "ANTS 2024 found",
        "ＡＮＴＳ ２０２４ found",
    );
    says("ｱﾘは食物を探す", "アリは食物を探す", "ｱﾘは食物を探す");
    says_not("about 10\u{2075} ants in it", "about 105 ants in it");
    says_not("about 1\u{bd} of them eat", "about 11/2 of them eat");
}

#[test]
fn words_that_a_line_end_parts_are_whole() {
    says(
        "trails of phero-\n  mone on the",
        "trails of pheromone on",
        "trails of phero-\n  mone on",
    );
    says(
        "trails of phero-\r\nmone on the",
        "of phero-mone on",
        "of phero-\r\nmone on",
    );
    says(
        "trails of phero-\nmone on the",
        "of phero- mone on",
        "of phero-\nmone on",
    );
    says(
        "trails of phero\u{ad}\nmone on the",
        "of pheromone on",
        "of phero\u{ad}\nmone on",
    );
    says(
        "a well-\nknown trail",
        "a well-known trail",
        "a well-\nknown trail",
    );
    says(
        "trails of pheromone on the",
        "of phero-\nmone on",
        "of pheromone on",
    );
    says("a well-known trail", "a well-\nknown trail", "a well-known trail");
    says(
        "the col\u{ad}ony is large",
        "the colony is large",
        "the col\u{ad}ony is large",
    );
}

#[test]
fn hyphens_that_mean_something_stay() {
    says_not("in the years 2019-2020 it", "in the years 20192020 it");
    says_not("in the years 2019-\n2020 it", "in the years 20192020 it");
    says(
        "in the years 2019-\n2020 it",
        "years 2019-2020 it",
        "years 2019-\n2020 it",
    );
    says_not("they re-sign the paper", "they resign the paper");
    says_not("they resign the paper", "they re-sign the paper");
    says_not("the Anglo-\nSaxon way", "the AngloSaxon way");
    says_not("ants and - trails", "ants andtrails");
    says(
        "So: -- ants\nfind food --",
        "-- ants find food --",
        "-- ants\nfind food --",
    );
    says("So: ants find food", "-- ants find food", "ants find food");
}

#[test]
fn signs_of_typography_and_direction_are_the_same() {
    says(
        "It\u{2019}s a \u{201e}short\u{201c} way\u{2014}really\u{2026}",
        "It's a \"short\" way-really...",
        "It\u{2019}s a \u{201e}short\u{201c} way\u{2014}really\u{2026}",
    );
    says(
        "minus \u{2212}5 to \u{2013}7 degrees",
        "minus -5 to -7 degrees",
        "minus \u{2212}5 to \u{2013}7 degrees",
    );
    says(
        "\u{202b}הנמלים מוצאות\u{202c} מזון",
        "הנמלים מוצאות מזון",
        "הנמלים מוצאות\u{202c} מזון",
    );
    says(
        "zero\u{200b}width and\u{2060} joined",
        "zerowidth and joined",
        "zero\u{200b}width and\u{2060} joined",
    );
    says(
        "one\u{a0}two\u{2003}three\u{3000}four",
        "one two three four",
        "one\u{a0}two\u{2003}three\u{3000}four",
    );
    says(
        "one\u{85}two\u{2028}three\rfour",
        "one two three four",
        "one\u{85}two\u{2028}three\rfour",
    );
    says_not("onetwo three four", "one two three four");
}

#[test]
fn lines_of_scripts_without_spaces_go_on() {
    says(
        "蚂蚁沿着信息素\n寻找食物。",
        "沿着信息素寻找食物",
        "沿着信息素\n寻找食物",
    );
    says("用 Rust\n写的程序", "用 Rust 写的程序", "用 Rust\n写的程序");
    says_not("ants find\nfood here", "ants findfood here");
}

#[test]
fn short_quotations_take_whole_words() {
    says_not("the ants do note the trail", "the ants do not");
    says_not("they cannot follow", "not follow");
    says_not("in 20195 cases", "in 2019 ca");
    says("the ants do not follow", "the ants do not", "the ants do not");
    let long = "ants follow the trail that other ants have left on the ground before them, ".repeat(2);
    let cut = &long[..110];
    says(&long, cut, cut);
}

#[test]
fn quotations_are_long_enough_to_prove_something() {
    assert!(Quotation::new("  eight888  ").is_some());
    assert!(Quotation::new("  seven77  ").is_none());
    assert!(Quotation::new("蚂蚁寻找").is_some());
    assert!(Quotation::new("蚂蚁寻").is_none());
    assert!(Quotation::new(&"a".repeat(CHARS_MAX)).is_some());
    assert!(Quotation::new(&"a".repeat(CHARS_MAX + 1)).is_none());
    assert!(Quotation::new("--- ... --- !!").is_none());
}

/// The work of a search through `times` repeats that ends in vain.
fn work(repeated: &str, quote: &str, times: usize) -> u64 {
    let wanted = Quotation::new(quote).expect("the quotation is worth looking for");
    let haystack = Haystack::new(&Folded::of(&repeated.repeat(times)));
    let (found, work) = haystack.find_counted(&wanted);
    assert_eq!(found, None, "{quote:?}");
    work
}

#[test]
fn work_grows_with_the_text() {
    let many = "a ".repeat(400);
    let hostile = [
        ("a", format!("{}b", "a".repeat(1500))),
        ("a", format!("{} a", "a".repeat(1500))),
        ("- - -", format!("a{}", "- ".repeat(500))),
        ("a- ", format!("{}b", "a".repeat(900))),
        ("a-\n", format!("{}-a b", "a".repeat(900))),
        ("e\u{301}", format!("{}e", "e\u{301}".repeat(500))),
        ("蚂\n", format!("{}蚁", "蚂".repeat(900))),
        ("a a", format!("{many}b")),
    ];
    for (repeated, quote) in hostile {
        let (once, twice) = (work(repeated, &quote, 20_000), work(repeated, &quote, 40_000));
        assert!(twice * 2 <= once * 5, "{repeated:?}: {once}, then {twice}");
        let bytes = (repeated.len() * 40_000 + quote.len()) as u64;
        assert!(
            twice <= (PASSES_MAX + 2) * bytes,
            "{repeated:?}: {twice} for {bytes} bytes"
        );
    }
}

proptest! {
    #[test]
    fn any_stretch_between_words_is_found(
        words in prop::collection::vec("[a-zäé]{1,8}|[0-9]{1,4}|phero-\nmone|„x“|蚂蚁", 4..40),
        from in 0_usize..20,
    ) {
        let text = words.join(" ");
        let quote = words[from.min(words.len() - 3)..].join("  ");
        if Quotation::new(&quote).is_some() {
            prop_assert!(find(&text, &quote).is_some(), "{quote:?} in {text:?}");
        }
    }

    #[test]
    fn nothing_panics(text in ".{0,200}", quote in ".{0,60}") {
        if let Some(wanted) = Quotation::new(&quote) {
            let _ = Haystack::new(&Folded::of(&text)).find(&wanted);
        }
    }
}
