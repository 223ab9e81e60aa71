//! A page is read as a browser shows it, however it was written.

use super::super::{Context, parse as parse_segment};
use crate::inputs::format::Format;

#[track_caller]
fn check_as(format: Format, text: &str, expected: &[(&str, &str)]) {
    let parsed = parse_segment(format, text, &Context::default());
    let found: Vec<(&str, &str)> = parsed
        .renderings
        .iter()
        .map(|rendering| {
            (
                rendering.heading.as_deref().unwrap_or(""),
                rendering.text.as_str(),
            )
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    check_as(Format::Html, text, expected);
}

#[test]
fn text_between_pre_keeps_its_lines() {
    check(
        "<h1>[list] food</h1><hr><pre>\nHello list,\n\nThe scouts walk home and mark the whole way that they have come,\n\
         so that others find it. &lt;sic&gt;\n\n- one\n- <b>two</b>\n</pre>",
        &[
            ("[list] food", "Hello list,"),
            (
                "[list] food",
                "The scouts walk home and mark the whole way that they have come, so that others find it. <sic>",
            ),
            ("[list] food", "one"),
            ("[list] food", "two"),
        ],
    );
    check(
        "<pre>let a = 1;\nlet b = 2;</pre>",
        &[("", "let a = 1;\nlet b = 2;")],
    );
    check(
        "<textarea>Some notes\n\nin a form</textarea>",
        &[("", "Some notes"), ("", "in a form")],
    );
}

#[test]
fn what_a_browser_shows_is_read() {
    check(
        "<details><summary>Why</summary>Because <i>it</i> is.</details><dl><dt>Ant<dd>An insect</dl>\
         <table><caption>Kinds<tr><th>Name<td>Food<tr><td>Lasius<td>Honeydew</table><button>Open me</button>\
         <p>Speed <math><mi>v</mi><mo>=</mo><mn>3</mn></math> of ants</p>",
        &[
            ("", "Why"),
            ("", "Because it is."),
            ("", "Ant"),
            ("", "An insect"),
            ("", "Kinds"),
            ("", "Name"),
            ("", "Food"),
            ("", "Lasius"),
            ("", "Honeydew"),
            ("", "Open me"),
            ("", "Speed v=3 of ants"),
        ],
    );
    check(
        "<div>one<p>two</p>three<br>four</div>",
        &[("", "one"), ("", "two"), ("", "three four")],
    );
    check(
        "<h2><button>What <b>is</b> it?</button></h2><p>It is.",
        &[("What is it?", "It is.")],
    );
}

#[test]
fn what_a_browser_does_not_show_is_left_out() {
    let article = "<p>The article has some words, so that it stands alone as a page of its own.</p>";
    check(
        &format!(
            "<nav>Menu</nav><p hidden>no</p><div style='color:red; DISPLAY : none'>no</div><template>no</template>\
             <noscript>no</noscript><select><option>no</select><svg><text>no</text></svg><script>no</script>{article}"
        ),
        &[(
            "",
            "The article has some words, so that it stands alone as a page of its own.",
        )],
    );
    check("漢<rt>kan</rt>字", &[("", "漢字")]);
}

#[test]
fn a_page_of_nothing_but_decoration_is_read() {
    check(
        "<p>Home</p><noscript><p>The whole article stands here for those without scripts, as it should.</p></noscript>",
        &[
            ("", "Home"),
            (
                "",
                "The whole article stands here for those without scripts, as it should.",
            ),
        ],
    );
    check(
        "<nav><p>All of this page stands in its menu, who knows why.</p></nav>",
        &[("", "All of this page stands in its menu, who knows why.")],
    );
}

#[test]
fn elements_that_are_never_closed_swallow_nothing() {
    for opened in [
        "<nav>",
        "<nav><ul><li>",
        "<header><nav>",
        "<title>",
        "<textarea>",
        "<!-- ",
        "<iframe>",
        "<xmp>",
    ] {
        let text = format!(
            "<html><body>{opened}<main><h1>Food</h1><p>Ants find food.</p><p>More.</p></main></body>"
        );
        check(&text, &[("Food", "Ants find food."), ("Food", "More.")]);
    }
    check(
        "<nav><a href=x>Home</a></nav><nav><main><p>Text of the page.</p></main></nav>",
        &[("", "Text of the page.")],
    );
    check(
        "<p title=\"never closed>one</p><p>two",
        &[("", "one"), ("", "two")],
    );
    check(
        "<p>one<plaintext>two <b>three",
        &[("", "one"), ("", "two <b>three")],
    );
}

#[test]
fn elements_in_the_wrong_order_swallow_nothing() {
    check(
        "<b>one<p>two</b>three<table>four<tr><td>five</b></table>six",
        &[
            ("", "one"),
            ("", "twothree"),
            ("", "four"),
            ("", "five"),
            ("", "six"),
        ],
    );
    check(
        "</p></div>a<li>b</ul>c<h2>d</h3>e",
        &[("", "a"), ("", "b"), ("", "c"), ("d", "e")],
    );
    check("<p>a<a href=1>b<a href=2>c</p>d", &[("", "abc"), ("", "d")]);
}

#[test]
fn xml_is_read_as_it_stands() {
    check_as(
        Format::Xml,
        "<?xml version=\"1.0\"?><rss><channel><title>Ant news</title><item><title/><description><![CDATA[Ants <b>find</b> \
         food.]]></description><nav>not a menu</nav><note>They walk <place>home</place> again.</note></item></channel></rss>",
        &[
            ("", "Ant news"),
            ("", "Ants find food."),
            ("", "not a menu"),
            ("", "They walk home again."),
        ],
    );
}

/// The work of a page of so many repeats, and whether its end is still read.
fn work(repeated: &str, times: usize) -> u64 {
    let text = format!("{}<p>The end of it.", repeated.repeat(times));
    let parsed = parse_segment(Format::Html, &text, &Context::default());
    assert!(
        parsed
            .renderings
            .iter()
            .any(|rendering| rendering.text.contains("The end of it.")),
        "{repeated}"
    );
    parsed.work
}

#[test]
fn work_grows_with_the_page_and_nesting_is_bounded() {
    let hostile = [
        "<div>",
        "<b>",
        "<b><p>x",
        "<a><div>",
        "<table><tr><td>",
        "<p></b>x",
        "<b><div>x</b>",
        "<font><i><u>y",
        "</p>",
        "&amp;&#65;&",
        "<",
        "<svg><desc>",
        "<ul><li>",
        "<table>x",
        "<nav>z",
        "<button>a",
        "<!-- x -->",
        "<h1>",
        "<select><option>",
    ];
    for repeated in hostile {
        let (once, twice) = (work(repeated, 3_000), work(repeated, 6_000));
        assert!(twice * 2 <= once * 5, "{repeated}: {once}, then {twice}");
        let bytes = (repeated.len() * 6_000) as u64;
        assert!(twice <= 60 * bytes, "{repeated}: {twice} for {bytes} bytes");
    }
}
