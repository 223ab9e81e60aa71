//! A brief as a Markdown page for people.
//!
//! Claims, titles and quotations come from documents and models. Every character that Markdown or HTML could take for
//! markup is escaped, so that no text can break the page or smuggle a link, an image or a script into it.

use std::fmt::Write as _;

use anthill_contracts::brief::{Brief, Citation, Encoding};

use super::one_line;

/// The page: the question, the sections with numbered citations, the sources, and what was left over.
pub fn render_markdown(brief: &Brief) -> String {
    let mut page = format!("# {}\n", escape(&one_line(&brief.question)));
    if brief.sections.is_empty() {
        page.push_str("\nNo document answers the question.\n");
    }
    for section in &brief.sections {
        line(
            &mut page,
            &format!("\n## {}\n", escape(&one_line(&section.title))),
        );
        for claim in &section.claims {
            let mut text = escape(&one_line(&claim.text));
            for number in &claim.citations {
                // Writing to a string cannot fail.
                let _ = write!(text, " \\[{number}\\]");
            }
            line(&mut page, &format!("- {text}"));
        }
    }
    if !brief.citations.is_empty() {
        line(&mut page, "\n## Sources");
        for citation in &brief.citations {
            source(&mut page, citation);
        }
    }
    if !brief.unused.is_empty() {
        line(&mut page, "\n## Read, but not used\n");
        for path in &brief.unused {
            line(&mut page, &format!("- {}", code(path)));
        }
    }
    if !brief.skipped.is_empty() {
        line(&mut page, "\n## Not read\n");
        for file in &brief.skipped {
            line(
                &mut page,
                &format!("- {}: {}", code(&file.path), file.reason.words()),
            );
        }
    }
    page
}

fn line(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{text}");
}

fn source(page: &mut String, citation: &Citation) {
    let Citation {
        n,
        start,
        end,
        encoding,
        ..
    } = citation;
    let encoding = match encoding {
        Encoding::Utf8 => String::new(),
        Encoding::Latin1 => ", Latin-1".to_owned(),
        other => format!(", {}", other.name()),
    };
    let path = code(&citation.path);
    line(
        page,
        &format!("\n\\[{n}\\] {path}, bytes {start} to {end}{encoding}:\n"),
    );
    for quoted in citation.quote.lines() {
        let quoted = escape(quoted.trim());
        line(page, format!("> {quoted}").trim_end());
    }
}

/// A text as plain Markdown text on one line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (position, character) in text.char_indices() {
        // A number or a dash at the start of a line would open a list, an equals sign a heading.
        let opens_block = (position == 0 && matches!(character, '-' | '+' | '='))
            || (digits > 0 && position == digits && matches!(character, '.' | ')'));
        if opens_block || is_markup(character) {
            out.push('\\');
        }
        out.push(printable(character));
    }
    out
}

const fn is_markup(character: char) -> bool {
    matches!(
        character,
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' | '&' | '$'
    )
}

/// A path as code, between more backticks than it holds.
fn code(path: &str) -> String {
    let path: String = path.chars().map(printable).collect();
    let longest = path
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if path.starts_with('`') || path.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{path}{pad}{ticks}")
}

/// Control characters and those that turn the direction of text would show something else than what stands there.
fn printable(character: char) -> char {
    let turns =
        matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    if turns || character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}
