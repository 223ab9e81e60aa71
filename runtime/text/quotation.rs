//! Where a text says a quotation.
//!
//! Two steps. First the letters alone are searched, without the white space and the hyphens between them: one pass by
//! a linear search. Then each candidate is compared sign by sign, where a hyphen at a line's end may be a hyphen, part
//! of a parted word, or both sides' own line end. What remains different is another text. The work is counted and has
//! a bound in the length of both texts, so that no text, however it repeats itself, takes more than a few passes.

use memchr::memmem::Finder;

use crate::fold::{BROKEN, Folded, Sign, is_part_of_letter, is_part_of_word};
use crate::script;

/// Shorter quotations would be found anywhere and prove nothing; in characters, where one of a script without spaces
/// counts as two.
pub const WEIGHT_MIN: usize = 8;

/// Longer quotations, in characters, are no quotations but copies.
pub const CHARS_MAX: usize = 2000;

/// Quotations below this many characters begin and end between words: "do not" is not said by "do note". Longer ones
/// may have been cut where an answer had to end.
pub const WHOLE_WORDS_BELOW: usize = 100;

/// Passes over both texts that a search may take.
const PASSES_MAX: u64 = 24;

/// A quotation that is looked for.
#[derive(Debug)]
pub struct Quotation<'a> {
    text: &'a str,
    signs: Vec<Sign>,
    /// Hyphens before and behind the words, which belong to it where they stand there too.
    edges: (Vec<Sign>, Vec<Sign>),
    letters: String,
    whole_words: bool,
}

/// Where it was found: the places of the first and the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Place of the first character.
    pub first: usize,
    /// Place of the last character.
    pub last: usize,
}

impl<'a> Quotation<'a> {
    /// Takes a quotation, unless it is too short or too long to be looked for.
    pub fn new(quote: &'a str) -> Option<Self> {
        let text = quote.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
        let chars = text.chars().take(CHARS_MAX + 1).count();
        let weight: usize = text.chars().take(WEIGHT_MIN).map(weight).sum();
        if chars > CHARS_MAX || weight < WEIGHT_MIN {
            return None;
        }
        let folded = Folded::of(text);
        let is_joint = |sign: &Sign| is_joint_letter(sign.letter);
        let signs = folded.signs();
        let from = signs.iter().position(|sign| !is_joint(sign))?;
        let until = signs.iter().rposition(|sign| !is_joint(sign))? + 1;
        let edges = (signs[..from].to_vec(), signs[until..].to_vec());
        let signs = signs[from..until].to_vec();
        let letters: String = signs
            .iter()
            .map(|sign| sign.letter)
            .filter(|letter| !is_joint_letter(*letter))
            .collect();
        letters.contains(char::is_alphanumeric).then_some(Self {
            text,
            signs,
            edges,
            letters,
            whole_words: chars < WHOLE_WORDS_BELOW,
        })
    }

    /// The words as they were given, without white space at the ends.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// How many signs it has once folded.
    pub const fn len(&self) -> usize {
        self.signs.len()
    }

    /// Whether it has none; it never has.
    pub const fn is_empty(&self) -> bool {
        self.signs.is_empty()
    }

    /// Whether these two characters, one of them outside and one inside of a match, are parts of one word, so that the
    /// match would cut it.
    pub fn cuts(&self, outside: Option<char>, inside: Option<char>) -> bool {
        let (Some(outside), Some(inside)) = (outside, inside) else {
            return false;
        };
        let parts = is_word_sign(outside) && is_word_sign(inside);
        self.whole_words && parts && !script::is_unspaced(outside) && !script::is_unspaced(inside)
    }
}

const fn weight(letter: char) -> usize {
    if script::is_unspaced(letter) { 2 } else { 1 }
}

