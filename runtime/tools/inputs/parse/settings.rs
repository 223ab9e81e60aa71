//! Settings and data in lines (YAML, TOML, INI and their relatives): values under their names, comments, and texts of
//! several lines.
//!
//! Lines are read one by one and leniently: a file that its own parser would refuse is still text that people read.

use std::sync::Arc;

use super::Page;
use super::fields::{Fields, Letters, letters, unescaped};
use super::lines::{Lines, Style};

/// How lines are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Dialect {
    /// Names before a colon, texts by indentation.
    Yaml,
    /// Names before an equals sign, sections in brackets, texts between three quotes.
    Toml,
    /// Names before an equals sign or a colon; a semicolon makes a comment.
    Ini,
}

/// A text of several lines that a segment leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inputs) enum OpenText {
    /// Until a line is indented no more than this.
    Indented(usize),
    /// Until these quotes.
    Quoted(&'static str),
}

/// Parses one segment whose text before left a text open or not; returns what it leaves open itself.
pub(super) fn parse(
    dialect: Dialect,
    text: &str,
    open: Option<OpenText>,
    page: &mut Page,
) -> Option<OpenText> {
    let mut reader = Reader {
        dialect,
        page,
        fields: Fields::default(),
        open,
        lines: Lines::new(Style::Prose),
        above: Above::Same,
        in_comment: false,
    };
    let mut start = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        reader.line(line, start, lines.peek().copied());
        start += line.len();
    }
    reader.end_text();
    reader.open
}

struct Reader<'a> {
    dialect: Dialect,
    page: &'a mut Page,
    fields: Fields,
    open: Option<OpenText>,
    lines: Lines,
    /// The heading above an open text, which has its name for a heading.
    above: Above,
    in_comment: bool,
}

/// Which heading stands above once an open text ends.
enum Above {
    /// The one that stands there now.
    Same,
    Was(Option<Arc<str>>),
}

