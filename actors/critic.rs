//! The critic's deterministic half: what a program can say about finished work, before any model is asked.
//!
//! Nothing here believes an artifact. Every quotation is read again from its source file and compared byte for byte;
//! numbers, lengths and contracts are counted anew. The score is measured, not felt: the share of claims
//! that stand, times what they hold of what was wanted.
//! Each flaw says where it is, because it goes back to the worker that must mend it.

use anthill_contracts::artifact::{Review, ReviewFinding};
use anthill_contracts::id::ArtifactId;
use anthill_contracts::model::OpinionAnswer;
use anthill_contracts::task::ReasonCode;

mod brief;
mod findings;
mod quality;
mod quotes;

pub use brief::check_brief;
pub use findings::{FindingsRule, check_findings};
pub use quality::Wanted;

/// Most flaws of one review; a worker that broke more than this starts over anyway.
pub const FLAWS_MAX: usize = 32;

/// Most bytes of one claim.
pub const CLAIM_BYTES_MAX: usize = 2_000;

/// Most reasons of an opinion that are passed on.
const REASONS_MAX: usize = 8;

/// Most characters of one reason.
const REASON_CHARS_MAX: usize = 500;

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong; empty means accepted.
    pub findings: Vec<ReviewFinding>,
    /// Share of claims that stand verified, times the share of what was wanted that they hold, in thousandths.
    pub score_milli: u32,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub const fn accepted(&self) -> bool {
        self.findings.is_empty()
    }

    /// The same with its score times a share of at most 1.
    fn weighed(self, share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number that fits"
        )]
        let score_milli = (f64::from(self.score_milli) * share.clamp(0.0, 1.0)).round() as u32;
        Self { score_milli, ..self }
    }

    /// What stands in the way of a verdict and no worker can mend: the process has too many files open, or a source file
    /// is gone or changed.
    pub fn hindrance(&self) -> Option<&ReviewFinding> {
        let hindrances = [ReasonCode::DescriptorsExhausted, ReasonCode::InputChanged];
        hindrances
            .iter()
            .find_map(|reason| self.findings.iter().find(|finding| finding.reason == *reason))
    }

    /// The verdict as a review of this version in this round.
    pub fn into_review(self, artifact_id: ArtifactId, version: u32, round: u32) -> Review {
        Review {
            artifact_id,
            version,
            round,
            findings: self.findings,
            score_milli: self.score_milli,
        }
    }
}

/// A model's opinion as findings: none where it accepts, at least one where it does not.
pub fn opinion_findings(opinion: &OpinionAnswer) -> Vec<ReviewFinding> {
    if opinion.accept {
        return Vec::new();
    }
    let reasons = opinion
        .reasons
        .iter()
        .map(|reason| reason.trim())
        .filter(|reason| !reason.is_empty());
    let mut findings: Vec<ReviewFinding> = reasons
        .take(REASONS_MAX)
        .map(|reason| rejected(reason.chars().take(REASON_CHARS_MAX).collect()))
        .collect();
    if findings.is_empty() {
        findings.push(rejected(
            "the reviewer did not accept the work and gave no reason".to_owned(),
        ));
    }
    findings
}

const fn rejected(detail: String) -> ReviewFinding {
    ReviewFinding {
        reason: ReasonCode::OpinionRejected,
        detail,
    }
}

/// Flaws under collection, and how many claims stand.
#[derive(Default)]
struct Flaws {
    found: Vec<ReviewFinding>,
    surplus: usize,
}

impl Flaws {
    fn add(&mut self, reason: ReasonCode, detail: impl Into<String>) {
        if self.found.len() < FLAWS_MAX {
            let detail = detail.into();
            self.found.push(ReviewFinding { reason, detail });
        } else {
            self.surplus += 1;
        }
    }

    /// Says which bound a count breaks, if it does.
    fn bound(&mut self, what: &str, count: usize, max: u32) {
        if count > usize::try_from(max).unwrap_or(usize::MAX) {
            self.add(
                ReasonCode::TooLong,
                format!("{what}: {count}, at most {max} are allowed"),
            );
        }
    }

    /// A claim is a sentence: some words, and not too many.
    fn claim_text(&mut self, place: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(ReasonCode::ContractViolation, format!("{place} says nothing"));
        }
        if text.len() > CLAIM_BYTES_MAX {
            let detail = format!(
                "{place} has {} bytes; at most {CLAIM_BYTES_MAX} are allowed",
                text.len()
            );
            self.add(ReasonCode::TooLong, detail);
        }
    }

    fn verdict(mut self, claims: usize, verified: usize) -> Verdict {
        if let Some(last) = self.found.last_mut().filter(|_| self.surplus > 0) {
            last.detail = format!("{} (and {} more flaws)", last.detail, self.surplus);
        }
        let score = (verified * 1000).checked_div(claims).unwrap_or(1000);
        Verdict {
            findings: self.found,
            score_milli: u32::try_from(score).unwrap_or(1000),
        }
    }
}

#[cfg(test)]
mod tests;
