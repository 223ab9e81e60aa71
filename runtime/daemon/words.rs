//! How amounts, times and states are written for people: the same way in tables, progress and summaries.

use std::borrow::Cow;

use anthill_contracts::budget::{Amount, Usd};
use anthill_contracts::clock::Timestamp;
use comfy_table::{ContentArrangement, Table, presets};

/// A count with thin groups: `1 234 567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun, in the plural where it must be.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A size in the largest unit that needs no fraction: `64 MiB`, `1 000 bytes`.
pub fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS
        .iter()
        .find(|(size, _)| number >= *size && number.is_multiple_of(*size));
    match fitting {
        Some((size, unit)) => format!("{} {unit}", count(number / size)),
        None => counted(number, "byte"),
    }
}

/// A length of time to three digits or so: `850 ms`, `4.2 s`, `3 min 05 s`.
pub fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        60_000..3_600_000 => {
            format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1000 % 60)
        }
        _ => format!(
            "{} h {:02} min",
            milliseconds / 3_600_000,
            milliseconds / 60_000 % 60
        ),
    }
}

/// Money and tokens of an amount, as far as there are any.
pub fn cost(amount: &Amount) -> String {
    let tokens = format!(
        "{} tokens in, {} out",
        count(amount.tokens_in),
        count(amount.tokens_out)
    );
    format!("{tokens}, {}", Usd(amount.usd_micro))
}

/// Every dimension of an amount that is not zero.
pub fn amount(amount: &Amount) -> String {
    let mut parts = vec![cost(amount)];
    for (number, noun) in [
        (amount.steps, "step"),
        (amount.tool_calls, "tool call"),
        (amount.agents, "agent"),
    ] {
        if number > 0 {
            parts.push(counted(number, noun));
        }
    }
    parts.join(", ")
}

/// A moment to the second.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// A text whose characters cannot steer a terminal: names of files and words of models may hold anything. Line feeds and
/// tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    replaced(text, |letter| steers(letter) && !matches!(letter, '\n' | '\t'))
}

/// A name on one line that cannot steer a terminal; what is no letter of a line is shown as in briefs.
pub fn name(text: &str) -> Cow<'_, str> {
    replaced(text, steers)
}

/// Control characters, and those that turn the direction of what follows.
fn steers(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replaced(text: &str, is_foreign: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().any(&is_foreign) {
        Cow::Owned(text.replace(is_foreign, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A text on one line of at most so many characters.
pub fn shortened(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let cut: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// An empty table with a head, without frames, so that it can be cut with the usual tools.
pub fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A table as lines without white space at their ends.
pub fn rows(table: &Table) -> String {
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests;
