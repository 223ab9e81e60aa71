//! The JSON objects of a model's text that may be its answer.
//!
//! The text is read once, from left to right. Where an object parses, the whole of it is stepped over, so that a brace or a
//! marker inside its strings means nothing. Between objects, markers say where thoughts begin and end. Every family of
//! models has its own (`</think>`, `[/THINK]`, `◁/think▷`, `<|channel|>final<|message|>`), so a marker is known by its form
//! and by a word for thinking in its name, and not by a list of all of them.
//!
//! What stands before the end of thoughts is dropped, whether their beginning was marked or not: servers that add the
//! beginning to the prompt leave it out of the answer. What stood before a marked beginning is kept for an answer that
//! thinks once more behind its end. Thoughts that never end hold no answer, but for an object that is the last thing in the
//! text: then the end was forgotten.
//!
//! Rejected: a list of patterns for each family, cut off the front of the text. It was always one model short, and it cut
//! answers that quote such a marker.
//!
//! The work grows with the text: [`Objects::work`] counts the bytes that were looked at. An object that does not parse is
//! read again from its next brace, at most as often as JSON may be nested; one that the end of the text cuts off ends it.

use serde_json::{Deserializer, Value};

/// Words for thinking, as the names of markers have them.
const THINKING: [&str; 8] = [
    "think",
    "thought",
    "reason",
    "reflect",
    "analysis",
    "scratchpad",
    "ponder",
    "rumina",
];
/// Most bytes of a marker.
const MARKER_BYTES_MAX: usize = 48;

/// What was found in a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects {
    /// The objects that may be the answer, in their order.
    pub values: Vec<Value>,
    /// Why there is none, where there is none.
    pub flaw: Option<String>,
    /// Bytes that were looked at.
    pub work: u64,
}

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Begin,
    End,
}

/// The search as far as it has come.
#[derive(Default)]
struct Search {
    values: Vec<Value>,
    /// What stood before the thoughts that have ended last, where their beginning was marked.
    before: Vec<Value>,
    /// How many objects there were when thoughts began that have not ended.
    thoughts_from: Option<usize>,
    /// Where the last object ended.
    last_end: usize,
    cut: Option<String>,
    broken: Option<String>,
    work: u64,
}

/// Finds the objects of a text.
pub fn objects(text: &str) -> Objects {
    let mut search = Search::default();
    let bytes = text.as_bytes();
    let mut position = 0;
    while position < bytes.len() {
        search.work += 1;
        position = match bytes[position] {
            b'{' => search.object(text, position),
            b'<' | b'[' | b'(' | b'a' | 0xE2 => search.marker(text, position),
            _ => position + 1,
        };
    }
    search.finish(text)
}

