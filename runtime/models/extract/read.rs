//! Reading: the sentences of some passages that answer a question.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::brief::Passage;
use anthill_contracts::model::{ClaimAnswer, FindingsAnswer, QuoteAnswer};

use super::ranking::{Candidate, Vector, centrality, choose, vectors};
use super::relevance::Question;
use super::sentences::{self, Sentence};
use super::strategy::{Rank, Strategy};
use super::words::Language;

/// Most sentences that are compared with each other.
const CANDIDATES_MAX: usize = 400;
/// Shares of a sentence's score: what it covers of the question, and how central it is.
const RELEVANCE_SHARE: f64 = 0.75;
const CENTRALITY_SHARE: f64 = 0.25;
/// A sentence whose score is below this share of the best one is left out.
const SCORE_MIN_OF_BEST: f64 = 0.5;

/// What a heading counts that shares no word with the question, where another heading does.
const OTHER_SECTION: f64 = 0.2;
/// What a sentence below a fitting heading is relevant at least, as a share of the most relevant one.
const BELOW_HEADING: f64 = 0.8;

/// A sentence that may become a claim.
struct Scored {
    sentence: Sentence,
    terms: Vec<String>,
    relevance: f64,
}

/// The claims that answer the question, best first; none where nothing does.
pub(super) fn findings(
    question: &str,
    passages: &[Passage],
    claims_max: usize,
    strategy: Strategy,
) -> FindingsAnswer {
    let language = Language::of(&sample(question, passages));
    let all = sentences::of_passages(passages, &language);
    let compared = candidates(question, all, strategy, &language);
    let terms: Vec<Vec<String>> = compared.iter().map(|one| one.terms.clone()).collect();
    let vectors = vectors(&terms);
    let lifted = lifts(question, &compared, strategy, &language);
    let scores: Vec<f64> = merits(&compared, &vectors, strategy)
        .into_iter()
        .zip(&compared)
        .zip(&lifted)
        .map(|((merit, one), lift)| merit * lift * one.sentence.shape)
        .collect();
    let score_min = scores.iter().copied().fold(0.0, f64::max) * SCORE_MIN_OF_BEST;
    let choices: Vec<Candidate<'_>> = scores
        .iter()
        .zip(&vectors)
        .map(|(score, vector)| Candidate {
            score: if *score >= score_min { *score } else { 0.0 },
            vector,
            group: 0,
        })
        .collect();
    let claims = choose(&choices, strategy.claims_max(claims_max))
        .into_iter()
        .map(|index| claim(&compared[index], scores[index]))
        .collect();
    FindingsAnswer { claims }
}

/// Most text that is looked at to tell its language, in bytes.
const SAMPLE_BYTES: usize = 16 * 1024;

/// A question with the start of what is read for it.
fn sample(question: &str, passages: &[Passage]) -> String {
    let mut sample = format!("{question}\n");
    for passage in passages {
        sample.push_str(&passage.text);
        sample.push('\n');
        if sample.len() >= SAMPLE_BYTES {
            break;
        }
    }
    sample
}

/// How good each sentence is by the strategy's measure, the best one about 1.
fn merits(compared: &[Scored], vectors: &[Vector], strategy: Strategy) -> Vec<f64> {
    match strategy.rank {
        Rank::Blend => compared
            .iter()
            .zip(centrality(vectors))
            .map(|(one, central)| RELEVANCE_SHARE * one.relevance + CENTRALITY_SHARE * central)
            .collect(),
        Rank::Overlap => compared.iter().map(|one| one.relevance).collect(),
        Rank::Centrality => centrality(vectors),
        Rank::Lead => (0..compared.len())
            .map(|position| 1.0 / (1.0 + position as f64))
            .collect(),
        Rank::Frequency => frequency(compared),
    }
}

/// The mean count of a sentence's words in the whole text, the best one being 1.
fn frequency(compared: &[Scored]) -> Vec<f64> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for term in compared.iter().flat_map(|one| &one.terms) {
        *counts.entry(term).or_insert(0) += 1;
    }
    let means: Vec<f64> = compared
        .iter()
        .map(|one| {
            let sum: u32 = one.terms.iter().map(|term| counts[term.as_str()]).sum();
            f64::from(sum) / one.terms.len().max(1) as f64
        })
        .collect();
    let top = means.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    means.into_iter().map(|mean| mean / top).collect()
}

