//! Reads the files that people write (job file, configuration) and says in one line what is wrong with them.
//!
//! The format follows the file's extension, `.json` or `.toml`; another file, such as a pipe, is JSON where it begins with
//! a brace, which no TOML does. A wrong file ends in one of three
//! codes: it does not parse, a key is not known (with the nearest known one), or a value is not allowed. Every message
//! begins with file, line and column. Parsing into a tree first and checking that by hand was rejected: it loses the
//! places, and serde already knows the names.

use std::path::Path;

use anthill_contracts::codes::{self, Code};
use anthill_contracts::fault::Problem;
use serde::de::DeserializeOwned;

use crate::files::read;

/// Most bytes of a file that somebody wrote by hand.
pub const BYTES_MAX: u64 = 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// The format of a file of this name with this text.
    pub fn of(path: &Path, text: &str) -> Self {
        let has = |extension: &str| {
            path.extension()
                .is_some_and(|of| of.eq_ignore_ascii_case(extension))
        };
        if has("json") || (!has("toml") && text.trim_start().starts_with('{')) {
            Self::Json
        } else {
            Self::Toml
        }
    }
}

/// Where a text came from, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file's name as it was given.
    pub name: &'a str,
    /// How it is written.
    pub format: Format,
}

/// Reads a value from a file that somebody wrote; `unreadable` is the code of a file that cannot be read at all.
pub fn load<T: DeserializeOwned>(path: &Path, unreadable: &'static Code) -> Result<T, Problem> {
    let text = read::text(path, BYTES_MAX).map_err(|error| error.of(path, unreadable))?;
    let name = path.display().to_string();
    let format = Format::of(path, &text);
    parse(Origin { name: &name, format }, &text)
}

/// Reads a value from a text that somebody wrote.
pub fn parse<T: DeserializeOwned>(origin: Origin<'_>, text: &str) -> Result<T, Problem> {
    match origin.format {
        Format::Toml => parse_toml(origin.name, text),
        Format::Json => parse_json(origin.name, text),
    }
}

fn parse_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Problem> {
    let syntax = |error: &toml::de::Error| {
        let place = Place::of_offset(text, error.span().map_or(0, |span| span.start));
        Problem::new(
            &codes::SPEC_SYNTAX,
            format!("{name}:{place}: {}", error.message()),
        )
    };
    let reader = toml::Deserializer::parse(text).map_err(|error| syntax(&error))?;
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.into_inner();
        let place = Place::of_offset(text, inner.span().map_or(0, |span| span.start));
        refused(&format!("{name}:{place}"), &key, inner.message())
    })
}

fn parse_json<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let key = error.path().to_string();
        json_problem(name, &key, &error.into_inner())
    })?;
    reader.end().map_err(|error| json_problem(name, ".", &error))?;
    Ok(value)
}

fn json_problem(name: &str, key: &str, error: &serde_json::Error) -> Problem {
    let place = Place {
        line: error.line(),
        column: error.column(),
    };
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    let head = format!("{name}:{place}");
    if error.is_data() {
        refused(&head, key, message)
    } else {
        Problem::new(&codes::SPEC_SYNTAX, format!("{head}: {message}"))
    }
}

/// Turns serde's words about a value into a code and a sentence.
fn refused(head: &str, key: &str, message: &str) -> Problem {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (unknown, known) = names_in(rest);
        let parent = key
            .strip_suffix(&unknown)
            .unwrap_or_default()
            .trim_end_matches('.');
        let inside = if parent.is_empty() {
            String::new()
        } else {
            format!(" in `{parent}`")
        };
        let hint = hint(&unknown, &known);
        return Problem::new(
            &codes::SPEC_KEY,
            format!("{head}: unknown key `{unknown}`{inside}{hint}"),
        );
    }
    let at = if key == "." || message.contains(&format!("`{key}`")) {
        String::new()
    } else {
        format!("`{key}`: ")
    };
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (unknown, known) = names_in(rest);
        let hint = hint(&unknown, &known);
        return Problem::new(
            &codes::SPEC_VALUE,
            format!("{head}: {at}`{unknown}` is not allowed{hint}"),
        );
    }
    Problem::new(&codes::SPEC_VALUE, format!("{head}: {at}{message}"))
}

/// The names between backticks: the first one, and the rest.
fn names_in(text: &str) -> (String, Vec<&str>) {
    let mut names = text.split('`').skip(1).step_by(2);
    let first = names.next().unwrap_or_default().to_owned();
    (first, names.collect())
}

/// What to write instead: the nearest name, or all of them.
fn hint(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// The known name that a misspelt one most likely means.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LIKENESS_MIN: f64 = 0.8;
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests;
