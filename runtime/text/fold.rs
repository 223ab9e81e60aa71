//! Text as people compare it: forms that show the same words are one form.
//!
//! Composed and decomposed letters, ligatures and full width forms, typographic quotation marks and dashes, marks that
//! nobody sees and any white space fold together; letters, accents, digits and case stay what they are. Powers,
//! indices, fractions and numbers in circles keep their form, because `10\u{2075}` is not `105`.
//!
//! Each sign remembers the characters that it came from, so that a match leads back to its place. Letters are taken
//! apart, never together: taking apart looks at one character alone, so the way back needs no search.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

use crate::script;

/// A hyphen at the end of a line, with the line end behind it: it may part a word or stand in one.
pub(crate) const BROKEN: char = '\u{1}';

/// Most accents on one letter that are put into their order; more of them are no writing.
const ACCENTS_MAX: usize = 32;

/// One sign, and which characters of the source it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) letter: char,
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// White space that has been seen and not yet written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    Space,
    LineEnd,
}

/// Folded text.
#[derive(Debug, Default)]
pub struct Folded {
    signs: Vec<Sign>,
    gap: Option<(Gap, u32)>,
    /// A soft hyphen right before here.
    soft: Option<u32>,
}

impl Folded {
    /// Folds a text; the places are those of its bytes.
    pub fn of(text: &str) -> Self {
        let mut folded = Self::default();
        for (at, letter) in text.char_indices() {
            folded.push(letter, at);
        }
        folded
    }

    /// Adds a character that stands at this place; places grow.
    pub fn push(&mut self, letter: char, place: usize) {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        if letter.is_ascii_alphanumeric() {
            self.begin(place, letter);
            self.write(letter, place);
        } else if script::is_line_end(letter) {
            self.line_end(place);
        } else if letter.is_whitespace() {
            self.widen(Gap::Space, place);
        } else if letter == '\u{ad}' {
            // Behind a line end it parts nothing.
            self.soft = self.gap.is_none().then_some(place);
        } else if !is_unseen(letter) {
            self.begin(place, letter);
            self.write_folded(letter, place);
        }
    }

    /// Adds white space with a line end in it.
    pub fn push_line_end(&mut self, place: usize) {
        self.line_end(u32::try_from(place).unwrap_or(u32::MAX));
    }

    /// How many signs there are.
    pub const fn len(&self) -> usize {
        self.signs.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.signs.is_empty()
    }

    pub(crate) fn signs(&self) -> &[Sign] {
        &self.signs
    }

    /// The text in folded form, for those who compare whole texts.
    pub fn text(&self) -> String {
        let plain = |sign: &Sign| match sign.letter {
            '\n' => ' ',
            BROKEN => '-',
            letter => letter,
        };
        self.signs.iter().map(plain).collect()
    }

    fn line_end(&mut self, place: u32) {
        self.widen(Gap::LineEnd, place);
    }

    fn widen(&mut self, gap: Gap, place: u32) {
        self.gap = Some(self.gap.map_or((gap, place), |(known, at)| (known.max(gap), at)));
    }

    /// Writes what lies between the last sign and a letter that follows.
    fn begin(&mut self, place: u32, next: char) {
        let soft = self.soft.take();
        let Some((gap, at)) = self.gap.take() else {
            return;
        };
        let Some(last) = self.signs.last().copied() else {
            return;
        };
        if gap == Gap::LineEnd && next.is_alphanumeric() {
            if let Some(soft) = soft.filter(|_| last.letter.is_alphanumeric()) {
                return self.put(BROKEN, soft, place.saturating_sub(1).max(soft));
            }
            let before = self.signs.len().checked_sub(2).map(|at| self.signs[at].letter);
            if last.letter == '-' && before.is_some_and(is_part_of_word) {
                if let Some(hyphen) = self.signs.last_mut() {
                    hyphen.letter = BROKEN;
                }
                return;
            }
        }
        let white = if gap == Gap::LineEnd { '\n' } else { ' ' };
        self.put(white, at, at);
    }

    fn put(&mut self, letter: char, first: u32, last: u32) {
        self.signs.push(Sign { letter, first, last });
    }