/// What the heading above each sentence does to its score: nothing, unless headings are looked at and one of them
/// shares words with the question.
fn lifts(question: &str, compared: &[Scored], strategy: Strategy, language: &Language) -> Vec<f64> {
    let question: BTreeSet<String> = language.terms(question).into_iter().collect();
    let fits = |one: &Scored| {
        let heading = one.sentence.heading.as_deref().unwrap_or_default();
        language.terms(heading).iter().any(|term| question.contains(term))
    };
    let fitting: Vec<bool> = compared
        .iter()
        .map(|one| strategy.sections && fits(one))
        .collect();
    if !fitting.contains(&true) {
        return vec![1.0; compared.len()];
    }
    fitting
        .into_iter()
        .map(|fits| if fits { 1.0 } else { OTHER_SECTION })
        .collect()
}

/// The sentences worth comparing: all that cover enough of the question, or the first ones where it is open. A strategy
/// that looks beyond the question compares every sentence of a text of which some cover it.
fn candidates(asked: &str, all: Vec<Sentence>, strategy: Strategy, language: &Language) -> Vec<Scored> {
    let terms: Vec<Vec<String>> = all
        .iter()
        .map(|sentence| language.terms(&sentence.quote))
        .collect();
    let question = Question::new(asked, language).weighed(&terms);
    let mut scored: Vec<Scored> = all
        .into_iter()
        .zip(terms)
        .map(|(sentence, terms)| {
            let relevance = relevance(&question, &sentence, &terms, language);
            Scored {
                sentence,
                terms,
                relevance,
            }
        })
        .collect();
    widen(asked, &mut scored, strategy, language);
    bounded(scored)
}

/// Leaves out what the strategy does not compare.
fn widen(asked: &str, scored: &mut Vec<Scored>, strategy: Strategy, language: &Language) {
    let best = scored.iter().map(|one| one.relevance).fold(0.0, f64::max);
    if best > 0.0 && strategy.rank.looks_beyond_question() {
        return;
    }
    let lifted = lifts(asked, scored, strategy, language);
    if lifted.iter().any(|lift| *lift < 1.0) {
        // Below a fitting heading a sentence need not repeat the question's words.
        for (one, lift) in scored.iter_mut().zip(lifted) {
            if lift >= 1.0 {
                one.relevance = one.relevance.max(best * BELOW_HEADING);
            }
        }
    }
    scored.retain(|one| one.relevance > 0.0);
}

/// The best of them by relevance, in the order of the text, where they are too many to compare.
fn bounded(mut scored: Vec<Scored>) -> Vec<Scored> {
    if scored.len() > CANDIDATES_MAX {
        // Stable, so that of equal ones the earlier stays; then back in the order of the text.
        let mut order: Vec<usize> = (0..scored.len()).collect();
        order.sort_by(|a, b| scored[*b].relevance.total_cmp(&scored[*a].relevance));
        order.truncate(CANDIDATES_MAX);
        order.sort_unstable();
        let mut kept = order.into_iter().peekable();
        let mut index = 0;
        scored.retain(|_| {
            let keep = kept.next_if_eq(&index).is_some();
            index += 1;
            keep
        });
    }
    scored
}

fn relevance(question: &Question, sentence: &Sentence, terms: &[String], language: &Language) -> f64 {
    if question.is_open() {
        return 0.5;
    }
    let heading = sentence
        .heading
        .as_deref()
        .map(|heading| language.terms(heading))
        .unwrap_or_default();
    let covered = question.covered_by(terms, &heading);
    (covered * question.form(&sentence.quote)).min(1.0)
}

fn claim(scored: &Scored, score: f64) -> ClaimAnswer {
    let sentence = &scored.sentence;
    ClaimAnswer {
        text: sentences::as_claim(&sentence.quote),
        quotes: vec![QuoteAnswer {
            path: sentence.path.clone(),
            quote: sentence.quote.clone(),
            start: sentence.place.map(|(start, _)| start),
            end: sentence.place.map(|(_, end)| end),
        }],
        relevance_milli: milli(score),
    }
}

/// A share as thousandths.
pub(super) fn milli(share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share is clamped to 0 to 1"
    )]
    let milli = (share.clamp(0.0, 1.0) * 1000.0).round() as u32;
    milli
}

/// The most central sentences of a text, in their order.
pub(super) fn most_central(text: &str, wanted: usize) -> Vec<String> {
    let language = Language::of(text);
    let mut sentences: Vec<&str> = sentences::split(text)
        .into_iter()
        .map(|(_, sentence)| sentence)
        .filter(|sentence| sentences::shape(sentence, &language).is_some())
        .collect();
    sentences.truncate(CANDIDATES_MAX);
    let terms: Vec<Vec<String>> = sentences
        .iter()
        .map(|sentence| language.terms(sentence))
        .collect();
    let central = centrality(&vectors(&terms));
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by(|a, b| central[*b].total_cmp(&central[*a]));
    order.truncate(wanted);
    order.sort_unstable();
    order
        .into_iter()
        .map(|index| sentences[index].to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
