//! How good a report is that nothing is wrong with: what its verified claims say of what was wanted.
//!
//! Where answers of a document are known beforehand, they are looked for in the claims: how many are found counts for
//! more than how many claims hold none, by the F-measure with beta 2 (van Rijsbergen 1979). Where nothing is known, the
//! share of the question's words that the quotations cover must do. Both are measured on what stands in the sources and
//! never on what the agent says of itself; agents that read are compared by this and by nothing else.

use std::collections::BTreeSet;

use anthill_contracts::signal::EvidenceClass;
use anthill_contracts::spec::JobSpec;

use crate::compose::same_words;
use crate::prompts::words;

/// Words of questions that ask and name nothing.
const ASKING: [&str; 22] = [
    "and", "are", "can", "did", "does", "for", "from", "had", "has", "have", "how", "the", "this", "was",
    "were", "what", "when", "where", "which", "who", "why", "with",
];

/// What a report is measured by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    question: BTreeSet<String>,
    known: Vec<String>,
}

impl Wanted {
    /// What is wanted of a job's report on one document.
    pub fn of(spec: &JobSpec, path: Option<&str>) -> Self {
        let known = known_of(spec, path).map(|quote| same_words(quote));
        let mut question = words(&spec.goal);
        question.retain(|word| !ASKING.contains(&word.as_str()));
        Self {
            question,
            known: known.filter(|quote| !quote.is_empty()).collect(),
        }
    }

    /// Who says how good it is: a test where answers are known, else a program that compares.
    pub fn class(spec: &JobSpec, path: Option<&str>) -> EvidenceClass {
        match known_of(spec, path).next() {
            Some(_) => EvidenceClass::Test,
            None => EvidenceClass::Verifier,
        }
    }

    /// How much of it these claims hold, 0 to 1; each claim is given by all the words that it quotes.
    pub fn share(&self, claims: &[String]) -> f64 {
        if self.known.is_empty() {
            return self.covered(claims);
        }
        let claims: Vec<String> = claims.iter().map(|claim| same_words(claim)).collect();
        let found = self
            .known
            .iter()
            .filter(|known| claims.iter().any(|claim| claim.contains(*known)));
        let recall = found.count() as f64 / self.known.len() as f64;
        let useful = claims
            .iter()
            .filter(|claim| self.known.iter().any(|known| claim.contains(known)));
        let precision = useful.count() as f64 / claims.len().max(1) as f64;
        if recall <= 0.0 {
            return 0.0;
        }
        5.0 * precision * recall / (4.0 * precision + recall)
    }

    /// A report without claims says that its document answers nothing, which nobody can tell to be wrong.
    fn covered(&self, claims: &[String]) -> f64 {
        if self.question.is_empty() || claims.is_empty() {
            return 1.0;
        }
        let said: BTreeSet<String> = claims.iter().flat_map(|claim| words(claim)).collect();
        self.question.intersection(&said).count() as f64 / self.question.len() as f64
    }
}

fn known_of<'a>(spec: &'a JobSpec, path: Option<&'a str>) -> impl Iterator<Item = &'a String> {
    let of_document = spec
        .review
        .answers
        .iter()
        .filter(move |answer| Some(answer.document.as_str()) == path);
    of_document.flat_map(|answer| &answer.quotes)
}

#[cfg(test)]
mod tests;
