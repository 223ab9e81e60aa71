//! Folded text is plain, and every sign knows where it came from.

use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(Folded::of(text).text(), expected, "{text:?}");
}

#[test]
fn forms_fold_together() {
    check(
        "\u{fb01}ne \u{201c}words\u{201d}\u{a0}\u{2014} here\u{2026}",
        "fine \"words\" - here...",
    );
    check("  white\t\r\n space  ", "white space");
    check("``quoted'' -- so", "\"quoted\" - so");
    check(
        "\u{ff21}\u{ff11} \u{1d7d8} x\u{b2} \u{2460} \u{bd}",
        "A1 0 x\u{b2} \u{2460} \u{bd}",
    );
    check("\u{b4}a\u{a8}", "'a\u{a8}");
    check("phero-\nmone", "phero-mone");
    check("one\n\u{ad}two", "one two");
    check("soft\u{ad}ly \u{200e}left", "softly left");
}

#[test]
fn accents_are_put_in_order_within_a_bound() {
    let (one, other) = (Folded::of("a\u{323}\u{302}"), Folded::of("a\u{302}\u{323}"));
    assert_eq!(one.text(), other.text());
    let many = format!("a{}", "\u{302}\u{323}".repeat(10_000));
    assert_eq!(Folded::of(&many).len(), 20_001);
}

#[test]
fn signs_lead_back_to_their_places() {
    let text = "e\u{fb03}x -- y";
    let folded = Folded::of(text);
    let places: Vec<(char, u32, u32)> = folded
        .signs()
        .iter()
        .map(|sign| (sign.letter, sign.first, sign.last))
        .collect();
    assert_eq!(
        places,
        [
            ('e', 0, 0),
            ('f', 1, 1),
            ('f', 1, 1),
            ('i', 1, 1),
            ('x', 4, 4),
            (' ', 5, 5),
            ('-', 6, 7),
            (' ', 8, 8),
            ('y', 9, 9)
        ]
    );
}
