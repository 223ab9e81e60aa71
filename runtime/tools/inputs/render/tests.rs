//! Rendered text keeps true places.

use super::*;

fn render(text: &str) -> Rendering {
    let mut builder = Builder::default();
    builder.push_str(text, 0);
    builder.take(None).expect("the text holds a word")
}

#[test]
fn white_space_is_collapsed_and_places_stay_true() {
    let source = "  one\r\n\ttwo \u{a0} three ";
    let rendering = render(source);
    assert_eq!(rendering.text, "one two three");
    assert_eq!(rendering.range_of(0, 12), (2, source.len() - 1));
    for (letter, (start, end)) in rendering.text.chars().zip(&rendering.places) {
        let there = &source[*start..*end];
        assert!(there == letter.to_string() || there.trim().is_empty());
    }
}

#[test]
fn rules_and_bullets_are_no_text() {
    let mut builder = Builder::default();
    builder.push_str(" --- * --- ", 0);
    assert_eq!(builder.take(None), None);
}

#[test]
fn long_paragraphs_are_cut_at_sentences_and_lose_nothing() {
    let sentence = "Ants lay a trail of pheromone on the way home. ";
    let source = sentence.repeat(300);
    let rendering = render(&source);
    let pieces = rendering.pieces();
    assert!(pieces.len() > 3);
    for (text, (start, end)) in &pieces {
        assert!(text.len() <= PASSAGE_BYTES_MAX && text.ends_with('.'));
        assert_eq!(&source[*start..*end], *text);
    }
    let joined = pieces.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(" ");
    assert_eq!(joined, source.trim());
}

#[test]
fn a_word_longer_than_a_passage_is_cut_between_letters() {
    let source = "\u{e4}".repeat(5_000);
    let rendering = render(&source);
    let lengths: usize = rendering.pieces().iter().map(|(text, _)| text.len()).sum();
    assert_eq!(lengths, source.len());
}

#[test]
fn a_range_takes_the_markers_of_words_it_holds_entirely() {
    let source = "**bold** word and **more of it** here";
    let mut builder = Builder::default();
    builder.push_str("bold", 2);
    builder.push_str(" word and ", 8);
    builder.push_str("more of it", 20);
    builder.push_str(" here", 32);
    builder.mark_inline((0, 8));
    builder.mark_inline((18, 32));
    let rendering = builder.take(None).expect("the text holds words");
    let range = |first, last| {
        let (start, end) = rendering.range_of(first, last);
        &source[start..end]
    };
    assert_eq!(range(0, 8), "**bold** word");
    assert_eq!(range(0, 3), "bold");
    assert_eq!(
        range(5, 17),
        "word and **more",
        "half of a bold phrase keeps what it has"
    );
}
