//! Manual pages as texts: reads the source of a page, in the macros of `man` or of `mdoc`.
//!
//! Not a formatter: it keeps the words and drops the layout. What a page is asked by (the one line of its NAME section)
//! and what it points to (SEE ALSO) are taken out of the body, or finding it would be no art.

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Its first name and section, such as `tar(1)`.
    pub name: String,
    /// What its NAME section says of it.
    pub one_line: String,
    /// The rest, without NAME and SEE ALSO and without the sentence of the one line.
    pub body: String,
    /// Pages that it points to, such as `gzip(1)`.
    pub see_also: Vec<String>,
}

/// Macros of `man` whose arguments are text.
const MAN_TEXT: &[&str] = &[
    "B", "I", "BR", "RB", "BI", "IB", "IR", "RI", "SM", "SB", "SS", "SH", "IP", "HP", "UR", "MR", "OP", "SY",
];

/// Macros of `mdoc` that are text where they stand among arguments: everything else of two letters is a macro.
const MDOC_SILENT: &[&str] = &[
    "Dd", "Dt", "Os", "Bl", "El", "Bd", "Ed", "Bk", "Ek", "Pp", "Sm", "Rs", "Re",
];

/// The page whose source this is; `None` where it has no name, no one line or no body, as a page has that only points
/// to another file.
pub fn page_of(roff: &str) -> Option<Page> {
    let mut reader = Reader::default();
    for line in roff.lines() {
        reader.line(line);
    }
    reader.page()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    #[default]
    Before,
    Name,
    SeeAlso,
    Body,
}

#[derive(Default)]
struct Reader {
    section: Section,
    is_mdoc: bool,
    /// Inside the definition of a macro, or a passage to be ignored, up to this line.
    skip_until: Option<String>,
    chapter: String,
    name: String,
    see_also: String,
    body: String,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(end) = &self.skip_until {
            if line.strip_prefix('.').is_some_and(|rest| rest.trim() == end) {
                self.skip_until = None;
            }
            return;
        }
        let Some(request) = line.strip_prefix(['.', '\'']) else {
            self.text(&plain(line));
            return;
        };
        let request = request.trim_start();
        let (name, rest) = request.split_once([' ', '\t']).unwrap_or((request, ""));
        match name {
            "TH" => self.chapter = arguments(rest).get(1).cloned().unwrap_or_default(),
            "Dt" => {
                self.is_mdoc = true;
                self.chapter = arguments(rest).get(1).cloned().unwrap_or_default();
            }
            "de" | "de1" | "am" | "ig" => {
                let end = arguments(rest).get(1).cloned().unwrap_or_default();
                self.skip_until = Some(if end.is_empty() { ".".to_owned() } else { end });
            }
            "SH" | "Sh" => self.heading(&arguments(rest).join(" ")),
            "Nd" => self.text(&format!("- {}", plain(rest))),
            "Xr" => self.reference(rest),
            name if self.is_mdoc => self.mdoc(name, rest),
            name if MAN_TEXT.contains(&name) => self.text(&font(name, rest)),
            _ => {}
        }
    }

    fn heading(&mut self, title: &str) {
        self.section = match title.to_ascii_uppercase().as_str() {
            "NAME" => Section::Name,
            "SEE ALSO" => Section::SeeAlso,
            _ => Section::Body,
        };
        if self.section == Section::Body {
            self.text(title);
        }
    }

    fn reference(&mut self, rest: &str) {
        if let [page, chapter, more @ ..] = arguments(rest).as_slice() {
            self.text(&format!("{page}({chapter}){}", more.join(" ")));
        }
    }

    fn mdoc(&mut self, name: &str, rest: &str) {
        if MDOC_SILENT.contains(&name) || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return;
        }
        if name == "Nm" && rest.is_empty() {
            // The page's own name, which it does not repeat in its source.
            let own = self
                .name
                .split([' ', ',', '\n'])
                .next()
                .unwrap_or_default()
                .to_owned();
            self.text(&own);
            return;
        }
        let words = arguments(rest);
        let is_macro = |word: &str| {
            let mut letters = word.chars();
            let shape = (letters.next(), letters.next(), letters.next());
            matches!(shape, (Some('A'..='Z'), Some('a'..='z'), None))
        };
        let kept: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|word| !is_macro(word))
            .collect();
        let flag = if name == "Fl" { "-" } else { "" };
        self.text(&format!("{flag}{}", kept.join(" ")));
    }

    fn text(&mut self, text: &str) {
        let into = match self.section {
            Section::Before => return,
            Section::Name => &mut self.name,
            Section::SeeAlso => &mut self.see_also,
            Section::Body => &mut self.body,
        };
        into.push_str(text);
        into.push('\n');
    }

    fn page(self) -> Option<Page> {
        let name = one_space(&self.name);
        let (names, one_line) = name
            .split_once(" - ")
            .or_else(|| name.split_once(" -- "))
            .or_else(|| name.split_once(" \u{2014} "))?;
        let first = names.split([',', ' ']).next()?;
        let chapter: String = self.chapter.chars().filter(char::is_ascii_alphanumeric).collect();
        let page = Page {
            name: format!("{}({chapter})", first.to_ascii_lowercase()),
            body: without(&one_space(&self.body), one_line),
            see_also: references(&self.see_also),
            one_line: one_line.trim().to_owned(),
        };
        let is_whole = !first.is_empty() && !page.one_line.is_empty() && !page.body.is_empty();
        is_whole.then_some(page)
    }
}

