//! What holds for any document, whatever it consists of.

use proptest::prelude::*;

use super::*;
use crate::inputs::scan::scan;

const NAMES: [&str; 15] = [
    "a.md", "a.html", "a.rs", "a.py", "a.txt", "a", "a.sql", "a.xml", "a.json", "a.yaml", "a.toml", "a.csv",
    "a.srt", "a.log", "a.ini",
];

/// Pieces of documents that parsers trip over, together.
const FRAGMENTS: &[&str] = &[
    "# Heading\n",
    "Title\n=====\n",
    "Some words of text. ",
    "\n\n",
    "\r\n\r\n",
    "\n",
    "- item\n",
    "  - sub\n",
    "1. one\n",
    "> quote\n",
    "| a | b |\n|---|---|\n| `c` | d \\| e |\n",
    "```\ncode\n",
    "```\n",
    "~~~\n",
    "    indented\n",
    "**bold** ",
    "*emph*",
    "[link](http://x)",
    "![img](y.png)",
    "`code` ",
    "&amp;",
    "&#x41;",
    "&unknown;",
    "&",
    "<p>",
    "</p>",
    "<div class='a b'>",
    "<b>",
    "</b>",
    "<br/>",
    "<h2>",
    "</h2>",
    "<script>",
    "</script>",
    "<!-- note -->",
    "<!--",
    "-->",
    "<pre>",
    "</pre>",
    "<td>",
    "<nav>",
    "</nav>",
    "<head>",
    "<a href=\"",
    "// comment\n",
    "/// doc\n",
    "/* block\n",
    " * more\n",
    "*/\n",
    "\"\"\"",
    "'''",
    "# hash\n",
    "-- dash\n",
    "\u{dc}ml\u{e4}ut ",
    "\u{20ac}",
    "\u{1f41c}",
    "\u{feff}",
    "\u{ad}",
    "\t",
    "\u{a0}",
    "---\n",
    "key: value of several words\n",
    "name = \"quoted \\u00e9 value\"\n",
    "text: |\n  lines\n  of text\n",
    "{\"a\": \"some words\\nof text\", \"b\": 1}",
    "[",
    "]",
    "{",
    "}",
    "1\n00:00:01,000 --> 00:00:02,000\n",
    "a;b,c\t\"d \"\" e\"\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "phero-\nmone ",
    "e\u{301}",
    "\u{8682}\u{8681}\u{3002}",
    "<textarea>",
    "<table>",
    "<title>",
    "<plaintext>",
    "<template>",
    "<select>",
    "<svg>",
    "aVeryLongWordAVeryLongWordAVeryLongWordAVeryLongWordAVeryLongWordAVeryLongWordAVeryLongWordAVeryLongWord",
];

fn documents() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(FRAGMENTS).prop_map(str::to_owned);
    let repeated = (fragment, 1_usize..12).prop_map(|(fragment, times)| fragment.repeat(times));
    prop::collection::vec(repeated, 0..100).prop_map(|parts| parts.concat())
}

fn limits() -> SourceLimits {
    SourceLimits {
        file_bytes_max: 1 << 20,
        chunk_bytes: 1024,
    }
}

/// How much of a passage is quoted: more than a sentence, less than is refused.
const QUOTE_CHARS: usize = 400;

