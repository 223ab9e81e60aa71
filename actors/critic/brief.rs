//! Checks on a brief: its contract, its lengths, and every quotation at its place.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::brief::{Brief, Citation, Claim, Place};
use anthill_contracts::sources::Sources;
use anthill_contracts::spec::OutputSpec;
use anthill_contracts::task::ReasonCode;

use super::quotes::{self, Claimed};
use super::{Flaws, Verdict};
use crate::compose::{TITLE_CHARS_MAX, same_words, word_count};

/// Checks a brief against the question, what was asked of it, and its sources.
pub fn check_brief(brief: &Brief, question: &str, output: &OutputSpec, sources: &dyn Sources) -> Verdict {
    let mut check = Check {
        brief,
        flaws: Flaws::default(),
        standing: BTreeMap::new(),
    };
    if brief.question != question {
        check.flaws.add(
            ReasonCode::ContractViolation,
            "the brief answers another question than the job's",
        );
    }
    check.citations(sources);
    let verified = check.claims();
    check.order_of_numbers();
    check.lengths(output);
    check.left_over();
    check.flaws.verdict(claims(brief).count(), verified)
}

/// Every claim with where it stands.
fn claims(brief: &Brief) -> impl Iterator<Item = (String, &Claim)> {
    brief
        .sections
        .iter()
        .enumerate()
        .flat_map(|(section_index, section)| {
            let claims = section.claims.iter().enumerate();
            claims.map(move |(index, claim)| (format!("sections[{section_index}].claims[{index}]"), claim))
        })
}

struct Check<'a> {
    brief: &'a Brief,
    flaws: Flaws,
    /// The path of each citation, and whether it stands.
    standing: BTreeMap<u32, (&'a str, bool)>,
}

impl<'a> Check<'a> {
    /// Numbers from 1 without gaps, each place once, and every quotation in its file.
    fn citations(&mut self, sources: &dyn Sources) {
        let mut places = BTreeSet::new();
        for (index, citation) in self.brief.citations.iter().enumerate() {
            let Citation {
                n, path, start, end, ..
            } = citation;
            let place = format!("citation {n}");
            if usize::try_from(*n).ok() != Some(index + 1) {
                let detail = format!("{place} stands where {} should", index + 1);
                self.flaws.add(ReasonCode::ContractViolation, detail);
            }
            if !places.insert((path, start, end)) {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("{place} repeats an earlier one"),
                );
            }
            let stated = Place {
                start: *start,
                end: *end,
            };
            let claimed = Claimed {
                path,
                place: stated,
                quote: &citation.quote,
            };
            let flaw = quotes::flaw(&claimed, &[citation.encoding], sources);
            let entry = (path.as_str(), flaw.is_none());
            if self.standing.insert(*n, entry).is_some() {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("the number {n} is given twice"),
                );
            }
            if let Some((reason, detail)) = flaw {
                self.flaws.add(reason, format!("{place}: {detail}"));
            }
        }
    }

    /// Every claim says something, once, and is backed. Returns how many stand.
    fn claims(&mut self) -> usize {
        let mut verified = 0;
        let mut seen = BTreeSet::new();
        for (place, claim) in claims(self.brief) {
            self.flaws.claim_text(&place, &claim.text);
            if !seen.insert(same_words(&claim.text)) {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("{place} says what an earlier claim says"),
                );
            }
            verified += usize::from(self.is_backed(&place, claim));
        }
        verified
    }

    fn is_backed(&mut self, place: &str, claim: &Claim) -> bool {
        if claim.citations.is_empty() {
            self.flaws
                .add(ReasonCode::ClaimUncited, format!("{place} has no citation"));
            return false;
        }
        let mut stands = true;
        let mut seen = BTreeSet::new();
        for number in &claim.citations {
            if !seen.insert(number) {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("{place} names citation {number} twice"),
                );
            }
            let known = self.standing.get(number);
            if known.is_none() {
                let detail = format!("{place} names citation {number}, which is not there");
                self.flaws.add(ReasonCode::ClaimUncited, detail);
            }
            stands &= known.is_some_and(|(_, quoted)| *quoted);
        }
        stands
    }

    /// Citations are numbered in order of first use, and none is there for show.
    fn order_of_numbers(&mut self) {
        let mut used = BTreeSet::new();
        let mut next = 1;
        for (place, claim) in claims(self.brief) {
            for number in &claim.citations {
                if used.insert(*number) {
                    if *number != next {
                        let detail = format!(
                            "{place} is the first to use citation {number}; its number should be {next}"
                        );
                        self.flaws.add(ReasonCode::ContractViolation, detail);
                    }
                    next += 1;
                }
            }
        }
        let unused: Vec<u32> = self
            .standing
            .keys()
            .copied()
            .filter(|number| !used.contains(number))
            .collect();
        for number in unused {
            self.flaws.add(
                ReasonCode::ContractViolation,
                format!("no claim uses citation {number}"),
            );
        }
    }

    fn lengths(&mut self, output: &OutputSpec) {
        self.flaws
            .bound("sections", self.brief.sections.len(), output.sections_max);
        self.flaws
            .bound("claims", claims(self.brief).count(), output.claims_max);
        let words = claims(self.brief).map(|(_, claim)| word_count(&claim.text)).sum();
        self.flaws.bound("words over all claims", words, output.words_max);
        for (index, section) in self.brief.sections.iter().enumerate() {
            let title_chars = section.title.chars().count();
            if section.title.trim().is_empty() {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("sections[{index}] has no title"),
                );
            }
            if title_chars > TITLE_CHARS_MAX {
                let detail = format!(
                    "sections[{index}] has a title of {title_chars} characters; at most {TITLE_CHARS_MAX} are allowed"
                );
                self.flaws.add(ReasonCode::TooLong, detail);
            }
            if section.claims.is_empty() {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("sections[{index}] has no claim"),
                );
            }
        }
        for (path, count) in self.claims_per_document() {
            self.flaws.bound(
                &format!("claims that cite `{path}` first"),
                count,
                output.claims_per_document_max,
            );
        }
    }

    /// A claim counts for the document that it cites first; what else backs it is no contribution of its own.
    fn claims_per_document(&self) -> BTreeMap<&'a str, usize> {
        let mut counts = BTreeMap::new();
        for (_, claim) in claims(self.brief) {
            let first = claim
                .citations
                .first()
                .and_then(|number| self.standing.get(number));
            if let Some((path, _)) = first {
                *counts.entry(*path).or_default() += 1;
            }
        }
        counts
    }

    /// A document is not both used and listed as unused, and each is listed once.
    fn left_over(&mut self) {
        let cited: BTreeSet<&str> = self
            .brief
            .citations
            .iter()
            .map(|citation| citation.path.as_str())
            .collect();
        let mut listed = BTreeSet::new();
        for path in &self.brief.unused {
            if cited.contains(path.as_str()) {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("`{path}` is cited and listed as unused"),
                );
            }
            if !listed.insert(path) {
                self.flaws.add(
                    ReasonCode::ContractViolation,
                    format!("`{path}` is listed as unused twice"),
                );
            }
        }
    }
}