impl Reader<'_> {
    fn line(&mut self, line: &str, start: usize, next: Option<&str>) {
        self.page.work += line.len() as u64;
        match self.open.clone() {
            Some(OpenText::Indented(indent)) => {
                if line.trim().is_empty() || indent_of(line) > indent {
                    return self.lines.push_str(line, start, self.page);
                }
                self.end_text();
                self.open = None;
            }
            Some(OpenText::Quoted(quotes)) => return self.quoted_line((line, start), quotes),
            None => {}
        }
        let content = line.trim();
        let at = start + line.len() - line.trim_start().len();
        if content.is_empty() || matches!(content, "---" | "...") {
            self.end_record();
        } else if let Some(length) = self.comment_marker(content) {
            self.comment(&content[length..], at + length);
        } else if let Some(section) = self.section(content) {
            self.end_record();
            self.page.current.push_str(section, at + 1);
            self.page.end_heading();
        } else {
            self.entry(content, (at, indent_of(line)), next);
        }
    }

    fn comment_marker(&self, content: &str) -> Option<usize> {
        let markers: &[&str] = match self.dialect {
            Dialect::Yaml | Dialect::Toml => &["#"],
            Dialect::Ini => &["#", ";", "//"],
        };
        let marker = markers.iter().find(|marker| content.starts_with(**marker))?;
        let sign = marker.chars().next()?;
        Some(content.len() - content.trim_start_matches(sign).len())
    }

    /// Lines of comments in a row are one text.
    fn comment(&mut self, words: &str, at: usize) {
        if !self.in_comment || !words.contains(char::is_alphanumeric) {
            self.end_record();
        }
        self.in_comment = true;
        self.page.current.push_str(words, at);
        let end = at + words.len();
        self.page.current.push_line_end((end, end));
    }

    fn section<'b>(&self, content: &'b str) -> Option<&'b str> {
        let inner = content.strip_prefix('[')?.split_once(']')?.0;
        let has_sections = self.dialect != Dialect::Yaml;
        (has_sections && !content.contains('=')).then(|| inner.trim_start_matches('['))
    }

    fn end_record(&mut self) {
        self.in_comment = false;
        self.page.end_block();
    }

    fn entry(&mut self, content: &str, (mut at, mut indent): (usize, usize), next: Option<&str>) {
        if self.in_comment {
            self.end_record();
        }
        let mut rest = content;
        while let Some(item) = rest.strip_prefix("- ").filter(|_| self.dialect == Dialect::Yaml) {
            self.end_record();
            let inner = item.trim_start();
            let skipped = rest.len() - inner.len();
            (at, indent, rest) = (at + skipped, indent + skipped, inner);
        }
        self.fields.forget_name();
        if let Some((name, value)) = self.split(rest) {
            let value_at = at + (rest.len() - value.len());
            self.fields.name(letters(
                unquoted(name),
                at + (name.len() - name.trim_start_matches(['"', '\'']).len()),
            ));
            self.value(value, (value_at, indent), next);
        } else {
            self.value(rest, (at, indent.saturating_sub(1)), next);
        }
    }

    /// The name and the value of a line, without white space at their ends.
    fn split<'b>(&self, content: &'b str) -> Option<(&'b str, &'b str)> {
        let is_separator = |at: usize, sign: char| match (self.dialect, sign) {
            (Dialect::Yaml, ':') => {
                content[at + 1..].is_empty() || content[at + 1..].starts_with([' ', '\t'])
            }
            (Dialect::Toml | Dialect::Ini, '=') | (Dialect::Ini, ':') => true,
            _ => false,
        };
        let mut quote = None;
        for (at, sign) in content.char_indices() {
            if quote.is_some() {
                quote = quote.filter(|open| *open != sign);
            } else if matches!(sign, '"' | '\'') && at == 0 {
                quote = Some(sign);
            } else if is_separator(at, sign) {
                return Some((content[..at].trim(), content[at + 1..].trim()));
            }
        }
        None
    }

    fn value(&mut self, value: &str, (at, indent): (usize, usize), next: Option<&str>) {
        let is_yaml = self.dialect == Dialect::Yaml;
        if is_yaml && is_block_header(value) {
            return self.begin_text(OpenText::Indented(indent));
        }
        for quotes in ["\"\"\"", "'''"].into_iter().filter(|_| !is_yaml) {
            if let Some(first) = value.strip_prefix(quotes) {
                self.begin_text(OpenText::Quoted(quotes));
                return self.quoted_line((first, at + quotes.len()), quotes);
            }
        }
        let goes_on = is_yaml && next.is_some_and(|next| self.is_continued(next, indent));
        if goes_on && !value.is_empty() && !value.starts_with(['[', '{', '&', '*', '!']) {
            self.begin_text(OpenText::Indented(indent));
            return self.lines.push_str(&format!("{value}\n"), at, self.page);
        }
        if !value.is_empty() {
            let plain = plain(value, at);
            self.fields.value(&plain, self.page);
        }
    }

    /// Whether the next line belongs to the value before it.
    fn is_continued(&self, next: &str, indent: usize) -> bool {
        let content = next.trim();
        let is_own = content.is_empty()
            || content.starts_with("- ")
            || content.starts_with('#')
            || self.split(content).is_some();
        !is_own && indent_of(next) > indent
    }

    fn begin_text(&mut self, open: OpenText) {
        self.end_record();
        self.above = Above::Was(self.page.heading.clone());
        if let Some(name) = self.fields.heading() {
            self.page.heading = Some(name);
        }
        self.fields.forget_name();
        self.open = Some(open);
    }

    /// Ends what was read of an open text.
    fn end_text(&mut self) {
        self.lines.finish(self.page);
        self.page.end_block();
        if let Above::Was(heading) = std::mem::replace(&mut self.above, Above::Same) {
            self.page.heading = heading;
        }
    }

    fn quoted_line(&mut self, (line, start): (&str, usize), quotes: &'static str) {
        if let Some(end) = line.find(quotes) {
            self.lines.push_str(&line[..end], start, self.page);
            self.end_text();
            self.open = None;
        } else {
            self.lines.push_str(line, start, self.page);
        }
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn unquoted(name: &str) -> &str {
    name.trim_matches(['"', '\''])
}

/// Whether a text of several lines follows: `|`, `>` and their signs for its ends.
fn is_block_header(value: &str) -> bool {
    let header = value.split(" #").next().unwrap_or_default().trim();
    let behind = header.strip_prefix(['|', '>']);
    behind.is_some_and(|behind| {
        behind
            .bytes()
            .all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'))
    })
}

/// A value without its quotes, its escapes and a comment behind it.
fn plain(value: &str, at: usize) -> Letters {
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let Some(quote) = quote else {
        let end = value.find(" #").unwrap_or(value.len());
        return letters(value[..end].trim_end(), at);
    };
    let mut plain = Letters::new();
    let mut place = 1;
    while let Some(letter) = value[place..].chars().next() {
        let rest = &value[place..];
        let doubled = quote == '\'' && rest.starts_with("''");
        let escape = (quote == '"' && letter == '\\')
            .then(|| unescaped(rest))
            .flatten();
        let (meant, length) = match escape {
            Some(escape) => escape,
            None if doubled => ('\'', 2),
            None if letter == quote => {
                place += 1;
                break;
            }
            None => (letter, letter.len_utf8()),
        };
        plain.push((meant, (at + place, at + place + length)));
        place += length;
    }
    // What stands behind the quotes may be more of a line that is no setting.
    let behind = value[place.min(value.len())..].trim_end();
    if !behind.trim_start().starts_with(['#', ',', ';']) {
        plain.extend(letters(behind, at + place));
    }
    plain
}
