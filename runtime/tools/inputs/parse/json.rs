//! JSON and its relatives: strings as people read them, each under its name, with escapes led back to their bytes.
//!
//! It is read leniently, so that a file that is cut, has comments or is one value a line is read like any other. No
//! tree is built: nesting costs nothing.

use std::sync::Arc;

use super::Page;
use super::fields::{Fields, Letters, letters, unescaped};

/// What a segment that begins inside of a string knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inputs) struct OpenString {
    quote: char,
    name: Option<Arc<str>>,
}

/// Parses one segment whose text before left a string open or not; returns what it leaves open itself.
pub(super) fn parse(text: &str, open: Option<&OpenString>, page: &mut Page) -> Option<OpenString> {
    let mut reader = Reader {
        text,
        at: 0,
        page,
        fields: Fields::default(),
        lines: Letters::new(),
    };
    if let Some(open) = open {
        let heading = std::mem::replace(&mut reader.page.heading, open.name.clone());
        let left = reader.string(open.quote, open.name.clone());
        reader.flush();
        reader.page.heading = heading;
        if left.is_some() {
            return left;
        }
    }
    let left = reader.run();
    reader.flush();
    left
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    page: &'a mut Page,
    fields: Fields,
    /// Strings of a list that are the lines of one text.
    lines: Letters,
}

impl Reader<'_> {
    fn run(&mut self) -> Option<OpenString> {
        while let Some(letter) = self.text[self.at..].chars().next() {
            match letter {
                '"' | '\'' => {
                    self.at += 1;
                    let name = self.fields.heading();
                    let left = self.string(letter, name);
                    if left.is_some() {
                        return left;
                    }
                }
                '{' | '}' | '[' | ']' => {
                    self.flush();
                    self.page.end_block();
                    // The values of a list have its name.
                    if letter != '[' {
                        self.fields.forget_name();
                    }
                    self.at += 1;
                }
                '/' if self.comment() => {}
                ',' => {
                    if self.page.current.has_text() {
                        self.page.current.push(',', (self.at, self.at + 1));
                        self.page.current.push(' ', (self.at + 1, self.at + 1));
                    }
                    self.at += 1;
                }
                _ if letter == ':' || letter.is_whitespace() => self.at += letter.len_utf8(),
                _ => self.bare(),
            }
        }
        None
    }

    /// Reads a string from behind its opening quote; what is left open at the end of the text.
    fn string(&mut self, quote: char, name: Option<Arc<str>>) -> Option<OpenString> {
        let mut value = Letters::new();
        let mut is_closed = false;
        while let Some(letter) = self.text[self.at..].chars().next() {
            if letter == quote {
                self.at += 1;
                is_closed = true;
                break;
            }
            let escape = (letter == '\\')
                .then(|| unescaped(&self.text[self.at..]))
                .flatten();
            let (meant, length) = escape.unwrap_or((letter, letter.len_utf8()));
            value.push((meant, (self.at, self.at + length)));
            self.at += length;
        }
        let is_name = is_closed && self.text[self.at..].trim_start().starts_with(':');
        if is_name {
            self.flush();
            self.fields.name(value);
        } else {
            self.value(value);
        }
        (!is_closed).then_some(OpenString { quote, name })
    }

    fn value(&mut self, value: Letters) {
        let ends_line = value.last().is_some_and(|(letter, _)| *letter == '\n');
        if ends_line || !self.lines.is_empty() {
            self.lines.extend(value);
            if !ends_line {
                self.flush();
            }
        } else {
            self.fields.value(&value, self.page);
        }
    }

    /// Writes the lines that were gathered.
    fn flush(&mut self) {
        if !self.lines.is_empty() {
            let lines = std::mem::take(&mut self.lines);
            self.fields.prose(&lines, self.page);
        }
    }

    /// Takes a comment, as some put them into JSON; false where there is none.
    fn comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let (end, skipped) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), 0)
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or((rest.len(), 0), |end| (end, 2))
        } else {
            return false;
        };
        self.page.end_block();
        self.fields.forget_name();
        let words = letters(&rest[2.min(end)..end], self.at + 2.min(end));
        self.fields.prose(&words, self.page);
        self.at += end + skipped;
        true
    }

    /// A number, a word such as `true`, or a name without quotes.
    fn bare(&mut self) {
        let rest = &self.text[self.at..];
        let is_end = |letter: char| {
            letter.is_whitespace() || matches!(letter, ',' | ':' | '{' | '}' | '[' | ']' | '"')
        };
        let end = rest
            .find(is_end)
            .unwrap_or(rest.len())
            .max(rest.chars().next().map_or(1, char::len_utf8));
        let word = letters(&rest[..end], self.at);
        self.at += end;
        if self.text[self.at..].trim_start().starts_with(':') {
            self.flush();
            self.fields.name(word);
        } else if &rest[..end] == "null" {
            self.fields.forget_name();
        } else {
            self.fields.value(&word, self.page);
        }
    }
}