fn first_words(passage: &Passage) -> String {
    let chars: Vec<char> = passage.text.chars().collect();
    // A quotation ends with a word: half of a letter with its accent, or of a run of quotes, is not what stands there.
    let is_end = |at: &usize| {
        let behind = chars.get(*at);
        chars[at - 1].is_alphanumeric()
            && behind.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '\u{301}' | '\u{ad}'))
    };
    let longest = chars.len().min(QUOTE_CHARS);
    let end = (1..=longest).rev().find(is_end).unwrap_or(longest);
    chars[..end].iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4000), name in 0..NAMES.len()) {
        let folder = Folder::with_limits(&[(NAMES[name], &bytes)], limits());
        for document in folder.list().documents {
            for slice in slices(&document) {
                prop_assert!(folder.sources.read(&slice).is_ok());
            }
        }
        scan(NAMES[name], &bytes, 64);
    }

    #[test]
    fn passages_have_true_places_and_slices_share_them_out(text in documents(), name in 0..NAMES.len()) {
        let folder = Folder::with_limits(&[(NAMES[name], text.as_bytes())], limits());
        let Some(document) = folder.list().documents.pop() else {
            return Ok(());
        };
        prop_assert!(document.cuts.is_sorted_by(|one, next| one < next));
        let whole = folder.sources.read(&slice(&document, 0, document.bytes)).expect("it can be read");
        let mut shared = Vec::new();
        for slice in slices(&document) {
            let part = folder.sources.read(&slice).expect("it can be read");
            prop_assert!(part.iter().all(|passage| (slice.start..slice.end).contains(&passage.start)));
            shared.extend(part);
        }
        prop_assert_eq!(&whole, &shared);
        for passage in &whole {
            let raw = text.get(at(passage.start)..at(passage.end));
            prop_assert!(raw.is_some_and(|raw| !raw.is_empty()), "{passage:?}");
            prop_assert!(!passage.text.is_empty() && passage.text.trim() == passage.text);
        }
    }

    #[test]
    fn what_is_read_is_located(text in documents(), name in 0..NAMES.len()) {
        let folder = Folder::with_limits(&[(NAMES[name], text.as_bytes())], limits());
        let Some(document) = folder.list().documents.pop() else {
            return Ok(());
        };
        for passage in folder.sources.read(&slice(&document, 0, document.bytes)).expect("it can be read") {
            let quote = first_words(&passage);
            if Quotation::new(&quote).is_some() {
                prop_assert!(folder.locate(NAMES[name], &quote).is_some(), "{quote:?} of {passage:?}");
            }
        }
    }

    #[test]
    fn any_stretch_of_a_file_is_located_where_it_says(
        text in documents(),
        from in any::<prop::sample::Index>(),
        length in 8_usize..300,
    ) {
        let letters: Vec<char> = text.chars().collect();
        prop_assume!(!letters.is_empty());
        let start = from.index(letters.len());
        let quote: String = letters[start..letters.len().min(start + length)].iter().collect();
        let folder = Folder::with_limits(&[("a.txt", text.as_bytes())], limits());
        let Some(wanted) = Quotation::new(&quote) else {
            return Ok(());
        };
        // A short stretch may cut a word or a letter, and is no quotation then.
        let cuts = |outside: Option<&char>, inside: Option<char>| {
            wanted.cuts(outside.copied(), inside) || outside.is_some_and(|outside| fold::is_part_of_letter(*outside))
        };
        let trimmed = quote.trim();
        let skipped = quote.chars().count() - quote.trim_start().chars().count();
        let (first, last) = (start + skipped, start + skipped + trimmed.chars().count());
        let is_cut = cuts(first.checked_sub(1).map(|at| &letters[at]), trimmed.chars().next())
            || cuts(letters.get(last), trimmed.chars().next_back());
        if !is_cut && !folder.list().documents.is_empty() {
            let found = folder.locate("a.txt", &quote);
            prop_assert_eq!(found.map(|found| found.quote), Some(wanted.text().to_owned()));
        }
    }

    #[test]
    fn latin1_places_are_true(
        bytes in prop::collection::vec(prop::sample::select(b"aeiou nst\n\xe4\xf6\xfc\xdf".to_vec()), 1..3000),
    ) {
        let folder = Folder::with_limits(&[("a.txt", &bytes)], limits());
        let Some(document) = folder.list().documents.pop() else {
            return Ok(());
        };
        for passage in folder.sources.read(&slice(&document, 0, document.bytes)).expect("it can be read") {
            let quote = first_words(&passage);
            if Quotation::new(&quote).is_some() {
                prop_assert!(folder.locate("a.txt", &quote).is_some());
            }
        }
    }

    #[test]
    fn no_path_leads_out(path in "(\\.\\.|\\.|/|a|\\\\|\0|~|[a-z./]{0,12}){0,8}") {
        let folder = Folder::new(&[("in/a", b"Some words."), ("secret", b"Other words.")]);
        let inside = folder.dir.path().join("in");
        let sources = FolderSources::open(&[input(&inside)], limits()).expect("the input exists");
        if let Ok(bytes) = sources.bytes(&path, 0, 100) {
            prop_assert_eq!((path.as_str(), bytes.as_slice()), ("a", &b"Some words."[..]));
        }
    }
}