impl Search {
    /// Takes the object that begins here, and answers where to go on.
    fn object(&mut self, text: &str, start: usize) -> usize {
        // A brace in prose is no JSON that went wrong.
        let is_meant = text[start + 1..].trim_start().starts_with(['"', '}']);
        let mut values = Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = start + values.byte_offset();
                self.work += (end - start) as u64;
                self.values.push(value);
                self.last_end = end;
                end
            }
            Some(Err(error)) if error.is_eof() && is_meant => {
                self.work += (text.len() - start) as u64;
                self.cut = Some(format!("the JSON of the answer ends too early: {error}"));
                text.len()
            }
            Some(Err(error)) => {
                self.work += reached(&text[start..], &error);
                if is_meant || self.broken.is_none() {
                    self.broken = Some(format!("the answer is not valid JSON: {error}"));
                }
                start + 1
            }
            None => start + 1,
        }
    }

    /// Takes the marker that begins here, if one does, and answers where to go on.
    fn marker(&mut self, text: &str, start: usize) -> usize {
        let Some((marker, length)) = marker_at(&text[start..]) else {
            return start + 1;
        };
        self.work += length as u64;
        match marker {
            Marker::Begin => {
                self.thoughts_from.get_or_insert(self.values.len());
            }
            Marker::End => {
                let from = self.thoughts_from.take().unwrap_or(0);
                self.values.truncate(from);
                if !self.values.is_empty() {
                    self.before = std::mem::take(&mut self.values);
                }
                (self.cut, self.broken) = (None, None);
            }
        }
        start + length
    }

    fn finish(mut self, text: &str) -> Objects {
        if let Some(from) = self.thoughts_from {
            let rest = text.get(self.last_end..).unwrap_or_default();
            let is_last = rest.chars().all(|c| c.is_whitespace() || c == '`');
            let last = self
                .values
                .len()
                .checked_sub(1)
                .filter(|last| is_last && *last >= from);
            let kept = last.map(|last| self.values.swap_remove(last));
            self.values.truncate(from);
            self.values.extend(kept);
        }
        if self.cut.is_some() {
            // What was being written when the text ended would have been the answer.
            self.values.clear();
            self.before.clear();
        }
        if self.values.is_empty() {
            self.values = self.before;
        }
        let flaw = self
            .cut
            .or(self.broken)
            .unwrap_or_else(|| "the answer holds no JSON object".to_owned());
        Objects {
            flaw: self.values.is_empty().then_some(flaw),
            values: self.values,
            work: self.work,
        }
    }
}

/// How many bytes the parser had seen when it failed.
fn reached(text: &str, error: &serde_json::Error) -> u64 {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    (before + error.column()) as u64
}

/// The marker that a text begins with, and its bytes.
fn marker_at(text: &str) -> Option<(Marker, usize)> {
    let window = (0..=MARKER_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))?;
    let window = &text[..window];
    if let Some(rest) = window.strip_prefix("<|") {
        return special(rest).map(|(marker, length)| (marker, length + 2));
    }
    // What is left of `<|channel|>final<|message|>` where special tokens are not written out.
    if let Some(rest) = window.strip_prefix("assistantfinal") {
        return (!rest.starts_with(char::is_alphanumeric)).then_some((Marker::End, "assistantfinal".len()));
    }
    let (open, close) = [("<", '>'), ("[", ']'), ("◁", '▷'), ("(", ')')]
        .into_iter()
        .find(|(open, _)| window.starts_with(open))?;
    let inner = &window[open.len()..];
    let (name, _) = inner.split_once(close)?;
    let length = open.len() + name.len() + close.len_utf8();
    let (marker, name) = match name.strip_prefix('/') {
        Some(name) => (Marker::End, name),
        None => (Marker::Begin, name),
    };
    // Brackets and parentheses are marks of prose as well.
    let is_meant = match (open, marker) {
        ("[", Marker::Begin) => !name.contains(|c: char| c.is_ascii_lowercase()),
        ("(", Marker::Begin) => false,
        _ => true,
    };
    let is_name = is_meant && is_thinking(name);
    is_name.then_some((marker, length))
}

/// A marker between `<|` and `|>`: a channel, or a name with its end in front or behind.
fn special(rest: &str) -> Option<(Marker, usize)> {
    let (name, behind) = rest.split_once("|>")?;
    let length = name.len() + 2;
    if name == "channel" {
        let channel: String = behind
            .trim_start()
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let marker = match channel.as_str() {
            "final" | "response" | "answer" => Marker::End,
            _ => Marker::Begin,
        };
        return Some((marker, length));
    }
    let lower = name.to_ascii_lowercase();
    if !is_thinking(lower.trim_start_matches('/')) {
        return None;
    }
    let ends = lower.starts_with('/') || lower.contains("end");
    Some((if ends { Marker::End } else { Marker::Begin }, length))
}

/// Whether a name is one for thinking: a single word of letters and the few marks that names have.
fn is_thinking(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':');
    let lower = name.to_ascii_lowercase();
    !name.is_empty() && name.chars().all(is_plain) && THINKING.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