/// The arguments of a request, quotes taken off and escapes resolved.
fn arguments(rest: &str) -> Vec<String> {
    let (mut arguments, mut current, mut quoted, mut is_open) = (Vec::new(), String::new(), false, false);
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'"') => break,
            '\\' => {
                current.push(c);
                current.extend(chars.next());
                is_open = true;
            }
            '"' => {
                quoted = !quoted;
                is_open = true;
            }
            ' ' | '\t' if !quoted => {
                if std::mem::take(&mut is_open) {
                    arguments.push(plain(&std::mem::take(&mut current)));
                }
            }
            c => {
                current.push(c);
                is_open = true;
            }
        }
    }
    if is_open {
        arguments.push(plain(&current));
    }
    arguments
}

/// Arguments of a font macro: those that alternate fonts are set without spaces.
fn font(name: &str, rest: &str) -> String {
    let between = if matches!(name, "BR" | "RB" | "BI" | "IB" | "IR" | "RI" | "MR") {
        ""
    } else {
        " "
    };
    arguments(rest).join(between)
}

/// A line with its escapes resolved or dropped.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            match chars.next() {
                Some('"' | '#') => break,
                Some('-') => out.push('-'),
                Some('e' | '\\') => out.push('\\'),
                Some(' ' | '~' | '0') => out.push(' '),
                Some('\'') => out.push('\''),
                Some('f' | '*' | 'n' | 'm' | 'g' | 'F' | 'M' | 'k' | 'V' | 'Y') => {
                    drop(escape_name(&mut chars));
                }
                Some('(') => out.push_str(glyph(&chars.by_ref().take(2).collect::<String>())),
                Some('[') => {
                    let name: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    out.push_str(glyph(&name));
                }
                Some('s') => skip_size(&mut chars),
                Some('h' | 'v' | 'w' | 'l' | 'L' | 'D' | 'X' | 'o' | 'b' | 'z' | 'A' | 'B' | 'H' | 'S') => {
                    skip_quoted(&mut chars);
                }
                _ => {}
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The name after an escape: one character, two after `(`, or any number in brackets.
fn escape_name(chars: &mut std::str::Chars<'_>) -> String {
    match chars.next() {
        Some('(') => chars.by_ref().take(2).collect(),
        Some('[') => chars.by_ref().take_while(|c| *c != ']').collect(),
        Some(c) => c.to_string(),
        None => String::new(),
    }
}

/// A size is a sign and one digit.
fn skip_size(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('+' | '-') => drop(chars.next()),
        Some('[') => {
            let _ = chars.by_ref().find(|c| *c == ']');
        }
        Some('(') => drop(chars.nth(1)),
        _ => {}
    }
}

fn skip_quoted(chars: &mut std::str::Chars<'_>) {
    if let Some(quote) = chars.next() {
        let _ = chars.by_ref().find(|c| *c == quote);
    }
}

fn glyph(name: &str) -> &'static str {
    match name {
        "aq" | "cq" | "oq" => "'",
        "dq" | "lq" | "rq" => "\"",
        "ha" | "a^" => "^",
        "ti" => "~",
        "ga" => "`",
        "rs" => "\\",
        "em" | "en" | "hy" | "mi" => "-",
        "bu" => " ",
        "at" => "@",
        "ba" | "or" => "|",
        "sl" => "/",
        "co" => "(c)",
        _ => "",
    }
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes a sentence out of a text wherever it stands, in whatever case.
fn without(text: &str, sentence: &str) -> String {
    let wanted = sentence.trim().trim_end_matches('.').to_ascii_lowercase();
    if wanted.is_empty() {
        return text.to_owned();
    }
    let lower = text.to_ascii_lowercase();
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(place) = lower[at..].find(&wanted) {
        kept.push_str(&text[at..at + place]);
        at += place + wanted.len();
    }
    kept.push_str(&text[at..]);
    kept
}

/// Every `name(section)` of a text, in order.
fn references(text: &str) -> Vec<String> {
    let joined = one_space(text).replace(" (", "(");
    let mut found: Vec<String> = Vec::new();
    for (open, _) in joined.match_indices('(') {
        let Some(close) = joined[open..].find(')') else {
            break;
        };
        let chapter = &joined[open + 1..open + close];
        let is_chapter = chapter.len() <= 6 && chapter.starts_with(|c: char| c.is_ascii_digit());
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+' | '@');
        let start = joined[..open].rfind(|c: char| !is_name(c)).map_or(0, |at| at + 1);
        let start =
            start + joined[start..open].len() - joined[start..open].trim_start_matches(['.', ':']).len();
        let name = joined[start..open].to_ascii_lowercase();
        let reference = format!("{name}({chapter})");
        if is_chapter && !name.is_empty() && !found.contains(&reference) {
            found.push(reference);
        }
    }
    found
}

#[cfg(test)]
mod tests;