fn is_word_sign(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

const fn is_joint_letter(letter: char) -> bool {
    matches!(letter, ' ' | '\n' | '-' | BROKEN)
}

/// A folded text that can be searched again and again.
#[derive(Debug)]
pub struct Haystack {
    signs: Vec<Sign>,
    letters: String,
    /// The sign of each byte of `letters`.
    origins: Vec<u32>,
}

impl Haystack {
    /// Prepares a folded text.
    pub fn new(folded: &Folded) -> Self {
        let signs = folded.signs().to_vec();
        let mut letters = String::with_capacity(signs.len());
        let mut origins = Vec::with_capacity(signs.len());
        for (number, sign) in (0..).zip(&signs) {
            if !is_joint_letter(sign.letter) {
                letters.push(sign.letter);
                origins.resize(letters.len(), number);
            }
        }
        Self {
            signs,
            letters,
            origins,
        }
    }

    /// The first place that says the quotation.
    pub fn find(&self, quotation: &Quotation<'_>) -> Option<Found> {
        self.find_counted(quotation).0
    }

    /// The same with the work that it took, in signs looked at.
    pub fn find_counted(&self, quotation: &Quotation<'_>) -> (Option<Found>, u64) {
        let (letters, needle) = (self.letters.as_bytes(), quotation.letters.as_bytes());
        let finder = Finder::new(needle);
        let work_max = PASSES_MAX * (letters.len() + needle.len()) as u64;
        let mut work = (letters.len() + needle.len()) as u64;
        let mut from = 0;
        while let Some(distance) = letters.get(from..).and_then(|rest| finder.find(rest)) {
            let at = from + distance;
            // Each search looks at what it passes and at the needle once more.
            work += (distance + needle.len()) as u64;
            let start = self.origins[at] as usize;
            let mut comparison = Comparison {
                there: &self.signs,
                here: &quotation.signs,
                at: (start, 0),
                steps: 0,
            };
            let end = comparison.run();
            work += comparison.steps;
            if let Some(end) = end.filter(|end| self.stands_alone(start, *end, quotation)) {
                return (Some(self.with_edges(start, end, quotation)), work);
            }
            if work > work_max {
                break;
            }
            from = at + self.width(at);
        }
        (None, work)
    }

    /// A match with the hyphens around it that the quotation has too.
    fn with_edges(&self, start: usize, end: usize, quotation: &Quotation<'_>) -> Found {
        let (before, behind) = &quotation.edges;
        let alike = |(one, other): &(&Sign, &Sign)| same(one.letter, other.letter);
        let is_white = |sign: &&Sign| matches!(sign.letter, ' ' | '\n');
        let there = &self.signs[..start];
        let lead = there
            .iter()
            .rev()
            .zip(before.iter().rev())
            .take_while(alike)
            .count();
        let from = start - lead;
        let from = from + self.signs[from..start].iter().take_while(is_white).count();
        let trail = self.signs[end..].iter().zip(behind).take_while(alike).count();
        let until = end + trail;
        let until = until - self.signs[end..until].iter().rev().take_while(is_white).count();
        Found {
            first: self.signs[from].first as usize,
            last: self.signs[until - 1].last as usize,
        }
    }

    /// The bytes of the letter that begins at this byte.
    fn width(&self, at: usize) -> usize {
        self.letters[at..].chars().next().map_or(1, char::len_utf8)
    }

    /// Whether a match takes whole letters, and whole words where it must.
    fn stands_alone(&self, start: usize, end: usize, quotation: &Quotation<'_>) -> bool {
        let sign = |at: Option<usize>| at.and_then(|at| self.signs.get(at));
        let letter = |at: Option<usize>| sign(at).map(|sign| sign.letter);
        let (before, after) = (start.checked_sub(1), Some(end));
        let same_source = |one: Option<usize>, other: usize| {
            sign(one)
                .is_some_and(|one| one.first == self.signs[other].first && one.last == self.signs[other].last)
        };
        let cuts_letter = same_source(before, start)
            || same_source(after, end - 1)
            || letter(after).is_some_and(is_part_of_letter)
            || is_part_of_letter(self.signs[start].letter) && before.is_some();
        let cuts_word = quotation.cuts(letter(before), Some(self.signs[start].letter))
            || quotation.cuts(letter(after), Some(self.signs[end - 1].letter));
        !cuts_letter && !cuts_word
    }
}

/// A walk along both texts at once.
struct Comparison<'a> {
    there: &'a [Sign],
    here: &'a [Sign],
    at: (usize, usize),
    steps: u64,
}

impl Comparison<'_> {
    /// Where the quotation ends in the text, if the text says it from here on.
    fn run(&mut self) -> Option<usize> {
        while self.at.1 < self.here.len() {
            self.steps += 1;
            let (there, here) = (letter(self.there, self.at.0)?, letter(self.here, self.at.1)?);
            if same(there, here) {
                self.at = (self.at.0 + 1, self.at.1 + 1);
            } else if there == BROKEN {
                self.at = (
                    self.at.0 + 1,
                    self.at.1 + broken(self.there, self.at.0, (self.here, self.at.1))?,
                );
            } else if here == BROKEN {
                self.at = (
                    self.at.0 + broken(self.here, self.at.1, (self.there, self.at.0))?,
                    self.at.1 + 1,
                );
            } else if there == '\n' && is_seam(self.there, self.at.0) {
                self.at.0 += 1;
            } else if here == '\n' && is_seam(self.here, self.at.1) {
                self.at.1 += 1;
            } else {
                return None;
            }
        }
        Some(self.at.0)
    }
}

fn letter(signs: &[Sign], at: usize) -> Option<char> {
    signs.get(at).map(|sign| sign.letter)
}

fn same(one: char, other: char) -> bool {
    let plain = |letter| if letter == '\n' { ' ' } else { letter };
    plain(one) == plain(other)
}

/// How many signs of the other text stand for a hyphen at a line's end: a hyphen, a hyphen and white space, or none
/// where it parts a word. Numbers are never put together, and neither are names before a capital.
fn broken(own: &[Sign], at: usize, (other, place): (&[Sign], usize)) -> Option<usize> {
    if letter(other, place) == Some('-') {
        let white = letter(other, place + 1).is_some_and(|next| matches!(next, ' ' | '\n'));
        return Some(1 + usize::from(white));
    }
    let before = at.checked_sub(1).and_then(|before| letter(own, before));
    let after = letter(own, at + 1);
    let parts_word = before.is_some_and(|before| is_part_of_word(before) && !before.is_numeric())
        && after.is_some_and(|after| after.is_alphabetic() && !after.is_uppercase());
    parts_word.then_some(0)
}

/// Whether a line end stands between two characters of a script that ends lines anywhere.
fn is_seam(signs: &[Sign], at: usize) -> bool {
    let sides = [at.checked_sub(1), Some(at + 1)].map(|at| at.and_then(|at| letter(signs, at)));
    let [Some(before), Some(after)] = sides else {
        return false;
    };
    let fits = |letter: char| script::is_unspaced(letter) || !letter.is_alphanumeric();
    let (unspaced_before, unspaced_after) = (script::is_unspaced(before), script::is_unspaced(after));
    fits(before) && fits(after) && (unspaced_before || unspaced_after)
}

#[cfg(test)]
mod tests;