    fn write_folded(&mut self, letter: char, place: u32) {
        if let Some(plain) = typographic(letter) {
            plain.chars().for_each(|plain| self.write(plain, place));
        } else if letter.is_ascii() || is_plain_ideograph(letter) {
            self.write(letter, place);
        } else {
            self.write_apart(letter, place);
        }
    }

    /// Writes a character taken apart, unless that would change what it says.
    fn write_apart(&mut self, letter: char, place: u32) {
        let apart = || DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(letter));
        let is_number_of_its_own = !is_wide_digit(letter) && apart().any(|part| part.is_ascii_digit());
        // Accents that stand alone are a space and an accent, and no white space.
        let is_lone_accent = apart().next() == Some(' ');
        if is_number_of_its_own || is_lone_accent {
            return self.write(letter, place);
        }
        for part in apart() {
            match typographic(part) {
                Some(plain) => plain.chars().for_each(|plain| self.write(plain, place)),
                None => self.write(part, place),
            }
        }
    }

    fn write(&mut self, letter: char, place: u32) {
        if matches!(letter, '-' | '\'')
            && let Some(last) = self.signs.last_mut()
            && last.letter == letter
            && last.last != place
        {
            // Two hyphens are a dash, two single quotation marks a double one.
            last.last = place;
            last.letter = if letter == '\'' { '"' } else { letter };
            return;
        }
        self.put(letter, place, place);
        if !letter.is_ascii() {
            self.order_accents();
        }
    }

    /// Moves the accent that was written last before those that belong behind it.
    fn order_accents(&mut self) {
        let classes = CanonicalCombiningClassMapBorrowed::new();
        let class = |sign: &Sign| classes.get_u8(sign.letter);
        let mut at = self.signs.len() - 1;
        let own = class(&self.signs[at]);
        if own == 0 {
            return;
        }
        for _ in 0..ACCENTS_MAX {
            let Some(before) = at
                .checked_sub(1)
                .filter(|before| class(&self.signs[*before]) > own)
            else {
                return;
            };
            self.signs.swap(before, at);
            at = before;
        }
    }
}

/// Whether a sign is an accent or another part of the letter before it.
pub fn is_part_of_letter(letter: char) -> bool {
    let is_medial_or_final_jamo = matches!(letter, '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}');
    is_medial_or_final_jamo
        || (!letter.is_ascii() && CanonicalCombiningClassMapBorrowed::new().get_u8(letter) != 0)
}

/// Whether a sign can stand before the hyphen of a word.
pub(crate) fn is_part_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || is_part_of_letter(letter)
}

const fn is_plain_ideograph(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}')
}

/// Digits in full width and of mathematical fonts are digits; powers, fractions and numbers in circles are not.
const fn is_wide_digit(letter: char) -> bool {
    matches!(letter, '\u{ff10}'..='\u{ff19}' | '\u{1d7ce}'..='\u{1d7ff}')
}

/// Marks of direction, joiners, selectors and the like, which are there and are not seen.
const fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{34f}' | '\u{61c}' | '\u{640}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The plain sign for a typographic one.
const fn typographic(letter: char) -> Option<&'static str> {
    let plain = match letter {
        '\u{201c}'..='\u{201f}'
        | '\u{ab}'
        | '\u{bb}'
        | '\u{2033}'
        | '\u{2036}'
        | '\u{2ba}'
        | '\u{301d}'..='\u{301f}' => "\"",
        '`'
        | '\u{b4}'
        | '\u{2018}'..='\u{201b}'
        | '\u{2032}'
        | '\u{2035}'
        | '\u{2039}'
        | '\u{203a}'
        | '\u{2b9}'
        | '\u{2bb}'..='\u{2bd}'
        | '\u{2c8}'
        | '\u{2ca}'
        | '\u{2cb}' => "'",
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}'
        | '\u{2e3a}'
        | '\u{2e3b}' => "-",
        '\u{2026}' | '\u{22ef}' => "...",
        '\u{2044}' | '\u{2215}' => "/",
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests;
