//! Which file is meant by a name that is written in another form.
//!
//! Models name files as they read them: composed where the disk holds them decomposed, with `./` before, in quotation
//! marks, with the other slash, in other letters. A name is led back to a listed one where exactly one fits; of
//! several the nearest form decides, and a name that could be two files is none.

use std::borrow::Cow;
use std::fmt::Write as _;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::fold::Folded;

/// Longest name that is looked for in other forms, in bytes.
const NAME_BYTES_MAX: usize = 4096;

/// The known name that is meant, if exactly one is.
pub fn resolve<'a>(known: &[&'a str], given: &str) -> Option<&'a str> {
    if let Some(exact) = known.iter().find(|name| **name == given) {
        return Some(exact);
    }
    if given.len() > NAME_BYTES_MAX {
        return None;
    }
    let readings = readings(given);
    let forms: [fn(&str) -> String; 3] = [str::to_owned, composed, loose];
    for form in forms {
        let forms_known: Vec<String> = known.iter().map(|name| form(name)).collect();
        for wanted in readings.iter().map(|reading| form(reading)) {
            let mut fitting = forms_known.iter().zip(known).filter(|(name, _)| **name == wanted);
            if let Some((_, first)) = fitting.next() {
                return fitting.next().is_none().then_some(first);
            }
        }
    }
    None
}

fn composed(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(name)
        .into_owned()
}

/// A name without case, compatibility forms, unseen marks and doubled white space.
fn loose(name: &str) -> String {
    composed(&Folded::of(name).text()).to_lowercase()
}

/// What a name may stand for once what people and models put around it is taken away.
fn readings(given: &str) -> Vec<String> {
    let mut readings = vec![given.to_owned()];
    let mut add = |reading: String| {
        if !reading.is_empty() && !readings.contains(&reading) {
            readings.push(reading);
        }
    };
    let trimmed = given.trim();
    let bare = trimmed
        .trim_start_matches(['"', '\'', '`', '<', '\u{201c}', '\u{201e}', '\u{2018}', '\u{ab}'])
        .trim_end_matches(['"', '\'', '`', '>', '\u{201d}', '\u{201c}', '\u{2019}', '\u{bb}']);
    for name in [given, trimmed, bare] {
        for plain in [
            Cow::Borrowed(name),
            Cow::Owned(unescaped(name)),
            Cow::Owned(name.replace('\\', "/")),
        ] {
            add(relative(&plain).to_owned());
            add(relative(plain.trim()).to_owned());
        }
    }
    readings
}

fn relative(name: &str) -> &str {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./").or_else(|| name.strip_prefix('/')) {
        name = rest;
    }
    name
}

fn unescaped(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        let escaped = (letter == '\\').then(|| letters.clone().next()).flatten();
        let meant = match escaped {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(sign @ ('\\' | '"' | '\'')) => sign,
            _ => {
                plain.push(letter);
                continue;
            }
        };
        letters.next();
        plain.push(meant);
    }
    plain
}

/// A name as it is shown on a line of its own: as it is, or in quotation marks where it has line ends or begins or
/// ends with a space, which nobody would see.
pub fn shown(name: &str) -> Cow<'_, str> {
    let is_plain = !name.contains(|letter: char| letter.is_control()) && name.trim() == name;
    if is_plain {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 2);
    // Writing to a string cannot fail.
    let _ = write!(shown, "{name:?}");
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests;
